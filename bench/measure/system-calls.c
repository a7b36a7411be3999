/*
 * Preloaded into a candidate's process: counts what it syncs and renames, and can make every sync slower, to have a
 * slower disk. Native packages are counted as JavaScript is. The counters are a file mapped into memory, which the
 * process reads; their order is that of system-calls.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { FILE_SYNCS, DIRECTORY_SYNCS, RENAMES, COUNTERS };
enum { DESCRIPTORS = 4096 };

static _Atomic uint64_t none[COUNTERS];
static _Atomic uint64_t *counters = none;
static long delay_us;
/* Opened with O_SYNC or O_DSYNC: each write is a sync (lmdb writes its meta pages so). */
static _Atomic char synchronous[DESCRIPTORS];

__attribute__((constructor)) static void start(void) {
	const char *file = getenv("BENCH_COUNTERS"), *delay = getenv("BENCH_SYNC_DELAY_US");
	if (delay) delay_us = atol(delay);
	if (!file) return;
	int fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0) return;
	void *map = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED) counters = map;
	close(fd);
}

/*
 * Only what is open for reading alone may be a directory. Others are not looked at: Linux (6.13) gives a file whose times
 * were asked for new ones with the next write, which made its sync half as slow again.
 */
static int is_directory(int fd) {
	struct stat stat;
	int flags = fcntl(fd, F_GETFL);
	return flags != -1 && (flags & O_ACCMODE) == O_RDONLY && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode);
}

static void synced(int fd) {
	int saved = errno;
	int directory = is_directory(fd);
	atomic_fetch_add(&counters[directory ? DIRECTORY_SYNCS : FILE_SYNCS], 1);
	if (delay_us) {
		struct timespec wait = {delay_us / 1000000, delay_us % 1000000 * 1000};
		nanosleep(&wait, NULL);
	}
	errno = saved;
}

#define NEXT(result, name, ...) \
	static result (*next)(__VA_ARGS__); \
	if (!next) next = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

int fsync(int fd) {
	NEXT(int, "fsync", int);
	int result = next(fd);
	synced(fd);
	return result;
}

int fdatasync(int fd) {
	NEXT(int, "fdatasync", int);
	int result = next(fd);
	synced(fd);
	return result;
}

int msync(void *address, size_t length, int flags) {
	NEXT(int, "msync", void *, size_t, int);
	int result = next(address, length, flags);
	if (flags & MS_SYNC) synced(-1);
	return result;
}

int rename(const char *from, const char *to) {
	NEXT(int, "rename", const char *, const char *);
	atomic_fetch_add(&counters[RENAMES], 1);
	return next(from, to);
}

#define OPENS(name) \
	int name(const char *path, int flags, ...) { \
		NEXT(int, #name, const char *, int, ...); \
		va_list rest; \
		va_start(rest, flags); \
		mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
		va_end(rest); \
		int fd = next(path, flags, mode); \
		if (fd >= 0 && fd < DESCRIPTORS) synchronous[fd] = (flags & O_DSYNC) != 0; \
		return fd; \
	}
OPENS(open)
OPENS(open64)

#define WRITES(name, offset) \
	ssize_t name(int fd, const void *bytes, size_t length, offset position) { \
		NEXT(ssize_t, #name, int, const void *, size_t, offset); \
		ssize_t result = next(fd, bytes, length, position); \
		if (fd >= 0 && fd < DESCRIPTORS && synchronous[fd]) synced(fd); \
		return result; \
	}
WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)
