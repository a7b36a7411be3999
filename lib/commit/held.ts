/**
 * Files that another program has open: a virus scanner, an indexer, an editor. On Windows they cannot be renamed over, and
 * some not opened, renamed or removed. The hold is mostly short, so what it keeps from being done is tried again.
 */

import { retryChannel } from '../diagnostics.ts';
import { codeOf, type Step } from '../errors.ts';
import type { Awaitable } from '../ports/file-system.ts';
import { jitter } from './jitter.ts';
import type { CommitPorts } from './temp-file.ts';

const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** First pause, growth and longest pause of the repetition, and how long it goes on. */
const FIRST_PAUSE_MS = 2;
const PAUSE_GROWTH = 1.7;
const MAX_PAUSE_MS = 60;
const BUDGET_MS = 2000;

/** May this error mean that another program has the file open? */
export function isHeld(error: unknown): boolean {
	return HELD.has(codeOf(error) ?? '');
}

export interface Attempt {
	readonly path: string;
	readonly step: Step;
	/** Asked before each attempt; what it throws ends them. */
	readonly check?: (() => void) | undefined;
	/** How long it is tried again. Default: two seconds. */
	readonly budgetMs?: number | undefined;
}

/**
 * Runs `action`, on Windows again and again while it fails like one on a file that is held. Elsewhere such
 * an error stays what it is. Rejects with the last error.
 */
export async function whileHeld<T>(
	{ fileSystem, clock }: CommitPorts,
	{ path, step, check, budgetMs = BUDGET_MS }: Attempt,
	action: () => Awaitable<T>,
): Promise<T> {
	const startMs = clock.monotonicMs();
	let pauseMs = FIRST_PAUSE_MS;
	for (let attempt = 1; ; attempt++) {
		check?.();
		try {
			return await action();
		} catch (error) {
			if (fileSystem.semantics === 'posix' || !isHeld(error) || clock.monotonicMs() - startMs >= budgetMs) throw error;
			const delayMs = Math.min(MAX_PAUSE_MS, pauseMs) * (0.5 + jitter(fileSystem));
			if (retryChannel.hasSubscribers) retryChannel.publish({ path, step, error, attempt, delayMs });
			await new Promise<void>((resolve) => clock.schedule(delayMs, resolve));
			pauseMs *= PAUSE_GROWTH;
		}
	}
}

/** So often, and with such pauses, it is tried where the event loop is held. */
const SYNC_ATTEMPTS = 10;
const SYNC_PAUSE_MS = 10;

/** {@link whileHeld}, holding the event loop, for a tenth of a second. */
export function whileHeldSync<T>({ fileSystem }: Pick<CommitPorts, 'fileSystem'>, action: () => T): T {
	for (let attempt = 1; ; attempt++) {
		try {
			return action();
		} catch (error) {
			if (fileSystem.semantics === 'posix' || !isHeld(error) || attempt === SYNC_ATTEMPTS) throw error;
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SYNC_PAUSE_MS);
		}
	}
}
