/** The library on a disk that crashes at every call: what it promised holds in every state that a crash may leave. */
import { afterAll, describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { checkNoLitter, temps } from '../support/crash-promises.ts';
import {
	type Check,
	type Exploration,
	type ExploreOptions,
	exploreCrashes,
	History,
	type Scenario,
	type Stage,
} from '../support/simulation.ts';
import { actOf, acts, asScenario, startAnew, textOf, track, version } from './scenarios.ts';

/** What may lie on the disk besides documents. */
const SCENERY = /^\/(data|alias)(\/(x(\/y)?|real|elsewhere|link\.json|\.dj1bn-\d{3}-a\.json))?$/;

/** Or it removes each. */
const removeAll: Scenario = asScenario(async (program) => {
	const remove = (path: string): Promise<void> =>
		track(program, path, undefined, () => program.writer.remove(path).then(() => undefined));
	await Promise.all(program.history.paths.map(remove));
});

/** G1 to G3 as the crash left it, and, once a new process has been at work, G6. */
const checkRecovery: Check = async (stage) => {
	const { disk, history } = stage;
	history.check(disk);
	const known = new Set([...history.paths, ...temps(disk)]);
	expect(disk.paths().filter((path) => !known.has(path) && !SCENERY.test(path))).toEqual([]);
	await startAnew(stage);
	checkNoLitter(disk);
	history.check(disk);
};

/** And what the new process was promised survives the next power cut. */
const checkSecondCrash: Check = async (stage, kind) => {
	await checkRecovery(stage, kind);
	for (const { disk } of stage.disk.crashStates()) stage.history.check(disk);
};

const explored: Exploration[] = [];

afterAll(() => {
	const total = (field: keyof Exploration): number => explored.reduce((sum, each) => sum + each[field], 0);
	console.log(`${total('crashPoints')} crash points, ${total('states')} states, ${total('durationMs')} ms`);
});

async function explore(name: string, check: Check, options: ExploreOptions): Promise<void> {
	explored.push(await exploreCrashes(asScenario(actOf(name)), check, { statesMax: 64, ...options }));
}

describe('keeps its promises, and leaves no litter, through a crash at any call of', () => {
	it.each(Object.keys(acts))('%s', async (name) => {
		await explore(name, checkSecondCrash, {});
	});

	it.each(Object.keys(acts))('%s, calls overtaking each other', async (name) => {
		for (let jitterSeed = 1; jitterSeed <= 3; jitterSeed++)
			await explore(name, checkSecondCrash, { disk: { jitterSeed } });
	});

	it.each(Object.keys(acts))('%s, where files cannot be locked', async (name) => {
		// Then age says which temporary file is dead.
		const hoursLater: Check = (stage, kind) => {
			stage.clock.setEpochMs(stage.clock.epochMs() + 2 * 60 * 60 * 1000);
			return checkRecovery(stage, kind);
		};
		await explore(name, hoursLater, { disk: { locks: false } });
	});
});

it.each(Object.keys(acts))('removes for good what a crash left of %s', async (name) => {
	const check: Check = async (stage) => {
		await removeAll(stage);
		expect(temps(stage.disk).filter((path) => path.endsWith('.ready'))).toEqual([]);
		for (const { disk } of stage.disk.crashStates()) stage.history.check(disk);
	};
	await explore(name, check, {});
});

describe('under the rules of Windows, where a directory cannot be synced', () => {
	it.each(Object.keys(acts))(
		'leaves a whole document and no litter through a crash at any call of %s',
		async (name) => {
			await explore(name, checkRecovery, { disk: { semantics: 'win32' } });
		},
	);

	it('leaves the document, or a complete copy beside it, where another program holds it open', async () => {
		const held: Scenario = asScenario(async (program) => {
			program.disk.plantFile('/data/a.json', textOf('old'));
			program.history.begin('/data/a.json', textOf('old'));
			program.disk.openElsewhere('/data/a.json');
			await track(program, '/data/a.json', textOf('new'), () => program.writer.write('/data/a.json', 'new'));
		});
		let missing = 0;
		const check: Check = async (stage) => {
			const copies = temps(stage.disk).filter((path) => /\.(ready|aside)$/.test(path));
			if (stage.disk.peekFile('/data/a.json') === undefined) {
				missing++;
				const whole = copies.map((path) => stage.disk.peekFile(path)?.toString());
				expect(whole).toContain(textOf('old'));
				stage.history.begin('/data/a.json', undefined);
			}
			await checkRecovery(stage, 'power cut');
		};
		explored.push(await exploreCrashes(held, check, { disk: { semantics: 'win32' } }));
		expect(missing).toBeGreaterThan(0);
	});
});

it('keeps its promises through a crash of the recovery', async () => {
	for (const name of ['a first save', 'replacing saves']) {
		const found: Stage[] = [];
		await exploreCrashes(asScenario(actOf(name)), (stage) => void found.push(stage), { statesMax: 64 });
		for (const { disk, history } of found) {
			explored.push(await exploreCrashes(startAnew, checkRecovery, { start: { disk, history }, statesMax: 64 }));
		}
	}
});

it('does not keep them on a medium that reuses freed blocks before a rename is durable: it is not supported', async () => {
	const act = asScenario(async (program) => {
		const saveOften = async (path: string): Promise<void> => {
			for (const number of [1, 2, 3]) {
				const value = version(number);
				await track(program, path, textOf(value), () => program.writer.write(path, value));
			}
		};
		await Promise.all(['/data/a.json', '/other/b.json'].map(saveOften));
	});
	const check: Check = ({ disk, history }) => history.check(disk);
	await exploreCrashes(act, check);
	await expect(exploreCrashes(act, check, { disk: { reusesFreedBlocks: true } })).rejects.toThrow(/is torn/);
});

describe('the order of calls', () => {
	it('is write, sync of the file, rename, sync of the directory', async () => {
		const stage: Stage[] = [];
		const scenario = asScenario(actOf('replacing saves'));
		await exploreCrashes(
			async (each) => {
				stage.push(each);
				await scenario(each);
			},
			() => {},
		);
		const steps = new Set(['write', 'sync', 'rename', 'syncDirectory']);
		const calls = stage.flatMap(({ disk }) => disk.calls.filter((call) => call.path.startsWith('/data')));
		const names = calls.map((call) => call.name).filter((name) => steps.has(name));
		const one = ['write', 'sync', 'rename', 'syncDirectory'];
		expect(names).toEqual([...one, ...one, ...one]);
	});
});

it('crashes at the same calls on each run, so that a failure can be replayed', async () => {
	const runOnce = async (): Promise<string[]> => {
		const disk = new SimulatedDisk({ jitterSeed: 5 });
		await exploreCrashes(asScenario(actOf('two spellings of one path')), () => {}, {
			start: { disk, history: new History() },
		});
		// The place in the order of writes is this process's own, and part of the names.
		return disk.calls.map((call) => `${call.name} ${call.path.replace(/\.dj1nl-\w+/, '')}`);
	};
	expect(await runOnce()).toEqual(await runOnce());
});
