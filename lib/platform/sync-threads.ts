/**
 * Threads of our own for syncs. They are started, one after the other, where syncs wait for a thread while the event loop waits
 * for the disk, and stopped when they have had nothing to do for a while.
 *
 * On a disk whose syncs take 2 ms each, the three threads of libuv's pool that commits may use make 1,500 syncs a second at
 * most, while the disk would make several times as many together (group commit of its journal). UV_THREADPOOL_SIZE is not a
 * library's to set. Where the event loop is busy, as beside a fast disk, more threads would only take its processor.
 */
import { AsyncResource } from 'node:async_hooks';
import { type EventLoopUtilization, performance } from 'node:perf_hooks';
import { setTimeout } from 'node:timers';
import { SyncThread } from './sync-thread.ts';

/** With so many, syncs of 2 ms leave the event loop hardly anything to wait for. */
export const MAX_SYNC_THREADS = 8;
/** How long is watched until another one is started. */
const WINDOW_MS = 200;
/** So many syncs must have waited all that time, on average, */
const MIN_WAITING = 1;
/** the quickest have taken so long, until the event loop came to it, */
const MIN_SYNC_MS = 1;
/** and the event loop have been busy for no more of it than this. */
const MAX_BUSY = 0.7;
const IDLE_MS = 5000;

/** A thread belongs to no call: it must not keep the asynchronous context of the one that it was started for. */
const nobodysContext = new AsyncResource('durable-json.threads');

export class SyncThreads {
	readonly #onCount: (change: number) => void;
	/** The one used last at the end. */
	#idle: { readonly thread: SyncThread; readonly sinceMs: number }[] = [];
	#count = 0;
	#starting = false;
	/** True where the process may have none, or they do not last. */
	#impossible = false;
	#windowSinceMs = 0;
	/** Of all syncs in the window. */
	#waitedMs = 0;
	#quickestMs = Number.POSITIVE_INFINITY;
	#utilization: EventLoopUtilization | undefined;
	#stopTimer: NodeJS.Timeout | undefined;

	/** @param onCount told when there is one more or one fewer: by 1 or -1 */
	constructor(onCount: (change: number) => void) {
		this.#onCount = onCount;
	}

	/** A thread that has nothing to do, to be given back. */
	take(): SyncThread | undefined {
		return this.#idle.pop()?.thread;
	}

	give(thread: SyncThread): void {
		if (!thread.hasEnded) this.#idle.push({ thread, sinceMs: performance.now() });
	}

	/** Notes how long a sync has waited for its thread and then taken; starts another thread where that would help. */
	synced(waitedMs: number, tookMs: number): void {
		this.#waitedMs += waitedMs;
		this.#quickestMs = Math.min(this.#quickestMs, tookMs);
		const nowMs = performance.now();
		const windowMs = nowMs - this.#windowSinceMs;
		if (windowMs < WINDOW_MS) return;
		const wanted = this.#waitedMs >= MIN_WAITING * windowMs && this.#quickestMs >= MIN_SYNC_MS;
		const before = this.#utilization;
		this.#utilization = performance.eventLoopUtilization();
		this.#windowSinceMs = nowMs;
		this.#waitedMs = 0;
		this.#quickestMs = Number.POSITIVE_INFINITY;
		if (!wanted || before === undefined || this.#starting || this.#impossible) return;
		if (this.#count === MAX_SYNC_THREADS) return;
		if (performance.eventLoopUtilization(this.#utilization, before).utilization <= MAX_BUSY)
			nobodysContext.runInAsyncScope(() => this.#start());
	}

	#start(): void {
		this.#starting = true;
		let ready = false;
		const onReady = (): void => {
			this.#starting = false;
			ready = true;
			this.give(thread);
			this.#changeCount(1);
			this.#watchIdle();
		};
		// None does. It would be the same with the next.
		const onLost = (): void => {
			this.#impossible = true;
			this.#starting = false;
			this.#idle = this.#idle.filter((idle) => idle.thread !== thread);
			if (ready) this.#changeCount(-1);
		};
		let thread: SyncThread;
		try {
			thread = new SyncThread({ onReady, onLost });
		} catch {
			// Without the right to workers (ERR_ACCESS_DENIED of Node's permission model), the pool makes all calls.
			onLost();
		}
	}

	#changeCount(by: number): void {
		this.#count += by;
		this.#onCount(by);
	}

	#watchIdle(): void {
		if (this.#count > 0) this.#stopTimer ??= setTimeout(() => this.#stopIdle(), IDLE_MS).unref();
	}

	#stopIdle(): void {
		this.#stopTimer = undefined;
		const latestMs = performance.now() - IDLE_MS;
		const tired = this.#idle.filter(({ sinceMs }) => sinceMs <= latestMs);
		this.#idle = this.#idle.filter(({ sinceMs }) => sinceMs > latestMs);
		for (const { thread } of tired) {
			thread.stop();
			this.#changeCount(-1);
		}
		this.#watchIdle();
	}
}
