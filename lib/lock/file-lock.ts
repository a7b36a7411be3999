/**
 * The lock of a document across processes: a kernel lock on a file beside it.
 *
 * The kernel releases it when its holder dies, however; one whose holder is stopped is never taken away. The lock file is
 * never the document, whose inode changes with each commit, and never removed: whoever removed it would let two processes
 * lock two files of one name. Waiting is asking again, so that it holds no thread and can end at any time.
 */
import { jitter } from '../commit/jitter.ts';
import { formatLockName } from '../commit/lock-name.ts';
import { createDirectory, createDirectorySync } from '../commit/parent-directories.ts';
import { inDirectory, type Target } from '../commit/target.ts';
import { codeOf, DurableJsonError, messageOf } from '../errors.ts';
import type { FileStat, FileSystem, OpenFile, OpenFileSync } from '../ports/file-system.ts';
import type { LockWait } from './lock-wait.ts';

/** First pause, growth and longest pause between two attempts; each is cut by up to a half, so that waiters spread. */
const FIRST_PAUSE_MS = 1;
const PAUSE_GROWTH = 1.5;
const MAX_PAUSE_MS = 25;

/** So often the lock file is opened anew that others make or remove meanwhile; below /proc nothing can be made at all. */
const MAX_ATTEMPTS = 16;

/** The umask applies, so that whoever may write beside the document may lock it. */
const LOCK_FILE_MODE = 0o666;

/** A lock that is held. */
export class FileLock {
	readonly #fileSystem: FileSystem;
	readonly #document: string;
	readonly #lockPath: string;
	readonly #file: OpenFile;
	readonly #identity: string;

	constructor(fileSystem: FileSystem, document: string, lockPath: string, file: OpenFile, identity: string) {
		this.#fileSystem = fileSystem;
		this.#document = document;
		this.#lockPath = lockPath;
		this.#file = file;
		this.#identity = identity;
	}

	/** ERR_LOCK_LOST where the lock file has been removed or replaced: others may hold the document now. */
	get loss(): DurableJsonError | undefined {
		if (this.#fileSystem.sync.lstat(this.#lockPath)?.identity === this.#identity) return undefined;
		return lost(this.#document, this.#lockPath);
	}

	/** Never rejects: the lock ends with the handle, whatever close(2) reports. */
	async release(): Promise<void> {
		try {
			await this.#file.close();
		} catch {
			// The lock has ended.
		}
	}
}

function lost(document: string, lockPath: string): DurableJsonError {
	const message = `the lock of ${document} is lost: ${lockPath} has been removed or replaced`;
	return new DurableJsonError('ERR_LOCK_LOST', message, { path: document, step: 'lock' });
}

/** A lock file that cannot be opened or asked: nothing was done. */
function cannotLock(document: string, lockPath: string, cause: unknown): DurableJsonError {
	if (cause instanceof DurableJsonError) return cause;
	const message = `${document} cannot be locked (${lockPath}): ${messageOf(cause)}`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path: document, step: 'lock', cause });
}

/**
 * Takes the lock of the document. Rejects with ERR_LOCK_TIMEOUT, ERR_UNSUPPORTED where there are no kernel locks,
 * ERR_WRITE_FAILED where the lock file cannot be opened, or the signal's reason.
 */
async function acquireFileLock(fileSystem: FileSystem, target: Target, wait: LockWait): Promise<FileLock> {
	const lockPath = inDirectory(target.directory, formatLockName(target.name));
	const attempt = async <T>(action: () => Promise<T>): Promise<T> => {
		try {
			return await action();
		} catch (cause) {
			throw cannotLock(wait.path, lockPath, cause);
		}
	};
	let file: OpenFile | undefined;
	try {
		for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * PAUSE_GROWTH)) {
			const opened = file ?? (await attempt(() => openLockFile(fileSystem, target.directory, lockPath)));
			file = opened;
			const { identity, locked } = await attempt(async () =>
				tryLock(fileSystem, { tryLock: () => opened.tryLock(), stat: () => opened.statSync() }, lockPath, wait.path),
			);
			if (identity === undefined) {
				await opened.close();
				file = undefined;
			} else if (locked) {
				file = undefined;
				return new FileLock(fileSystem, wait.path, lockPath, opened, identity);
			}
			if (wait.isOver) throw wait.timeout(await holderOf(fileSystem, lockPath));
			await wait.pause(pauseMs * (1 - jitter(fileSystem) / 2));
		}
	} finally {
		await file?.close();
	}
}

/**
 * Runs `work` while this process holds the lock of the document, which its entry tells. Rejects as {@link acquireFileLock}
 * and `work` do.
 */
export async function holdFileLock<T>(
	fileSystem: FileSystem,
	entry: { lock: FileLock | undefined },
	target: Target,
	wait: LockWait,
	work: (lock: FileLock) => Promise<T>,
): Promise<T> {
	const lock = await acquireFileLock(fileSystem, target, wait);
	entry.lock = lock;
	try {
		return await work(lock);
	} finally {
		entry.lock = undefined;
		await lock.release();
	}
}

