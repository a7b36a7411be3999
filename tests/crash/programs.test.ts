/** Random programs against a trivial model: what each path may hold is what was submitted since it was last acknowledged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
	adaptive,
	batch,
	coalesce,
	createWriter,
	debounce,
	immediate,
	type JsonWriter,
	recover,
	type Strategy,
	throttle,
} from '../../lib/index.ts';
import type { CallName } from '../../lib/testing/disk-calls.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { LONG, temps } from '../support/crash-promises.ts';
import { drive, History } from '../support/simulation.ts';
import { textOf, version } from './scenarios.ts';

const RUNS = LONG ? 20_000 : 250;
/** As many of the long run as fit; one program that takes so long hangs. */
const LIMITS = LONG ? { interruptAfterTimeLimit: 1_200_000, timeout: 60_000 } : {};

const strategies: Record<string, () => Strategy> = {
	coalesce: () => coalesce(),
	immediate: () => immediate(),
	debounce: () => debounce({ waitMs: 20, maxWaitMs: 50 }),
	throttle: () => throttle({ intervalMs: 30 }),
	batch: () => batch({ maxWrites: 3, maxWaitMs: 40 }),
	adaptive: () => adaptive({ maxStalenessMs: 100 }),
};

const PATHS = ['/data/a.json', '/data/b.json', '/data/new/c.json'] as const;
const FAILING: readonly CallName[] = [
	'open',
	'write',
	'sync',
	'rename',
	'syncDirectory',
	'openDirectory',
	'unlink',
	'ensureDirectory',
	'lstat',
	'realpath',
	'readFile',
	'close',
];

type Step =
	| { readonly do: 'write' | 'rows' | 'schedule' | 'update' | 'remove' | 'backup'; readonly path: string }
	| { readonly do: 'abort' | 'turns'; readonly count: number }
	| { readonly do: 'flush' | 'flushSync' | 'wait' | 'reopen' | 'heal' }
	| {
			readonly do: 'fail';
			readonly call: CallName;
			readonly nth: number;
			readonly code: string;
			readonly times: number;
	  }
	| { readonly do: 'short'; readonly bytes: number }
	| { readonly do: 'crash'; readonly state: number; readonly recovers: boolean };

const path = fc.constantFrom(...PATHS);
const count = fc.nat({ max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 8, arbitrary: fc.record({ do: fc.constantFrom('write', 'rows', 'schedule', 'update', 'backup'), path }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constant('remove'), path }) },
	{ weight: 5, arbitrary: fc.record({ do: fc.constantFrom('abort', 'turns'), count }) },
	{ weight: 4, arbitrary: fc.record({ do: fc.constantFrom('flush', 'flushSync', 'wait', 'reopen', 'heal') }) },
	{
		weight: 2,
		arbitrary: fc.record({
			do: fc.constant('fail'),
			call: fc.constantFrom(...FAILING),
			nth: fc.integer({ min: 1, max: 3 }),
			code: fc.constantFrom('EIO', 'ENOSPC', 'EMFILE', 'EACCES'),
			times: fc.integer({ min: 1, max: 3 }),
		}),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant('short'), bytes: fc.nat({ max: 9 }) }) },
	{
		weight: 2,
		arbitrary: fc.record({ do: fc.constant('crash'), state: fc.nat({ max: 255 }), recovers: fc.boolean() }),
	},
) as fc.Arbitrary<Step>;

const setting = fc.record({
	strategy: fc.constantFrom(...Object.keys(strategies)),
	semantics: fc.constantFrom('posix' as const, 'win32' as const),
	jitterSeed: fc.nat({ max: 1000 }),
});

type Setting = Readonly<{ strategy: string; semantics: 'posix' | 'win32'; jitterSeed: number }>;

/**
 * A directory that may not be opened is one that cannot be synced: the receipt says so, but of a scheduled write nobody sees
 * one, and the model would take it for durable.
 */
function refusal(call: CallName): string {
	return call === 'openDirectory' || call === 'syncDirectory' ? 'EIO' : 'EACCES';
}

