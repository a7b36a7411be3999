/** More open containers than this are refused: a bit each is 8 MiB. */
export const MAX_DEPTH: number = 2 ** 26;

/** The containers that are open at a place of a text: a bit for each, 1 for an object. */
export class Nesting {
	depth = 0;
	#bits = new Uint8Array(64);

	/** @returns false where they are too many */
	open(isObject: boolean): boolean {
		if (this.depth >= MAX_DEPTH) return false;
		const index = this.depth >> 3;
		if (index >= this.#bits.length) {
			const grown = new Uint8Array(this.#bits.length * 2);
			grown.set(this.#bits);
			this.#bits = grown;
		}
		const bit = 1 << (this.depth & 7);
		const bits = this.#bits[index] ?? 0;
		this.#bits[index] = isObject ? bits | bit : bits & ~bit;
		this.depth += 1;
		return true;
	}

	close(): void {
		this.depth -= 1;
	}

	/** Is the innermost of them an object? */
	get inObject(): boolean {
		const top = this.depth - 1;
		return (((this.#bits[top >> 3] ?? 0) >> (top & 7)) & 1) === 1;
	}
}
