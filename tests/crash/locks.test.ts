/**
 * Locks across processes, on a disk where any of them dies at any call, and the power is cut: one holder at a time, no update
 * lost, and a lock file that is left behind is in nobody's way. Each process is a port of its own over one disk; of one that dies
 * the calls under way still end, the rest never do, and then its files are closed, as the kernel does it.
 */
import { expect, it } from 'vitest';
import { createWriter, recover, withLock } from '../../lib/index.ts';
import type { FileSystem, OpenFile } from '../../lib/ports/file-system.ts';
import { checkNeighbours, checkNoLitter, LONG, plantNeighbours } from '../support/crash-promises.ts';
import { PassingPort } from '../support/passing-port.ts';
import { type Check, exploreCrashes, type Scenario, type Stage } from '../support/simulation.ts';
import { type MutantName, type MutantPort, mutants } from './mutants.ts';
import { textOf } from './scenarios.ts';

const DOCUMENT = '/data/a.json';
const LOCK_FILE = '/data/.dj1ln-a.json';

interface Tally {
	readonly count: number;
	/** Who has written it; its content differs from all others by that. */
	readonly by: string;
}

const scopes = new Map<string, object>();

/**
 * A scope for each process, and for each that dies, which keeps for ever what it held. No more of them than needed: each has an
 * asynchronous context of its own, and Node 20 carries all of them along.
 */
function scopeOf(name: string, callsToLive: number): object {
	const key = `${name} ${callsToLive} ${callsToLive === Number.POSITIVE_INFINITY ? '' : scopes.size}`;
	const scope = scopes.get(key) ?? {};
	scopes.set(key, scope);
	return scope;
}

/** A process, which dies at one of its calls. */
class Process extends PassingPort {
	readonly name: string;
	/** Resolves when it is dead and its files are closed. */
	readonly whenDead: Promise<void>;
	#callsLeft: number;
	#settleDead: () => void = () => {};
	readonly #open = new Set<OpenFile>();
	readonly #underWay = new Set<Promise<unknown>>();

	constructor(inner: FileSystem, name: string, callsToLive: number = Number.POSITIVE_INFINITY) {
		super(inner, scopeOf(name, callsToLive));
		this.name = name;
		this.#callsLeft = callsToLive;
		this.whenDead = new Promise((resolve) => {
			this.#settleDead = resolve;
		});
	}

	get isDead(): boolean {
		return this.#callsLeft < 0;
	}

	override async open(...args: Parameters<FileSystem['open']>): Promise<OpenFile> {
		// Of a process that dies meanwhile this one is closed, too.
		const opening = async (): Promise<OpenFile> => {
			const file = await this.inner.open(...args);
			this.#open.add(file);
			return file;
		};
		const file = await this.#call(opening);
		return {
			...file,
			write: (...span) => this.#call(() => file.write(...span)),
			sync: () => this.#call(() => file.sync()),
			stat: () => this.#call(() => file.stat()),
			close: () => this.#call(() => file.close()),
		};
	}

	override openDirectory(path: string): ReturnType<PassingPort['openDirectory']> {
		return this.#call(async () => {
			const directory = await this.inner.openDirectory(path);
			return { ...directory, sync: () => this.#call(() => directory.sync()) };
		});
	}

	override stat(path: string): ReturnType<FileSystem['stat']> {
		return this.#call(() => this.inner.stat(path));
	}

	override lstat(path: string): ReturnType<FileSystem['lstat']> {
		return this.#call(() => this.inner.lstat(path));
	}

	override readFile(path: string): Promise<Uint8Array> {
		return this.#call(() => this.inner.readFile(path));
	}

	override rename(from: string, to: string): ReturnType<FileSystem['rename']> {
		return this.#call(() => this.inner.rename(from, to));
	}

	override unlink(path: string): Promise<void> {
		return this.#call(() => this.inner.unlink(path));
	}

	async #call<T>(call: () => T | Promise<T>): Promise<T> {
		if (this.isDead) return new Promise<never>(() => {});
		if (--this.#callsLeft < 0) {
			await Promise.allSettled(this.#underWay);
			for (const file of this.#open) await file.close();
			this.#settleDead();
			return new Promise<never>(() => {});
		}
		const calling = Promise.resolve(call());
		this.#underWay.add(calling);
		try {
			const result = await calling;
			// The process learns of nothing any more.
			return this.isDead ? await new Promise<never>(() => {}) : result;
		} finally {
			this.#underWay.delete(calling);
		}
	}
}

/** Who is between taking the lock and letting it go. */
class Holders {
	#living: Process[] = [];

	async within<T>(process: Process, work: () => Promise<T> | T): Promise<T> {
		this.#living = this.#living.filter((holder) => !holder.isDead);
		expect(
			this.#living.map(({ name }) => name),
			`hold the lock when ${process.name} has got it`,
		).toEqual([]);
		this.#living.push(process);
		try {
			return await work();
		} finally {
			this.#living = this.#living.filter((holder) => holder !== process);
		}
	}
}

