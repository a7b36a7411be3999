/**
 * The file-system port: everything that the library asks of a disk.
 *
 * `platform/` implements it over `node:fs`, `testing/` over a simulated disk. Interfaces only: this room imports
 * nothing. A call that fails rejects or throws an error that carries the system's `code` (`ENOSPC`, `EIO`, ...).
 */

/** The result of a small call that a local disk answers at once, without a promise. It is awaited like any other. */
export type Awaitable<T> = T | Promise<T>;

/** What a path names. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'other';

/** The metadata that the commit protocol and recovery look at. */
export interface FileStat {
	readonly kind: FileKind;
	/** Tells files apart by device and inode number: equal for two names of one file, and for two looks at one directory. */
	readonly identity: string;
	/** Permission bits, `mode & 0o7777`. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly sizeBytes: number;
	/** Number of names that the file has; 0 when it was unlinked while open. */
	readonly linkCount: number;
	/** Time of the last change of the content, milliseconds since 1970. */
	readonly modifiedMs: number;
}

/**
 * How to open a file.
 * - `create-exclusive`: reading and writing, fails with EEXIST where the name is taken (O_CREAT | O_EXCL | O_NOFOLLOW)
 * - `read`: reading
 * - `update`: reading and writing a file that exists
 * - `append-create`: reading and appending, created where missing
 */
export type OpenMode = 'create-exclusive' | 'read' | 'update' | 'append-create';

/** What became of an attempt to take a kernel lock. `unsupported`: the platform or the file system has none. */
export type LockAttempt = 'locked' | 'busy' | 'unsupported';

/** An open file. Every handle must be closed; `close` twice is harmless, and it rejects where another call may throw. */
export interface OpenFile {
	/**
	 * Writes at most `length` bytes of `buffer`, from `offset` on, at `position` in the file (`null`: at its end).
	 * @returns the number of bytes written, which may be smaller than `length`, and 0.
	 */
	write(buffer: Uint8Array, offset: number, length: number, position: number | null): Awaitable<number>;
	/** As {@link OpenFile.write}, holding the event loop. */
	writeSync(buffer: Uint8Array, offset: number, length: number, position: number | null): number;
	/** Reads at most `length` bytes; 0 at the end of the file. */
	read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
	/** fsync(2): content, size and metadata are on the medium when it resolves. */
	sync(): Promise<void>;
	/** fdatasync(2): content and, where it changed, the size. */
	dataSync(): Promise<void>;
	truncate(lengthBytes: number): Promise<void>;
	stat(): Promise<FileStat>;
	/** As {@link OpenFile.stat}, holding the event loop; on an open handle it touches no directory. */
	statSync(): FileStat;
	chmod(mode: number): Awaitable<void>;
	chown(uid: number, gid: number): Promise<void>;
	/**
	 * Tries to take the exclusive kernel lock of the file, without waiting. It belongs to this handle and ends with it,
	 * also when the process dies. Throws the system's error where that is none of the three answers.
	 */
	tryLock(): LockAttempt;
	close(): Awaitable<void>;
}

/** A file opened by the synchronous half of the port. */
export interface OpenFileSync {
	write(buffer: Uint8Array, offset: number, length: number, position: number | null): number;
	sync(): void;
	stat(): FileStat;
	chmod(mode: number): void;
	chown(uid: number, gid: number): void;
	tryLock(): LockAttempt;
	close(): void;
}

/** An open directory: it serves to make renames, links and unlinks in it durable. */
export interface OpenDirectory {
	sync(): Promise<void>;
	/** Holds the event loop; on an open handle it touches no directory. */
	statSync(): FileStat;
	close(): Awaitable<void>;
}

/** The calls that hold the event loop, for `flushSync` in an exit handler. */
export interface SyncFileSystem {
	open(path: string, mode: OpenMode, permissions?: number): OpenFileSync;
	/** @returns undefined where nothing stands at the path. */
	lstat(path: string): FileStat | undefined;
	realpath(path: string): string;
	readlink(path: string): string;
	/** The names in a directory, in no order. */
	readdir(path: string): string[];
	readFile(path: string): Uint8Array;
	rename(from: string, to: string): void;
	link(existing: string, created: string): void;
	unlink(path: string): void;
	/** Makes one directory; its parent must exist. One that exists already is fine. */
	ensureDirectory(path: string): void;
	syncDirectory(path: string): void;
}

/** Everything that the library asks of a disk. */
export interface FileSystem {
	/**
	 * What the paths of this port belong to. Writers whose ports share a scope exclude each other; a port that wraps
	 * another passes the scope of the wrapped one on.
	 */
	readonly scope: object;
	/** Which rules rename, open handles and directory syncs follow. */
	readonly semantics: 'posix' | 'win32';
	/** May names that differ in case only be one name, as on Windows and macOS? Where that is so in a directory, its calls tell. */
	readonly ignoresCase: boolean;
	readonly sync: SyncFileSystem;
	/** 16 hexadecimal digits of 64 random bits. */
	uniqueId(): string;
	open(path: string, mode: OpenMode, permissions?: number): Awaitable<OpenFile>;
	openDirectory(path: string): Awaitable<OpenDirectory>;
	stat(path: string): Awaitable<FileStat>;
	/** Does not follow a link. @returns undefined where nothing stands at the path (ENOENT). */
	lstat(path: string): Awaitable<FileStat | undefined>;
	realpath(path: string): Awaitable<string>;
	readlink(path: string): Promise<string>;
	/** The names in a directory, in no order. */
	readdir(path: string): Promise<string[]>;
	readFile(path: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>;
	/**
	 * Replaces what stands at `to`, as one step.
	 * @param replacedBytes the size of that, where it is known: a small one is quickly gone
	 * @param unsyncedBytes how much of what takes its place is not synced: the file system may begin to write it now
	 */
	rename(from: string, to: string, replacedBytes?: number, unsyncedBytes?: number): Awaitable<void>;
	link(existing: string, created: string): Promise<void>;
	unlink(path: string): Promise<void>;
	/** Makes one directory; its parent must exist. One that exists already is fine. */
	ensureDirectory(path: string): Promise<void>;
	/**
	 * The process that holds the kernel lock of a file, for an error's message. Left out where nobody can tell; it may be
	 * undefined, and wrong by the time it is known.
	 */
	lockHolder?(path: string): Promise<number | undefined>;
}
