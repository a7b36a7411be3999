/** Programs that use the library on a simulated disk, to be explored crash by crash. */
import {
	createWriter,
	createWriteStream,
	type JsonWriter,
	openPendingFile,
	type WriteReceipt,
} from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import type { Content, Scenario, Stage } from '../support/simulation.ts';

/** What the library is given for a disk: itself, or a port over it. */
export type MakePort = (disk: SimulatedDisk, scope?: object) => FileSystem;

/** One program's side of a stage. */
export interface Program extends Stage {
	readonly port: FileSystem;
	readonly writer: JsonWriter;
	/** What writes rejected with. */
	readonly failures: unknown[];
}

/** The text that `write` gives for a value. */
export function textOf(value: unknown): string {
	return `${JSON.stringify(value)}\n`;
}

/** A value that differs from all others, of a length that varies. */
export function version(number: number): object {
	return { version: number, padding: 'p'.repeat((number * 7) % 23) };
}

/**
 * Counts a write as submitted, and as acknowledged when its receipt says that it is durable; without a receipt, when
 * the platform can make it so.
 * `document`: where it lands, by its real path.
 */
export async function track(
	{ history, failures, disk }: Pick<Program, 'history' | 'failures' | 'disk'>,
	document: string,
	content: Content,
	write: () => Promise<WriteReceipt | undefined>,
): Promise<void> {
	const acknowledge = history.submit(document, content);
	try {
		const receipt = await write();
		const durable = receipt === undefined ? disk.semantics === 'posix' : receipt.durability === 'full';
		if (durable) acknowledge();
	} catch (error) {
		failures.push(error);
	}
}

function save(program: Program, path: string, number: number, document: string = path): Promise<void> {
	const value = version(number);
	return track(program, document, textOf(value), () => program.writer.write(path, value));
}

function plantDocument({ disk, history }: Stage, path: string, content = textOf(version(0))): void {
	disk.plantFile(path, content);
	history.begin(path, content);
}

export type Act = (program: Program) => Promise<void>;

/** Makes a scenario of what one program does; its writer is closed at the end, and no write may have failed. */
export function asScenario(act: Act, makePort: MakePort = (disk) => disk): Scenario {
	return async (stage) => {
		const { failures } = await runAct(act, stage, makePort(stage.disk));
		if (failures.length > 0) throw failures[0];
	};
}

/** As {@link asScenario}, on a disk that something is done to before; writes may fail. */
export function asFaultyScenario(act: Act, prepare: (disk: SimulatedDisk) => void, makePort: MakePort): Scenario {
	return async (stage) => {
		prepare(stage.disk);
		await runAct(act, stage, makePort(stage.disk));
	};
}

async function runAct(act: Act, stage: Stage, port: FileSystem): Promise<Program> {
	// Planting settles the disk, which a disk that has crashed must not be.
	if (stage.disk.paths().length === 0) stage.disk.plantDirectory('/data');
	const writer = createWriter({ fileSystem: port, clock: stage.clock });
	const program = { ...stage, port, writer, failures: [] };
	await act(program);
	await writer.close();
	return program;
}

async function firstSave(program: Program): Promise<void> {
	await save(program, '/data/a.json', 1);
}

async function replacingSaves(program: Program): Promise<void> {
	plantDocument(program, '/data/a.json');
	for (let number = 1; number <= 3; number++) await save(program, '/data/a.json', number);
}

async function burst(program: Program): Promise<void> {
	const writes: Array<Promise<void>> = [];
	for (let number = 1; number <= 6; number++) writes.push(save(program, '/data/a.json', number));
	await Promise.all(writes);
	await Promise.all([7, 8, 9].map((number) => save(program, '/data/a.json', number)));
}

async function twoPathsInOneDirectory(program: Program): Promise<void> {
	for (const number of [1, 2]) {
		await Promise.all(['/data/a.json', '/data/b.json'].map((path) => save(program, path, number)));
	}
}

async function createdParents(program: Program): Promise<void> {
	await Promise.all([save(program, '/data/x/y/a.json', 1), save(program, '/data/x/b.json', 1)]);
	await save(program, '/data/x/y/a.json', 2);
}

async function jsonLines(program: Program): Promise<void> {
	for (const rows of [[1, 2, 3], [4, { five: 5 }], []]) {
		const text = rows.map(textOf).join('');
		await track(program, '/data/a.jsonl', text, () => program.writer.writeLines('/data/a.jsonl', rows));
	}
}

async function bytes(program: Program): Promise<void> {
	for (const text of ['first', 'second one', 'third']) {
		const pieces = [text.slice(0, 3), Buffer.from(text.slice(3))];
		await track(program, '/data/a.txt', text, () => program.writer.writeFile('/data/a.txt', pieces));
	}
}

async function removal(program: Program): Promise<void> {
	const remove = (): Promise<void> =>
		track(program, '/data/a.json', undefined, () => program.writer.remove('/data/a.json').then(() => undefined));
	await save(program, '/data/a.json', 1);
	await remove();
	await Promise.all([save(program, '/data/a.json', 2), save(program, '/data/a.json', 3), remove()]);
	await Promise.all([remove(), save(program, '/data/a.json', 4)]);
}

