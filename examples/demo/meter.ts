/** Measures what a task costs this process: time, memory over the start, the longest hold of the event loop. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Cost {
	readonly seconds: number;
	readonly peakMemoryBytes: number;
	readonly worstLoopDelayMs: number;
}

const SAMPLE_MS = 10;
/** The histogram holds the time between two of its own timers, so its resolution is part of each value. */
const RESOLUTION_MS = 1;

export class Meter {
	readonly #start = settledMemory();
	readonly #startedMs = performance.now();
	readonly #loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
	readonly #sampler = setInterval(() => this.#sample(), SAMPLE_MS);
	#peakBytes = 0;

	constructor() {
		this.#loopDelay.enable();
	}

	stop(): Cost {
		this.#sample();
		clearInterval(this.#sampler);
		this.#loopDelay.disable();
		return {
			seconds: (performance.now() - this.#startedMs) / 1000,
			peakMemoryBytes: this.#peakBytes,
			worstLoopDelayMs: Math.max(0, this.#loopDelay.max / 1e6 - RESOLUTION_MS),
		};
	}

	/** The growth of what is in use, or of what the system has given: room left from before hides the latter. */
	#sample(): void {
		const { inUseBytes, residentBytes } = memory();
		const growthBytes = Math.max(inUseBytes - this.#start.inUseBytes, residentBytes - this.#start.residentBytes);
		this.#peakBytes = Math.max(this.#peakBytes, growthBytes);
	}
}

interface Memory {
	readonly inUseBytes: number;
	readonly residentBytes: number;
}

function memory(): Memory {
	const { heapUsed, external, rss } = process.memoryUsage();
	return { inUseBytes: heapUsed + external, residentBytes: rss };
}

/** Memory without garbage: what was there to be collected would hide what the task adds. */
function settledMemory(): Memory {
	setFlagsFromString('--expose-gc');
	const collectGarbage: () => void = runInNewContext('gc');
	collectGarbage();
	return memory();
}
