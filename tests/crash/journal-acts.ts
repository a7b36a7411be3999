/** Programs that use a journal on a simulated disk, and what must hold after any crash of them. */
import { expect } from 'vitest';
import { codeOf } from '../../lib/errors.ts';
import { DurableJsonError, type Journal, type JournalOptions, openJournal } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { checkNoLitter } from '../support/crash-promises.ts';
import type { Check, CrashKind, Scenario, Stage } from '../support/simulation.ts';
import type { MutantPort } from './mutants.ts';

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
export class Program {
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

export type Act = (program: Program) => Promise<void>;
export type Prepare = (disk: SimulatedDisk) => void;

export const acts: Readonly<Record<string, Act>> = {
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

/** What the next start does. */
export const goingOn: Act = async (program) => {
	await program.open();
	await program.append();
	await program.close();
};

const planted = ({ disk }: Stage): void => {
	if (disk.paths().length === 0) disk.plantDirectory('/data');
};

export function scenario(act: Act, makePort: MutantPort = (disk) => disk, prepare?: Prepare): Scenario {
	return async (stage) => {
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
export async function goOn(stage: Stage, kind: CrashKind): Promise<void> {
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
	checkNoLitter(disk);
}

/** Where there is no space nothing can be appended, and no journal made. */
function whereFull(error: unknown): undefined {
	if (!(error instanceof DurableJsonError) || codeOf(error.cause) !== 'ENOSPC') throw error;
	expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
}

export const check: Check = async (stage, kind) => {
	await goOn(stage, kind);
	for (const { disk } of stage.disk.crashStates()) {
		await goOn({ ...stage, disk, history: stage.history.snapshot() }, 'power cut');
	}
};
