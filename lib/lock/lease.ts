/**
 * Leases: what runs inside a lock knows by its asynchronous context (AsyncLocalStorage) that it may write the document.
 * Every copy of the library in this process sees them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Mutex } from 'async-mutex';
import { resolveTargetSync } from '../commit/target-sync.ts';
import { DurableJsonError } from '../errors.ts';
import type { Awaitable, FileSystem } from '../ports/file-system.ts';
import { localScope, sharedPart } from '../shared-state.ts';
import type { FileLock } from './file-lock.ts';

export interface LeaseOptions {
	/**
	 * - `lock`: of withLock, whose function may write the document
	 * - `commit`: of code that a commit waits for, such as the function of an update, or a validator: it may not
	 * - `validation`: of the validator of a value that is to be committed: it may write the document, which does not wait for
	 *   that value, and may not update it, which does
	 */
	readonly kind: 'lock' | 'commit' | 'validation';
	/** The document's path, absolute, as the holder spelt it. */
	readonly path: string;
	/** The document; undefined where it has not been found yet. */
	readonly key?: string | undefined;
	readonly lock?: FileLock | undefined;
}

export class Lease {
	readonly kind: LeaseOptions['kind'];
	readonly path: string;
	readonly key: string | undefined;
	readonly lock: FileLock | undefined;
	#mutex: Mutex | undefined;
	#work: Set<Promise<unknown>> | undefined;
	#ended = false;

	constructor({ kind, path, key, lock }: LeaseOptions) {
		this.kind = kind;
		this.path = path;
		this.key = key;
		this.lock = lock;
	}

	/** The commits under the lease exclude each other. */
	get mutex(): Mutex {
		this.#mutex ??= new Mutex();
		return this.#mutex;
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** The lease lasts until the work has settled, also where its function does not wait for it. */
	track(work: Promise<unknown>): void {
		this.#work ??= new Set();
		const running = this.#work;
		const settled = work.then(done, done).finally(() => running.delete(settled));
		running.add(settled);
	}

	/** Ends it, at once where no work is left. */
	end(): Awaitable<void> {
		if (this.#work !== undefined && this.#work.size > 0) return this.#endAfter(this.#work);
		this.#ended = true;
	}

	async #endAfter(work: ReadonlySet<Promise<unknown>>): Promise<void> {
		while (work.size > 0) await Promise.all(work);
		this.#ended = true;
	}
}

/** What it came to is told to its own caller. */
function done(): void {}

/** The leases of an asynchronous context by scope, outermost first. */
type Leases = ReadonlyMap<object, readonly Lease[]>;

/** One for all scopes: on Node 20 each storage that has been used makes every promise of the process slower. */
const storage = sharedPart(localScope, 'leases', () => new AsyncLocalStorage<Leases>());

/** The leases of this asynchronous context, outermost first. */
export function leasesHere({ scope }: FileSystem): readonly Lease[] {
	const leases = storage.getStore()?.get(scope) ?? [];
	return leases.filter(({ ended }) => !ended);
}

/** Runs a function under the lease, and those that its caller is under. */
export function runUnder<T>(
	fileSystem: FileSystem,
	lease: Lease,
	work: () => T,
	outer: readonly Lease[] = leasesHere(fileSystem),
): T {
	return storage.run(new Map(storage.getStore()).set(fileSystem.scope, [...outer, lease]), work);
}

/**
 * Runs code of the caller's that something else waits for, under a lease which ends with it: calls of its that would wait for
 * that in turn are refused.
 */
export function runAwaited<T>(
	fileSystem: FileSystem,
	options: LeaseOptions,
	work: () => T | Promise<T>,
	outer?: readonly Lease[],
): T | Promise<T> {
	const lease = new Lease(options);
	const end = (): void => void lease.end();
	try {
		const result = runUnder(fileSystem, lease, work, outer);
		if (result instanceof Promise) return result.finally(end);
		end();
		return result;
	} catch (error) {
		end();
		throw error;
	}
}

/**
 * The innermost lease of this asynchronous context under which, or in spite of which, calls on the document behind the path
 * are made: none of a validation, which keeps nobody out.
 */
export function leaseOf(fileSystem: FileSystem, path: string): Lease | undefined {
	return held(fileSystem, path).findLast(({ kind }) => kind !== 'validation');
}

/** That of the validator which the caller is in, of a value for the document behind the path. */
export function validationOf(fileSystem: FileSystem, path: string): Lease | undefined {
	const innermost = held(fileSystem, path).at(-1);
	return innermost?.kind === 'validation' ? innermost : undefined;
}

/** Those on the document behind the path, outermost first. */
function held(fileSystem: FileSystem, path: string): readonly Lease[] {
	// Hardly any call is made under a lock, and it must cost those next to nothing.
	if (storage.getStore() === undefined) return [];
	const leases = leasesHere(fileSystem);
	if (leases.length === 0) return [];
	if (leases.every((lease) => lease.path === path)) return leases;
	const key = keyOf(fileSystem, path);
	const leads = (lease: Lease): boolean => key !== undefined && (lease.key ?? keyOf(fileSystem, lease.path)) === key;
	return leases.filter((lease) => lease.path === path || leads(lease));
}

/** As {@link leaseOf}, of a document that has been found already. */
export function leaseOn(fileSystem: FileSystem, key: string): Lease | undefined {
	return leasesHere(fileSystem).findLast((lease) => lease.key === key);
}

/** At once, as the call's place is decided in the caller's stack; only under a lease, and for another spelling. */
function keyOf(fileSystem: FileSystem, path: string): string | undefined {
	try {
		return resolveTargetSync(fileSystem, path).key;
	} catch {
		// What is wrong with it is told by whatever is done with it.
		return undefined;
	}
}

/** For a call that would wait for the one that it is made in. */
export function reentrant({ kind, path }: Lease): DurableJsonError {
	const inside = {
		lock: 'inside a withLock of it',
		commit: 'by the function of an update of it, or by the validator of a value whose commit is under way',
		validation: 'by the validator of a value of it, which calls like this wait for',
	}[kind];
	const message = `${path} is locked by the caller itself: called ${inside}, this would wait for ever`;
	return new DurableJsonError('ERR_LOCK_REENTRANT', message, { path, step: 'lock' });
}

/** Throws ERR_LOCK_LOST where the path that was locked leads to another document by now, which others may hold. */
export function assertLeads(lease: Lease, path: string, key: string): void {
	if (lease.key === key) return;
	const message = `the lock of ${lease.path} does not hold for ${path} any more: that leads to another document by now`;
	throw new DurableJsonError('ERR_LOCK_LOST', message, { path, step: 'lock' });
}
