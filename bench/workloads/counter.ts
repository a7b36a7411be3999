/** Read, change, write: tasks that count in one document, none of whose updates may be lost. */
import type { Counter } from '../candidates/candidate.ts';
import { collectGarbage, Meter } from '../measure/meter.ts';
import { percentile } from '../measure/statistics.ts';
import { holds, type Workload } from './workload.ts';

const TASKS = 50;

/** The same time for all: a number of updates that makes slow ones hot is over before the compiler has seen to fast ones. */
const WARM_MS = 3000;

async function warmUp(update: () => Promise<unknown>, quick: boolean): Promise<void> {
	const untilMs = performance.now() + (quick ? WARM_MS / 5 : WARM_MS);
	const task = async (): Promise<void> => {
		while (performance.now() < untilMs) await update();
	};
	await Promise.all(Array.from({ length: TASKS }, task));
}

export const counter: Workload = {
	id: 'counter',
	title: 'Read, change, write by 50 tasks',
	about:
		`${TASKS} tasks, each of which adds one to a counter in one document 100 times (20 in a quick run). Plain writers do it ` +
		'behind a chain of promises, one task at a time: without it they lose most updates.',
	headline: 'callsPerSecond',
	unit: 'updates/s',
	rounds: 3,
	quickRounds: 1,
	async run(bench) {
		const { update } = bench.store;
		if (update === undefined) throw new Error('has no updates');
		const each = bench.quick ? 20 : 100;
		const add = (value: Counter): void => {
			value.tick++;
		};
		for (const name of ['warm-up.json', 'counter.json']) await bench.store.save(name, { tick: 0 });
		// Before the warm-up: while nothing is under way it would throw the compiled code away.
		collectGarbage();
		await warmUp(() => update('warm-up.json', add), bench.quick);
		const meter = new Meter(bench.store, false);
		const taken: number[] = [];
		const task = async (): Promise<void> => {
			for (let time = 0; time < each; time++) {
				const startMs = performance.now();
				await update('counter.json', add);
				taken.push(performance.now() - startMs);
			}
		};
		await Promise.all(Array.from({ length: TASKS }, task));
		const figures = await meter.stop();
		const calls = TASKS * each;
		figures.callsPerSecond = calls / ((figures.wallMs ?? 0) / 1000);
		figures.latencyP50Ms = percentile(taken, 50);
		figures.latencyP99Ms = percentile(taken, 99);
		figures.latencyMaxMs = percentile(taken, 100);
		return { figures: { ...figures, calls }, verified: await holds(bench, 'counter.json', calls) };
	},
};
