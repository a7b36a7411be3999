/** A journal on a disk that crashes at every call: what was acknowledged is there, once, in its order, and nothing torn. */
import { afterAll, describe, expect, it } from 'vitest';
import { Census, LONG } from '../support/crash-promises.ts';
import { type ExploreOptions, exploreCrashes } from '../support/simulation.ts';
import { type Act, acts, check, type Prepare, scenario } from './journal-acts.ts';

const census = new Census();
afterAll(() => console.log(String(census)));

async function explore(act: Act, options: ExploreOptions = {}, prepare?: Prepare): Promise<void> {
	const made = scenario(act, (disk) => disk, prepare);
	const { semantics = 'posix', capacityBytes } = options.disk ?? {};
	const counted = census.counting(`${semantics}, ${capacityBytes}`, check);
	census.add(await exploreCrashes(made, counted, { statesMax: 64, ...options }));
}

describe('loses nothing through a crash at any call of', () => {
	it.each(Object.entries(acts))('%s', async (_name, act) => {
		await explore(act);
	});

	it.each(Object.entries(acts))('%s, calls overtaking each other', async (_name, act) => {
		for (let jitterSeed = 1; jitterSeed <= 2; jitterSeed++) await explore(act, { disk: { jitterSeed } });
	});

	it.each(Object.entries(acts))('%s, while directories are synced slowly', async (_name, act) => {
		await explore(act, {}, (disk) => disk.slow('syncDirectory', { turns: 40, times: Number.POSITIVE_INFINITY }));
	});

	it.each(Object.entries(acts))('%s, under the rules of Windows', async (_name, act) => {
		await explore(act, { disk: { semantics: 'win32' } });
	});
});

describe('loses nothing where once, or from then on, there fails', () => {
	const many = Object.values(acts);
	const few = many.slice(2, 4);
	const chosen = LONG ? many : few;
	const calls = ['dataSync', 'sync', 'write', 'syncDirectory', 'rename', 'link', 'truncate', 'open', 'fstat'] as const;
	it.each(calls)('%s', async (name) => {
		for (const times of [1, Number.POSITIVE_INFINITY]) {
			for (const nth of [1, 2, 3]) {
				for (const act of chosen) {
					await explore(act, { statesMax: 8 }, (disk) => disk.fail(name, { code: 'EIO', nth, times }));
				}
			}
		}
	});

	it('space', async () => {
		for (const capacityBytes of [70, 110, 160, 200, 250, 300, 400, 70_000]) {
			for (const act of chosen) await explore(act, { statesMax: 8, disk: { capacityBytes } }, () => {});
		}
	});

	it('a part of a write', async () => {
		for (const bytes of [1, 20]) {
			for (const nth of [1, 3, 4, 5]) {
				for (const act of chosen) {
					await explore(act, { statesMax: 8 }, (disk) => disk.shortWrite({ bytes, nth }));
				}
			}
		}
	});
});

const enough = 3_000;
it(`loses nothing in more than ${enough} different states`, () => {
	expect(census.distinct).toBeGreaterThan(enough);
});
