/** Measures what a task costs this process: time, memory over the start, the longest hold of the event loop. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

export interface Cost {
	readonly seconds: number;
	readonly peakMemoryBytes: number;
	readonly worstLoopDelayMs: number;
}

const SAMPLE_MS = 10;
/** The histogram holds the time between two of its own timers, so its resolution is part of each value. */
const RESOLUTION_MS = 1;

export class Meter {
	readonly #startedMs = performance.now();
	readonly #startBytes = process.memoryUsage.rss();
	readonly #loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
	readonly #sampler = setInterval(() => this.#sample(), SAMPLE_MS);
	#peakBytes = this.#startBytes;

	constructor() {
		this.#loopDelay.enable();
	}

	stop(): Cost {
		this.#sample();
		clearInterval(this.#sampler);
		this.#loopDelay.disable();
		return {
			seconds: (performance.now() - this.#startedMs) / 1000,
			peakMemoryBytes: this.#peakBytes - this.#startBytes,
			worstLoopDelayMs: Math.max(0, this.#loopDelay.max / 1e6 - RESOLUTION_MS),
		};
	}

	#sample(): void {
		this.#peakBytes = Math.max(this.#peakBytes, process.memoryUsage.rss());
	}
}
