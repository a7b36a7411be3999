/** A journal on a disk that crashes at every call: what was acknowledged is there, once, in its order, and nothing torn. */
import { afterAll, describe, expect, it } from 'vitest';
import { codeOf } from '../../lib/errors.ts';
import { DurableJsonError, type Journal, type JournalOptions, openJournal } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { BRIEF, Census, LONG, temps } from '../support/crash-promises.ts';
import { type Check, type CrashKind, type ExploreOptions, exploreCrashes, type Stage } from '../support/simulation.ts';
import { type MutantName, type MutantPort, mutants } from './mutants.ts';

const PATH = '/data/a.journal';

/** What was ever there, for a platform where a power cut may undo a name that cannot be synced. */
const EVER = '/ever';

type List = readonly number[];
type Options = Partial<JournalOptions<List, number>>;

/** The state is the list of all entries: none may be missing, doubled, or out of order. */
function open({ disk, clock }: Stage, port: FileSystem = disk, options: Options = {}): Promise<Journal<List, number>> {
	const apply = (list: List, entry: number): List => [...list, entry];
	return openJournal<List, number>(PATH, {
		initial: [],
		apply,
		fileSystem: port,
		clock,
		onError: () => {},
		...options,
	});
}

/** @returns what acknowledges it */
function submit({ history }: Stage, list: List): () => void {
	const content = JSON.stringify(list);
	history.submit(EVER, content);
	return history.submit(PATH, content);
}

/** A program that appends 1, 2, 3, ... and says which of them it was told are durable. */
class Program {
	readonly stage: Stage;
	readonly port: FileSystem;
	readonly failures: unknown[] = [];
	#list: List = [];
	#next = 0;
	#opened: Journal<List, number> | undefined;

	constructor(stage: Stage, port: FileSystem) {
		this.stage = stage;
		this.port = port;
	}

