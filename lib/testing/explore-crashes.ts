/**
 * Crash exploration: runs a scenario on a simulated disk and checks every state that a crash at any call may leave.
 *
 * The scenario runs once; at both sides of each call the states that a power cut, or the death of the process, would
 * leave are taken from the disk, together with what had been submitted and acknowledged by then. This is the same as
 * running it anew for each crash point.
 */
import { hash } from 'node:crypto';
import { invalidArgument } from '../errors.ts';
import { checkBegun, checkExploration, checkVerdict } from './arguments.ts';
import { type CrashSide, type DiskCall, LOOKING } from './disk-calls.ts';
import { changeAfterwards, drive } from './drive.ts';
import { type FsPromises, fsPromisesOf } from './fs-promises.ts';
import { History } from './history.ts';
import { ManualClock } from './manual-clock.ts';
import { SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts';

/** What a scenario and a check work with. */
export interface Stage {
	/** The disk: durable-json takes it as the option `fileSystem`. */
	readonly disk: SimulatedDisk;
	/** Time that passes only where nothing else happens; durable-json takes it as the option `clock`. */
	readonly clock: ManualClock;
	/** The same disk for code that uses `node:fs/promises`. */
	readonly fs: FsPromises;
	/** What has been submitted and acknowledged. */
	readonly history: History;
}

/** A program to explore. It must make calls on its stage, await all that it starts, and do the same on each run. */
export type Scenario = (stage: Stage) => Promise<void>;

/** What crashed: the machine, whose page cache is lost, or only the process. */
export type CrashKind = 'power cut' | 'process killed';

/**
 * Looks at a state that a crash left; throws where a promise is broken. The stage is its own: it may go on with the disk as a
 * new process would, and explore that in turn.
 */
export type Check = (stage: Stage, kind: CrashKind) => Promise<void> | void;

/** One crash of an exploration. */
export interface CrashPoint {
	/** Which of the {@link ExploreOptions.schedules}, from 1. Default 1. */
	readonly schedule?: number;
	/** The number of the call, from 1; `'end'`: after the last one. */
	readonly call: number | 'end';
	/** Default `'after'`. */
	readonly side?: CrashSide;
	/** Which of the states that the power cut may leave, from 0; `'process'`: the death of the process. Default all. */
	readonly state?: number | 'process';
}

/** Options of {@link exploreCrashes}. */
export interface ExploreOptions {
	/** How the disk behaves that the scenario starts with, empty. */
	readonly disk?: SimulatedDiskOptions;
	/** Or the disk itself, with what is known of it; then there is one schedule. */
	readonly start?: Pick<Stage, 'disk' | 'history'>;
	/** Bound on the states of one crash point; of more, a choice by `seed` is tried. Default 256. */
	readonly statesMax?: number;
	/** Of all that is random: names, the order of calls, the choice of states. Default 1. */
	readonly seed?: number;
	/**
	 * In how many orders calls are carried out that are under way together, as by a thread pool; the scenario runs once for
	 * each. The first is that of the calls, if their durations are the usual ones. Default 1.
	 */
	readonly schedules?: number;
	/** Just this crash, as a failure printed it, with the other options as they were: the disk really ends there. */
	readonly at?: CrashPoint;
	/**
	 * How many checks run at the same time, each on a stage of its own. More is faster, and fine where they share nothing
	 * else. Default 1.
	 */
	readonly checksAtOnce?: number;
	/** Told of each state that the check refused, and the exploration goes on. Default: it rejects with the first. */
	readonly onFailure?: (failure: CrashFailure) => void;
}

/** What was tried. */
export interface Exploration {
	/** Calls of the scenario, of all schedules. */
	readonly calls: number;
	/** Moments at which a crash was tried: both sides of each call, and the end. */
	readonly crashPoints: number;
	/** Distinct pairs of a disk's state and what had been promised: as often the check ran. */
	readonly states: number;
	/** States that the check refused. */
	readonly failures: number;
	readonly durationMs: number;
}

/** A state that the check refused; `cause` is what it threw. */
export class CrashFailure extends Error {
	override readonly name: string = 'CrashFailure';
	/** To be given as `at`, to try this crash alone. */
	readonly point: Required<CrashPoint>;
	readonly kind: CrashKind;

	/** @internal */
	constructor(state: FoundState, seed: number, left: readonly string[], cause: unknown) {
		const { point, kind, where, history } = state;
		const message = cause instanceof Error ? cause.message : String(cause);
		const { schedule, call, side, state: number } = point;
		const call_ = typeof call === 'number' ? String(call) : `'${call}'`;
		const number_ = typeof number === 'number' ? String(number) : `'${number}'`;
		const replay = `{ seed: ${seed}, at: { schedule: ${schedule}, call: ${call_}, side: '${side}', state: ${number_} } }`;
		super(`${message}\n  ${kind} ${where}\n  ${history}\n  left ${left.join(' ')}\n  replay with ${replay}`, { cause });
		this.point = point;
		this.kind = kind;
	}
}

interface FoundState {
	readonly disk: SimulatedDisk;
	readonly history: History;
	readonly where: string;
	readonly kind: CrashKind;
	readonly point: Required<CrashPoint>;
}

/**
 * Runs `check` on every state that a crash of `scenario` may leave. Rejects with a {@link CrashFailure} where the check
 * throws, as the scenario does where that fails, and where the scenario or a check hangs; with the code
 * `ERR_INVALID_ARGUMENT` where an argument is bad, where the scenario makes no call on its disk, goes on after its promise has
 * settled, or tells its history nothing though the check asks that, and where it has no crash `at` the place that is asked for.
 */
export async function exploreCrashes(
	scenario: Scenario,
	check: Check,
	options: ExploreOptions = {},
): Promise<Exploration> {
	checkExploration(scenario, check, options);
	const started = performance.now();
	const { seed = 1, at } = options;
	const schedules = options.start === undefined ? (options.schedules ?? 1) : 1;
	const seen = new Set<string>();
	const total = { calls: 0, crashPoints: 0, states: 0, failures: 0 };
	for (let schedule = at?.schedule ?? 1; schedule <= (at?.schedule ?? schedules); schedule++) {
		const stage = stageOf(options.start ?? { disk: startDisk(options, schedule, seed), history: new History() });
		const finder = new StateFinder(stage, { ...options, seed }, schedule, seen);
		stage.disk.observe((call, side) => finder.visit(call, side));
		const { calls, late } = await play(scenario, stage);
		if (!stage.disk.crashed) finder.end();
		for (const failure of await failuresOf(check, finder.states, { ...options, seed })) {
			total.failures++;
			options.onFailure?.(failure);
		}
		total.calls += calls;
		total.crashPoints += finder.crashPoints;
		total.states += finder.states.length;
		// What a crash loses is told first: it may come of this.
		checkPlayed(stage, late, options);
	}
	if (at !== undefined && total.states === 0) {
		const { call, side = 'after', state = 'any' } = at;
		const asked = `call ${call}, side ${side}, state ${state}`;
		throw invalidArgument('options.at', `a crash of the scenario, which makes ${total.calls} calls`, asked);
	}
	return { ...total, durationMs: Math.round(performance.now() - started) };
}

/** Runs the scenario to its end, or the crash. @returns how many calls it has made, and what it has changed after its end */
async function play(scenario: Scenario, stage: Stage): Promise<{ calls: number; late: DiskCall | undefined }> {
	const { disk } = stage;
	const before = disk.calls.length;
	const run = scenario(stage);
	checkBegun(run);
	await drive(run, stage);
	const late = disk.crashed ? undefined : await changeAfterwards(stage);
	const calls = disk.calls.length - before;
	if (calls === 0)
		throw invalidArgument('scenario', 'a program that calls the `disk` or the `fs` of its stage', 'no call');
	return { calls, late };
}

/** Refuses a program that a check cannot have judged. */
function checkPlayed({ disk, history }: Stage, late: DiskCall | undefined, { start }: ExploreOptions): void {
	// What is known at the start may be nothing, where that is what an early crash has left.
	if (history.checked && history.paths.length === 0 && start === undefined && !disk.crashed) {
		const expected = 'a program that tells `history` what it saves, as check() compares the disk with that';
		throw invalidArgument('scenario', expected, 'no submit() and no begin()');
	}
	if (late === undefined) return;
	const call = `call ${late.number}, ${late.name} ${late.path}`;
	throw invalidArgument('scenario', 'a program that awaits all that it starts', `${call}, after it had ended`);
}

function startDisk({ disk }: ExploreOptions, schedule: number, seed: number): SimulatedDisk {
	const jitter = schedule === 1 ? {} : { jitterSeed: seed * 1_000 + schedule };
	return new SimulatedDisk({ seed, ...jitter, ...disk });
}

function stageOf({ disk, history }: Pick<Stage, 'disk' | 'history'>): Stage {
	let fs: FsPromises | undefined;
	return {
		disk,
		history,
		clock: new ManualClock(),
		get fs() {
			fs ??= fsPromisesOf(disk);
			return fs;
		},
	};
}

/** Tries all states. @returns the failures in their order; rejects with the first where nobody wants to know of more */
async function failuresOf(
	check: Check,
	states: readonly FoundState[],
	{ seed, checksAtOnce = 1, onFailure }: ExploreOptions & { readonly seed: number },
): Promise<CrashFailure[]> {
	const failures = new Map<number, CrashFailure>();
	const ahead = states.entries();
	const tryNext = async (): Promise<void> => {
		for (const [index, state] of ahead) {
			const failure = await tryState(check, state, seed);
			if (failure !== undefined) failures.set(index, failure);
			if (failures.size > 0 && onFailure === undefined) return;
		}
	};
	await Promise.all(Array.from({ length: checksAtOnce }, tryNext));
	const inOrder = [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
	if (onFailure === undefined && inOrder[0] !== undefined) throw inOrder[0];
	return inOrder;
}

async function tryState(check: Check, state: FoundState, seed: number): Promise<CrashFailure | undefined> {
	const left = state.disk.paths();
	const stage = stageOf({ disk: state.disk, history: state.history.snapshot() });
	let returned: unknown;
	try {
		// A check that throws in the caller's stack is one that fails as well.
		const checking = (async () => {
			returned = await check(stage, state.kind);
		})();
		await drive(checking, stage);
	} catch (error) {
		return new CrashFailure(state, seed, left, error);
	}
	checkVerdict(returned);
	return undefined;
}

/** Takes the states at each crash point, each just once. */
class StateFinder {
	readonly states: FoundState[] = [];
	crashPoints = 0;
	readonly #stage: Stage;
	readonly #options: ExploreOptions & { readonly seed: number };
	readonly #schedule: number;
	readonly #seen: Set<string>;
	#changed = true;
	#revision = -1;

	constructor(stage: Stage, options: ExploreOptions & { seed: number }, schedule: number, seen: Set<string>) {
		this.#stage = stage;
		this.#options = options;
		this.#schedule = schedule;
		this.#seen = seen;
	}

	visit(call: DiskCall, side: CrashSide): void {
		this.crashPoints++;
		if (side === 'after' && !LOOKING.has(call.name)) this.#changed = true;
		const { at } = this.#options;
		const isHere = at !== undefined && at.call === call.number && (at.side ?? 'after') === side;
		if (at !== undefined && !isHere) return;
		const target = call.to === undefined ? '' : ` -> ${call.to}`;
		this.#take(`${side} call ${call.number}, ${call.name} ${call.path}${target}`, call.number, side);
		if (isHere) this.#stage.disk.crash();
	}

	end(): void {
		this.crashPoints++;
		const { at } = this.#options;
		if (at === undefined || at.call === 'end') this.#take('after the end', 'end', 'after');
	}

	#take(where: string, call: CrashPoint['call'], side: CrashSide): void {
		const { disk, history } = this.#stage;
		if (!this.#changed && history.revision === this.#revision) return;
		this.#changed = false;
		this.#revision = history.revision;
		const promised = history.snapshot();
		const { seed, statesMax = 256 } = this.#options;
		// Neighbouring crash points have nearly the same states to choose from: each makes a choice of its own.
		const choiceSeed = seed + (call === 'end' ? 0 : 2 * call + (side === 'after' ? 1 : 0));
		const point = { schedule: this.#schedule, call, side };
		const isWanted = (state: number | 'process'): boolean => (this.#options.at?.state ?? state) === state;
		for (const [state, crashed] of disk.crashStates({ seed: choiceSeed, statesMax }).entries()) {
			if (!isWanted(state) || !this.#isNew('power cut', promised, crashed.fingerprint)) continue;
			const found = { disk: crashed.disk, history: promised, kind: 'power cut', point: { ...point, state } } as const;
			this.states.push({ ...found, where: `${where}: ${crashed.description}` });
		}
		if (!isWanted('process')) return;
		const left = disk.processCrashState();
		if (!this.#isNew('process killed', promised, left.fingerprint('with unsynced'))) return;
		this.states.push({
			disk: left,
			history: promised,
			kind: 'process killed',
			where,
			point: { ...point, state: 'process' },
		});
	}

	#isNew(kind: CrashKind, promised: History, fingerprint: string): boolean {
		const key = hash('sha1', `${kind}\n${promised}\n${fingerprint}`, 'base64');
		const isNew = !this.#seen.has(key);
		this.#seen.add(key);
		return isNew;
	}
}