/** One run of a program: it lives through crashes, with a new writer and what is left of the disk. */
class Run {
	readonly #setting: Setting;
	#disk: SimulatedDisk;
	readonly #clock = new ManualClock();
	readonly #history = new History();
	#writer: JsonWriter;
	#versions = 0;
	#pending: Array<{ readonly controller: AbortController; readonly settled: Promise<void> }> = [];
	#scheduled: Array<() => void> = [];
	#unsettled = 0;
	/** How many crashes there have been: what was called before the last one is nobody's any more, though it may settle yet. */
	#crashes = 0;
	/** The newest version of each path, and whether it has been acknowledged by its own promise. */
	readonly #newest = new Map<string, { readonly content: string | undefined; landed: boolean }>();

	constructor(given: Setting) {
		this.#setting = given;
		this.#disk = new SimulatedDisk({ semantics: given.semantics, jitterSeed: given.jitterSeed });
		this.#disk.plantDirectory('/data');
		this.#writer = this.#open();
	}

	async through(program: readonly Step[]): Promise<void> {
		for (let from = 0; from <= program.length; ) {
			const crashes = program.findIndex((each, index) => index >= from && each.do === 'crash');
			const to = crashes < 0 ? program.length : crashes;
			await drive(this.#steps(program.slice(from, to)), { disk: this.#disk, clock: this.#clock });
			const crash = program[to];
			if (crash?.do === 'crash') await this.#crash(crash.state, crash.recovers);
			from = to + 1;
		}
		await drive(this.#end(), { disk: this.#disk, clock: this.#clock });
		for (const { disk } of this.#disk.crashStates({ statesMax: 64 })) this.#history.check(disk);
		await this.#checkNextStart();
	}

	async #steps(steps: readonly Step[]): Promise<void> {
		for (const each of steps) await this.#step(each);
	}

	async #step(each: Step): Promise<void> {
		if (each.do === 'turns') {
			for (let turn = 0; turn < each.count; turn++) await new Promise((resolve) => setImmediate(resolve));
		} else if (each.do === 'abort') this.#pending.at(-1 - (each.count % 3))?.controller.abort(new Error('unwanted'));
		else if (each.do === 'flush') await this.#flush();
		else if (each.do === 'flushSync') this.#flushSync();
		else if (each.do === 'wait') await Promise.all(this.#pending.map(({ settled }) => settled));
		else if (each.do === 'heal') this.#disk.heal();
		else if (each.do === 'fail')
			this.#disk.fail(each.call, each.code === 'EACCES' ? { ...each, code: refusal(each.call) } : each);
		else if (each.do === 'short') this.#disk.shortWrite(each);
		else if (each.do === 'reopen') await this.#reopen();
		else if (each.do !== 'crash' && 'path' in each) this.#submit(each.do, each.path);
	}

	#submit(what: 'write' | 'rows' | 'schedule' | 'update' | 'remove' | 'backup', at: string): void {
		const value = version(++this.#versions);
		const content = what === 'remove' ? undefined : textOf(value);
		const acknowledge = this.#history.submit(at, content);
		const newest = { content, landed: false };
		this.#newest.set(at, newest);
		if (what === 'schedule') {
			this.#writer.schedule(at, value);
			this.#scheduled.push(acknowledge);
			return;
		}
		const controller = new AbortController();
		const { signal } = controller;
		const isPosix = this.#setting.semantics === 'posix';
		const write = async (): Promise<boolean> => {
			if (what === 'write') return (await this.#writer.write(at, value, { signal })).durability === 'full';
			if (what === 'backup') return (await this.#writer.write(at, value, { backups: 2 })).durability === 'full';
			if (what === 'rows') return (await this.#writer.writeLines(at, [value], { signal })).durability === 'full';
			if (what === 'update') await this.#writer.update(at, () => value);
			else await this.#writer.remove(at);
			return isPosix;
		};
		this.#unsettled++;
		const calledAfter = this.#crashes;
		const settled = write().then(
			(durable) => {
				if (calledAfter !== this.#crashes) return;
				this.#unsettled--;
				newest.landed = true;
				if (durable) acknowledge();
			},
			() => {
				if (calledAfter === this.#crashes) this.#unsettled--;
			},
		);
		this.#pending.push({ controller, settled });
	}

	async #flush(): Promise<void> {
		const acknowledgements = this.#scheduled;
		this.#scheduled = [];
		await this.#writer.flush().then(
			() => this.#acknowledge(acknowledgements),
			() => undefined,
		);
	}

	#flushSync(): void {
		try {
			this.#writer.flushSync();
		} catch {
			// What could not be written is rejected as well, or told by the next flush.
		}
	}

	#acknowledge(acknowledgements: ReadonlyArray<() => void>): void {
		if (this.#setting.semantics === 'posix') for (const acknowledge of acknowledgements) acknowledge();
	}

	async #reopen(): Promise<void> {
		await this.#writer.close().catch(() => undefined);
		expect(this.#unsettled, 'promises that close has left unsettled').toBe(0);
		this.#scheduled = [];
		this.#writer = this.#open();
	}

	#open(): JsonWriter {
		const { strategy = coalesce } = { strategy: strategies[this.#setting.strategy] };
		return createWriter({
			fileSystem: this.#disk,
			clock: this.#clock,
			strategy: strategy(),
			onError: () => undefined,
		});
	}

	/** The power is cut, or the process killed: the states are taken in turns. */
	async #crash(state: number, recovers: boolean): Promise<void> {
		const states = this.#disk.crashStates();
		for (const { disk } of states) this.#history.check(disk);
		const left = states[state % (states.length + 1)]?.disk ?? this.#disk.processCrashState();
		this.#disk.crash();
		this.#disk = left;
		this.#history.check(left);
		this.#crashes++;
		this.#pending = [];
		this.#scheduled = [];
		this.#unsettled = 0;
		for (const newest of this.#newest.values()) newest.landed = false;
		this.#writer = this.#open();
		if (!recovers) return;
		const recovering = async (): Promise<void> => {
			await recover('/', { fileSystem: left, clock: this.#clock, recursive: true });
		};
		await drive(recovering(), { disk: left, clock: this.#clock });
		this.#history.check(left);
	}

	/** Everything settles; a path whose newest version landed holds it. */
	async #end(): Promise<void> {
		this.#disk.heal();
		await this.#reopen();
		await this.#writer.close();
		this.#history.check(this.#disk);
		for (const [at, { content, landed }] of this.#newest) {
			if (landed) expect(this.#disk.peekFile(at)?.toString(), `${at}, whose newest version landed`).toBe(content);
		}
		expect(this.#disk.openHandles()).toEqual([]);
	}

	/** The next process saves once more, and nothing is left of those before. */
	async #checkNextStart(): Promise<void> {
		const disk = this.#disk.processCrashState();
		const save = async (): Promise<void> => {
			await recover('/', { fileSystem: disk, clock: this.#clock, recursive: true });
			this.#history.check(disk);
			const writer = createWriter({ fileSystem: disk, clock: this.#clock });
			await Promise.all(PATHS.map((at) => writer.write(at, 'the last')));
			await writer.close();
		};
		await drive(save(), { disk, clock: this.#clock });
		expect(temps(disk)).toEqual([]);
		expect(PATHS.map((at) => disk.peekFile(at)?.toString())).toEqual(PATHS.map(() => textOf('the last')));
	}
}

describe('a random program', () => {
	it('finds in each path what the model allows, through errors, aborts and crashes, with every strategy', async () => {
		let runs = 0;
		await fc.assert(
			fc.asyncProperty(setting, fc.array(step, { maxLength: 40, size: 'max' }), async (given, program) => {
				await new Run(given).through(program);
				runs++;
			}),
			{ numRuns: RUNS, ...LIMITS },
		);
		console.log(`${runs} random programs`);
		expect(runs).toBeGreaterThanOrEqual(Math.min(RUNS, 250));
	});
});