	get journal(): Journal<List, number> {
		if (this.#opened === undefined) throw new Error('not open');
		return this.#opened;
	}

	async open(options?: Options): Promise<void> {
		this.#opened = await open(this.stage, this.port, options);
		this.#list = this.#opened.state;
		// A journal that was opened shows nothing that a crash can take back.
		submit(this.stage, this.#list)();
	}

	/** Appends so many entries as one. */
	async append(count = 1): Promise<void> {
		const entries = Array.from({ length: count }, () => ++this.#next);
		const before = this.#list;
		const list = [...before, ...entries];
		this.#list = list;
		const acknowledge = submit(this.stage, list);
		try {
			await (count === 1 ? this.journal.append(entries[0] ?? 0) : this.journal.appendAll(entries));
			acknowledge();
			expect(this.journal.state).toEqual(expect.arrayContaining(entries));
		} catch (error) {
			this.failures.push(error);
			// Those that came after it are appended all the same.
			this.#list = this.#list === list ? before : this.#list.filter((entry) => !entries.includes(entry));
			submit(this.stage, this.#list);
			expect(this.journal.state).not.toEqual(expect.arrayContaining(entries));
		}
	}

	async checkpoint(): Promise<void> {
		await this.journal.checkpoint().catch((error: unknown) => this.failures.push(error));
	}

	async close(): Promise<void> {
		await this.#opened?.close();
		this.#opened = undefined;
	}
}

type Act = (program: Program) => Promise<void>;

const acts: Record<string, Act> = {
	'awaited appends': async (program) => {
		await program.open();
		for (let time = 0; time < 3; time++) await program.append();
		await program.close();
	},
	'appends together': async (program) => {
		await program.open();
		await Promise.all([program.append(), program.append(3), program.append()]);
		await Promise.all([program.append(2), program.append()]);
		await program.close();
	},
	'checkpoints between appends': async (program) => {
		await program.open();
		await program.append();
		await Promise.all([program.append(), program.checkpoint(), program.append(), program.append()]);
		await program.checkpoint();
		await program.append();
		await program.close();
	},
	'automatic checkpoints': async (program) => {
		await program.open({ checkpoint: { maxEntries: 2 } });
		for (let time = 0; time < 5; time++) await program.append();
		await program.close();
	},
	'opened again': async (program) => {
		for (let time = 0; time < 2; time++) {
			await program.open();
			await program.append(2);
			await program.close();
		}
		await program.open();
		await program.checkpoint();
		await program.close();
	},
};

const planted = ({ disk }: Stage): void => {
	if (disk.paths().length === 0) disk.plantDirectory('/data');
};

function scenario(act: Act, makePort: MutantPort = (disk) => disk, prepare?: (disk: SimulatedDisk) => void) {
	return async (stage: Stage): Promise<void> => {
		planted(stage);
		prepare?.(stage.disk);
		const program = new Program(stage, makePort(stage.disk));
		try {
			await act(program);
			await program.close();
		} catch (error) {
			// The disk did not let it be opened, or be closed.
			if (!(error instanceof DurableJsonError) && !isSimulated(error)) throw error;
			program.failures.push(error);
		}
		if (prepare === undefined && program.failures.length > 0) throw program.failures[0];
	};
}

function isSimulated(error: unknown): boolean {
	return error instanceof Error && error.message.includes('simulated');
}

/** What is there after a crash, by a journal that is opened, appended to and closed. */
async function goOn(stage: Stage, kind: CrashKind): Promise<void> {
	const { disk, history } = stage;
	const journal = await open(stage).catch(whereFull);
	if (journal === undefined) return;
	const allowed = history.allowed(disk.semantics === 'win32' && kind === 'power cut' ? EVER : PATH);
	if (!allowed.some((content) => (content ?? '[]') === JSON.stringify(journal.state))) {
		throw new Error(`found ${JSON.stringify(journal.state)}, allowed ${allowed.join(' or ')}`);
	}
	submit(stage, journal.state)();
	const acknowledge = submit(stage, [...journal.state, 1000]);
	if ((await journal.append(1000).catch(whereFull)) !== undefined) acknowledge();
	await journal.close();
	expect(temps(disk)).toEqual([]);
	expect(disk.openHandles()).toEqual([]);
}

/** Where there is no space nothing can be appended, and no journal made. */
function whereFull(error: unknown): undefined {
	if (!(error instanceof DurableJsonError) || codeOf(error.cause) !== 'ENOSPC') throw error;
	expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
}

const check: Check = async (stage, kind) => {
	await goOn(stage, kind);
	for (const { disk } of stage.disk.crashStates()) {
		await goOn({ ...stage, disk, history: stage.history.snapshot() }, 'power cut');
	}
};

const census = new Census();
afterAll(() => console.log(String(census)));

async function explore(act: Act, options: ExploreOptions = {}, prepare?: (disk: SimulatedDisk) => void): Promise<void> {
	const made = scenario(act, (disk) => disk, prepare);
	const { semantics = 'posix', capacityBytes } = options.disk ?? {};
	const counted = census.counting(`${semantics}, ${capacityBytes}`, check);
	census.add(await exploreCrashes(made, counted, { statesMax: BRIEF ? 16 : 64, ...options }));
}

describe('loses nothing through a crash at any call of', () => {
	it.each(Object.entries(acts))('%s', async (_name, act) => {
		await explore(act);
	});

	it.each(Object.entries(acts))('%s, calls overtaking each other', async (_name, act) => {
		for (let jitterSeed = 1; jitterSeed <= 2; jitterSeed++) await explore(act, { disk: { jitterSeed } });
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
			for (const nth of BRIEF ? [2] : [1, 2, 3]) {
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
			for (const nth of BRIEF ? [3] : [1, 3, 4, 5]) {
				for (const act of chosen) {
					await explore(act, { statesMax: 8 }, (disk) => disk.shortWrite({ bytes, nth }));
				}
			}
		}
	});
});

const enough = BRIEF ? 1_000 : 3_000;
it(`loses nothing in more than ${enough} different states`, () => {
	expect(census.distinct).toBeGreaterThan(enough);
});

describe('the exploration finds', () => {
	type Fault = (disk: SimulatedDisk) => void;
	const failedSyncs = (['dataSync', 'syncDirectory'] as const).flatMap((name) =>
		[1, 2, 3].map(
			(nth): Fault =>
				(disk) =>
					disk.fail(name, { code: 'EIO', nth }),
		),
	);
	const shortWrites = [3, 4, 5].map(
		(nth): Fault =>
			(disk) =>
				disk.shortWrite({ bytes: 3, nth }),
	);

	const LOSS = /found \[.*allowed|is corrupt/;

	it.each<[MutantName, ReadonlyArray<Fault | undefined>]>([
		['file sync dropped', [undefined]],
		// A checkpoint that takes the place of the entries before it is durable.
		['file sync after the rename', [undefined]],
		['directory sync dropped', [undefined]],
		['directory sync not awaited', [undefined]],
		['sync errors swallowed', failedSyncs],
		['short writes taken as whole', shortWrites],
	])('%s', async (name, preparations) => {
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
});
