/**
 * Leases: what runs inside a lock knows by its asynchronous context (AsyncLocalStorage) that it may write the document.
 * Every copy of the library in this process sees them.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Mutex } from 'async-mutex';
import { resolveTargetSync } from '../commit/target-sync.ts';
import { DurableJsonError } from '../errors.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { localScope, sharedPart } from '../shared-state.ts';
import type { FileLock } from './file-lock.ts';

export interface LeaseOptions {
	/** `lock`: of withLock, whose function may write the document. `update`: of an update, whose function and validator may not. */
	readonly kind: 'lock' | 'update';
	/** The document's path, absolute, as the holder spelt it. */
	readonly path: string;
	/** The document. */
	readonly key: string;
	readonly lock: FileLock | undefined;
}

export class Lease {
	readonly kind: 'lock' | 'update';
	readonly path: string;
	readonly key: string;
	readonly lock: FileLock | undefined;
	/** The commits under the lease exclude each other. */
	readonly mutex: Mutex = new Mutex();
	readonly #work = new Set<Promise<unknown>>();
	#ended = false;

	constructor({ kind, path, key, lock }: LeaseOptions) {
		this.kind = kind;
		this.path = path;
		this.key = key;
		this.lock = lock;
	}

	get ended(): boolean {
		return this.#ended;
	}

	/** The lease lasts until the work has settled, also where its function does not wait for it. */
	track(work: Promise<unknown>): void {
		const settled = work.then(done, done).finally(() => this.#work.delete(settled));
		this.#work.add(settled);
	}

	async end(): Promise<void> {
		while (this.#work.size > 0) await Promise.all(this.#work);
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

/** The innermost lease of this asynchronous context on the document behind the path. */
export function leaseOf(fileSystem: FileSystem, path: string): Lease | undefined {
	// Hardly any call is made under a lock, and it must cost those next to nothing.
	if (storage.getStore() === undefined) return undefined;
	const held = leasesHere(fileSystem);
	if (held.length === 0) return undefined;
	const same = held.findLast((lease) => lease.path === path);
	if (same !== undefined) return same;
	const key = keyOf(fileSystem, path);
	return held.findLast((lease) => lease.key === key);
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
	const inside = kind === 'lock' ? 'inside a withLock of it' : 'by the function or the validator of an update of it';
	const message = `${path} is locked by the caller itself: called ${inside}, this would wait for ever`;
	return new DurableJsonError('ERR_LOCK_REENTRANT', message, { path, step: 'lock' });
}
