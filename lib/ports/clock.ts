/** The clock port: time and timers, so that tests can do without real time. Interfaces only. */
export interface Clock {
	/** Milliseconds since 1970: for names and ages of files. May jump. */
	epochMs(): number;
	/** Milliseconds from an arbitrary start, never backwards: for durations. */
	monotonicMs(): number;
	/** Calls `callback` once, after `delayMs`. @returns a function that cancels it. */
	schedule(delayMs: number, callback: () => void): () => void;
}
