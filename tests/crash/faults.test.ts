/** Errors of the disk at every single call of a save: what the caller is told is true, and nothing is left behind. */
import { basename } from 'node:path/posix';
import { afterAll, describe, expect, it } from 'vitest';
import { formatOrder, formatTempName, parseTempName } from '../../lib/commit/temp-name.ts';
import {
	createWriter,
	DurableJsonError,
	type JsonWriter,
	openPendingFile,
	type WriteReceipt,
} from '../../lib/index.ts';
import type { FileSystem, OpenFile } from '../../lib/ports/file-system.ts';
import type { CallName, DiskCall } from '../../lib/testing/disk-calls.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { PassingPort } from '../support/passing-port.ts';
import { drive, exploreCrashes } from '../support/simulation.ts';
import { mutants } from './mutants.ts';
import { actOf, acts, asFaultyScenario, type MakePort } from './scenarios.ts';

/** The calls of a save, and of what comes before and after it. */
const NAMES: readonly CallName[] = [
	'lstat',
	'realpath',
	'ensureDirectory',
	'open',
	'tryLock',
	'fstat',
	'write',
	'sync',
	'rename',
	'openDirectory',
	'syncDirectory',
	'unlink',
];
const honest: MakePort = (disk) => disk;
const CODES = ['EIO', 'ENOSPC', 'EPERM', 'EMFILE'];
const OLD = '"old"\n';

interface Job {
	readonly path: string;
	readonly text: string | undefined;
	readonly plant: (disk: SimulatedDisk) => void;
	readonly act: (writer: JsonWriter, fileSystem: FileSystem, clock: ManualClock) => Promise<WriteReceipt | undefined>;
}

const write =
	(path: string): Job['act'] =>
	(writer) =>
		writer.write(path, 'new');

const jobs: Record<string, Job> = {
	'a first save': {
		path: '/data/a.json',
		text: '"new"\n',
		plant: (disk) => disk.plantDirectory('/data'),
		act: write('/data/a.json'),
	},
	'a replacing save': {
		path: '/data/a.json',
		text: '"new"\n',
		plant: (disk) => disk.plantFile('/data/a.json', OLD, { mode: 0o640 }),
		act: write('/data/a.json'),
	},
	'a save that creates parents': {
		path: '/data/x/y/a.json',
		text: '"new"\n',
		plant: (disk) => disk.plantDirectory('/data'),
		act: write('/data/x/y/a.json'),
	},
	'a save through a link': {
		path: '/data/a.json',
		text: '"new"\n',
		plant: (disk) => {
			disk.plantFile('/data/a.json', OLD);
			disk.plantSymlink('data/a.json', '/link');
		},
		act: write('/link'),
	},
	'rows from an async generator': {
		path: '/data/a.jsonl',
		text: '1\n2\n',
		plant: (disk) => disk.plantFile('/data/a.jsonl', OLD),
		act: (writer) => writer.writeLines('/data/a.jsonl', asyncRows()),
	},
	'a pending file': {
		path: '/data/a.txt',
		text: 'one two',
		plant: (disk) => disk.plantFile('/data/a.txt', OLD),
		act: async (_writer, fileSystem, clock) => {
			await using file = await openPendingFile('/data/a.txt', { fileSystem, clock });
			await file.write('one ');
			await file.write('two');
			return await file.commit();
		},
	},
	'a removal': {
		path: '/data/a.json',
		text: undefined,
		plant: (disk) => disk.plantFile('/data/a.json', OLD),
		act: async (writer) => {
			await writer.remove('/data/a.json');
			return undefined;
		},
	},
};

async function* asyncRows(): AsyncGenerator<number> {
	yield 1;
	await new Promise(setImmediate);
	yield 2;
}

/** One call that is made to fail, and how. */
interface Injection {
	readonly name: CallName;
	/** The how-manieth of its name. */
	readonly nth: number;
	readonly code: string;
	readonly times: number;
}

interface Outcome {
	readonly disk: SimulatedDisk;
	readonly clock: ManualClock;
	readonly writer: JsonWriter;
	readonly before: string | undefined;
	readonly receipt: WriteReceipt | undefined;
	readonly error: unknown;
}

async function run(job: Job, makePort: MakePort, injection?: Injection): Promise<Outcome> {
	const disk = new SimulatedDisk();
	const clock = new ManualClock();
	job.plant(disk);
	const before = disk.peekFile(job.path)?.toString();
	if (injection !== undefined) disk.fail(injection.name, injection);
	const port = makePort(disk);
	const writer = createWriter({ fileSystem: port, clock });
	let receipt: WriteReceipt | undefined;
	let error: unknown;
	const attempt = async (): Promise<void> => {
		try {
			receipt = await job.act(writer, port, clock);
		} catch (reason) {
			error = reason;
		}
		// The sweep in the background ends before the flush of close does; other commits may still come.
		await writer.flush();
	};
	await drive(attempt(), { disk, clock });
	return { disk, clock, writer, before, receipt, error };
}

/** Every call that a save makes, as an injection for each code, once and for ever. */
async function injectionsFor(job: Job): Promise<Injection[]> {
	const { disk, writer, clock } = await run(job, honest);
	await drive(writer.close(), { disk, clock });
	const seen = new Map<CallName, number>();
	return disk.calls.flatMap(({ name }) => {
		const nth = (seen.get(name) ?? 0) + 1;
		seen.set(name, nth);
		return CODES.flatMap((code) => [1, Number.POSITIVE_INFINITY].map((times) => ({ name, nth, code, times })));
	});
}

function temps(disk: SimulatedDisk): string[] {
	return disk.paths().filter((path) => parseTempName(basename(path)) !== undefined);
}

