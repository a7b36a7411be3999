/**
 * Calls that may take as long as the disk takes, syncs and large writes, and the threads that make them: all of libuv's pool
 * but one, which is left to the rest of the process, and for syncs threads of our own where that is too few.
 */
import fs from 'node:fs';
import { capacityOf, localScope, sharedPart } from '../shared-state.ts';
import type { SyncKind, SyncThread } from './sync-thread.ts';
import { SyncThreads } from './sync-threads.ts';

/** Of a call of `node:fs`. */
export type Callback<T> = (error: Error | null, result?: T) => void;

interface Call {
	/** Makes it: in this thread of our own, or in the pool. */
	readonly begin: (thread?: SyncThread) => void;
	readonly isSync: boolean;
}

class LongCalls {
	readonly #capacity = capacityOf(localScope);
	/** Threads of the pool. */
	#free = this.#capacity.longCalls;
	/** In the order of their calls. */
	readonly #waiting: Call[] = [];
	readonly #threads = new SyncThreads((change) => {
		this.#capacity.change(change);
		this.#beginWaiting();
	});

	/** Makes a call in the pool as soon as there is a thread for it. */
	inPool<T>(begin: (callback: Callback<T>) => void, callback: Callback<T>): void {
		const end: Callback<T> = (error, result) => {
			this.#free += 1;
			this.#beginWaiting();
			callback(error, result);
		};
		this.#add(false, () => beginOrFail(begin, end));
	}

	/** Syncs a descriptor, which must stay open meanwhile, as soon as there is a thread for it. */
	sync(kind: SyncKind, fd: number, callback: Callback<void>): void {
		const calledMs = performance.now();
		this.#add(true, (thread) => {
			const begunMs = performance.now();
			const end: Callback<void> = (error) => {
				if (thread === undefined) this.#free += 1;
				else this.#threads.give(thread);
				this.#threads.synced(begunMs - calledMs, performance.now() - begunMs);
				this.#beginWaiting();
				callback(error);
			};
			if (thread === undefined) beginOrFail((callback) => fs[kind](fd, callback), end);
			else thread.sync(kind, fd, end);
		});
	}

	#add(isSync: boolean, begin: Call['begin']): void {
		this.#waiting.push({ begin, isSync });
		this.#beginWaiting();
	}

	#beginWaiting(): void {
		while (this.#free > 0) {
			const call = this.#waiting.shift();
			if (call === undefined) return;
			this.#free -= 1;
			call.begin();
		}
		for (;;) {
			const at = this.#waiting.findIndex(({ isSync }) => isSync);
			const [call, thread] = [this.#waiting[at], at < 0 ? undefined : this.#threads.take()];
			if (call === undefined || thread === undefined) return;
			this.#waiting.splice(at, 1);
			call.begin(thread);
		}
	}
}

/** Begins a call in the pool. Node's permission model refuses one by throwing, before it comes there. */
export function beginOrFail<T>(begin: (callback: Callback<T>) => void, callback: Callback<T>): void {
	try {
		begin(callback);
	} catch (error) {
		callback(error as Error);
	}
}

export const longCalls: LongCalls = sharedPart(localScope, 'long-calls', () => new LongCalls());
