/** Which writers have written a document, where they keep others out of it otherwise than by default. */

/** How the writers of a document keep others out. */
export type LockMode = 'none' | 'process' | 'file';

/** By document. */
export type Claimed = Map<string, { readonly mode: LockMode; readonly writers: number }>;

/** So many documents are remembered of a writer: those that it has written last. */
const MAX_CLAIMS = 10_000;

/** Of one writer, for as long as it is open. */
export class Claims {
	readonly #claimed: Claimed;
	readonly #mode: LockMode;
	/** Those written last come last. */
	readonly #own = new Set<string>();
	#givenUp = false;

	constructor(claimed: Claimed, mode: LockMode) {
		this.#claimed = claimed;
		this.#mode = mode;
	}

	/** The writer has written the document. */
	add(key: string): void {
		if (this.#mode === 'process' || this.#givenUp) return;
		if (!this.#own.delete(key)) {
			this.#claimed.set(key, { mode: this.#mode, writers: (this.#claimed.get(key)?.writers ?? 0) + 1 });
		}
		this.#own.add(key);
		if (this.#own.size <= MAX_CLAIMS) return;
		const [oldest] = this.#own;
		if (oldest !== undefined) this.#remove(oldest);
	}

	/** The writer is closed. */
	giveUp(): void {
		this.#givenUp = true;
		for (const key of this.#own) this.#remove(key);
	}

	#remove(key: string): void {
		this.#own.delete(key);
		const claimed = this.#claimed.get(key);
		if (claimed === undefined) return;
		if (claimed.writers === 1) this.#claimed.delete(key);
		else this.#claimed.set(key, { ...claimed, writers: claimed.writers - 1 });
	}
}
