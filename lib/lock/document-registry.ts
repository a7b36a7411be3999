/**
 * Who may commit to a document: one at a time in this process, and never an older value over a newer one.
 *
 * A document is known by its key, however its path is spelt; a write learns the key only when its commit starts. What has
 * landed is therefore remembered for as long as a write that came before the landing has not found its document yet.
 */
import { Mutex } from 'async-mutex';
import type { ActiveCommit } from '../commit/active-commit.ts';
import { isSameFile } from '../commit/spelling.ts';
import type { Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { DurableJsonError } from '../errors.ts';
import type { FileSystem, SyncFileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';
import type { Durability } from '../types.ts';
import { Arrivals } from './arrivals.ts';
import { type Claimed, Claims, type LockMode } from './claims.ts';
import type { FileLock } from './file-lock.ts';
import type { Lease } from './lease.ts';
import type { LockWait } from './lock-wait.ts';
import type { Travellers } from './travellers.ts';

/** The newest commit of a document. */
export interface Landed {
	readonly sequence: number;
	/** True where the document was removed. */
	readonly removed: boolean;
	readonly bytes: number;
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly durationMs: number;
}

/** What is known of a commit when the document has its name, or has lost it; whatever becomes of the directory sync. */
export function inPlace(sequence: number, bytes: number, removed: boolean): Landed {
	return { sequence, removed, bytes, durability: 'none', directorySynced: false, durationMs: 0 };
}

/** A document while somebody works on it, or is waited for. */
export class DocumentEntry {
	readonly #registry: DocumentRegistry;
	#landed: Landed | undefined;
	#landing = 0;
	/** Where the document lies, as it was spelt last. */
	#file: string | undefined;
	/** The commit at work on it. */
	active: ActiveCommit | undefined;
	/** True while flushSync runs code of a caller's for it: functions of updates, `toJSON`. */
	inCallersCode = false;
	/** The lock against other processes, while this one holds it. */
	lock: FileLock | undefined;
	/** Made when a second one comes to work. */
	mutex: Mutex | undefined;
	/** Settles when the first one, who came without a mutex, is through. */
	first: Promise<unknown> | undefined;
	users = 0;

	constructor(registry: DocumentRegistry) {
		this.#registry = registry;
	}

	get landed(): Landed | undefined {
		return this.#landed;
	}

	/** An older commit than the one that has landed changes nothing: it was displaced. */
	set landed(landed: Landed) {
		if (this.#landed !== undefined && landed.sequence < this.#landed.sequence) return;
		this.#landed = landed;
		this.#landing = this.#registry.nextLanding();
	}

	/**
	 * Whoever begins to work on the document says how he spells it. What landed on another file, whose name differs in case
	 * only, says nothing of this one.
	 */
	turnTo(fileSystem: SyncFileSystem, file: string): void {
		if (this.#file !== undefined && !isSameFile(fileSystem, this.#file, file)) this.#landed = undefined;
		this.#file = file;
	}

	/** Has anything landed since the registry's {@link DocumentRegistry.landings} were so many? */
	changedSince(landings: number): boolean {
		return this.#landing > landings;
	}
}

/** How to become the only one at work on a document. */
export interface Entrance {
	/** The lock that the caller holds on it already. */
	readonly lease?: Lease | undefined;
	/** What ends the wait; without it, it lasts as long as it takes. */
	readonly wait?: LockWait | undefined;
}

export class DocumentRegistry {
	readonly #documents = new Map<string, DocumentEntry>();
	/** Calls that have not found their document yet. */
	readonly #searching = new Arrivals();
	/** Documents without users, remembered for those. */
	readonly #remembered = new Set<string>();
	readonly #claimed: Claimed = new Map();
	#landings = 0;

	/** How much has landed so far, on all documents. */
	get landings(): number {
		return this.#landings;
	}

	/** For {@link DocumentEntry}: counts a landing. */
	nextLanding(): number {
		this.#landings += 1;
		return this.#landings;
	}

	/** A call of this place in the order is under way. Each needs one of {@link found}; the newest says who it travels with. */
	announce(sequence: number, travellers: Travellers): void {
		this.#searching.add(sequence, travellers, this.#landings);
	}

	/**
	 * Those with a place before this one that may change the document, and do not build on what stands there. Who is under a
	 * lock must not wait for those who are not.
	 */
	async overwritingBefore(
		ports: CommitPorts,
		target: Pick<Target, 'path' | 'key'>,
		sequence: number,
		lease: Lease | undefined,
	): Promise<Travellers[]> {
		return (await this.leadingTo(ports, target, sequence)).filter((travellers) => overwrites(travellers, lease));
	}

	/** {@link DocumentRegistry.overwritingBefore}, holding the event loop. */
	overwritingBeforeSync(
		fileSystem: FileSystem,
		target: Pick<Target, 'path' | 'key'>,
		sequence: number,
		lease: Lease | undefined,
	): Travellers[] {
		return this.#searching
			.leadingToSync(fileSystem, target, sequence)
			.filter((travellers) => overwrites(travellers, lease));
	}

	/** {@link Arrivals.leadingTo}; they have not begun to write. */
	leadingTo(ports: CommitPorts, target: Pick<Target, 'path' | 'key'>, sequence: number): Promise<Travellers[]> {
		return this.#searching.leadingTo(ports, target, sequence);
	}

	/** Is a value of others on its way, by the path as it is spelt here, that was announced after this place in the order? */
	overwrittenSince(sequence: number, path: string, own: readonly Travellers[]): boolean {
		for (const { sequence: place, travellers } of this.#searching.onPath(path)) {
			if (place > sequence && travellers.overwrites && !own.includes(travellers)) return true;
		}
		return false;
	}

	/** The call has found its document, or never will. */
	found(sequence: number): void {
		this.#searching.remove(sequence);
		for (const key of this.#remembered) {
			const entry = this.#documents.get(key);
			if (entry !== undefined && entry.users === 0 && this.#isAwaited(entry)) break;
			this.#remembered.delete(key);
			if (entry?.users === 0) this.#documents.delete(key);
		}
	}

	/** Runs `work` as the only one at work on the document. Rejects as `work` and {@link LockWait.take} do. */
	async exclusive<T>(
		key: string,
		work: (entry: DocumentEntry) => Promise<T>,
		{ lease, wait }: Entrance = {},
	): Promise<T> {
		const entry = this.#enter(key);
		try {
			if (entry.users === 1 && lease === undefined && wait === undefined) {
				// Alone, which is the rule: those who come meanwhile wait for this promise.
				const working = work(entry);
				entry.first = working;
				return await working;
			}
			const mutex = lease?.mutex ?? mutexOf(entry);
			if (wait === undefined) return await mutex.runExclusive(() => work(entry));
			const release = await wait.take(mutex.acquire(), (late) => late());
			try {
				return await work(entry);
			} finally {
				release();
			}
		} finally {
			this.#leave(key, entry);
		}
	}

	/** Throws ERR_UNSUPPORTED where another writer keeps others out of the document otherwise: they would not keep each other out. */
	assertMode(key: string, mode: LockMode, path: string): void {
		const claimed = this.#claimed.get(key);
		if (claimed === undefined || claimed.mode === mode) return;
		const message = `${path} has a writer with lock: '${claimed.mode}' in this process; this one has lock: '${mode}'`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step: 'lock' });
	}

	/** The claims of a writer, of which there are none yet. */
	claimsOf(mode: LockMode): Claims {
		return new Claims(this.#claimed, mode);
	}

	/** Runs `work` at once, also where somebody is at work on the document: their commit is to be displaced. */
	interrupt<T>(key: string, work: (entry: DocumentEntry) => T): T {
		const entry = this.#enter(key);
		try {
			return work(entry);
		} finally {
			this.#leave(key, entry);
		}
	}

	#enter(key: string): DocumentEntry {
		let entry = this.#documents.get(key);
		if (entry === undefined) {
			entry = new DocumentEntry(this);
			this.#documents.set(key, entry);
		}
		entry.users += 1;
		return entry;
	}

	#leave(key: string, entry: DocumentEntry): void {
		entry.users -= 1;
		if (entry.users > 0) return;
		entry.mutex = undefined;
		entry.first = undefined;
		if (this.#isAwaited(entry)) this.#remembered.add(key);
		else this.#documents.delete(key);
	}

	#isAwaited(entry: DocumentEntry): boolean {
		const { oldest } = this.#searching;
		return oldest !== undefined && entry.changedSince(oldest.landings);
	}
}

/** Taken already where the first one is at work without it. */
function mutexOf(entry: DocumentEntry): Mutex {
	if (entry.mutex !== undefined) return entry.mutex;
	const mutex = new Mutex();
	entry.mutex = mutex;
	if (entry.first !== undefined) {
		const { first } = entry;
		void mutex.runExclusive(() => first.catch(seenByItsCaller));
	}
	return mutex;
}

function seenByItsCaller(): void {}

function overwrites(travellers: Travellers, lease: Lease | undefined): boolean {
	return travellers.overwrites && (lease === undefined || travellers.lease === lease);
}

/** The registry that all writers of the scope share. */
export function documentRegistry(scope: object): DocumentRegistry {
	return sharedPart(scope, 'documents', () => new DocumentRegistry());
}
