/** The lock of a document: within this process, and across processes where that is asked for. */
import { formatLockName } from '../commit/lock-name.ts';
import { inDirectory, resolveTarget, type Target, targetAt } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { nextSequence, sharedPart } from '../shared-state.ts';
import { type Arrival, letGoFirst } from './arrival.ts';
import { type DocumentEntry, documentRegistry } from './document-registry.ts';
import { type FileLock, holdFileLock } from './file-lock.ts';
import { Lease, type LeaseOptions, leaseOf, reentrant, runUnder, validationOf } from './lease.ts';
import { LockWait, type LockWaitOptions } from './lock-wait.ts';

/** The longest wait for a lock, unless the caller says otherwise. */
export const LOCK_TIMEOUT_MS = 30_000;

export interface DocumentLockOptions extends LockWaitOptions {
	/** Against other processes as well. */
	readonly crossProcess: boolean;
}

/**
 * Runs `work` while the document is locked. What it writes to the document runs under the lock, and is waited for before
 * that ends. Rejects with what `work` rejects with, ERR_LOCK_REENTRANT, or as {@link holdFileLock} does.
 */
export async function withDocumentLock<T>(
	{ fileSystem, clock }: CommitPorts,
	options: DocumentLockOptions,
	work: (lease: Lease) => T | Promise<T>,
): Promise<T> {
	const { path: document, crossProcess } = options;
	const outer = leaseOf(fileSystem, document);
	if (outer !== undefined) throw reentrant(outer);
	const wait = new LockWait(clock, options);
	const registry = documentRegistry(fileSystem.scope);
	// The validator of a value would wait for those who wait for it.
	const validates = validationOf(fileSystem, document) !== undefined;
	const before = validates ? [] : registry.readyBefore(nextSequence());
	for (;;) {
		const finding = findInOrder(fileSystem, document, before);
		const { key } = before.length === 0 ? await finding : await wait.take(finding, nothingToGiveBack);
		const done = await registry.exclusive(
			key,
			async (entry) => {
				const target = await resolveTarget(fileSystem, document);
				// A link has been moved meanwhile.
				if (target.key !== key) return undefined;
				const run = async (lock?: FileLock): Promise<{ result: T }> => ({
					result: await workUnder({ path: document, key, lock }),
				});
				return crossProcess ? holdFileLock(fileSystem, entry, target, wait, run) : run();
			},
			{ wait },
		);
		if (done !== undefined) return done.result;
	}

	async function workUnder(held: Omit<LeaseOptions, 'kind'>): Promise<T> {
		const lease = new Lease({ kind: 'lock', ...held });
		try {
			return await runUnder(fileSystem, lease, () => work(lease));
		} finally {
			await lease.end();
		}
	}
}

/**
 * Finds the document behind a path after all who have asked before, so that they come to its mutex in their order, and after
 * the calls `before` that are on their way to it: the caller is to find what these write, and may wait for them.
 */
async function findInOrder(fileSystem: FileSystem, path: string, before: readonly Arrival[]): Promise<Target> {
	const searches = sharedPart(fileSystem.scope, 'lock-searches', () => new Map<string, Promise<unknown>>());
	const search = (searches.get(path) ?? Promise.resolve()).then(async () => {
		const target = await resolveTarget(fileSystem, path);
		await letGoFirst(fileSystem, before, target);
		return target;
	});
	const settled = search.catch(toldToItsCaller);
	searches.set(path, settled);
	try {
		return await search;
	} finally {
		if (searches.get(path) === settled) searches.delete(path);
	}
}

function toldToItsCaller(): void {}

function nothingToGiveBack(): void {}

/**
 * Runs `work` under the lock against other processes where these lock the document, which is told by its lock file, and the
 * caller does not hold it already.
 * @param document its real path
 */
export async function underStandingLock<T>(
	{ fileSystem, clock }: CommitPorts,
	entry: DocumentEntry,
	document: string,
	{ lease, signal }: { readonly lease: Lease | undefined; readonly signal: AbortSignal | undefined },
	work: () => Promise<T>,
): Promise<T> {
	const target = targetAt(fileSystem, document);
	const lockFile = await fileSystem.lstat(inDirectory(target.directory, formatLockName(target.name)));
	if (lockFile === undefined || lease?.lock !== undefined) return work();
	const wait = new LockWait(clock, { path: document, timeoutMs: LOCK_TIMEOUT_MS, signal });
	return holdFileLock(fileSystem, entry, target, wait, work);
}
