/** Small documents, saved at once, one by one, in parallel. */
import { collectGarbage, Meter } from '../measure/meter.ts';
import { closedLoop } from '../measure/open-loop.ts';
import { percentile } from '../measure/statistics.ts';
import { type Bench, holds, type State, stateOf, type Workload } from './workload.ts';

/** On a slow disk fewer saves have to do. */
const WARM_UP_MS = 5000;

/** Saves one by one until everything is compiled. */
async function warmUp({ store }: Bench, state: State, saves: number): Promise<void> {
	const endMs = performance.now() + WARM_UP_MS;
	for (let tick = 0; tick < saves && performance.now() < endMs; tick++) {
		state.tick = tick;
		await store.save('warm-up.json', state);
	}
}

export const burst: Workload = {
	id: 'burst',
	title: 'A burst of 10,000 saves',
	about:
		'10,000 saves of one path, 2 KB each, in one turn of the event loop; measured until all have resolved, the second ' +
		'time. Candidates that write each save in turn do 1,000 in a quick run.',
	headline: 'callsPerSecond',
	rounds: 3,
	quickRounds: 1,
	async run(bench) {
		const calls = bench.quick && bench.queues ? 1000 : 10_000;
		const state = stateOf(2000);
		collectGarbage();
		await warmUp(bench, state, 20);
		// The first burst grows the heap and meets code that is not compiled yet: the second is what a service sees.
		await Promise.all(Array.from({ length: calls }, () => bench.store.save('warm-up.json', state)));
		const meter = new Meter(bench.store, false);
		const saves: Promise<unknown>[] = [];
		const startMs = performance.now();
		for (let tick = 1; tick <= calls; tick++) {
			state.tick = tick;
			saves.push(bench.store.save('state.json', state));
		}
		const issueMs = performance.now() - startMs;
		await Promise.all(saves);
		const callsPerSecond = calls / ((performance.now() - startMs) / 1000);
		const figures = { ...(await meter.stop()), calls, callsPerSecond, issueMs };
		return { figures, verified: await holds(bench, 'state.json', calls) };
	},
};

export const awaited: Workload = {
	id: 'awaited',
	title: 'Awaited one by one',
	about: 'Saves of one path, 2 KB each; the next starts when the one before is through.',
	headline: 'callsPerSecond',
	rounds: 5,
	quickRounds: 2,
	async run(bench) {
		const calls = bench.quick ? 300 : 1000;
		const state = stateOf(2000);
		// V8 is through with compiling after some thousand saves: a service that saves all day is what counts. A collection
		// while nothing is under way would throw the compiled code away again, so it comes before.
		collectGarbage();
		await warmUp(bench, state, bench.quick ? 500 : 3000);
		const meter = new Meter(bench.store, false);
		const taken: number[] = [];
		for (let tick = 1; tick <= calls; tick++) {
			state.tick = tick;
			const startMs = performance.now();
			await bench.store.save('warm-up.json', state);
			taken.push(performance.now() - startMs);
		}
		const figures = await meter.stop();
		figures.callsPerSecond = calls / ((figures.wallMs ?? 0) / 1000);
		return {
			figures: { ...figures, calls, ...latencyFigures(taken) },
			verified: await holds(bench, 'warm-up.json', calls),
		};
	},
};

const TASKS = 64;

export const saturated: Workload = {
	id: 'saturated',
	title: 'One path, as fast as possible',
	about: `${TASKS} tasks save one path, 2 KB, again and again, each waiting for its own save.`,
	headline: 'callsPerSecond',
	rounds: 3,
	quickRounds: 1,
	async run(bench) {
		const state = stateOf(2000);
		await warmUp(bench, state, 50);
		const meter = new Meter(bench.store);
		const taken = await closedLoop(TASKS, bench.quick ? 1000 : 3000, () => {
			state.tick++;
			return bench.store.save('state.json', state);
		});
		const figures = await meter.stop();
		figures.callsPerSecond = taken.length / ((figures.wallMs ?? 0) / 1000);
		return {
			figures: { ...figures, calls: taken.length, ...latencyFigures(taken) },
			verified: await holds(bench, 'state.json', state.tick),
		};
	},
};

const FILES = 200;
const ROUNDS = 5;

export const files: Workload = {
	id: 'files',
	title: '200 files in one directory',
	about: `${FILES} files of 20 KB in one directory, all saved at once, in ${ROUNDS} rounds.`,
	headline: 'callsPerSecond',
	rounds: 5,
	quickRounds: 2,
	async run(bench) {
		const states = Array.from({ length: FILES }, () => stateOf(20_000));
		const round = (tick: number): Promise<unknown> =>
			Promise.all(
				states.map((state, index) => {
					state.tick = tick;
					return bench.store.save(`state-${index}.json`, state);
				}),
			);
		collectGarbage();
		const endMs = performance.now() + WARM_UP_MS;
		for (let count = 0; count < (bench.quick ? 1 : 15) && performance.now() < endMs; count++) await round(0);
		const meter = new Meter(bench.store, false);
		for (let tick = 1; tick <= ROUNDS; tick++) await round(tick);
		const figures = await meter.stop();
		const calls = FILES * ROUNDS;
		figures.callsPerSecond = calls / ((figures.wallMs ?? 0) / 1000);
		return { figures: { ...figures, calls }, verified: await holds(bench, `state-${FILES - 1}.json`, ROUNDS) };
	},
};

function latencyFigures(taken: readonly number[]): object {
	return {
		latencyP50Ms: percentile(taken, 50),
		latencyP99Ms: percentile(taken, 99),
		latencyMaxMs: percentile(taken, 100),
	};
}
