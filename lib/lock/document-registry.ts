/**
 * Who may commit to a document: one at a time in this process, and never an older value over a newer one.
 *
 * A document is known by its key, however its path is spelt; a write learns the key only when its commit starts. What has
 * landed is therefore remembered for as long as a write that came before it has not found its document yet.
 */
import { Mutex } from 'async-mutex';
import { sharedPart } from '../shared-state.ts';
import type { Durability } from '../types.ts';

/** The newest commit of a document. */
export interface Landed {
	readonly sequence: number;
	readonly bytes: number;
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly durationMs: number;
}

/** What is known of a document while somebody works on it. */
export interface DocumentEntry {
	landed: Landed | undefined;
}

interface Held extends DocumentEntry {
	readonly mutex: Mutex;
	users: number;
}

export class DocumentRegistry {
	readonly #documents = new Map<string, Held>();
	/** Places in the order of writes that have not found their document yet, in ascending order. */
	readonly #searching = new Set<number>();
	/** Documents without users, remembered for those. */
	readonly #remembered = new Set<string>();

	/** A write of this place in the order is under way. Each call needs one of {@link found}. */
	announce(sequence: number): void {
		this.#searching.add(sequence);
	}

	/** The write has found its document, or never will. */
	found(sequence: number): void {
		this.#searching.delete(sequence);
		for (const key of this.#remembered) {
			const held = this.#documents.get(key);
			if (held !== undefined && held.users === 0 && this.#isAwaited(held)) break;
			this.#remembered.delete(key);
			if (held?.users === 0) this.#documents.delete(key);
		}
	}

	/** Runs `work` as the only one at work on the document. `contended`: it had to wait for others. */
	async exclusive<T>(key: string, work: (entry: DocumentEntry, contended: boolean) => Promise<T>): Promise<T> {
		let held = this.#documents.get(key);
		if (held === undefined) {
			held = { mutex: new Mutex(), users: 0, landed: undefined };
			this.#documents.set(key, held);
		}
		const entry = held;
		const contended = entry.users > 0;
		entry.users += 1;
		try {
			return await entry.mutex.runExclusive(() => work(entry, contended));
		} finally {
			entry.users -= 1;
			if (entry.users === 0) {
				if (this.#isAwaited(entry)) this.#remembered.add(key);
				else this.#documents.delete(key);
			}
		}
	}

	#isAwaited({ landed }: DocumentEntry): boolean {
		const [oldest] = this.#searching;
		return landed !== undefined && oldest !== undefined && oldest < landed.sequence;
	}
}

/** The registry that all writers of the scope share. */
export function documentRegistry(scope: object): DocumentRegistry {
	return sharedPart(scope, 'documents', () => new DocumentRegistry());
}
