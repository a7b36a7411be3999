/**
 * What every writer of this process shares, also where several copies of the library are loaded. A room asks for its part
 * by name; what it keeps there must stay readable to every copy with the same version in the symbol.
 */

interface SharedState {
	lastSequence: number;
	readonly scopes: WeakMap<object, Map<string, unknown>>;
	/** The scope of the real disk. */
	readonly localScope: object;
}

const symbol = Symbol.for('durable-json.shared-state@1');
const holder = globalThis as { [symbol]?: SharedState };
holder[symbol] ??= { lastSequence: 0, scopes: new WeakMap(), localScope: {} };
const state: SharedState = holder[symbol];

/** Threads of libuv's pool: 4 unless UV_THREADPOOL_SIZE says otherwise, which is read once, at the first use of the pool. */
const POOL_THREADS = Math.min(1024, Math.max(1, Math.trunc(Number(process.env['UV_THREADPOOL_SIZE'])) || 4));

/** The scope that all ports over the real disk share. */
export const localScope: object = state.localScope;

/** The next place in the order of this process's writes. */
export function nextSequence(): number {
	state.lastSequence += 1;
	return state.lastSequence;
}

/** What a room keeps for one scope of paths; made by `create` at the first call. */
export function sharedPart<T extends object>(scope: object, name: string, create: () => T): T {
	let parts = state.scopes.get(scope);
	if (parts === undefined) {
		parts = new Map();
		state.scopes.set(scope, parts);
	}
	let part = parts.get(name) as T | undefined;
	if (part === undefined) {
		part = create();
		parts.set(name, part);
	}
	return part;
}

/**
 * How many long calls of commits may be under way at a time: an fsync, or a write that has to wait for the disk, holds a thread
 * for as long as that takes. One of libuv's is left to the rest of the process.
 */
export class Capacity {
	#longCalls = Math.max(1, POOL_THREADS - 1);
	readonly #listeners: ((longCalls: number) => void)[] = [];

	get longCalls(): number {
		return this.#longCalls;
	}

	/** Where threads are added to those of the pool, or taken away again. */
	change(by: number): void {
		this.#longCalls += by;
		for (const listener of this.#listeners) listener(this.#longCalls);
	}

	onChange(listener: (longCalls: number) => void): void {
		this.#listeners.push(listener);
	}
}

export function capacityOf(scope: object): Capacity {
	return sharedPart(scope, 'capacity', () => new Capacity());
}
