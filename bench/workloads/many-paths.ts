/** Many paths: each written once, and the cost of a save by their number. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage, Meter } from '../measure/meter.ts';
import { holds, stateOf, type Workload } from './workload.ts';

const TASKS = 64;
const DIRECTORIES = 100;

export const manyPaths: Workload = {
	id: 'many-paths',
	title: '100,000 paths, written once',
	about:
		`100,000 files of 200 bytes (5,000 in a quick run) in ${DIRECTORIES} directories, ${TASKS} at a time. Memory (heap and ` +
		'buffers, after a collection) and open files are compared before and after, with the writer still open.',
	headline: 'callsPerSecond',
	rounds: 1,
	quickRounds: 1,
	async run(bench) {
		const count = bench.quick ? 5000 : 100_000;
		const state = stateOf(200);
		const name = (index: number): string => `${index % DIRECTORIES}/state-${index}.json`;
		for (let index = 0; index < DIRECTORIES; index++) fs.mkdirSync(path.join(bench.directory, String(index)));
		for (let index = 0; index < 200; index++) await bench.store.save(`0/warm-up-${index}.json`, state);
		const before = await settled();
		const meter = new Meter(bench.store);
		let next = 0;
		const task = async (): Promise<void> => {
			while (next < count) await bench.store.save(name(next++), state);
		};
		await Promise.all(Array.from({ length: TASKS }, task));
		const figures = await meter.stop();
		const after = await settled();
		figures.callsPerSecond = count / ((figures.wallMs ?? 0) / 1000);
		figures.settledMemoryBytes = after.memoryBytes - before.memoryBytes;
		figures.openHandles = after.handles - before.handles;
		return { figures: { ...figures, calls: count }, verified: await holds(bench, name(count - 1), 0) };
	},
};

/** Memory in use and handles open once nothing is under way. */
async function settled(): Promise<{ memoryBytes: number; handles: number }> {
	await sleep(200);
	collectGarbage();
	await sleep(50);
	collectGarbage();
	const { heapUsed, external } = process.memoryUsage();
	const handles = process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : 0;
	return { memoryBytes: heapUsed + external, handles };
}

const SAVES = 500;

export const scalePaths: Workload = {
	id: 'scale-paths',
	title: 'Number of paths',
	about: `So many paths of one directory saved at once, 2 KB each, in as many rounds as make ${SAVES} saves or more: time for each save.`,
	headline: 'costMs',
	rounds: 2,
	quickRounds: 1,
	points: [1, 10, 100, 1000, 10_000],
	quickPoints: 4,
	async run(bench) {
		const state = stateOf(2000);
		for (let tick = 0; tick < 100; tick++) await bench.store.save('warm-up.json', state);
		const names = Array.from({ length: bench.at }, (_, index) => `state-${index}.json`);
		const rounds = Math.max(1, Math.ceil(SAVES / bench.at));
		const meter = new Meter(bench.store);
		for (let round = 1; round <= rounds; round++) {
			state.tick = round;
			await Promise.all(names.map((name) => bench.store.save(name, state)));
		}
		const figures = await meter.stop();
		figures.costMs = (figures.wallMs ?? 0) / (rounds * bench.at);
		return { figures, verified: await holds(bench, names.at(-1) ?? '', rounds) };
	},
};
