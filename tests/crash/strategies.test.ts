/** Every strategy, with several paths at once, values that are aborted, flushes and a flushSync, on a disk that crashes anywhere. */
import { afterAll, describe, expect, it } from 'vitest';
import {
	adaptive,
	batch,
	coalesce,
	createWriter,
	debounce,
	immediate,
	recover,
	type Strategy,
	throttle,
} from '../../lib/index.ts';
import {
	Census,
	checkNeighbours,
	checkNoLitter,
	LONG,
	NEIGHBOUR_PATHS,
	plantNeighbours,
} from '../support/crash-promises.ts';
import { type Check, type ExploreOptions, exploreCrashes } from '../support/simulation.ts';
import { type Act, asScenario, type Program, textOf, track, version } from './scenarios.ts';

const strategies: Record<string, () => Strategy> = {
	coalesce: () => coalesce(),
	immediate: () => immediate(),
	debounce: () => debounce({ waitMs: 20, maxWaitMs: 50 }),
	throttle: () => throttle({ intervalMs: 30 }),
	batch: () => batch({ maxWrites: 3, maxWaitMs: 40 }),
	adaptive: () => adaptive({ maxStalenessMs: 100 }),
};

const PATHS = ['/data/a.json', '/data/b.json', '/data/deep/c.json'];

/** Waves of writes of several paths, each path of the wave several times. */
function waves(makeStrategy: () => Strategy, backups: number): Act {
	return async (program: Program) => {
		plantNeighbours(program.disk);
		const { port: fileSystem, clock } = program;
		const writer = createWriter({ fileSystem, clock, strategy: makeStrategy() });
		const save = (path: string, number: number): Promise<void> =>
			track(program, path, textOf(version(number)), () => writer.write(path, version(number), { backups }));
		await Promise.all(PATHS.flatMap((path) => [1, 2].map((number) => save(path, number))));
		const controller = new AbortController();
		const aborted = writer.write(PATHS[0] ?? '', version(3), { signal: controller.signal });
		program.history.submit(PATHS[0] ?? '', textOf(version(3)));
		controller.abort();
		await aborted.catch(() => undefined);
		const last = PATHS.map((path) => save(path, 4));
		await writer.flush(PATHS[1]);
		await Promise.all(last);
		await writer.close();
	};
}

/** Values that nobody waits for, brought home in the caller's stack. */
function scheduledThenFlushed(makeStrategy: () => Strategy): Act {
	return async (program: Program) => {
		plantNeighbours(program.disk);
		const { port: fileSystem, clock, history } = program;
		const writer = createWriter({ fileSystem, clock, strategy: makeStrategy(), onError: () => undefined });
		for (const number of [1, 2]) {
			const acknowledgements = PATHS.map((path) => {
				const acknowledge = history.submit(path, textOf(version(number)));
				writer.schedule(path, version(number));
				return acknowledge;
			});
			for (let turn = 0; turn < 7; turn++) await new Promise((resolve) => setImmediate(resolve));
			writer.flushSync();
			for (const acknowledge of acknowledgements) acknowledge();
		}
		await writer.close();
	};
}

const census = new Census();
afterAll(() => console.log(String(census)));

/** G1 to G3 as the crash left it and after recovery, G10 in between, and G6 once recovery is through. */
const check: Check = async ({ disk, clock, history }) => {
	history.check(disk);
	checkNeighbours(disk);
	await recover('/', { fileSystem: disk, clock, recursive: true });
	history.check(disk);
	checkNeighbours(disk);
	checkNoLitter(disk);
	const ours = /^\/data(\/deep)?(\/\.dj1bn-\d{3}-[abc]\.json)?$/;
	const known = new Set([...PATHS, ...NEIGHBOUR_PATHS]);
	expect(disk.paths().filter((path) => !known.has(path) && !ours.test(path))).toEqual([]);
};

async function explore(rules: string, act: Act, options: ExploreOptions): Promise<void> {
	const schedules = LONG ? 40 : 7;
	const statesMax = LONG ? 512 : 128;
	census.add(
		await exploreCrashes(asScenario(act), census.counting(rules, check), {
			schedules,
			statesMax,
			checksAtOnce: 16,
			...options,
		}),
	);
}

describe.each(Object.entries(strategies))('%s keeps the promises through a crash at any call', (name, makeStrategy) => {
	it.each([0, 2])('of waves of writes, with %i backups', async (backups) => {
		await explore(`waves, ${backups}`, waves(makeStrategy, backups), {});
	});

	it('of values that flushSync brings home', async () => {
		await explore('flushSync', scheduledThenFlushed(makeStrategy), {});
	});

	it('under the rules of Windows', async () => {
		const seed = name.length;
		await explore('win32', waves(makeStrategy, 1), { disk: { semantics: 'win32' }, seed });
	});
});

const enough = 21_000;
it(`keep them in more than ${enough} different states`, () => {
	expect(census.distinct).toBeGreaterThan(enough);
});