type Parts = Pick<Stage, 'clock' | 'history'> & { readonly holders: Holders };

/** An update by a writer that locks. */
async function update({ clock, history, holders }: Parts, process: Process, label: string): Promise<void> {
	const writer = createWriter({ fileSystem: process, clock, lock: 'file' });
	let acknowledge = (): void => undefined;
	await writer.update(DOCUMENT, async (found: unknown) =>
		holders.within(process, async () => {
			const next = nextOf(found, label);
			acknowledge = history.submit(DOCUMENT, textOf(next));
			await new Promise((resolve) => setImmediate(resolve));
			return next;
		}),
	);
	acknowledge();
	await writer.close();
}

/** The same by hand, under a lock. */
async function updateByHand({ clock, history, holders }: Parts, process: Process, label: string): Promise<void> {
	const ports = { fileSystem: process, clock };
	await withLock(
		DOCUMENT,
		() =>
			holders.within(process, async () => {
				const writer = createWriter({ ...ports, lock: 'file' });
				const next = nextOf(JSON.parse(Buffer.from(await process.readFile(DOCUMENT)).toString()), label);
				const acknowledge = history.submit(DOCUMENT, textOf(next));
				await writer.write(DOCUMENT, next);
				acknowledge();
				await writer.close();
			}),
		ports,
	);
}

function nextOf(found: unknown, by: string): Tally {
	return { count: (found as Tally).count + 1, by };
}

/** Two processes, of which the first dies at its call `dies`, and a third that recovers beside them. */
function takeover(dies: number, makePort: MutantPort = (disk) => disk): Scenario {
	return async (stage) => {
		const { disk, history } = stage;
		const start = textOf({ count: 0, by: 'nobody' });
		disk.plantFile(DOCUMENT, start);
		history.begin(DOCUMENT, start);
		plantNeighbours(disk);
		const parts = { ...stage, holders: new Holders() };
		const first = new Process(makePort(disk), 'the first', dies);
		const second = new Process(makePort(disk), 'the second');
		const mortal = async (): Promise<void> => {
			await update(parts, first, 'first 1');
			await updateByHand(parts, first, 'first 2');
		};
		const surviving = async (): Promise<void> => {
			await updateByHand(parts, second, 'second 1');
			await update(parts, second, 'second 2');
		};
		const recovering = async (): Promise<void> => {
			const port = new Process(makePort(disk), 'a recovery');
			await recover('/', { fileSystem: port, clock: stage.clock, recursive: true });
		};
		await Promise.all([Promise.race([mortal(), first.whenDead]), surviving(), recovering()]);
		expect(tallyOn(stage).count).toBeGreaterThanOrEqual(first.isDead ? 2 : 4);
	};
}

function tallyOn({ disk }: Pick<Stage, 'disk'>): Tally {
	return JSON.parse(disk.peekFile(DOCUMENT)?.toString() ?? '') as Tally;
}

/** After the crash: the lock is free, whatever is left of its file, and recovery leaves that where it is. */
const check: Check = async (stage) => {
	const { disk, clock, history } = stage;
	history.check(disk);
	const before = tallyOn(stage).count;
	const hadLockFile = disk.paths().includes(LOCK_FILE);
	await recover('/', { fileSystem: disk, clock, recursive: true });
	expect(disk.paths().includes(LOCK_FILE), 'the lock file is still there').toBe(hadLockFile);
	const parts = { ...stage, holders: new Holders() };
	const next = ['one', 'two'].map((name) => new Process(disk, name));
	await Promise.all(next.map((process) => update(parts, process, `${process.name} after the crash`)));
	expect(tallyOn(stage).count).toBe(before + 2);
	history.check(disk);
	checkNeighbours(disk);
	checkNoLitter(disk);
};

/** Calls of the first process, in all it does. */
const CALLS = 44;
const options = { statesMax: LONG ? 256 : 8, schedules: LONG ? 6 : 1 };

it('one holder at a time, and no update lost, whichever process dies at whichever call, and at whichever the power is cut', async () => {
	let states = 0;
	for (let dies = 0; dies <= CALLS; dies += LONG ? 1 : 6) {
		states += (await exploreCrashes(takeover(dies), check, { ...options, seed: dies + 1 })).states;
	}
	console.log(`locks: ${states} states`);
	expect(states).toBeGreaterThan(200);
});

it.each<[MutantName, RegExp]>([
	['locks ignored', /hold the lock when|older than acknowledged|greater than or equal/],
	['lock files removed as litter', /is lost: .* has been removed or replaced/],
])('finds the mutant: %s', async (name, verdict) => {
	const found: string[] = [];
	for (let schedules = 1; schedules <= 3; schedules++) {
		const exploring = exploreCrashes(takeover(Number.POSITIVE_INFINITY, mutants[name]), check, {
			...options,
			seed: schedules,
		});
		await exploring.catch((error: Error) => found.push(error.message));
	}
	expect(found.join('\n')).toMatch(verdict);
});
