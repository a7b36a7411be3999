/** What a writer counts: {@link WriterStats} is a copy of it. */
import { createHistogram } from 'node:perf_hooks';
import type { Bytes, Milliseconds } from '../types.ts';

/** A distribution of durations since the writer was made. All are 0 where nothing was counted. */
export interface DurationSummary {
	readonly count: number;
	/** Half of them were at most so long; p50, p99 and max are exact to two figures. */
	readonly p50Ms: Milliseconds;
	readonly p99Ms: Milliseconds;
	readonly maxMs: Milliseconds;
}

const LONGEST_MS = 3_600_000;

/** In steps of a microsecond, up to an hour; its size does not grow. */
class Durations {
	readonly #histogram = createHistogram({ lowest: 1, highest: LONGEST_MS * 1000, figures: 2 });

	add(durationMs: Milliseconds): void {
		this.#histogram.record(Math.max(1, Math.round(Math.min(durationMs, LONGEST_MS) * 1000)));
	}

	summary(): DurationSummary {
		const { count, max } = this.#histogram;
		if (count === 0) return { count, p50Ms: 0, p99Ms: 0, maxMs: 0 };
		const ms = (percentile: number): number => this.#histogram.percentile(percentile) / 1000;
		return { count, p50Ms: ms(50), p99Ms: ms(99), maxMs: max / 1000 };
	}
}

/** Of the calls. */
export class CallCounters {
	calls = 0;
	/** By a full queue. */
	refused = 0;
	superseded = 0;
	failures = 0;
	/** Calls not settled yet. */
	pending = 0;
	/** Values that no commit has begun to read. */
	queuedValues = 0;
	queuedBytes: Bytes = 0;
}

/** Of the commits. */
export class CommitCounters {
	commits = 0;
	bytes: Bytes = 0;
	fileSyncs = 0;
	directorySyncs = 0;
	retries = 0;
	/** From a commit's start to its end. */
	readonly durations: Durations = new Durations();
	/** From the oldest call that a commit answers to its end. */
	readonly staleness: Durations = new Durations();
}
