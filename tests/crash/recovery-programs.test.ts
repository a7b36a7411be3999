/**
 * Random programs of recoveries beside a writer of another process, which comes between any two of their calls, cut off at every
 * call: a document that was acknowledged is never lost, nor replaced by anything older.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { recover } from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { actingBefore, backupPath, DOCUMENT, good, replace, scene, tempPath, torn } from '../recover/support.ts';
import { LONG, temps } from '../support/crash-promises.ts';
import { type Check, exploreCrashes, History, type Scenario, type Stage } from '../support/simulation.ts';

const RUNS = Number(process.env['RUNS'] ?? (LONG ? 1000 : 60));

const DOCUMENTS = [undefined, torn(9), '', good(9)];
const SURVIVORS: Readonly<Record<string, string>> = {
	[backupPath(1)]: good(7),
	[backupPath(2)]: good(6),
	[tempPath('ready', 1)]: good(8),
	[tempPath('aside', 2)]: good(5),
	[tempPath('part', 3)]: torn(4),
	[`${DOCUMENT}.tmp`]: good(3),
	[`${DOCUMENT}.bak`]: good(2),
};
const ACTS = ['write', 'write', 'write, keeping a backup', 'remove a survivor'] as const;

interface Program {
	readonly document: string | undefined;
	readonly survivors: readonly string[];
	readonly acts: readonly { readonly at: number; readonly act: (typeof ACTS)[number] }[];
	readonly paths: readonly string[];
	readonly semantics: 'posix' | 'win32';
}

const program: fc.Arbitrary<Program> = fc.record({
	document: fc.constantFrom(...DOCUMENTS),
	survivors: fc.uniqueArray(fc.constantFrom(...Object.keys(SURVIVORS)), { minLength: 1, maxLength: 4 }),
	acts: fc.array(fc.record({ at: fc.integer({ min: 1, max: 90 }), act: fc.constantFrom(...ACTS) }), {
		minLength: 1,
		maxLength: 4,
	}),
	paths: fc.array(fc.constantFrom(DOCUMENT, '/data'), { minLength: 1, maxLength: 3 }),
	semantics: fc.constantFrom('posix', 'posix', 'win32'),
});

/** The other process: what it writes counts as acknowledged when it is durable. */
class Other {
	readonly #stage: Pick<Stage, 'disk' | 'history'>;
	readonly #program: Program;
	#version = 20;

	constructor(stage: Pick<Stage, 'disk' | 'history'>, given: Program) {
		this.#stage = stage;
		this.#program = given;
	}

	actBefore(call: number): void {
		for (const { at, act } of this.#program.acts) if (at === call) this.#act(act);
	}

	#act(act: (typeof ACTS)[number]): void {
		const { disk, history } = this.#stage;
		const { sync } = disk;
		if (act === 'remove a survivor') {
			const found = this.#program.survivors.find((path) => sync.lstat(path) !== undefined);
			if (found !== undefined) sync.unlink(found);
			return;
		}
		const content = good(++this.#version);
		const acknowledge = history.submit(DOCUMENT, content);
		try {
			if (act === 'write, keeping a backup') keepBackup(sync);
			replace(disk, DOCUMENT, content);
			acknowledge();
		} catch (error) {
			// Under the rules of Windows a document that is open is not replaced.
			expect(error).toMatchObject({ code: 'EPERM' });
			if (sync.lstat('/data/other') !== undefined) sync.unlink('/data/other');
		}
	}
}

function keepBackup(sync: SimulatedDisk['sync']): void {
	if (sync.lstat(DOCUMENT) === undefined) return;
	if (sync.lstat(backupPath(1)) !== undefined) sync.rename(backupPath(1), backupPath(2));
	sync.link(DOCUMENT, backupPath(1));
}

const check: Check = async ({ disk, clock, history }) => {
	await recover(DOCUMENT, { fileSystem: disk, clock });
	// Before anything was acknowledged, all is allowed that stood there.
	if (history.allowed(DOCUMENT)[0] === undefined) return;
	history.check(disk);
	expect(temps(disk)).toEqual([]);
};

async function explore(given: Program): Promise<number> {
	const files = Object.fromEntries(given.survivors.map((path) => [path, SURVIVORS[path] ?? '']));
	const { disk } = scene({ ...(given.document !== undefined && { [DOCUMENT]: given.document }), ...files }, given);
	const scenario: Scenario = async (stage) => {
		const other = new Other(stage, given);
		// The calls of all recoveries count together: they are processes of their own, at work at the same time.
		let calls = 0;
		const ports = given.paths.map(() => actingBefore(stage.disk, () => other.actBefore(++calls)));
		await Promise.all(
			given.paths.map((path, index) => recover(path, { fileSystem: ports[index], clock: stage.clock })),
		);
	};
	const { states } = await exploreCrashes(scenario, check, { start: { disk, history: new History() }, statesMax: 4 });
	return states;
}

it('lose nothing that was acknowledged, at any crash', async () => {
	let states = 0;
	await fc.assert(
		fc.asyncProperty(program, async (given) => {
			states += await explore(given);
		}),
		{ numRuns: RUNS, ...(process.env['SEED'] !== undefined && { seed: Number(process.env['SEED']) }) },
	);
	expect(states).toBeGreaterThan(RUNS * 10);
});