/**
 * Takes the lock, holding the event loop; it is not waited for. Throws as {@link holdFileLock} rejects.
 * @returns what releases it
 */
export function lockFileSync(fileSystem: FileSystem, target: Target): () => void {
	const { path: document, directory, name } = target;
	const lockPath = inDirectory(directory, formatLockName(name));
	try {
		for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
			const file = openLockFileSync(fileSystem, directory, lockPath);
			let held = false;
			try {
				const { identity, locked } = tryLock(fileSystem, file, lockPath, document);
				held = identity !== undefined && locked;
				if (held) return () => endSync(file);
				if (identity !== undefined) {
					const message = `${document} is locked by another process: nothing can be waited for here`;
					throw new DurableJsonError('ERR_LOCK_TIMEOUT', message, { path: document, step: 'lock' });
				}
			} finally {
				if (!held) endSync(file);
			}
		}
		throw new Error('it is replaced again and again');
	} catch (cause) {
		throw cannotLock(document, lockPath, cause);
	}
}

/** As {@link FileLock.release}. */
function endSync(file: OpenFileSync): void {
	try {
		file.close();
	} catch {
		// The lock has ended.
	}
}

/** @returns no identity where the file has lost its name: another is to be opened */
function tryLock(
	fileSystem: FileSystem,
	file: Pick<OpenFileSync, 'tryLock' | 'stat'>,
	lockPath: string,
	document: string,
): { readonly identity: string | undefined; readonly locked: boolean } {
	const lock = file.tryLock();
	if (lock === 'unsupported') throw noLocks(document);
	// After the attempt: a lock on a file that has lost its name keeps nobody out.
	const { identity } = file.stat();
	const named = fileSystem.sync.lstat(lockPath);
	if (named !== undefined) assertFile(named);
	return { identity: named?.identity === identity ? identity : undefined, locked: lock === 'locked' };
}

/** As of O_NOFOLLOW: what is no plain file is none of ours, and must not be opened or created through. */
async function openLockFile(fileSystem: FileSystem, directory: string, lockPath: string): Promise<OpenFile> {
	for (let attempt = 1; ; attempt++) {
		const standing = await fileSystem.lstat(lockPath);
		try {
			if (standing !== undefined) {
				assertFile(standing);
				return await fileSystem.open(lockPath, 'update');
			}
			return await fileSystem.open(lockPath, 'create-exclusive', LOCK_FILE_MODE);
		} catch (error) {
			const code = codeOf(error);
			// EEXIST: another process was faster. ENOENT: it has just been removed, or the directory is missing.
			if ((code !== 'EEXIST' && code !== 'ENOENT') || attempt === MAX_ATTEMPTS) throw error;
			if (code === 'ENOENT' && standing === undefined) await createDirectory(fileSystem, directory);
		}
	}
}

/** {@link openLockFile}, holding the event loop. */
function openLockFileSync(fileSystem: FileSystem, directory: string, lockPath: string): OpenFileSync {
	const { sync } = fileSystem;
	for (let attempt = 1; ; attempt++) {
		const standing = sync.lstat(lockPath);
		try {
			if (standing !== undefined) {
				assertFile(standing);
				return sync.open(lockPath, 'update');
			}
			return sync.open(lockPath, 'create-exclusive', LOCK_FILE_MODE);
		} catch (error) {
			const code = codeOf(error);
			if ((code !== 'EEXIST' && code !== 'ENOENT') || attempt === MAX_ATTEMPTS) throw error;
			if (code === 'ENOENT' && standing === undefined) createDirectorySync(fileSystem, directory);
		}
	}
}

function assertFile({ kind }: FileStat): void {
	if (kind !== 'file') throw new Error(`a ${kind} stands at the place of the lock file`);
}

/** What is answered where a lock is asked for and there are none: to go on without one would lose data. */
export function noLocks(document: string): DurableJsonError {
	const message =
		`${document} cannot be locked: there are no kernel locks here. Either its file system has none (some network ` +
		'mounts), or the optional package fs-native-extensions cannot be loaded: it has no binary for musl (Alpine: use a ' +
		'glibc image), must be in node_modules beside a bundle, and needs --allow-addons and ' +
		'--allow-fs-read=/etc/alpine-release under the permission model';
	return new DurableJsonError('ERR_UNSUPPORTED', message, { path: document, step: 'lock' });
}

/** Who holds the kernel lock of a file, for a message. */
export async function holderOf(fileSystem: FileSystem, lockPath: string): Promise<string> {
	const pid = await fileSystem.lockHolder?.(lockPath);
	if (pid === undefined) return 'another process';
	return pid === process.pid ? 'this process' : `process ${pid}`;
}
