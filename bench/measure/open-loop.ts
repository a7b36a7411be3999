/** Drivers: saves that arrive by the clock whatever becomes of those before (open loop), and saves that wait (closed). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arrival } from './statistics.ts';

/** The driver's clock; a test has its own. */
export interface DriverClock {
	now(): number;
	sleep(ms: number): Promise<unknown>;
}

const realClock: DriverClock = { now: () => performance.now(), sleep };

export interface OpenLoop {
	readonly intervalMs: number;
	readonly durationMs: number;
	/** How long to wait afterwards for what has not been acknowledged. */
	readonly drainLimitMs: number;
	save(tick: number): Promise<unknown>;
}

export interface OpenLoopResult {
	readonly arrivals: readonly Arrival[];
	readonly startMs: number;
	/** When the last save was issued. */
	readonly loadEndMs: number;
	/** When everything was acknowledged, or the limit was reached. */
	readonly endMs: number;
	/** Saves that the limit found unacknowledged. */
	readonly unsettled: number;
}

/**
 * Saves on a fixed schedule. A driver that was held up issues all that is due, in one turn of the event loop, and then
 * gives the loop its turn: no arrival is left out.
 */
export async function openLoop(load: OpenLoop, clock: DriverClock = realClock): Promise<OpenLoopResult> {
	const count = Math.floor(load.durationMs / load.intervalMs);
	const startMs = clock.now();
	const arrivals: { intendedMs: number; doneMs: number }[] = [];
	const failures: unknown[] = [];
	let settled = 0;
	const dueMs = (): number => startMs + arrivals.length * load.intervalMs;
	const issue = (): void => {
		const arrival = { intendedMs: dueMs(), doneMs: Number.POSITIVE_INFINITY };
		arrivals.push(arrival);
		load.save(arrivals.length - 1).then(
			() => {
				arrival.doneMs = clock.now();
				settled++;
			},
			(error: unknown) => failures.push(error),
		);
	};
	for (;;) {
		const nowMs = clock.now();
		while (arrivals.length < count && dueMs() <= nowMs) issue();
		if (arrivals.length === count) break;
		await clock.sleep(Math.max(0, dueMs() - clock.now()));
	}
	const loadEndMs = clock.now();
	while (settled + failures.length < count && clock.now() - loadEndMs < load.drainLimitMs) await clock.sleep(1);
	if (failures.length > 0) throw failures[0];
	return { arrivals, startMs, loadEndMs, endMs: clock.now(), unsettled: count - settled };
}

/** Tasks that save again and again, each waiting for its own save; until the time is over. */
export async function closedLoop(tasks: number, durationMs: number, save: () => Promise<unknown>): Promise<number[]> {
	const taken: number[] = [];
	const endMs = performance.now() + durationMs;
	const task = async (): Promise<void> => {
		for (let now = performance.now(); now < endMs; ) {
			await save();
			const doneMs = performance.now();
			taken.push(doneMs - now);
			now = doneMs;
		}
	};
	await Promise.all(Array.from({ length: tasks }, task));
	return taken;
}
