/** Telemetry: a state that is saved at a fixed rate, whatever becomes of the saves before. */
import type { WorkloadId } from '../candidates/candidate.ts';
import type { Figures } from '../harness/result.ts';
import { Meter } from '../measure/meter.ts';
import { type OpenLoopResult, openLoop } from '../measure/open-loop.ts';
import { latencies, percentile, staleness } from '../measure/statistics.ts';
import { type Bench, holds, stateOf, type Workload } from './workload.ts';

const SAMPLE_MS = 1;

interface Load {
	readonly bytes: number;
	readonly intervalMs: number;
	readonly durationMs: number;
	readonly drainLimitMs: number;
}

async function drive(bench: Bench, { bytes, ...load }: Load): Promise<{ figures: Figures; last: number }> {
	const state = stateOf(bytes);
	const save = (tick: number): Promise<unknown> => {
		state.tick = tick;
		return bench.store.save('state.json', state);
	};
	for (let tick = 0; tick < 100; tick++) await save(tick);
	const meter = new Meter(bench.store);
	const result = await openLoop({ ...load, save });
	const figures = { ...(await meter.stop()), ...figuresOf(result) };
	return { figures, last: result.arrivals.length - 1 };
}

function figuresOf({ arrivals, startMs, loadEndMs, endMs, unsettled }: OpenLoopResult): Figures {
	const taken = latencies(arrivals, endMs);
	const ages = staleness(arrivals, startMs, loadEndMs, SAMPLE_MS);
	return {
		calls: arrivals.length,
		callsPerSecond: arrivals.length / ((endMs - startMs) / 1000),
		latencyP50Ms: percentile(taken, 50),
		latencyP99Ms: percentile(taken, 99),
		latencyMaxMs: percentile(taken, 100),
		stalenessP50Ms: percentile(ages, 50),
		stalenessP99Ms: percentile(ages, 99),
		stalenessMaxMs: percentile(ages, 100),
		drainMs: endMs - loadEndMs,
		unsettled,
	};
}

function telemetry(id: WorkloadId, bytes: number, rounds: number): Workload {
	const kilobytes = bytes / 1000;
	return {
		id,
		title: `Telemetry: ${kilobytes} KB every millisecond`,
		about:
			`One path, ${kilobytes} KB saved every millisecond for 10 seconds (2 in a quick run), in an open loop. Staleness: ` +
			'the age of the newest acknowledged state, sampled every millisecond while the load lasts.',
		headline: 'stalenessP99Ms',
		rounds,
		quickRounds: 1,
		async run(bench) {
			const durationMs = bench.quick ? 2000 : 10_000;
			const { figures, last } = await drive(bench, { bytes, intervalMs: 1, durationMs, drainLimitMs: 90_000 });
			return { figures, verified: figures.unsettled === 0 && (await holds(bench, 'state.json', last)) };
		},
	};
}

export const hot2k: Workload = telemetry('hot-2k', 2000, 2);
export const hot20k: Workload = telemetry('hot-20k', 20_000, 3);

export const scaleRate: Workload = {
	id: 'scale-rate',
	title: 'Saves a second',
	about:
		'One path, 2 KB, saved at a fixed rate for 3 seconds in an open loop; what waits at the end is not waited for.',
	headline: 'stalenessP99Ms',
	rounds: 2,
	quickRounds: 1,
	points: [10, 100, 1000, 10_000, 100_000],
	quickPoints: 4,
	async run(bench) {
		const load = { bytes: 2000, intervalMs: 1000 / bench.at, durationMs: bench.quick ? 500 : 3000, drainLimitMs: 0 };
		const { figures } = await drive(bench, load);
		return { figures };
	},
};
