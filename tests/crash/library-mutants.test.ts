/** The library over ports that break the protocol: the exploration that passes without them finds each of them. */
import { expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { backupPath, DOCUMENT } from '../recover/support.ts';
import { PassingPort } from '../support/passing-port.ts';
import { type Check, exploreCrashes, type Scenario, type Stage } from '../support/simulation.ts';
import { type MutantName, mutants } from './mutants.ts';
import { type Act, acts, asFaultyScenario, asScenario, type MakePort, textOf, version } from './scenarios.ts';

const honest: MakePort = (disk) => disk;
const check: Check = ({ disk, history }) => history.check(disk);

type Prepare = (disk: SimulatedDisk) => void;

/** Disks on which a sync or a write goes wrong once, early or late. */
const faults: Prepare[] = [1, 2].flatMap((nth) => [
	(disk: SimulatedDisk) => disk.fail('sync', { code: 'EIO', nth }),
	(disk: SimulatedDisk) => disk.fail('syncDirectory', { code: 'EIO', nth }),
	(disk: SimulatedDisk) => disk.shortWrite({ bytes: 3, nth }),
]);

/** What the exploration of each act says: empty where it finds nothing. */
async function findings(makeScenario: (act: (typeof acts)[string]) => Scenario[]): Promise<string[]> {
	const found: string[] = [];
	for (const act of Object.values(acts)) {
		for (const scenario of makeScenario(act)) {
			await exploreCrashes(scenario, check, { statesMax: 64 }).catch((error: Error) => found.push(error.message));
		}
	}
	return found;
}

const onGoodDisks = (makePort: MakePort): Promise<string[]> => findings((act) => [asScenario(act, makePort)]);

const onFaultyDisks = (makePort: MakePort): Promise<string[]> =>
	findings((act) => faults.map((prepare) => asFaultyScenario(act, prepare, makePort)));

/** Two processes that save at the same time, each sweeping what it takes for dead, in many orders of events. */
async function inTwoProcesses(makePort: MakePort): Promise<string[]> {
	const found: string[] = [];
	const scenario: Scenario = async ({ disk, clock, history }) => {
		disk.plantDirectory('/data');
		const saveIn = async (scope: object, versions: number[]): Promise<void> => {
			const writer = createWriter({ fileSystem: makePort(disk, scope), clock });
			for (const number of versions) {
				const acknowledge = history.submit('/data/a.json', textOf(version(number)));
				await writer.write('/data/a.json', version(number));
				acknowledge();
			}
			await writer.close();
		};
		await Promise.all([saveIn({}, [1, 2]), saveIn({}, [3, 44])]);
	};
	// Which process wins is open; that the document is whole, and there once it was promised, is not.
	const whole = [1, 2, 3, 44].map((number) => textOf(version(number)));
	const eitherWins = ({ disk, history }: Stage): void => {
		if (!whole.includes(disk.peekFile('/data/a.json')?.toString() ?? '')) history.check(disk);
	};
	for (let jitterSeed = 1; jitterSeed <= 12; jitterSeed++) {
		const options = { disk: { jitterSeed }, statesMax: 64 };
		await exploreCrashes(scenario, eitherWins, options).catch((error: Error) => found.push(error.message));
	}
	return found;
}

const withBackups = (makePort: MakePort): Promise<string[]> => backupsAndFailures(makePort, false);
const withBackupsByFlushSync = (makePort: MakePort): Promise<string[]> => backupsAndFailures(makePort, true);

/**
 * Saves with backups of which one fails, and crashes: a save that failed costs no generation, and all are whole.
 * @param synchronously whether it is `flushSync` that fails
 */
async function backupsAndFailures(makePort: MakePort, synchronously: boolean): Promise<string[]> {
	const found: string[] = [];
	for (const links of [true, false]) {
		for (let nth = 1; nth <= 8; nth++) {
			const act: Act = async ({ disk, writer, failures }) => {
				const save = async (number: number): Promise<void> => {
					const value = version(number);
					await writer.write(DOCUMENT, value, { backups: 2 }).catch((error: unknown) => failures.push(error));
				};
				for (let number = 1; number <= 3; number++) await save(number);
				const before = generationsOf(disk);
				if (!links) disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY });
				disk.fail('sync', { code: 'EIO', nth });
				const last = save(4);
				try {
					if (synchronously) writer.flushSync();
					else await last;
				} catch (error) {
					failures.push(error);
				}
				if (failures.length > 0) {
					expect(generationsOf(disk), 'generations after a save that failed').toEqual(before);
				}
				await last;
			};
			const scenario = asFaultyScenario(act, () => undefined, makePort);
			const whole = [1, 2, 3, 4].map((number) => textOf(version(number)));
			const generationsAreWhole: Check = ({ disk }) => {
				for (const text of generationsOf(disk)) expect(whole, 'a generation is torn').toContain(text);
			};
			const options = { statesMax: 64, schedules: 1 };
			await exploreCrashes(scenario, generationsAreWhole, options).catch((error: Error) => found.push(error.message));
		}
	}
	return found;
}

/** The document and its backups, newest first. */
function generationsOf(disk: SimulatedDisk): string[] {
	const paths = [DOCUMENT, backupPath(1), backupPath(2), backupPath(3)];
	return paths.flatMap((path) => disk.peekFile(path)?.toString() ?? []);
}

it('finds nothing where the port is honest', async () => {
	expect(await withBackups(honest)).toEqual([]);
	expect(await withBackupsByFlushSync(honest)).toEqual([]);
	expect(await onGoodDisks(honest)).toEqual([]);
	expect(await onFaultyDisks(honest)).toEqual([]);
	expect(await inTwoProcesses((disk, scope) => withScope(disk, scope))).toEqual([]);
});

function withScope(disk: SimulatedDisk, scope: object | undefined): ReturnType<MakePort> {
	return new PassingPort(disk, scope);
}

it.each<[MutantName, typeof onGoodDisks, RegExp]>([
	['file sync dropped', onGoodDisks, /torn/],
	['file sync not awaited', onGoodDisks, /torn/],
	['file sync after the rename', onGoodDisks, /torn/],
	['file sync before the write', onGoodDisks, /torn/],
	['directory sync dropped', onGoodDisks, /missing|older/],
	['directory sync not awaited', onGoodDisks, /missing|older/],
	['directory sync before the rename', onGoodDisks, /missing|older/],
	['sync of created parents dropped', onGoodDisks, /missing/],
	['written in place', onGoodDisks, /torn/],
	['acknowledged early', onGoodDisks, /missing|older/],
	['rename not awaited', onGoodDisks, /missing|older|ENOENT/],
	['backup rotated before the sync', withBackups, /generations after a save that failed/],
	['backup rotated before the sync', withBackupsByFlushSync, /generations after a save that failed/],
	['file sync dropped', withBackups, /a generation is torn/],
	['sync errors swallowed', onFaultyDisks, /torn|missing|older/],
	['failed sync retried on the same handle', onFaultyDisks, /torn/],
	['fixed temporary name', inTwoProcesses, /torn|missing|ENOENT/],
	['locks ignored', inTwoProcesses, /ENOENT/],
])('finds the mutant: %s', async (name, search, verdict) => {
	expect((await search(mutants[name])).join('\n')).toMatch(verdict);
});

it('is not fooled by a port that hides short writes: it compares the size', async () => {
	expect(await onFaultyDisks(mutants['short writes taken as whole'])).toEqual([]);
});
