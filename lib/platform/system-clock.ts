/** The real clock. */
import type { Clock } from '../ports/clock.ts';

export const systemClock: Clock = {
	epochMs: () => Date.now(),
	monotonicMs: () => performance.now(),
	schedule(delayMs, callback) {
		const timer = setTimeout(callback, delayMs);
		return () => clearTimeout(timer);
	},
};
