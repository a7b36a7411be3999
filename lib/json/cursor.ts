/**
 * Iterators as the serializer needs them: asked from inside a synchronous `fill`, answered later, closed early.
 */

/** The next value, or the end. */
export interface Step {
	readonly done: boolean;
	readonly value: unknown;
}

/** An open iterator. */
export interface Cursor {
	/**
	 * The next step; `undefined` where it must settle first, see {@link Cursor.waiting}. Throws what the iterator threw.
	 */
	next(): Step | undefined;
	/** Settles, never rejects, when {@link Cursor.next} can be called again. */
	readonly waiting: Promise<void> | undefined;
	/**
	 * Calls `return()` unless the iterator has ended or failed. Settles when that has settled, or at once while `next()`
	 * is pending, behind which an async generator would queue it. Never rejects.
	 */
	close(): Promise<void>;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Iterator protocol errors, as for-of and for-await throw them. */
function requireObject(value: unknown): object {
	if ((typeof value === 'object' && value !== null) || typeof value === 'function') return value;
	throw new TypeError(`Iterator result ${String(value)} is not an object`);
}

function read(source: object, name: string): unknown {
	return (source as Record<string, unknown>)[name];
}

function toStep(result: unknown): Step {
	const checked = requireObject(result);
	const done = Boolean(read(checked, 'done'));
	return { done, value: done ? undefined : read(checked, 'value') };
}

/** What an iterable's iterator method gave. */
class Iteration {
	readonly iterator: object;
	readonly #next: unknown;
	ended = false;

	constructor(iterable: unknown, method: unknown) {
		this.iterator = requireObject(Reflect.apply(method as Method, iterable, []));
		this.#next = read(this.iterator, 'next');
	}

	next(): unknown {
		return Reflect.apply(this.#next as Method, this.iterator, []);
	}

	/** Calls `return()` once; what it throws is dropped, since an early end has nobody to report it to. */
	return(): unknown {
		if (this.ended) return undefined;
		this.ended = true;
		try {
			const method = read(this.iterator, 'return');
			return typeof method === 'function' ? Reflect.apply(method as Method, this.iterator, []) : undefined;
		} catch {
			return undefined;
		}
	}
}

/** A synchronous iterator. */
export class SyncCursor implements Cursor {
	readonly waiting: undefined = undefined;
	readonly #iteration: Iteration;

	/** `method` is what `iterable[Symbol.iterator]` gave. */
	constructor(iterable: unknown, method: unknown) {
		this.#iteration = new Iteration(iterable, method);
	}

	next(): Step {
		const iteration = this.#iteration;
		// As in for-of, an iterator whose next() threw is not asked to return().
		iteration.ended = true;
		const step = toStep(iteration.next());
		iteration.ended = step.done;
		return step;
	}

	async close(): Promise<void> {
		this.#iteration.return();
	}
}

/** An asynchronous iterator; one `next()` is under way at a time, so the consumer sets the pace. */
export class AsyncCursor implements Cursor {
	waiting: Promise<void> | undefined = undefined;
	readonly #iteration: Iteration;
	readonly #iterable: unknown;
	#answer: { readonly result: unknown } | { readonly error: unknown } | undefined;

	/** `method` is what `iterable[Symbol.asyncIterator]` gave. */
	constructor(iterable: unknown, method: unknown) {
		this.#iterable = iterable;
		this.#iteration = new Iteration(iterable, method);
	}

	next(): Step | undefined {
		const answer = this.#answer;
		if (answer === undefined) {
			if (this.waiting === undefined) this.#ask();
			return undefined;
		}
		this.#answer = undefined;
		const iteration = this.#iteration;
		iteration.ended = true;
		if ('error' in answer) throw answer.error;
		const step = toStep(answer.result);
		iteration.ended = step.done;
		return step;
	}

	#ask(): void {
		const iteration = this.#iteration;
		iteration.ended = true;
		const pending = Promise.resolve(iteration.next());
		iteration.ended = false;
		this.waiting = pending.then(
			(result) => this.#settle({ result }),
			(error: unknown) => this.#settle({ error }),
		);
	}

	#settle(answer: { readonly result: unknown } | { readonly error: unknown }): void {
		this.#answer = answer;
		this.waiting = undefined;
	}

	async close(): Promise<void> {
		const pending = this.waiting !== undefined;
		const answer = this.#answer;
		if (answer !== undefined && 'error' in answer) this.#iteration.ended = true;
		const returned = this.#iteration.return();
		if (pending) {
			// return() waits behind next(), which a stalled stream never answers: take the stream itself down.
			destroyStream(this.#iterable);
			// Answered in its own time, when nobody waits for it any more.
			Promise.resolve(returned).catch(() => undefined);
			return;
		}
		try {
			await returned;
		} catch {
			// As above: nobody to report it to.
		}
	}
}

/** Destroys a Node stream, found by its methods. */
function destroyStream(source: unknown): void {
	if (typeof source !== 'object' || source === null) return;
	const { destroy, pipe } = source as { destroy?: unknown; pipe?: unknown };
	if (typeof destroy === 'function' && typeof pipe === 'function') Reflect.apply(destroy as Method, source, []);
}
