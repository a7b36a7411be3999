/** Journals over ports that break the protocol: in what appends, and in the next start after a process that was killed. */
import { describe, expect, it } from 'vitest';
import { LONG } from '../support/crash-promises.ts';
import { type Check, exploreCrashes } from '../support/simulation.ts';
import { acts, check, goingOn, goOn, type Prepare, scenario } from './journal-acts.ts';
import { type MutantName, type MutantPort, mutants } from './mutants.ts';

const failing = (name: 'dataSync' | 'syncDirectory'): Prepare[] =>
	[1, 2, 3].map(
		(nth): Prepare =>
			(disk) =>
				disk.fail(name, { code: 'EIO', nth }),
	);
const FAILED_SYNCS = [...failing('dataSync'), ...failing('syncDirectory')];
const SHORT_WRITES = [3, 4, 5].map(
	(nth): Prepare =>
		(disk) =>
			disk.shortWrite({ bytes: 3, nth }),
);
/** Whoever does not wait for a sync is done before it is. */
const SLOW_SYNCS = (['dataSync', 'sync', 'syncDirectory'] as const).map(
	(name): Prepare =>
		(disk) =>
			disk.slow(name, { turns: 40, times: Number.POSITIVE_INFINITY }),
);

const LOSS = /found \[.*allowed|is corrupt/;

describe('what appends, over the port:', () => {
	it.each<[MutantName, ReadonlyArray<Prepare | undefined>]>([
		['file sync dropped', [undefined]],
		['file sync not awaited', SLOW_SYNCS],
		['file sync before the write', [undefined]],
		// A checkpoint that takes the place of the entries before it is durable.
		['file sync after the rename', [undefined]],
		['rename not awaited', [undefined]],
		['directory sync dropped', [undefined]],
		['directory sync not awaited', SLOW_SYNCS],
		['directory sync before the rename', [undefined]],
		['acknowledged early', [undefined, ...SLOW_SYNCS]],
		['sync errors swallowed', FAILED_SYNCS],
		['failed sync retried on the same handle', FAILED_SYNCS],
		['short writes taken as whole', SHORT_WRITES],
	])('%s, is found', async (name, preparations) => {
		const found: string[] = [];
		for (const prepare of preparations) {
			for (const act of Object.values(acts)) {
				const made = scenario(act, mutants[name], prepare);
				await exploreCrashes(made, check, { statesMax: 32 }).catch((error: Error) => found.push(error.message));
				// One is enough.
				if (LOSS.test(found.at(-1) ?? '')) return;
			}
		}
		expect(found.join('\n')).toMatch(LOSS);
	});

	it('written in place, is refused: what it has open is not what stands there', async () => {
		const made = scenario(acts['awaited appends'] ?? goingOn, mutants['written in place']);
		await expect(exploreCrashes(made, check)).rejects.toThrow('the file was removed or replaced');
	});
});

describe('the next start after a process was killed, its syncs still owed,', () => {
	const before = ['awaited appends', 'automatic checkpoints'].flatMap((name) => acts[name] ?? []);

	/**
	 * Explores that next start from where a kill has left something unsynced.
	 * @param every of so many such kills, one
	 */
	async function startAgain(makePort: MutantPort, prepare: Prepare | undefined, every: number): Promise<number> {
		let kills = 0;
		const afterKill: Check = async ({ disk, history }, kind) => {
			if (kind === 'power cut' || disk.crashStates({ statesMax: 2 }).length < 2 || kills++ % every !== 0) return;
			const start = { disk, history };
			await exploreCrashes(scenario(goingOn, makePort), goOn, { start, statesMax: 8, checksAtOnce: 16 });
		};
		for (const act of before) await exploreCrashes(scenario(act, undefined, prepare), afterKill, { statesMax: 1 });
		return kills;
	}

	it('makes durable what it shows, and loses nothing, where the port is honest', async () => {
		for (const prepare of [undefined, ...failing('dataSync').slice(0, 2)]) {
			expect(await startAgain((disk) => disk, prepare, LONG ? 1 : 5)).toBeGreaterThan(20);
		}
	});

	it.each<[MutantName, ReadonlyArray<Prepare | undefined>]>([
		['file sync dropped', [undefined]],
		['found content not written again', failing('dataSync')],
		['directory sync dropped', [undefined]],
	])('is found over the port: %s', async (name, preparations) => {
		const found: string[] = [];
		for (const prepare of preparations) {
			await startAgain(mutants[name], prepare, 1).catch((error: Error) => found.push(error.message));
			// One is enough.
			if (LOSS.test(found.at(-1) ?? '')) return;
		}
		expect(found.join('\n')).toMatch(LOSS);
	});
});
