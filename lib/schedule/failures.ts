/** Failures of calls that nobody waits for, until a flush tells them. */

/** So many are kept. */
const MAX_KEPT = 100;

interface Failure {
	readonly path: string;
	readonly error: unknown;
}

export class UntoldFailures {
	#failures: Failure[] = [];

	add(path: string, error: unknown): void {
		if (this.#failures.length < MAX_KEPT) this.#failures.push({ path, error });
	}

	/** @returns the errors of these paths, which are told from now on */
	take(isTold: (path: string) => boolean): unknown[] {
		const told = this.#failures.filter(({ path }) => isTold(path));
		this.#failures = this.#failures.filter(({ path }) => !isTold(path));
		return told.map(({ error }) => error);
	}
}
