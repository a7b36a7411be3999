/** Explores one candidate: every crash of its saves, errors of the disk at each of its calls, and the crashes of those. */
import { type Check, exploreCrashes, type Scenario, type Stage } from 'durable-json/testing';
import type { Candidate, Saver } from './candidates.ts';
import { enter, SIMULATED } from './simulated-process.ts';

/** What can be wrong, the worst first; of a state the first that holds is counted. */
export const KINDS = ['torn', 'lost', 'sync', 'unsaved', 'handle', 'failure litter', 'crash litter'] as const;
export type Kind = (typeof KINDS)[number];

/** What was tried, and what was found. */
export interface Findings {
	crashPoints: number;
	errors: number;
	states: number;
	readonly failures: Map<Kind, number>;
	/** The first of each kind. */
	readonly examples: Map<Kind, string>;
}

class Broken extends Error {
	readonly kind: Kind;

	constructor(kind: Kind, message: string) {
		super(message);
		this.kind = kind;
	}
}

/** Something that goes wrong during the second save. */
interface Fault {
	readonly name: string;
	prepare(stage: Stage): void;
}

const DOCUMENT = `${SIMULATED}/state.json`;
const SCHEDULES = 3;

function textOf(version: number): string {
	return JSON.stringify({ version, padding: 'p'.repeat(20 + ((version * 7) % 23)) });
}

export async function exploreCandidate(candidate: Candidate): Promise<Findings> {
	const findings: Findings = { crashPoints: 0, errors: 0, states: 0, failures: new Map(), examples: new Map() };
	await candidate.load?.();
	const explore = async (name: string, scenario: Scenario): Promise<void> => {
		const { crashPoints, states } = await exploreCrashes(onStage(scenario), checkOf(candidate), {
			schedules: SCHEDULES,
			onFailure: ({ cause, message }) => count(findings, cause, `${name}: ${message}`),
		});
		findings.crashPoints += crashPoints;
		findings.states += states;
	};
	await explore('saves in turn', savesInTurn(candidate));
	if (candidate.savesAtOnce) await explore('saves at once', savesAtOnce(candidate));
	for (const fault of await faultsOf(candidate)) {
		findings.errors++;
		await explore(
			fault.name,
			faultySave(candidate, fault, (error) => count(findings, error, `${fault.name}: ${error}`)),
		);
	}
	return findings;
}

function count({ failures, examples }: Findings, error: unknown, example: string): void {
	if (!(error instanceof Broken)) throw error;
	failures.set(error.kind, (failures.get(error.kind) ?? 0) + 1);
	if (!examples.has(error.kind)) examples.set(error.kind, example);
}

function onStage(scenario: Scenario): Scenario {
	return async (stage) => {
		enter(stage);
		stage.disk.plantDirectory(SIMULATED);
		await scenario(stage);
		await quiet(stage);
	};
}

/** Counts the save as submitted, and where its promise says so as acknowledged. @returns whether it resolved */
async function save({ history }: Stage, saver: Saver, version: number): Promise<boolean> {
	const acknowledge = history.submit(DOCUMENT, textOf(version));
	try {
		if (await saver.save(DOCUMENT, textOf(version))) acknowledge();
		return true;
	} catch {
		return false;
	}
}

function savesInTurn(candidate: Candidate): Scenario {
	return async (stage) => {
		const saver = await candidate.open(stage);
		for (let version = 1; version <= 5; version++) await save(stage, saver, version);
		await saver.close();
	};
}

function savesAtOnce(candidate: Candidate): Scenario {
	return async (stage) => {
		const saver = await candidate.open(stage);
		for (const versions of [
			[1, 2, 3],
			[4, 5],
		]) {
			await Promise.all(versions.map((version) => save(stage, saver, version)));
		}
		await saver.close();
	};
}

