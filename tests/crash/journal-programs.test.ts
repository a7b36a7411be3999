/**
 * Random programs on a journal, through failures of the disk: 300 of them, 5,000 in `npm run test:crash`. What it shows, and
 * what the next start finds after a kill or a power cut, is what was acknowledged, in order, with nothing that was not applied.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DurableJsonError, type Journal, openJournal } from '../../lib/index.ts';
import type { CallName } from '../../lib/testing/disk-calls.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { LONG } from '../support/crash-promises.ts';

const RUNS = LONG ? 5000 : 300;
const PATH = '/data/a.journal';

type List = readonly number[];

const calls: CallName[] = ['write', 'dataSync', 'sync', 'truncate', 'rename', 'syncDirectory', 'openDirectory', 'open'];
calls.push('fstat', 'lstat', 'close', 'read', 'unlink', 'chmod');

type Command =
	| { readonly kind: 'append' | 'reject' | 'checkpoint' | 'entries' | 'reopen' | 'turn' | 'settle' | 'heal' }
	| { readonly kind: 'appendAll'; readonly count: number }
	| { readonly kind: 'fail'; readonly name: CallName; readonly nth: number; readonly times: number }
	| { readonly kind: 'short'; readonly bytes: number; readonly nth: number };

const plain = (
	...kinds: ReadonlyArray<'append' | 'reject' | 'checkpoint' | 'entries' | 'reopen' | 'turn' | 'settle' | 'heal'>
) => fc.constantFrom(...kinds).map((kind): Command => ({ kind }));

const commands: fc.Arbitrary<Command> = fc.oneof(
	{ weight: 8, arbitrary: plain('append', 'append', 'append', 'reject', 'turn', 'settle') },
	{ weight: 3, arbitrary: plain('checkpoint', 'entries', 'reopen', 'heal') },
	{
		weight: 2,
		arbitrary: fc.record({ kind: fc.constant('appendAll' as const), count: fc.integer({ min: 0, max: 4 }) }),
	},
	{
		weight: 2,
		arbitrary: fc.record({
			kind: fc.constant('fail' as const),
			name: fc.constantFrom(...calls),
			nth: fc.integer({ min: 1, max: 5 }),
			times: fc.constantFrom(1, 1, 2, 3),
		}),
	},
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant('short' as const),
			bytes: fc.integer({ min: 1, max: 60 }),
			nth: fc.integer({ min: 1, max: 4 }),
		}),
	},
);

class Program {
	readonly disk: SimulatedDisk;
	readonly #maxEntries: number;
	/** In the order of the calls. */
	readonly acknowledged: number[] = [];
	/** May be there after a crash, until something later is acknowledged. */
	readonly unknown = new Set<number>();
	readonly #pending: Array<Promise<void>> = [];
	journal: Journal<List, number> | undefined;
	#next = 0;

	constructor(disk: SimulatedDisk, maxEntries: number) {
		this.disk = disk;
		this.#maxEntries = maxEntries;
	}

	open(disk: SimulatedDisk = this.disk): Promise<Journal<List, number>> {
		return openJournal<List, number>(PATH, {
			initial: [],
			apply(list, entry) {
				if (entry < 0) throw new RangeError('refused');
				return [...list, entry];
			},
			fileSystem: disk,
			checkpoint: { maxEntries: this.#maxEntries },
			onError: () => {},
		});
	}

	async run(command: Command): Promise<void> {
		const { disk } = this;
		if (this.journal === undefined) {
			this.journal = await this.open().catch(assertTyped);
			if (this.journal !== undefined) this.#adopt(this.journal.state);
		}
		switch (command.kind) {
			case 'append':
				return this.#append(1);
			case 'appendAll':
				return this.#append(command.count);
			case 'reject':
				return this.#later(this.journal?.append(-1), (error) => {
					if (!(error instanceof RangeError)) assertTyped(error);
				});
			case 'checkpoint':
				return this.#later(this.journal?.checkpoint(), assertTyped);
			case 'entries':
				return this.#later(this.#read(), assertTyped);
			case 'reopen':
				return this.close();
			case 'turn':
				return new Promise((resolve) => setImmediate(resolve));
			case 'settle':
				return this.settle();
			case 'heal':
				return disk.heal();
			case 'fail':
				return disk.fail(command.name, { code: 'EIO', nth: command.nth, times: command.times });
			case 'short':
				return disk.shortWrite({ bytes: command.bytes, nth: command.nth });
		}
	}

	async settle(): Promise<void> {
		await Promise.all(this.#pending);
		this.#pending.length = 0;
	}

	async close(): Promise<void> {
		await this.settle();
		const { journal } = this;
		this.journal = undefined;
		await journal?.close();
	}

	/** What a state may be: all that was acknowledged, and behind it what nobody knows. */
	assertHolds(list: List, where: string): void {
		const count = this.acknowledged.length;
		expect(list.slice(0, count), where).toEqual(this.acknowledged);
		const rest = list.slice(count);
		expect(
			rest.every((entry) => this.unknown.has(entry)),
			`${where}: ${rest}`,
		).toBe(true);
		expect(
			[...rest].sort((a, b) => a - b),
			where,
		).toEqual(rest);
	}

	/** What was unknown has been found, and is there for good; what was not found is gone. */
	#adopt(list: List): void {
		this.assertHolds(list, 'opened');
		this.acknowledged.splice(0, Number.POSITIVE_INFINITY, ...list);
		this.unknown.clear();
	}

	#append(count: number): void {
		const entries = Array.from({ length: count }, () => ++this.#next);
		const { journal } = this;
		if (journal === undefined) return;
		const appended = count === 1 ? journal.append(entries[0] ?? 0) : journal.appendAll(entries);
		this.#later(
			appended.then(() => {
				this.acknowledged.push(...entries);
				this.acknowledged.sort((a, b) => a - b);
				for (const entry of entries) expect(journal.state).toContain(entry);
			}),
			(error) => {
				assertTyped(error);
				const { outcome } = error as DurableJsonError;
				if (outcome === 'unknown') for (const entry of entries) this.unknown.add(entry);
				for (const entry of entries) expect(journal.state).not.toContain(entry);
			},
		);
	}

	async #read(): Promise<void> {
		const { journal } = this;
		if (journal === undefined) return;
		const before = journal.sequence;
		let last: number | undefined;
		for await (const { sequence } of journal.entries()) {
			if (last !== undefined) expect(sequence).toBe(last + 1);
			last = sequence;
		}
		if (last !== undefined) expect(last).toBeGreaterThanOrEqual(before);
	}

	#later(action: Promise<unknown> | undefined, failed: (error: unknown) => void): void {
		if (action !== undefined) this.#pending.push(action.then(() => {}, failed));
	}
}

