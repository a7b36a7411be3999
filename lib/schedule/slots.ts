/** Commit slots: how many commits work at a time. */
import PQueue from 'p-queue';
import type { InSlot } from '../commit/write-document.ts';
import { sharedPart } from '../shared-state.ts';

/** Threads of libuv's pool: 4 unless UV_THREADPOOL_SIZE says otherwise, which is read once, at the first use of the pool. */
const POOL_THREADS = Math.min(1024, Math.max(1, Math.trunc(Number(process.env['UV_THREADPOOL_SIZE'])) || 4));

/** An fsync holds its thread for as long as the disk takes; the last thread is left to the rest of the process. */
const MAX_COMMITS = Math.max(1, POOL_THREADS - 1);

/** The slots of a scope, which all writers share; `concurrency` bounds one writer further. */
export function commitSlots(scope: object, concurrency: number | undefined): InSlot {
	const shared = sharedPart(scope, 'slots', () => new PQueue({ concurrency: MAX_COMMITS }));
	if (concurrency === undefined || concurrency >= MAX_COMMITS) return (job) => shared.add(job);
	const own = new PQueue({ concurrency });
	return (job) => own.add(() => shared.add(job));
}
