/**
 * Kernel locks by fs-native-extensions: OFD locks on Linux, flock on macOS, LockFileEx on Windows. All three belong to the
 * open handle and end with it, also when the process is killed. Its waiting calls are never used: they hold a thread of
 * libuv's pool each.
 */
import { createRequire } from 'node:module';
import { codeOf } from '../errors.ts';
import type { LockAttempt } from '../ports/file-system.ts';

interface NativeLocks {
	tryLock(fd: number, offset: number, length: number): boolean;
}

/**
 * The byte that is locked. Windows' locks are mandatory, so it lies where no document reaches (2 ** 62, the largest power
 * of two in a signed 64-bit offset); flock on macOS knows whole files only.
 */
const [LOCK_OFFSET, LOCK_LENGTH] = process.platform === 'darwin' ? [0, 0] : [2 ** 62, 1];

/** What a file system without locks answers: NFS without a lock daemon, some FUSE and network mounts. */
const UNSUPPORTED = new Set(['ENOLCK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL']);

function load(): NativeLocks | 'missing' {
	try {
		// Of a CommonJS bundle import.meta may be empty.
		const here = (import.meta.url as string | undefined) ?? __filename;
		return createRequire(here)('fs-native-extensions') as NativeLocks;
	} catch {
		// An optional dependency: musl has no prebuilt binary, the permission model may forbid addons. Clean-up then goes
		// by the age of a file, and whoever asks for a lock gets 'unsupported'.
		return 'missing';
	}
}

// At the start, where time is expected to pass: it takes some 10 ms, which would hold the event loop at the first write.
const native: NativeLocks | 'missing' = load();

/** Tries to take the exclusive lock of an open, writable file without waiting. */
export function tryLockDescriptor(fd: number): LockAttempt {
	if (native === 'missing') return 'unsupported';
	try {
		return native.tryLock(fd, LOCK_OFFSET, LOCK_LENGTH) ? 'locked' : 'busy';
	} catch (error) {
		const code = codeOf(error);
		// ERROR_LOCK_VIOLATION comes as EBUSY on Windows.
		if (code === 'EBUSY' || code === 'EACCES') return 'busy';
		if (code !== undefined && UNSUPPORTED.has(code)) return 'unsupported';
		throw error;
	}
}
