/** The arithmetic that the benchmark's figures rest on. */
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DriverClock, openLoop } from '../../bench/measure/open-loop.ts';
import { latencies, percentile, seededRandom, shuffled, spread, staleness } from '../../bench/measure/statistics.ts';

/** Time passes when somebody sleeps, or says so. */
function clock(): DriverClock & { pass(ms: number): void } {
	let nowMs = 1000;
	return {
		now: () => nowMs,
		pass: (ms) => {
			nowMs += ms;
		},
		// What is due in this turn of the event loop happens before time passes.
		sleep: async (ms) => {
			await setImmediate();
			nowMs += Math.max(ms, 1);
		},
	};
}

describe('percentile', () => {
	test('is the value that so many percent do not exceed', () => {
		const values = Array.from({ length: 100 }, (_, index) => 100 - index);
		expect(percentile(values, 50)).toBe(50);
		expect(percentile(values, 99)).toBe(99);
		expect(percentile(values, 100)).toBe(100);
		expect(percentile([7], 1)).toBe(7);
		expect(percentile([], 50)).toBeNaN();
	});

	test('is one of the values, and as many as asked for do not exceed it', () => {
		const some = fc.array(fc.integer(), { minLength: 1 });
		fc.assert(
			fc.property(some, fc.integer({ min: 1, max: 100 }), (values, percent) => {
				const value = percentile(values, percent);
				expect(values).toContain(value);
				expect(values.filter((other) => other <= value).length).toBeGreaterThanOrEqual((percent / 100) * values.length);
				expect(values.filter((other) => other < value).length).toBeLessThan((percent / 100) * values.length);
			}),
		);
	});
});

test('spread gives the median between least and most', () => {
	expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, rounds: 3 });
	expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4, rounds: 4 });
});

describe('an open loop', () => {
	test('leaves out no arrival when a save holds the event loop, and counts from the intended start', async () => {
		const time = clock();
		const save = async (tick: number): Promise<void> => {
			if (tick === 10) time.pass(50);
		};
		const load = { intervalMs: 1, durationMs: 100, drainLimitMs: 10, save };
		const { arrivals, startMs, endMs, unsettled } = await openLoop(load, time);
		expect(arrivals.map(({ intendedMs }) => intendedMs)).toEqual(
			Array.from({ length: 100 }, (_, tick) => startMs + tick),
		);
		expect(unsettled).toBe(0);
		const taken = latencies(arrivals, endMs);
		// The held save itself, and the fifty that were due meanwhile: each as late as it was for its caller.
		expect(taken[10]).toBe(50);
		expect(taken[11]).toBeGreaterThanOrEqual(49);
		expect(taken[35]).toBeGreaterThanOrEqual(25);
		expect(taken.filter((ms) => ms > 1).length).toBeGreaterThanOrEqual(48);
	});

	test('counts a save that never comes back as what it took so far', async () => {
		const load = { intervalMs: 1, durationMs: 10, drainLimitMs: 100, save: () => new Promise(() => undefined) };
		const { arrivals, endMs, unsettled } = await openLoop(load, clock());
		expect(unsettled).toBe(10);
		expect(Math.min(...latencies(arrivals, endMs))).toBeGreaterThanOrEqual(100);
	});

	test('fails when a save fails', async () => {
		const save = async (): Promise<never> => {
			throw new Error('no');
		};
		await expect(openLoop({ intervalMs: 1, durationMs: 5, drainLimitMs: 5, save }, clock())).rejects.toThrow('no');
	});
});

describe('staleness', () => {
	test('is the age of the newest acknowledged value, from its intended start', () => {
		const arrivals = [
			{ intendedMs: 0, doneMs: 3 },
			{ intendedMs: 2, doneMs: 5 },
			// An older value that is acknowledged later changes nothing.
			{ intendedMs: 1, doneMs: 7 },
			{ intendedMs: 4, doneMs: Number.POSITIVE_INFINITY },
		];
		expect(staleness(arrivals, 0, 8, 1)).toEqual([1, 2, 3, 4, 3, 4, 5, 6]);
	});

	test('grows without end where nothing is acknowledged', () => {
		expect(staleness([{ intendedMs: 10, doneMs: Number.POSITIVE_INFINITY }], 10, 15, 1)).toEqual([1, 2, 3, 4, 5]);
	});
});

test('an order can be had again from its seed, and has every candidate once', () => {
	const items = Array.from({ length: 20 }, (_, index) => index);
	const order = shuffled(items, seededRandom(42));
	expect(shuffled(items, seededRandom(42))).toEqual(order);
	expect(order).not.toEqual(items);
	expect([...order].sort((a, b) => a - b)).toEqual(items);
});