function assertTyped(error: unknown): undefined {
	expect(error).toBeInstanceOf(DurableJsonError);
	return undefined;
}

it(`hold what they were told, ${RUNS} times`, { timeout: RUNS * 400 + 60_000 }, async () => {
	let crashes = 0;
	const seeds = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: undefined });
	await fc.assert(
		fc.asyncProperty(
			fc.array(commands, { minLength: 3, maxLength: 30 }),
			fc.integer({ min: 2, max: 20 }),
			fc.constantFrom('posix' as const, 'posix' as const, 'win32' as const),
			seeds,
			async (list, maxEntries, semantics, jitterSeed) => {
				const disk = new SimulatedDisk({ semantics, ...(jitterSeed !== undefined && { jitterSeed }) });
				disk.plantDirectory('/data');
				const program = new Program(disk, maxEntries);
				for (const command of list) await program.run(command);
				await program.settle();
				if (program.journal !== undefined) program.assertHolds(program.journal.state, 'shown');
				const states = [disk.processCrashState()];
				// There a name that cannot be synced may be undone.
				if (semantics === 'posix') states.push(...disk.crashStates({ statesMax: 6 }).map((each) => each.disk));
				for (const state of states) {
					crashes += 1;
					const next = await program.open(state);
					program.assertHolds(next.state, 'after a crash');
					await next.close();
					expect(state.openHandles()).toEqual([]);
				}
				await program.close();
				expect(disk.openHandles()).toEqual([]);
				disk.heal();
				const next = await program.open();
				program.assertHolds(next.state, 'at the end');
				await next.append(1_000_000);
				await next.close();
			},
		),
		{ numRuns: RUNS },
	);
	console.log(`${crashes} crashes`);
});
