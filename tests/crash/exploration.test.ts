/** The explorer on the textbook algorithm: it passes, and each mistake that one can make in it is found. */
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { type Check, exploreCrashes, type Scenario, type Stage } from '../support/simulation.ts';
import { type MutantName, type MutantPort, mutants } from './mutants.ts';
import { saveByReference } from './reference-writer.ts';

const honest: MutantPort = (disk) => disk;

const check: Check = ({ disk, history }) => history.check(disk);

function documentText(version: number): string {
	return JSON.stringify({ version, padding: 'x'.repeat(5 + (version % 7)) });
}

/** Saves one document again and again; a save that fails is not acknowledged. */
function saving(saves: number, makePort: MutantPort, prepare?: (disk: SimulatedDisk) => void): Scenario {
	return async ({ disk, history }) => {
		disk.plantDirectory('/data');
		prepare?.(disk);
		const port = makePort(disk);
		for (let version = 1; version <= saves; version++) await saveOnce(port, history, version);
	};
}

async function saveOnce(port: FileSystem, history: Stage['history'], version: number): Promise<void> {
	const text = documentText(version);
	const acknowledge = history.submit('/data/state.json', text);
	const saved = await saveByReference(port, '/data', 'state.json', text).then(
		() => true,
		() => false,
	);
	if (saved) acknowledge();
}

/** Two programs that save the same document at the same time. */
function twoPrograms(makePort: MutantPort): Scenario {
	return async ({ disk, history }) => {
		disk.plantDirectory('/data');
		await Promise.all([saveOnce(makePort(disk, {}), history, 1), saveOnce(makePort(disk, {}), history, 2222)]);
	};
}

it('finds no fault in temp, fsync, rename, fsync of the directory: 20 saves', async () => {
	const result = await exploreCrashes(saving(20, honest), check);
	expect(result).toMatchObject({ calls: 160, crashPoints: 321 });
	expect(result.states).toBeGreaterThan(200);
});

it('finds no fault in it where the disk fails now and then, or fills up', async () => {
	for (const name of ['open', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
		await exploreCrashes(
			saving(4, honest, (disk) => disk.fail(name, { code: 'EIO', nth: 2 })),
			check,
		);
	}
	await exploreCrashes(
		saving(4, honest, (disk) => disk.shortWrite({ bytes: 3, nth: 2 })),
		check,
	);
	await exploreCrashes(saving(4, honest), check, { disk: { capacityBytes: 60 } });
});

describe('finds', () => {
	const one = (name: MutantName): Scenario => saving(3, mutants[name]);
	const failing = (name: MutantName, prepare: (disk: SimulatedDisk) => void): Scenario =>
		saving(3, mutants[name], prepare);

	it.each([
		['file sync dropped', one('file sync dropped'), /torn/],
		['file sync not awaited', one('file sync not awaited'), /torn/],
		['file sync after the rename', one('file sync after the rename'), /torn/],
		['file sync before the write', one('file sync before the write'), /torn/],
		['directory sync dropped', one('directory sync dropped'), /missing|older/],
		['directory sync not awaited', one('directory sync not awaited'), /missing|older/],
		['directory sync before the rename', one('directory sync before the rename'), /missing|older/],
		['written in place', one('written in place'), /torn/],
		[
			'a failing file sync swallowed',
			failing('sync errors swallowed', (disk) => disk.fail('sync', { code: 'EIO', nth: 2 })),
			/torn/,
		],
		[
			'a failing directory sync swallowed',
			failing('sync errors swallowed', (disk) => disk.fail('syncDirectory', { code: 'EIO', nth: 2 })),
			/older/,
		],
		[
			'a failed sync retried on the same handle',
			failing('failed sync retried on the same handle', (disk) => disk.fail('sync', { code: 'EIO', nth: 2 })),
			/torn/,
		],
		[
			'a short write taken as whole',
			failing('short writes taken as whole', (disk) => disk.shortWrite({ bytes: 3, nth: 2 })),
			/torn/,
		],
	])('%s', async (_name, scenario, verdict) => {
		await expect(exploreCrashes(scenario, check)).rejects.toThrow(verdict);
	});

	it('an acknowledgement that comes early', async () => {
		const scenario: Scenario = async ({ disk, history }) => {
			disk.plantDirectory('/data');
			const saving = saveByReference(disk, '/data', 'state.json', '{}');
			history.submit('/data/state.json', '{}')();
			await saving;
		};
		await expect(exploreCrashes(scenario, check)).rejects.toThrow(/missing/);
	});

	it('a fixed temporary name with two programs, and two honest programs blameless', async () => {
		const outcomes: string[] = [];
		for (let jitterSeed = 1; jitterSeed <= 10; jitterSeed++) {
			const options = { disk: { jitterSeed } };
			await exploreCrashes(twoPrograms(honest), eitherWins, options);
			outcomes.push(
				await exploreCrashes(twoPrograms(mutants['fixed temporary name']), eitherWins, options).then(
					() => 'not found',
					(error: Error) => error.message,
				),
			);
		}
		expect(outcomes.join('\n')).toMatch(/torn|missing/);
	});
});

/** Which of two concurrent saves wins is open: either is right once one is acknowledged, nothing is not. */
function eitherWins({ disk, history }: Stage): void {
	const whole = [documentText(1), documentText(2222)];
	if (!whole.includes(disk.peekFile('/data/state.json')?.toString() ?? '')) history.check(disk);
}

describe('a failure', () => {
	it('names the call, the side and the state', async () => {
		const explored = exploreCrashes(saving(2, mutants['directory sync dropped']), check);
		await expect(explored).rejects.toThrow(
			/is missing.*\n +power cut (after the end|(before|after) call \d+, \w+ \S+).*: directory \/\S*: (kept|lost) \[/s,
		);
	});

	it('can be replayed: a run that really ends at that call leaves the same', async () => {
		for (const call of [3, 4, 12, 13]) {
			for (const side of ['before', 'after'] as const) {
				const watched = new SimulatedDisk();
				let left: string[] = [];
				watched.observe((seen, seenSide) => {
					if (seen.number === call && seenSide === side) left = fingerprints(watched);
				});
				await exploreOn(watched);
				const replayed: string[] = [];
				await exploreCrashes(saving(2, honest), ({ disk }) => void replayed.push(disk.fingerprint()), {
					at: { call, side },
				});
				expect(new Set(replayed)).toEqual(new Set(left));
			}
		}
	});

	it('can be a program that hangs', async () => {
		const hanging: Scenario = async ({ disk }) => {
			await disk.stat('/');
			await new Promise(() => {});
		};
		await expect(exploreCrashes(hanging, check)).rejects.toThrow('nothing happens after call 1, stat /');
	});
});

function fingerprints(disk: SimulatedDisk): string[] {
	return disk.crashStates().map((state) => state.disk.fingerprint());
}

async function exploreOn(disk: SimulatedDisk): Promise<void> {
	disk.plantDirectory('/data');
	for (let version = 1; version <= 2; version++) {
		await saveByReference(disk, '/data', 'state.json', documentText(version));
	}
}
