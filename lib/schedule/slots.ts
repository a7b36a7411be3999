/** Commit slots: how many commits work at a time. */
import PQueue from 'p-queue';
import type { Run } from '../commit/transfer.ts';
import type { CommitSlots } from '../commit/write-document.ts';
import { capacityOf, sharedPart } from '../shared-state.ts';

/** Twice what may sync at a time: while those wait for the disk, the next are serialised. Each holds a buffer and a file. */
const COMMITS_PER_CALL = 2;

/** So many large documents may be under way without holding a slot: each holds two buffers and a file. */
const MAX_LARGE = 8;

class Slots implements CommitSlots {
	readonly #shared: SharedSlots;
	/** Bounds one writer further. */
	readonly #own: PQueue | undefined;

	constructor(shared: SharedSlots, concurrency: number | undefined) {
		this.#shared = shared;
		if (concurrency !== undefined) this.#own = new PQueue({ concurrency });
	}

	readonly inSlot: Run = (job) => {
		const { queue } = this.#shared;
		return this.#own === undefined ? queue.add(job) : this.#own.add(() => queue.add(job));
	};

	get crowded(): boolean {
		return this.#shared.large >= MAX_LARGE;
	}

	async asLarge<T>(work: () => Promise<T>): Promise<T> {
		this.#shared.large += 1;
		try {
			return await work();
		} finally {
			this.#shared.large -= 1;
		}
	}
}

interface SharedSlots {
	readonly queue: PQueue;
	/** Large documents under way without a slot. */
	large: number;
}

/** The slots of a scope, which all writers share; `concurrency` bounds one writer further. */
export function commitSlots(scope: object, concurrency: number | undefined): CommitSlots {
	return new Slots(
		sharedPart(scope, 'slots', () => sharedSlots(scope)),
		concurrency,
	);
}

function sharedSlots(scope: object): SharedSlots {
	const capacity = capacityOf(scope);
	const queue = new PQueue({ concurrency: COMMITS_PER_CALL * capacity.longCalls });
	capacity.onChange((longCalls) => {
		queue.concurrency = COMMITS_PER_CALL * longCalls;
	});
	return { queue, large: 0 };
}
