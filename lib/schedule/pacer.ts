/** Holds a path's waiting batch until its strategy lets it go. */
import type { Clock } from '../ports/clock.ts';
import type { Batch } from './batch.ts';
import { CommitHistory, type IdleHistories } from './commit-history.ts';
import { commitTimeMs, type PendingWrites, type Strategy } from './strategy.ts';

export interface PacerContext {
	readonly ports: { readonly clock: Clock };
	readonly histories: IdleHistories;
	/** The strategy for a path. */
	readonly strategyFor: (path: string) => Strategy;
	/** Told of a strategy that throws, or whose answer is no time; the batch goes at once. */
	readonly onError: (error: unknown) => void;
}

export class Pacer {
	readonly #path: string;
	readonly #strategy: Strategy;
	readonly #clock: Clock;
	readonly #onError: (error: unknown) => void;
	readonly #histories: IdleHistories;
	/** Taken when it is asked for first: a lane may be made for a call that never enters it. */
	#known: CommitHistory | undefined;
	/** The batch that is being held, and what lets it go. */
	#held: { readonly batch: Batch; readonly release: () => void } | undefined;
	#timer: { readonly dueMs: number; readonly cancel: () => void } | undefined;
	/** Has `onError` been told of the strategy, for what the path has had to do? */
	#told = false;
	/** Those that wait and are not to be held, nor what is before them. */
	readonly #hurried = new Set<Batch>();

	constructor(path: string, { ports, strategyFor, histories, onError }: PacerContext) {
		this.#path = path;
		this.#strategy = strategyFor(path);
		this.#clock = ports.clock;
		// Later: it may call the writer, which is in the midst of asking.
		this.#onError = (error) => queueMicrotask(() => onError(error));
		this.#histories = histories;
	}

	get #history(): CommitHistory {
		this.#known ??= this.#histories.take(this.#path) ?? new CommitHistory();
		return this.#known;
	}

	/** May newer values stand in for this path's waiting ones? */
	get merges(): boolean {
		return this.#strategy.merges ?? true;
	}

	/** @returns undefined where the batch may go at once, else what resolves when it may. */
	hold(batch: Batch): Promise<void> | undefined {
		if (this.#isDue(batch)) return undefined;
		return new Promise((resolve) => {
			const release = (): void => {
				this.#timer?.cancel();
				this.#timer = undefined;
				this.#held = undefined;
				resolve();
			};
			this.#held = { batch, release };
			this.#look();
		});
	}

	/** The batch that is held has changed: calls have joined or left. */
	changed(): void {
		if (this.#held !== undefined) this.#look();
	}

	/** This batch, which waits, and those before it are not held any more. */
	hurry(batch: Batch): void {
		this.#hurried.add(batch);
		this.changed();
	}

	/** The batch does not wait any more. */
	over(batch: Batch): void {
		this.#hurried.delete(batch);
	}

	/** A commit of the path is over. */
	committed(startMs: number): void {
		this.#history.add(startMs, this.#clock.monotonicMs());
	}

	/** The path has nothing left to do: leaves its history behind where that makes a difference to the next call. */
	rest(): void {
		if (this.#history.lastEndMs === undefined) return;
		const nowMs = this.#clock.monotonicMs();
		const next = { oldestMs: nowMs, newestMs: nowMs, size: 1 };
		try {
			const untilMs = commitTimeMs(this.#strategy, pendingOf(next, this.#history), nowMs);
			const without = commitTimeMs(this.#strategy, pendingOf(next, NO_HISTORY), nowMs);
			if (untilMs > nowMs && untilMs !== without) this.#histories.keep(this.#path, this.#history, untilMs, nowMs);
		} catch (error) {
			if (!this.#told) this.#onError(error);
		}
	}

	#isDue(batch: Batch): boolean {
		const nowMs = this.#clock.monotonicMs();
		return this.#dueMs(batch, nowMs) <= nowMs;
	}

	/** One reading of the clock for the question and the answer: a strategy may answer with the time it was given. */
	#dueMs(batch: Batch, nowMs: number): number {
		// Nothing is gained by keeping a removal, or what nobody waits for any more.
		if (this.#hurried.size > 0 || batch.removes || batch.size === 0) return 0;
		return this.#ask(pendingOf(batch, this.#history), nowMs);
	}

	#ask(pending: PendingWrites, nowMs: number): number {
		try {
			return commitTimeMs(this.#strategy, pending, nowMs);
		} catch (error) {
			this.#told = true;
			this.#onError(error);
			return nowMs;
		}
	}

	/** Lets the batch go, or sees to it that it is looked at again when its time has come. */
	#look(): void {
		if (this.#held === undefined) return;
		const { batch, release } = this.#held;
		const nowMs = this.#clock.monotonicMs();
		const dueMs = this.#dueMs(batch, nowMs);
		if (dueMs <= nowMs) {
			release();
			return;
		}
		// A timer that comes too early looks again: cheaper than a new one for each call that joins.
		if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
		this.#timer?.cancel();
		const cancel = this.#clock.schedule(dueMs - nowMs, () => {
			this.#timer = undefined;
			this.#look();
		});
		this.#timer = { dueMs, cancel };
	}
}

const NO_HISTORY = new CommitHistory();

function pendingOf(
	{ oldestMs, newestMs, size }: Pick<Batch, 'oldestMs' | 'newestMs' | 'size'>,
	{ lastStartMs, lastEndMs, commitMs }: CommitHistory,
): PendingWrites {
	return { oldestMs, newestMs, writes: size, lastStartMs, lastEndMs, commitMs };
}
