/** When a checkpoint is made without being asked for. */
import type { Clock } from '../ports/clock.ts';
import type { Milliseconds } from '../types.ts';
import type { JournalPosition } from './scanner.ts';
import type { AutomaticCheckpoints } from './types.ts';

/** The entries take at least so much before a checkpoint is due, unless the caller says otherwise. */
const DEFAULT_BYTES = 16 * 1024 * 1024;

/** After one that failed there is none for so long. */
const RETRY_MS: Milliseconds = 10_000;

export class CheckpointRule {
	readonly #bounds: AutomaticCheckpoints | undefined;
	readonly #clock: Clock;
	/** When the oldest entry in the file was appended or replayed. */
	#oldestMs: Milliseconds | undefined;
	#notBeforeMs: Milliseconds = Number.NEGATIVE_INFINITY;

	/** @param bounds undefined: never */
	constructor(bounds: AutomaticCheckpoints | undefined, clock: Clock) {
		this.#bounds = bounds;
		this.#clock = clock;
	}

	/** There are entries in the file. */
	entriesAdded(): void {
		this.#oldestMs ??= this.#clock.monotonicMs();
	}

	/** There are none any more. */
	checkpointed(): void {
		this.#oldestMs = undefined;
	}

	/** A checkpoint that was due could not be made. */
	failed(): void {
		this.#notBeforeMs = this.#clock.monotonicMs() + RETRY_MS;
	}

	/** @param base behind the state in the file, `end` behind its last entry */
	isDue({ base, end }: { readonly base: JournalPosition; readonly end: JournalPosition }): boolean {
		const nowMs = this.#clock.monotonicMs();
		if (this.#bounds === undefined || nowMs < this.#notBeforeMs) return false;
		const { maxBytes = Math.max(DEFAULT_BYTES, base.offset), maxEntries, maxAgeMs } = this.#bounds;
		return (
			end.offset - base.offset >= maxBytes ||
			(maxEntries !== undefined && end.sequence - base.sequence >= maxEntries) ||
			(maxAgeMs !== undefined && this.#oldestMs !== undefined && nowMs - this.#oldestMs >= maxAgeMs)
		);
	}
}
