/** What is to be waited for, by whatever library it was made: anything that has a method `then`, as for `await`. */

/** A promise of what the value stands for; undefined where there is nothing to wait for. Throws what its `then` throws when it is looked at. */
export function promiseOf(value: unknown): Promise<unknown> | undefined {
	if (value instanceof Promise) return value;
	const mayHave = (typeof value === 'object' && value !== null) || typeof value === 'function';
	return mayHave && typeof (value as { then?: unknown }).then === 'function' ? Promise.resolve(value) : undefined;
}
