/** Locks that callers hold around what they do with a document. */
import { invalidArgument } from './errors.ts';
import { LOCK_TIMEOUT_MS, withDocumentLock } from './lock/document-lock.ts';
import { asOptions, checkPorts, checkSignal, checkTimeout, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import type { Milliseconds, Ports } from './types.ts';

/** Options of `withLock`. */
export interface LockOptions extends Ports {
	/** How long to wait for the lock; 0 for one attempt, Infinity for as long as it takes. @defaultValue 30,000 */
	readonly timeoutMs?: Milliseconds | undefined;
	/** Ends the wait; the promise rejects with the signal's reason. Ignored once the lock is held. */
	readonly signal?: AbortSignal | undefined;
}

/** A lock while it is held. */
export interface HeldLock {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/**
	 * Throws ERR_LOCK_LOST where somebody has removed or replaced the lock file, so that others may hold the document now.
	 * Writes under the lock ask that themselves.
	 */
	assertHeld(): void;
}

/**
 * Runs a function while it alone may write the document: in this process, and among all processes that lock it (by this
 * function, or by writers with `lock: 'file'`). Who waits in this process gets it in the order of the calls. Writes, updates,
 * removals and pending files of the document that the function makes, through any writer, run under the lock; it is kept
 * until they have settled. Others wait for it, but for `flushSync`. It begins after the calls of this thread that were made
 * before it have been written, which no strategy holds any longer, but for those whose validator has not answered, and updates
 * that wait for such a one: these wait for it, and a function that waits for one of those waits for ever.
 * Where the path is a link that is moved meanwhile, writes through it are ERR_LOCK_LOST.
 *
 * The lock is the kernel's, on a file beside the document that stays there: it ends when the process dies, and is never taken
 * from a process that is stopped. File systems without such locks, and network mounts whose server is out of reach, keep
 * nobody out.
 *
 * Locks of several documents are taken in one order everywhere, or two callers may wait for each other until the timeout.
 *
 * Resolves and rejects as the function does. Rejects with ERR_LOCK_TIMEOUT; with ERR_LOCK_REENTRANT where the caller is under
 * a lock of the document already; with ERR_UNSUPPORTED where kernel locks are not to be had; with ERR_WRITE_FAILED where the
 * lock file cannot be opened; with the signal's reason.
 *
 * @example
 * ```ts
 * await withLock('state.json', async () => {
 * 	const state = await readJson<{ count: number }>('state.json');
 * 	await writeJson('state.json', { count: state.count + 1 });
 * });
 * ```
 */
export async function withLock<R>(
	path: string | URL,
	fn: (lock: HeldLock) => R | Promise<R>,
	options?: LockOptions,
): Promise<R> {
	const absolute = toAbsolutePath(path);
	if (typeof fn !== 'function') throw invalidArgument('fn', 'a function', fn);
	const checked = asOptions<LockOptions>(options);
	const { fileSystem = nodeFileSystem, clock = systemClock, timeoutMs = LOCK_TIMEOUT_MS, signal } = checked;
	checkPorts(checked);
	checkTimeout('timeoutMs', timeoutMs);
	checkSignal(signal);
	signal?.throwIfAborted();
	const locked = { path: absolute, timeoutMs, signal, crossProcess: true };
	return withDocumentLock({ fileSystem, clock }, locked, ({ lock }) =>
		fn({
			path: absolute,
			assertHeld() {
				if (lock?.loss !== undefined) throw lock.loss;
			},
		}),
	);
}
