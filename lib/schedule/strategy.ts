/** When a path's waiting value is committed: what a strategy is asked, and how its answer is bounded. */
import { types } from 'node:util';
import { invalidArgument } from '../errors.ts';
import type { Milliseconds } from '../types.ts';

/** The calls of one path that wait for a commit, and what is known of the commits before. Times are monotonic. */
export interface PendingWrites {
	/** When the oldest call that waits was made. */
	readonly oldestMs: Milliseconds;
	/** When the newest call that waits was made. */
	readonly newestMs: Milliseconds;
	/** How many calls wait. */
	readonly writes: number;
	/** When the last commit of the path began; undefined where none is remembered. */
	readonly lastStartMs: Milliseconds | undefined;
	/** When it ended. */
	readonly lastEndMs: Milliseconds | undefined;
	/** What a commit of the path takes, smoothed over the last few. */
	readonly commitMs: Milliseconds | undefined;
}

/**
 * Decides when the value that waits for a path is committed. A pure function: it is asked at a call, and again when more
 * calls have joined or the time that it gave has come; and for a call that might come, when nothing waits any more.
 *
 * @returns the time, on the clock of `pending` and `nowMs`, from which the value is to be committed; one that is not
 * after `nowMs` means at once.
 */
export interface Strategy {
	(pending: PendingWrites, nowMs: Milliseconds): Milliseconds;
	/** False: each value is written, in order, and none stands in for another. @defaultValue `true` */
	readonly merges?: boolean | undefined;
	/**
	 * The hard bound, kept whatever the function returns: a commit starts at the latest so long after the oldest call that
	 * waits, or when the commit under way then has ended.
	 * @defaultValue 10,000
	 */
	readonly maxWaitMs?: Milliseconds | undefined;
}

const DEFAULT_MAX_WAIT_MS = 10_000;

/** Makes a strategy of a function and its bounds. */
export function strategy(decide: Strategy, bounds: Pick<Strategy, 'merges' | 'maxWaitMs'>): Strategy {
	return Object.assign(decide, bounds);
}

/** When to commit, kept within the strategy's bound. Throws what the strategy throws, and on an answer that is no time. */
export function commitTimeMs(decide: Strategy, pending: PendingWrites, nowMs: Milliseconds): Milliseconds {
	const answer = decide(pending, nowMs);
	if (typeof answer !== 'number' || Number.isNaN(answer)) {
		leaveAlone(answer);
		throw invalidArgument('what options.strategy returns', 'a time in milliseconds', answer);
	}
	return Math.min(answer, pending.oldestMs + (decide.maxWaitMs ?? DEFAULT_MAX_WAIT_MS));
}

/** An asynchronous function in the place of one that decides at once: what becomes of its promise must not end the process. */
export function leaveAlone(answer: unknown): void {
	if (types.isPromise(answer)) answer.catch(() => undefined);
}
