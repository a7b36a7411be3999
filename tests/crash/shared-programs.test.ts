/**
 * Random programs of writes and updates, of several writers, on documents that they share. A document holds the calls that it
 * came about by: a write begins anew, an update adds itself. So each state of the disk tells whether a call was lost.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
	coalesce,
	createWriter,
	debounce,
	immediate,
	type JsonWriter,
	type Strategy,
	type UpdateOptions,
	withLock,
} from '../../lib/index.ts';
import { capacityOf } from '../../lib/shared-state.ts';
import type { CallName } from '../../lib/testing/disk-calls.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { LONG, temps } from '../support/crash-promises.ts';
import { drive } from '../support/simulation.ts';

const RUNS = Number(process.env['RUNS'] ?? (LONG ? 20_000 : 250));

const strategies: Record<string, () => Strategy> = {
	coalesce,
	immediate,
	debounce: () => debounce({ waitMs: 20, maxWaitMs: 50 }),
};

const DOCUMENT = '/data/a.json';
const PATHS = [DOCUMENT, DOCUMENT, DOCUMENT, '/data/link.json'] as const;
const OTHER = '/data/other.json';
const KINDS = [
	'write',
	'schedule',
	'thunk',
	'validated',
	'invalid',
	'unserialisable',
	'update',
	'update-async',
	'update-thenable',
	'update-failing',
	'update-validated',
	'locked-update',
	'locked-write',
	'remove',
] as const;
const FAILING: readonly CallName[] = ['open', 'write', 'sync', 'rename', 'syncDirectory', 'openDirectory', 'readFile'];

type Kind = (typeof KINDS)[number];
type Step =
	| { readonly do: 'call'; readonly kind: Kind; readonly writer: number; readonly at: number; readonly turns: number }
	| { readonly do: 'turns' | 'abort'; readonly count: number }
	| { readonly do: 'flush' | 'flushSync' | 'reopen'; readonly writer: number }
	| { readonly do: 'wait' | 'heal' | 'others' }
	| { readonly do: 'fail'; readonly call: CallName; readonly nth: number; readonly times: number };

const writer = fc.nat({ max: 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{
		weight: 12,
		arbitrary: fc.record({
			do: fc.constant('call'),
			kind: fc.constantFrom(...KINDS, 'update', 'update', 'write'),
			writer,
			at: fc.nat({ max: PATHS.length - 1 }),
			turns: fc.nat({ max: 12 }),
		}),
	},
	{ weight: 5, arbitrary: fc.record({ do: fc.constantFrom('turns', 'turns', 'abort'), count: fc.nat({ max: 20 }) }) },
	{ weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush', 'flushSync', 'flushSync', 'reopen'), writer }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom('wait', 'heal', 'others') }) },
	{
		weight: 2,
		arbitrary: fc.record({
			do: fc.constant('fail'),
			call: fc.constantFrom(...FAILING),
			nth: fc.integer({ min: 1, max: 3 }),
			times: fc.integer({ min: 1, max: 3 }),
		}),
	},
) as fc.Arbitrary<Step>;

const setting = fc.record({
	strategies: fc.tuple(fc.constantFrom(...Object.keys(strategies)), fc.constantFrom(...Object.keys(strategies))),
	jitterSeed: fc.nat({ max: 1000 }),
	lock: fc.constantFrom('process' as const, 'process' as const, 'file' as const),
	statesMax: fc.constantFrom(8),
});
type Setting = Readonly<{
	strategies: readonly [string, string];
	jitterSeed: number;
	lock: 'process' | 'file';
	statesMax: number;
}>;

/** What the documents hold: the calls that made it, in their order. */
interface Chain {
	readonly calls: readonly number[];
}

interface Call {
	readonly number: number;
	/** Its place in the order of the calls; that under a lock is made when it is held. */
	place: number;
	readonly updates: boolean;
	readonly removes: boolean;
	readonly kind: Kind;
	readonly lane: string;
	readonly path: string;
	readonly controller: AbortController;
	state: 'pending' | 'done' | 'failed' | 'unknown';
	/** What an update resolved with. */
	result: readonly number[] | undefined;
	settled: Promise<void>;
}

