/** The real clock. */
import type { Clock } from '../ports/clock.ts';

/** What setTimeout can wait for; a longer delay would be 1 ms. Who waits for more looks again then. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
	epochMs: () => Date.now(),
	monotonicMs: () => performance.now(),
	schedule(delayMs, callback) {
		const timer = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS));
		return () => clearTimeout(timer);
	},
};