/** An error at each call of the second save, once and for ever, a write that takes less than asked, and a full disk. */
async function faultsOf(candidate: Candidate): Promise<Fault[]> {
	let calls = 0;
	const counting: Fault = { name: 'none', prepare: ({ disk }) => void (calls = -disk.calls.length) };
	const measured = faultySave(
		candidate,
		counting,
		() => {},
		({ disk }) => {
			calls = Math.max(calls, calls + disk.calls.length);
		},
	);
	await exploreCrashes(onStage(measured), () => {});
	const faults: Fault[] = [
		{ name: 'a short write', prepare: ({ disk }) => disk.shortWrite({ bytes: 9 }) },
		{ name: 'a full disk', prepare: ({ disk }) => disk.setCapacity(textOf(1).length + 9) },
	];
	for (let nth = 1; nth <= calls; nth++) {
		for (const code of ['EIO', 'ENOSPC']) {
			for (const times of [1, Number.POSITIVE_INFINITY]) {
				const name = `${code} at call ${nth} of a save, ${times === 1 ? 'once' : 'and ever after'}`;
				faults.push({ name, prepare: ({ disk }) => disk.fail('*', { code, nth, times }) });
			}
		}
	}
	return faults;
}

/** A save, one with the fault, and one on a disk that is well again. */
function faultySave(
	candidate: Candidate,
	fault: Fault,
	report: (error: unknown) => void,
	afterFault: (stage: Stage) => void = () => {},
): Scenario {
	return async (stage) => {
		const { disk } = stage;
		const saver = await candidate.open(stage);
		await save(stage, saver, 1);
		await quiet(stage);
		const before = disk.calls.length;
		fault.prepare(stage);
		const resolved = await save(stage, saver, 2);
		await quiet(stage);
		afterFault(stage);
		for (const broken of wrongAfterFault(stage, before, resolved)) report(broken);
		disk.heal();
		disk.setCapacity(Number.POSITIVE_INFINITY);
		await save(stage, saver, 3);
		await saver.close();
	};
}

/** What a save that met an error has told, and left. */
function* wrongAfterFault({ disk }: Stage, before: number, resolved: boolean): Generator<Broken> {
	const calls = disk.calls.slice(before);
	const text = disk.peekFile(DOCUMENT)?.toString() ?? '';
	if (text !== textOf(1) && text !== textOf(2))
		yield new Broken('torn', `${resolved ? 'resolved' : 'rejected'}, "${text}"`);
	else if (resolved && text !== textOf(2)) yield new Broken('unsaved', 'resolved, and the document is the old one');
	if (resolved && calls.some(({ name, error }) => /sync/i.test(name) && error !== undefined)) {
		yield new Broken('sync', 'a sync failed, and the promise resolved');
	}
	if (disk.openHandles().length > 0) yield new Broken('handle', `${disk.openHandles().join()} stays open`);
	// Where even unlink(2) fails nobody can remove anything.
	const canRemove = calls.every(({ name, error }) => name !== 'unlink' || error === undefined);
	if (canRemove && litterOn(disk).length > 0) yield new Broken('failure litter', litterOn(disk).join());
}

/** After a crash: the document is what was promised; the next save works, and leaves nothing else in the directory. */
function checkOf(candidate: Candidate): Check {
	return async (stage) => {
		const { disk, history } = stage;
		try {
			history.check(disk);
		} catch (error) {
			const { message } = error as Error;
			throw new Broken(message.includes('is torn') ? 'torn' : 'lost', message);
		}
		enter(stage);
		const saver = await candidate.open(stage);
		const resolved = await save(stage, saver, 99);
		await saver.close();
		const text = disk.peekFile(DOCUMENT)?.toString();
		if (!resolved || text !== textOf(99)) throw new Broken('unsaved', `the next save gave ${text}`);
		if (litterOn(disk).length > 0) throw new Broken('crash litter', litterOn(disk).join());
	};
}

function litterOn(disk: Stage['disk']): string[] {
	return disk.paths().filter((path) => path !== SIMULATED && path !== DOCUMENT);
}

/** What a package does behind its promise comes to an end. */
async function quiet({ disk }: Stage): Promise<void> {
	for (let idle = 0; idle < 10; idle = disk.callsUnderWay === 0 ? idle + 1 : 0) {
		await new Promise((resolve) => setImmediate(resolve));
	}
}
