/** The lock of a document: within this process, and across processes where that is asked for. */
import { formatLockName } from '../commit/lock-name.ts';
import { inDirectory, resolveTarget, targetAt } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { nextSequence, sharedPart } from '../shared-state.ts';
import { type DocumentEntry, documentRegistry } from './document-registry.ts';
import { type FileLock, holdFileLock } from './file-lock.ts';
import { Lease, type LeaseOptions, leaseOf, reentrant, runUnder, validationOf } from './lease.ts';
import { LockWait, type LockWaitOptions } from './lock-wait.ts';
import { letGo, waitingForNone } from './travellers.ts';

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
	ports: CommitPorts,
	options: DocumentLockOptions,
	work: (lease: Lease) => T | Promise<T>,
): Promise<T> {
	const { fileSystem, clock } = ports;
	const { path: document, crossProcess } = options;
	const outer = leaseOf(fileSystem, document);
	if (outer !== undefined) throw reentrant(outer);
	const wait = new LockWait(clock, options);
	const registry = documentRegistry(fileSystem.scope);
	// A validator comes before all who wait for its value.
	const validates = validationOf(fileSystem, document) !== undefined;
	const sequence = nextSequence();
	const turn = takeTurn(fileSystem, validates ? 'validator-lock-turns' : 'lock-turns', document);
	try {
		if (turn.before !== undefined) await wait.take(turn.before, nothingToGiveBack);
		for (;;) {
			const found = await resolveTarget(fileSystem, document);
			const { key } = found;
			const before = validates ? [] : await registry.leadingTo(ports, found, sequence);
			const first = waitingForNone(before);
			if (first.length > 0) await wait.take(letGo(first), nothingToGiveBack);
			const working = registry.exclusive(
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
			turn.over();
			const done = await working;
			if (done !== undefined) return done.result;
		}
	} finally {
		turn.over();
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

/** A place among those who come to lock a document by one path: they come to its mutex in the order of their calls. */
interface Turn {
	/** Resolves when those before have come there, or have given up; undefined where there are none. */
	readonly before: Promise<unknown> | undefined;
	/** To be called when this one has. */
	readonly over: () => void;
}

function takeTurn({ scope }: FileSystem, name: string, path: string): Turn {
	const turns = sharedPart(scope, name, () => new Map<string, Promise<unknown>>());
	const before = turns.get(path);
	let over: Turn['over'] | undefined;
	const own = new Promise<void>((resolve) => {
		over = resolve;
	});
	const all = Promise.all([before, own]).then(() => {
		if (turns.get(path) === all) turns.delete(path);
	});
	turns.set(path, all);
	return { before, over: () => over?.() };
}

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