/** The document is what the answer says, now and after a power cut. */
function checkAnswer(job: Job, { disk, before, receipt, error }: Outcome): void {
	const now = disk.peekFile(job.path)?.toString();
	const afterPowerCut = disk.crashStates().map((state) => state.disk.peekFile(job.path)?.toString());
	if (error === undefined) {
		expect(now).toBe(job.text);
		if (receipt === undefined || receipt.durability === 'full')
			expect(new Set(afterPowerCut)).toEqual(new Set([job.text]));
		return;
	}
	expect(error).toBeInstanceOf(DurableJsonError);
	if (!(error instanceof DurableJsonError)) return;
	expect(error.code).toBe('ERR_WRITE_FAILED');
	expect(error.path).toBe(job.path === '/data/a.json' && error.path === '/link' ? '/link' : job.path);
	const allowed = error.outcome === 'not_applied' ? [before] : [before, job.text];
	for (const content of [now, ...afterPowerCut]) expect(allowed).toContain(content);
}

/** A handle whose sync has failed is never synced again. */
function checkNoSyncRetried(calls: readonly DiskCall[]): void {
	const spoiled = new Set<number>();
	for (const { name, handle, error } of calls) {
		if (name !== 'sync' && name !== 'dataSync' && name !== 'syncDirectory') continue;
		expect(spoiled).not.toContain(handle);
		if (error !== undefined && handle !== undefined) spoiled.add(handle);
	}
}

/** Once the disk is well again the next save works. */
async function checkNextSave(job: Job, { disk, clock, writer }: Outcome): Promise<void> {
	disk.heal();
	const next = async (): Promise<void> => {
		const receipt = await writer.write(job.path, 'next');
		expect(receipt).toMatchObject({ durability: 'full', directorySynced: true });
		await writer.close();
	};
	await drive(next(), { disk, clock });
	expect(disk.openHandles()).toEqual([]);
	for (const state of disk.crashStates()) expect(state.disk.peekFile(job.path)?.toString()).toBe('"next"\n');
}

/** Says where an answer was wrong or something stayed behind: undefined where nothing did. */
async function findFault(job: Job, makePort: MakePort): Promise<string | undefined> {
	for (const injection of await injectionsFor(job)) {
		const { name, nth, code, times } = injection;
		const outcome = await run(job, makePort, injection);
		injections += 1;
		try {
			checkAnswer(job, outcome);
			checkNoSyncRetried(outcome.disk.calls);
			// A file whose every unlink fails stays, and the error says so.
			if (name !== 'unlink') expect(temps(outcome.disk)).toEqual([]);
			await checkNextSave(job, outcome);
		} catch (error) {
			const answer = outcome.error ?? JSON.stringify(outcome.receipt);
			const message = error instanceof Error ? error.message : String(error);
			return `${name} ${nth} ${code} x ${times}: ${message}\nanswer: ${answer}\nleft: ${outcome.disk.paths().join(' ')}`;
		}
	}
	return undefined;
}

let injections = 0;

afterAll(() => console.log(`${injections} injected errors`));

function jobOf(name: string): Job {
	const job = jobs[name];
	if (job === undefined) throw new Error(`there is no job '${name}'`);
	return job;
}

describe('where any one call fails, once or for ever', () => {
	it.each(Object.keys(jobs))('%s tells the truth, leaves nothing behind, and the next one works', async (name) => {
		expect(await findFault(jobOf(name), honest)).toBeUndefined();
	});

	it.each(Object.keys(acts))('%s keeps its promises through every crash besides', async (name) => {
		const once = NAMES.flatMap((call) => [1, 2].map((nth) => ({ call, nth, times: 1 })));
		const always = NAMES.map((call) => ({ call, nth: 2, times: Number.POSITIVE_INFINITY }));
		for (const { call, nth, times } of [...once, ...always]) {
			const prepare = (disk: SimulatedDisk): void => disk.fail(call, { code: 'EIO', nth, times });
			const scenario = asFaultyScenario(actOf(name), prepare, honest);
			await exploreCrashes(scenario, ({ disk, history }) => history.check(disk), { statesMax: 32 });
		}
	});

	it('a removal resolves only when nothing is left that recovery could bring back', async () => {
		const leftover = `/data/${formatTempName('a.json', { life: 'lock', order: formatOrder(0, 1), random: '0'.repeat(16) }, 'ready')}`;
		const base = jobOf('a removal');
		const job: Job = {
			...base,
			plant: (disk) => {
				base.plant(disk);
				disk.plantFile(leftover, '"complete, but never renamed"\n');
			},
		};
		const wronglyResolved: string[] = [];
		for (const injection of await injectionsFor(job)) {
			const { disk, error } = await run(job, honest, injection);
			const { name, nth, code, times } = injection;
			if (error === undefined && temps(disk).length > 0) wronglyResolved.push(`${name} ${nth} ${code} x ${times}`);
		}
		expect(wronglyResolved).toEqual([]);
	});

	it('finds a port that swallows errors of syncs, one that repeats them, and one that leaks handles', async () => {
		const leaking: MakePort = (disk) => new LeakingPort(disk);
		expect(await findFault(jobOf('a replacing save'), mutants['sync errors swallowed'])).toMatch(/^sync 1 EIO/);
		expect(await findFault(jobOf('a replacing save'), mutants['failed sync retried on the same handle'])).toMatch(
			/^sync/,
		);
		expect(await findFault(jobOf('a replacing save'), leaking)).toMatch(/to deeply equal \[\]/);
	});
});

class LeakingPort extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, close: async () => {} };
	}
}
