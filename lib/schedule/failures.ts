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

	/** @returns the errors of a path, or of all, which are told from now on */
	take(path: string | undefined): unknown[] {
		const isTold = (failure: Failure): boolean => path === undefined || failure.path === path;
		const told = this.#failures.filter(isTold);
		this.#failures = this.#failures.filter((failure) => !isTold(failure));
		return told.map(({ error }) => error);
	}
}
