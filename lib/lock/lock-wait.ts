/** How long somebody waits for a lock, and what ends the wait. */
import { onAbort } from '../abort.ts';
import { DurableJsonError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Milliseconds } from '../types.ts';

export interface LockWaitOptions {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	readonly timeoutMs: Milliseconds;
	readonly signal?: AbortSignal | undefined;
}

export class LockWait {
	readonly #clock: Clock;
	readonly #options: LockWaitOptions;
	readonly #deadlineMs: Milliseconds;

	constructor(clock: Clock, options: LockWaitOptions) {
		this.#clock = clock;
		this.#options = options;
		this.#deadlineMs = clock.monotonicMs() + options.timeoutMs;
	}

	get path(): string {
		return this.#options.path;
	}

	/** Has the time run out? Throws the signal's reason. */
	get isOver(): boolean {
		this.#options.signal?.throwIfAborted();
		return this.#clock.monotonicMs() >= this.#deadlineMs;
	}

	/** @param holder who has the lock, in words */
	timeout(holder: string): DurableJsonError {
		const { path, timeoutMs } = this.#options;
		const message = `${path} is locked by ${holder}: waited ${timeoutMs} ms`;
		return new DurableJsonError('ERR_LOCK_TIMEOUT', message, { path, step: 'lock' });
	}

	/** Pauses, not beyond the end of the wait; an abort ends the pause. */
	async pause(pauseMs: Milliseconds): Promise<void> {
		const untilMs = Math.min(pauseMs, this.#deadlineMs - this.#clock.monotonicMs());
		await this.#race(untilMs, () => undefined);
	}

	/**
	 * Waits for `acquiring` as long as the wait lasts. What comes later is handed to `giveBack`.
	 * Rejects with ERR_LOCK_TIMEOUT, the signal's reason, or as `acquiring` does meanwhile.
	 */
	async take<T>(acquiring: Promise<T>, giveBack: (late: T) => void): Promise<T> {
		let taken: { readonly value: T } | undefined;
		let failed: { readonly reason: unknown } | undefined;
		let over = false;
		const settled = acquiring.then(
			(value) => {
				if (over) giveBack(value);
				else taken = { value };
			},
			(reason: unknown) => {
				failed = { reason };
			},
		);
		// Most are free: no timer is made for those.
		await Promise.race([settled, new Promise(setImmediate)]);
		if (taken === undefined && failed === undefined) {
			await this.#race(this.#deadlineMs - this.#clock.monotonicMs(), (end) => void settled.then(end));
		}
		if (taken !== undefined) return taken.value;
		if (failed !== undefined) throw failed.reason;
		over = true;
		this.#options.signal?.throwIfAborted();
		throw this.timeout('another call of this process');
	}

	/** Resolves after the time, on an abort, or when `listen`'s callback is called. */
	async #race(delayMs: Milliseconds, listen: (end: () => void) => void): Promise<void> {
		const { signal } = this.#options;
		let cancel: (() => void) | undefined;
		let stopListening: (() => void) | undefined;
		await new Promise<void>((resolve) => {
			// One that never comes due is not made: setTimeout takes no more than 2 ** 31 - 1 ms.
			if (delayMs < 2 ** 31) cancel = this.#clock.schedule(Math.max(0, delayMs), resolve);
			stopListening = signal && onAbort(signal, resolve);
			listen(resolve);
		});
		cancel?.();
		stopListening?.();
	}
}
