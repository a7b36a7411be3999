/** Percentiles, spread, and the age of a state. Pure. */

/** The value that so many percent of the values do not exceed (nearest rank); NaN where there are none. */
export function percentile(values: ArrayLike<number>, percent: number): number {
	const sorted = Float64Array.from(values).sort();
	if (sorted.length === 0) return Number.NaN;
	const rank = Math.ceil((percent / 100) * sorted.length);
	return sorted[Math.max(rank, 1) - 1] as number;
}

/** Several values of one figure, one of each round. */
export interface Spread {
	readonly median: number;
	readonly min: number;
	readonly max: number;
	readonly rounds: number;
}

/** The median (of an even number the mean of the middle two) between least and most. */
export function spread(values: readonly number[]): Spread {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	const lower = sorted.length % 2 === 0 ? (sorted[middle - 1] ?? Number.NaN) : upper;
	return {
		median: (lower + upper) / 2,
		min: sorted[0] ?? Number.NaN,
		max: sorted.at(-1) ?? Number.NaN,
		rounds: sorted.length,
	};
}

/** One arrival: when it was meant to start, and when it was acknowledged (Infinity: it was not). */
export interface Arrival {
	readonly intendedMs: number;
	readonly doneMs: number;
}

/**
 * How long each arrival took from its intended start, not from when the driver got round to it: a driver that is held up
 * must not hide what held it up (coordinated omission). One that was not done by `endMs` counts as what it took so far.
 */
export function latencies(arrivals: readonly Arrival[], endMs: number): number[] {
	return arrivals.map(({ intendedMs, doneMs }) => Math.min(doneMs, endMs) - intendedMs);
}

/**
 * How old the newest acknowledged value is, sampled on a fixed schedule from `fromMs` to `toMs`. A value is as old as its
 * intended start is past; before the first acknowledgement the age is counted from `fromMs`.
 */
export function staleness(arrivals: readonly Arrival[], fromMs: number, toMs: number, everyMs: number): number[] {
	const acknowledged = arrivals.filter(({ doneMs }) => doneMs < toMs).sort((a, b) => a.doneMs - b.doneMs);
	const samples: number[] = [];
	let newestMs = fromMs;
	let next = 0;
	for (let atMs = fromMs + everyMs; atMs <= toMs; atMs += everyMs) {
		for (let arrival = acknowledged[next]; arrival && arrival.doneMs <= atMs; arrival = acknowledged[++next]) {
			newestMs = Math.max(newestMs, arrival.intendedMs);
		}
		samples.push(atMs - newestMs);
	}
	return samples;
}

/** A random number generator with a seed (mulberry32), so that an order can be had again. */
export function seededRandom(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = Math.imul(state ^ (state >>> 15), state | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** The items in a random order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
	return items
		.map((item) => ({ item, key: random() }))
		.sort((a, b) => a.key - b.key)
		.map(({ item }) => item);
}
