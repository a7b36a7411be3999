/** What is known of the past commits of a path: strategies that leave pauses ask for it. */
import type { Milliseconds } from '../types.ts';
import type { PendingWrites } from './strategy.ts';

/** How much the newest commit counts in the smoothed cost. */
const NEWEST_WEIGHT = 0.25;

/** Paths remembered while they are idle. One that is forgotten commits its next value at once. */
const MAX_REMEMBERED = 10_000;

export class CommitHistory implements Pick<PendingWrites, 'lastStartMs' | 'lastEndMs' | 'commitMs'> {
	lastStartMs: Milliseconds | undefined;
	lastEndMs: Milliseconds | undefined;
	commitMs: Milliseconds | undefined;

	add(startMs: Milliseconds, endMs: Milliseconds): void {
		const tookMs = endMs - startMs;
		this.lastStartMs = startMs;
		this.lastEndMs = endMs;
		this.commitMs = this.commitMs === undefined ? tookMs : this.commitMs + NEWEST_WEIGHT * (tookMs - this.commitMs);
	}
}

/** The histories of a writer's idle paths, for as long as they matter. */
export class IdleHistories {
	readonly #histories = new Map<string, { readonly history: CommitHistory; readonly untilMs: Milliseconds }>();

	take(path: string): CommitHistory | undefined {
		const kept = this.#histories.get(path);
		this.#histories.delete(path);
		return kept?.history;
	}

	/** @param untilMs from when on the history makes no difference */
	keep(path: string, history: CommitHistory, untilMs: Milliseconds, nowMs: Milliseconds): void {
		this.#histories.set(path, { history, untilMs });
		for (const [oldest, kept] of this.#histories) {
			if (kept.untilMs > nowMs && this.#histories.size <= MAX_REMEMBERED) break;
			this.#histories.delete(oldest);
		}
	}
}
