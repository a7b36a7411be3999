/** A clock that stands still until a test moves it. */
import type { Clock } from '../ports/clock.ts';
import { checkMilliseconds, requireFunction } from './arguments.ts';

interface Timer {
	readonly dueMs: number;
	readonly callback: () => void;
}

/** Time and timers under a test's control. Timers run only inside {@link ManualClock.advance}. */
export class ManualClock implements Clock {
	#epochMs: number;
	#monotonicMs = 0;
	readonly #timers = new Set<Timer>();

	/** @param epochMs milliseconds since 1970 at the start */
	constructor(epochMs: number = Date.UTC(2026, 0, 1)) {
		checkMilliseconds('epochMs', epochMs);
		this.#epochMs = epochMs;
	}

	/** Whole milliseconds, as `Date.now` tells them. */
	epochMs(): number {
		return Math.floor(this.#epochMs);
	}

	monotonicMs(): number {
		return this.#monotonicMs;
	}

	schedule(delayMs: number, callback: () => void): () => void {
		checkMilliseconds('delayMs', delayMs);
		requireFunction('callback', callback);
		const timer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback };
		this.#timers.add(timer);
		return () => {
			this.#timers.delete(timer);
		};
	}

	/** How long until the next timer is due; undefined where none is set. */
	get nextTimerMs(): number | undefined {
		const next = this.#next();
		return next === undefined ? undefined : next.dueMs - this.#monotonicMs;
	}

	/**
	 * Moves the time on and fires what falls due on the way, in the order of the due times, first scheduled first; each
	 * callback sees the time that it was due at, and what it schedules may fire in the same call.
	 */
	advance(durationMs: number): void {
		checkMilliseconds('durationMs', durationMs, 0);
		const endMs = this.#monotonicMs + durationMs;
		for (let timer = this.#next(); timer !== undefined && timer.dueMs <= endMs; timer = this.#next()) {
			this.#moveTo(timer.dueMs);
			this.#timers.delete(timer);
			timer.callback();
		}
		this.#moveTo(endMs);
	}

	/** Sets the wall clock, as a user or NTP may. Timers and the monotonic time do not notice. */
	setEpochMs(epochMs: number): void {
		checkMilliseconds('epochMs', epochMs);
		this.#epochMs = epochMs;
	}

	#next(): Timer | undefined {
		let next: Timer | undefined;
		for (const timer of this.#timers) if (next === undefined || timer.dueMs < next.dueMs) next = timer;
		return next;
	}

	#moveTo(monotonicMs: number): void {
		this.#epochMs += monotonicMs - this.#monotonicMs;
		this.#monotonicMs = monotonicMs;
	}
}
