/** Listening to abort signals that outlive what listens. */

/** Who listens to a signal, by one listener: one for each call would make Node warn of a leak from the eleventh on. */
class Listeners {
	readonly #signal: AbortSignal;
	readonly #callbacks = new Set<() => void>();

	constructor(signal: AbortSignal) {
		this.#signal = signal;
		signal.addEventListener('abort', this.#callAll, { once: true });
	}

	add(callback: () => void): () => void {
		this.#callbacks.add(callback);
		return () => {
			if (!this.#callbacks.delete(callback) || this.#callbacks.size > 0) return;
			this.#signal.removeEventListener('abort', this.#callAll);
			bySignal.delete(this.#signal);
		};
	}

	readonly #callAll = (): void => {
		bySignal.delete(this.#signal);
		for (const callback of this.#callbacks) callback();
	};
}

const bySignal = new WeakMap<AbortSignal, Listeners>();

/** Calls back when the signal is aborted; at once where it is already. @returns a function that ends it. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
	if (signal.aborted) {
		callback();
		return () => undefined;
	}
	let listeners = bySignal.get(signal);
	if (listeners === undefined) {
		listeners = new Listeners(signal);
		bySignal.set(signal, listeners);
	}
	return listeners.add(callback);
}
