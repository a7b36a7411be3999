/** What a scene came to. */
export interface Outcome {
	readonly name: string;
	readonly summary: string;
	/** Promises that did not hold; empty when all did, undefined where none was made. */
	readonly broken: readonly string[] | undefined;
}