const turns = async (count: number): Promise<void> => {
	for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

class Run {
	readonly #setting: Setting;
	readonly #clock = new ManualClock();
	readonly #disk: SimulatedDisk;
	readonly #writers: JsonWriter[];
	readonly #calls: Call[] = [];
	#places = 1;
	readonly #others: Promise<unknown>[] = [];

	constructor(given: Setting) {
		this.#setting = given;
		this.#disk = new SimulatedDisk({ jitterSeed: given.jitterSeed });
		this.#disk.plantDirectory('/data');
		this.#disk.plantSymlink('a.json', '/data/link.json');
		this.#writers = given.strategies.map((strategy) => this.#open(strategy));
	}

	async through(program: readonly Step[]): Promise<void> {
		const run = async (): Promise<void> => {
			for (const each of program) {
				await this.#step(each);
				this.#check(this.#disk, 'now');
				if (each.do === 'flushSync' || each.do === 'wait' || each.do === 'flush') this.#checkNow();
			}
			this.#disk.heal();
			for (const each of this.#writers) await each.flush().catch(() => undefined);
			await Promise.all(this.#calls.map(({ settled }) => settled));
			for (const each of this.#writers) await each.close().catch(() => undefined);
			await turns(3);
			this.#checkNow();
			expect(this.#calls.filter(({ state }) => state === 'pending').map(({ number }) => number)).toEqual([]);
			await Promise.allSettled(this.#others);
			expect(this.#disk.openHandles()).toEqual([]);
			expect(temps(this.#disk)).toEqual([]);
		};
		await drive(run(), { disk: this.#disk, clock: this.#clock });
	}

	#open(name: string): JsonWriter {
		const { [name]: strategy = coalesce } = strategies;
		const onError = (): void => undefined;
		const { lock } = this.#setting;
		return createWriter({ fileSystem: this.#disk, clock: this.#clock, strategy: strategy(), lock, onError });
	}

	async #step(each: Step): Promise<void> {
		if (each.do === 'call') this.#call(each);
		else if (each.do === 'turns') await turns(each.count);
		else if (each.do === 'abort') this.#calls.at(-1 - (each.count % 4))?.controller.abort(new Error('unwanted'));
		else if (each.do === 'wait') await Promise.all(this.#calls.map(({ settled }) => settled));
		else if (each.do === 'heal') this.#disk.heal();
		else if (each.do === 'fail') this.#disk.fail(each.call, { ...each, code: 'EIO' });
		else if (each.do === 'others') this.#occupySlots();
		else if (each.do === 'flush') await this.#writers[each.writer]?.flush().catch(() => undefined);
		else if (each.do === 'flushSync') this.#flushSync(each.writer);
		else if (each.do === 'reopen') {
			await this.#writers[each.writer]?.close().catch(() => undefined);
			this.#writers[each.writer] = this.#open(this.#setting.strategies[each.writer] ?? 'coalesce');
		}
	}

	/** Commits of other documents hold the slots for a while. */
	#occupySlots(): void {
		for (let i = 0; i <= 2 * capacityOf({}).longCalls; i++) {
			const path = `/data/${i}-${OTHER.slice(6)}`;
			this.#others.push(this.#writers[0]?.write(path, i).catch(() => undefined) ?? Promise.resolve());
		}
	}

	#flushSync(index: number): void {
		try {
			this.#writers[index]?.flushSync();
		} catch {
			// Told by the promises as well, or still to come.
		}
	}

	#call({ kind, writer: index, at, turns: slow }: Extract<Step, { do: 'call' }>): void {
		const number = this.#calls.length + 1;
		const controller = new AbortController();
		const path = PATHS[at] ?? DOCUMENT;
		const call: Call = {
			number,
			place: this.#places++,
			kind,
			controller,
			updates: kind.includes('update'),
			removes: kind === 'remove',
			lane: `${index} ${path}`,
			path,
			state: 'pending',
			result: undefined,
			settled: Promise.resolve(),
		};
		this.#calls.push(call);
		const made = this.#make(this.#writers[index] as JsonWriter, path, call, slow);
		if (made === undefined) {
			call.state = 'unknown';
			return;
		}
		call.settled = made.then(
			(result) => {
				call.state = 'done';
				if (call.updates) call.result = (result as Chain).calls;
			},
			(error: { outcome?: string }) => {
				// What is aborted may land for those that it was merged with.
				call.state = error.outcome === 'unknown' || controller.signal.aborted ? 'unknown' : 'failed';
			},
		);
	}

	#make(by: JsonWriter, path: string, call: Call, slow: number): Promise<unknown> | undefined {
		const { kind, number, controller } = call;
		const { signal } = controller;
		const value: Chain = { calls: [number] };
		const add = (current: Chain | undefined): Chain => ({ calls: [...(current?.calls ?? []), number] });
		const slowly = async <T>(result: T): Promise<T> => {
			await turns(slow);
			return result;
		};
		const update = (
			fn: (current: Chain | undefined) => unknown,
			options: UpdateOptions<Chain> = {},
		): Promise<unknown> => by.update<Chain>(path, fn as (current: Chain | undefined) => Chain, { signal, ...options });
		const makers: Record<Kind, () => Promise<unknown> | undefined> = {
			write: () => by.write(path, value, { signal }),
			schedule: () => by.schedule(path, value) as undefined,
			thunk: () => by.write(path, () => value, { signal }),
			validated: () => by.write(path, value, { signal, schema: validator(slow, true) }),
			invalid: () => by.write(path, value, { signal, schema: validator(slow, false) }),
			unserialisable: () => by.write(path, { calls: [number, 1n] }, { signal }),
			update: () => update(add),
			'update-async': () => update((current) => slowly(add(current))),
			'update-thenable': () =>
				update((current) =>
					Object.defineProperty({}, 'then', { value: (resolve: (chain: Chain) => void) => resolve(add(current)) }),
				),
			'update-failing': () =>
				update((current) => {
					if (slow % 2 === 0) throw new Error('own');
					return slowly(current).then(() => Promise.reject(new Error('own')));
				}),
			'update-validated': () => update(add, { schema: validator(slow, slow % 3 > 0) }),
			'locked-update': () => this.#locked(call, slow, () => update(add)),
			'locked-write': () => this.#locked(call, slow, () => by.write(path, value)),
			remove: () => by.remove(path),
		};
		return makers[kind]();
	}

	#locked(call: Call, slow: number, make: () => Promise<unknown>): Promise<unknown> {
		const work = async (): Promise<unknown> => {
			await turns(slow);
			call.place = this.#places++;
			return make();
		};
		return withLock(DOCUMENT, work, { fileSystem: this.#disk, clock: this.#clock });
	}

	/** What is there, and what a power cut would leave. */
	#checkNow(): void {
		this.#check(this.#disk, 'now');
		for (const { disk, description } of this.#disk.crashStates({ statesMax: this.#setting.statesMax })) {
			this.#check(disk, description);
		}
	}

	#check(disk: SimulatedDisk, description: string): void {
		const text = disk.peekFile(DOCUMENT)?.toString();
		const chain = text === undefined ? [] : (JSON.parse(text) as Chain).calls;
		const problem = this.#problemOf(chain);
		if (problem === undefined) return;
		const log = this.#calls.map(({ number, kind, lane, state }) => `${number} ${kind} (${lane}): ${state}`);
		throw new Error(`${description}: ${JSON.stringify(chain)}: ${problem}\n${log.join('\n')}`);
	}

	#problemOf(chain: readonly number[]): string | undefined {
		const made = chain.map((number) => this.#calls[number - 1]);
		if (new Set(chain).size < chain.length) return 'a call counts twice';
		const [first, ...rest] = made;
		if (rest.some((call) => call?.updates !== true)) return 'is no chain';
		if (made.some((call) => call === undefined)) return 'nobody has written this';
		const failed = made.find((call) => call?.state === 'failed');
		if (failed !== undefined) return `${failed.number} has failed, and is there`;
		const head = first?.updates === false ? first.place : 0;
		const isRemoved = ({ place }: Call): boolean =>
			this.#calls.some((other) => other.removes && other.place > place && other.state !== 'failed');
		for (const call of this.#calls) {
			if (call.state !== 'done' || made.includes(call)) continue;
			const { number, place, result } = call;
			// A newer write or removal may have taken its place.
			if (head > place || (head === 0 && (call.removes || isRemoved(call)))) continue;
			// Known: an update that joins one which waits does not see a write in between that spells the path otherwise; nor does
			// one under a lock see what waits for the lock.
			const isUnseenBy = (other: Call | undefined): boolean =>
				other?.updates === true && other.place > place && (other.path !== call.path || other.kind.startsWith('locked'));
			if (!call.updates && made.some(isUnseenBy)) continue;
			if (call.updates) return `update ${number} is lost; it gave ${JSON.stringify(result)}`;
			return `${call.kind} ${number} is lost`;
		}
		return undefined;
	}
}

function validator(slow: number, passes: boolean): NonNullable<UpdateOptions<Chain>['schema']> {
	const validate = async (value: unknown): Promise<{ value: unknown } | { issues: [{ message: string }] }> => {
		await turns(slow);
		return passes ? { value } : { issues: [{ message: 'no' }] };
	};
	return { '~standard': { version: 1, vendor: 'test', validate } } as NonNullable<UpdateOptions<Chain>['schema']>;
}

describe('a random program of several writers', () => {
	it('loses no call that was acknowledged', async () => {
		await fc.assert(
			fc.asyncProperty(setting, fc.array(step, { maxLength: 25, size: 'max' }), async (given, program) => {
				await new Run(given).through(program);
			}),
			{
				numRuns: RUNS,
				timeout: 10_000,
				endOnFailure: process.env['SHRINK'] === undefined,
				...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }),
			},
		);
	});
});
