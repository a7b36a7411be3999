/**
 * Who may commit to a document: one at a time in this process, and never an older value over a newer one.
 *
 * A document is known by its key, however its path is spelt; a write learns the key only when its commit starts. What has
 * landed is therefore remembered for as long as a write that came before the landing has not found its document yet.
 */
import { Mutex } from 'async-mutex';
import type { ActiveCommit } from '../commit/active-commit.ts';
import { sharedPart } from '../shared-state.ts';
import type { Durability } from '../types.ts';

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
	/** The commit at work on it. */
	active: ActiveCommit | undefined;
	/** Made anew whenever the first one comes to work. */
	mutex: Mutex | undefined;
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

	/** Has anything landed since the registry's {@link DocumentRegistry.landings} were so many? */
	changedSince(landings: number): boolean {
		return this.#landing > landings;
	}
}

export class DocumentRegistry {
	readonly #documents = new Map<string, DocumentEntry>();
	/** Writes that have not found their document yet, in their order: how much had landed when each was announced. */
	readonly #searching = new Map<number, number>();
	/** Documents without users, remembered for those. */
	readonly #remembered = new Set<string>();
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

	/** A write of this place in the order is under way. Each call needs one of {@link found}. */
	announce(sequence: number): void {
		this.#searching.set(sequence, this.#landings);
	}

	/** The write has found its document, or never will. */
	found(sequence: number): void {
		this.#searching.delete(sequence);
		for (const key of this.#remembered) {
			const entry = this.#documents.get(key);
			if (entry !== undefined && entry.users === 0 && this.#isAwaited(entry)) break;
			this.#remembered.delete(key);
			if (entry?.users === 0) this.#documents.delete(key);
		}
	}

	/** Runs `work` as the only one at work on the document. */
	async exclusive<T>(key: string, work: (entry: DocumentEntry) => Promise<T>): Promise<T> {
		const entry = this.#enter(key);
		entry.mutex ??= new Mutex();
		try {
			return await entry.mutex.runExclusive(() => work(entry));
		} finally {
			this.#leave(key, entry);
		}
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
		if (this.#isAwaited(entry)) this.#remembered.add(key);
		else this.#documents.delete(key);
	}

	#isAwaited(entry: DocumentEntry): boolean {
		const [oldest] = this.#searching.values();
		return oldest !== undefined && entry.changedSince(oldest);
	}
}

/** The registry that all writers of the scope share. */
export function documentRegistry(scope: object): DocumentRegistry {
	return sharedPart(scope, 'documents', () => new DocumentRegistry());
}