async function pendingFiles(program: Program): Promise<void> {
	const { port, clock, history } = program;
	const ports = { fileSystem: port, clock };
	history.begin('/data/p.txt', undefined);
	for (const text of ['one', 'another']) {
		await track(program, '/data/p.txt', text, async () => {
			await using file = await openPendingFile('/data/p.txt', ports);
			await file.write(text.slice(0, 2));
			await file.write(text.slice(2));
			return await file.commit();
		});
	}
	try {
		await using discarded = await openPendingFile('/data/p.txt', ports);
		await discarded.write('never seen');
	} catch (error) {
		program.failures.push(error);
	}
}

async function writeStreams(program: Program): Promise<void> {
	const { port, clock, history } = program;
	history.begin('/data/s.txt', undefined);
	for (const text of ['streamed', 'streamed again']) {
		await track(program, '/data/s.txt', text, async () => {
			const stream = createWriteStream('/data/s.txt', { fileSystem: port, clock });
			stream.write(text.slice(0, 3));
			stream.end(text.slice(3));
			await new Promise<void>((resolve, reject) => stream.once('finish', resolve).once('error', reject));
			return undefined;
		});
	}
}

async function symlinkedDocument(program: Program): Promise<void> {
	plantDocument(program, '/data/real/a.json');
	program.disk.plantSymlink('real/a.json', '/data/link.json');
	for (const number of [1, 2]) await save(program, '/data/link.json', number, '/data/real/a.json');
}

async function danglingLink(program: Program): Promise<void> {
	program.disk.plantSymlink('elsewhere/new.json', '/data/link.json');
	for (const number of [1, 2]) await save(program, '/data/link.json', number, '/data/elsewhere/new.json');
}

async function twoSpellings(program: Program): Promise<void> {
	program.disk.plantSymlink('data', '/alias');
	const paths = ['/data/a.json', '/alias/a.json', '/data/a.json', '/alias/a.json', '/alias/a.json', '/data/a.json'];
	await Promise.all(paths.map((path, index) => save(program, path, index + 1, '/data/a.json')));
}

async function keptModeAndOwner(program: Program): Promise<void> {
	const { disk, history } = program;
	disk.plantFile('/data/a.json', textOf(version(0)), { mode: 0o640, uid: 7, gid: 8 });
	history.begin('/data/a.json', textOf(version(0)));
	await save(program, '/data/a.json', 1);
}

async function weakThenFull(program: Program): Promise<void> {
	const write = async (number: number, durability: 'file' | 'full'): Promise<void> => {
		const value = version(number);
		await track(program, '/data/a.json', textOf(value), () =>
			program.writer.write('/data/a.json', value, { durability }),
		);
	};
	await write(1, 'file');
	await write(2, 'file');
	await write(3, 'full');
	await Promise.all([write(4, 'full'), write(5, 'file'), write(6, 'full')]);
	await write(7, 'file');
}

async function twoWriters(program: Program): Promise<void> {
	const second = createWriter({ fileSystem: program.port, clock: program.clock });
	const other = { ...program, writer: second };
	await Promise.all([
		save(program, '/data/a.json', 1),
		save(other, '/data/a.json', 2),
		save(program, '/data/a.json', 3),
		save(other, '/data/b.json', 1),
	]);
	await second.close();
}

async function generations(program: Program): Promise<void> {
	const saveKeeping = async (number: number): Promise<void> => {
		const value = version(number);
		await track(program, '/data/a.json', textOf(value), () =>
			program.writer.write('/data/a.json', value, { backups: 2 }),
		);
	};
	for (let number = 1; number <= 4; number++) await saveKeeping(number);
	await Promise.all([5, 6].map(saveKeeping));
}

/** Each builds on the one before; those that wait together may share a commit. */
async function updates(program: Program): Promise<void> {
	const { writer, history, failures, disk } = program;
	const add = async (): Promise<void> => {
		let acknowledge = (): void => undefined;
		try {
			await writer.update('/data/a.json', (found: unknown) => {
				const next = { count: ((found as { count: number } | undefined)?.count ?? 0) + 1 };
				acknowledge = history.submit('/data/a.json', textOf(next));
				return next;
			});
			if (disk.semantics === 'posix') acknowledge();
		} catch (error) {
			failures.push(error);
		}
	};
	await add();
	await Promise.all([add(), add(), add()]);
	await add();
}

/** What the library is asked to do, by what it is about. */
export const acts: Record<string, Act> = {
	'a first save': firstSave,
	'replacing saves': replacingSaves,
	'bursts that coalesce': burst,
	'two paths in one directory': twoPathsInOneDirectory,
	'parents created on the way': createdParents,
	'JSON Lines': jsonLines,
	'files of bytes': bytes,
	removal: removal,
	'pending files': pendingFiles,
	'write streams': writeStreams,
	'a document behind a symbolic link': symlinkedDocument,
	'a link that leads nowhere yet': danglingLink,
	'two spellings of one path': twoSpellings,
	'a mode and an owner that are kept': keptModeAndOwner,
	'weak durability before full': weakThenFull,
	'two writers of one process': twoWriters,
	'generations that are kept': generations,
	updates: updates,
};

export function actOf(name: string): Act {
	const act = acts[name];
	if (act === undefined) throw new Error(`there is no act '${name}'`);
	return act;
}

/** What a new process does: it saves each document once, by which it also sweeps. */
export const startAnew: Scenario = asScenario(async (program) => {
	const value = 'after the crash';
	const saveAgain = (path: string): Promise<void> =>
		track(program, path, textOf(value), () => program.writer.write(path, value));
	await Promise.all(program.history.paths.map(saveAgain));
});
