/**
 * Crash exploration: runs a scenario on a simulated disk and checks every state that a crash at any call may leave.
 *
 * The scenario runs once; at both sides of each call the states that a power cut, or the death of the process, would
 * leave are taken from the disk, together with what had been submitted and acknowledged by then. This is the same as
 * running it anew for each crash point, which {@link ExploreOptions.at} does for a single one, to replay a failure.
 */
import type { CallName, CrashSide, DiskCall } from '../../lib/testing/disk-calls.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk, type SimulatedDiskOptions } from '../../lib/testing/simulated-disk.ts';

/** What a document holds; undefined where it does not exist. */
export type Content = string | undefined;

interface Versions {
	readonly submitted: readonly Content[];
	/** Index of the newest acknowledged one. */
	readonly acknowledged: number;
}

/** What was asked for and what was promised, for each document. The first version is what stood there before. */
export class History {
	/** Counts the changes. */
	revision = 0;
	readonly #documents: Map<string, Versions>;

	constructor(documents: ReadonlyMap<string, Versions> = new Map()) {
		this.#documents = new Map(documents);
	}

	/** Says what a document holds before the first submission. Without it: nothing. */
	begin(path: string, content: Content): void {
		this.#set(path, { submitted: [content], acknowledged: 0 });
	}

	/** Counts a version as submitted. @returns what acknowledges it */
	submit(path: string, content: Content): () => void {
		const { submitted, acknowledged } = this.#get(path);
		const version = submitted.length;
		this.#set(path, { submitted: [...submitted, content], acknowledged });
		return () => {
			const now = this.#get(path);
			this.#set(path, { ...now, acknowledged: Math.max(now.acknowledged, version) });
		};
	}

	/** What the document may hold after a crash: the newest acknowledged version or any submitted after it. */
	allowed(path: string): readonly Content[] {
		const { submitted, acknowledged } = this.#get(path);
		return submitted.slice(acknowledged);
	}

	get paths(): string[] {
		return [...this.#documents.keys()];
	}

	snapshot(): History {
		return new History(this.#documents);
	}

	/** Throws where a document holds anything else than G1 to G3 allow. */
	check(disk: SimulatedDisk): void {
		for (const path of this.paths) {
			const content = disk.peekFile(path)?.toString();
			const { submitted, acknowledged } = this.#get(path);
			if (submitted.slice(acknowledged).includes(content)) continue;
			const version = submitted.indexOf(content);
			const verdict =
				content === undefined
					? 'is missing'
					: version < 0
						? 'is torn'
						: `is version ${version}, older than acknowledged ${acknowledged}`;
			throw new Error(`${path} ${verdict}: ${JSON.stringify(content?.slice(0, 80))}`);
		}
	}

	toString(): string {
		const parts = this.paths.map((path) => {
			const { submitted, acknowledged } = this.#get(path);
			return `${path}: submitted ${submitted.length - 1}, acknowledged ${acknowledged}`;
		});
		return parts.join('; ');
	}

	#get(path: string): Versions {
		return this.#documents.get(path) ?? { submitted: [undefined], acknowledged: 0 };
	}

	#set(path: string, versions: Versions): void {
		this.#documents.set(path, versions);
		this.revision++;
	}
}

/** What a scenario works with. */
export interface Stage {
	readonly disk: SimulatedDisk;
	readonly clock: ManualClock;
	readonly history: History;
}

/** A program to explore. It must await all that it starts. */
export type Scenario = (stage: Stage) => Promise<void>;

/** What crashed: the machine, whose page cache is lost, or only the process. */
export type CrashKind = 'power cut' | 'process killed';

/** Looks at a state that a crash left; throws where a promise is broken. It may use the disk as it likes. */
export type Check = (stage: Stage, kind: CrashKind) => Promise<void> | void;

export interface ExploreOptions {
	/** How the disk behaves that the scenario starts with, empty. */
	readonly disk?: SimulatedDiskOptions;
	/** Or the disk itself, with what is known of it. */
	readonly start?: Pick<Stage, 'disk' | 'history'>;
	/** Bound on the states of one crash point. Default 256. */
	readonly statesMax?: number;
	readonly seed?: number;
	/** Just this crash, by a run of its own that really ends there. */
	readonly at?: { readonly call: number; readonly side: CrashSide };
}

export interface Exploration {
	readonly calls: number;
	readonly crashPoints: number;
	/** Distinct pairs of a disk's state and what had been promised. */
	readonly states: number;
	readonly durationMs: number;
}

interface FoundState {
	readonly disk: SimulatedDisk;
	readonly history: History;
	readonly where: string;
	readonly kind: CrashKind;
}

/** Calls that change neither the disk nor what a crash may leave. */
const LOOKING: ReadonlySet<CallName> = new Set([
	'read',
	'fstat',
	'tryLock',
	'close',
	'openDirectory',
	'closeDirectory',
	'stat',
	'lstat',
	'realpath',
	'readlink',
	'readdir',
	'readFile',
]);

/** Runs `check` on every state that a crash of `scenario` may leave. */
export async function exploreCrashes(
	scenario: Scenario,
	check: Check,
	options: ExploreOptions = {},
): Promise<Exploration> {
	const started = performance.now();
	const { disk = new SimulatedDisk(options.disk), history = new History() } = options.start ?? {};
	const stage = { disk, clock: new ManualClock(), history };
	const finder = new StateFinder(stage, options);
	if (options.at === undefined) stage.disk.observe((call, side) => finder.visit(call, side));
	else stage.disk.crashAt(options.at.call, options.at.side);
	await drive(scenario(stage), stage);
	if (options.at === undefined) finder.take('after the end');
	else finder.take(`${options.at.side} call ${options.at.call}`);
	for (const { where, kind, ...found } of finder.states) {
		const recovered = { disk: found.disk, clock: new ManualClock(), history: found.history.snapshot() };
		try {
			await drive(Promise.resolve(check(recovered, kind)), recovered);
		} catch (error) {
			const message = error instanceof Error ? error.message : String(error);
			const left = found.disk.paths().join(' ');
			throw new Error(`${message}\n  ${kind} ${where}\n  ${found.history}\n  left ${left}`, { cause: error });
		}
	}
	return {
		calls: stage.disk.calls.length,
		crashPoints: finder.crashPoints,
		states: finder.states.length,
		durationMs: Math.round(performance.now() - started),
	};
}

/** Takes the states at each crash point, each just once. */
class StateFinder {
	readonly states: FoundState[] = [];
	crashPoints = 0;
	readonly #stage: Stage;
	readonly #options: ExploreOptions;
	readonly #seen = new Set<string>();
	#changed = true;
	#revision = -1;

	constructor(stage: Stage, options: ExploreOptions) {
		this.#stage = stage;
		this.#options = options;
	}

	visit(call: DiskCall, side: CrashSide): void {
		this.crashPoints++;
		if (side === 'after' && !LOOKING.has(call.name)) this.#changed = true;
		const target = call.to === undefined ? '' : ` -> ${call.to}`;
		this.take(`${side} call ${call.number}, ${call.name} ${call.path}${target}`);
	}

	take(where: string): void {
		const { disk, history } = this.#stage;
		if (!this.#changed && history.revision === this.#revision) return;
		this.#changed = false;
		this.#revision = history.revision;
		const promised = history.snapshot();
		const { statesMax, seed } = this.#options;
		const bounds = { ...(statesMax === undefined ? {} : { statesMax }), ...(seed === undefined ? {} : { seed }) };
		for (const state of disk.crashStates(bounds)) {
			this.#add({ disk: state.disk, history: promised, kind: 'power cut', where: `${where}: ${state.description}` });
		}
		this.#add({ disk: disk.processCrashState(), history: promised, kind: 'process killed', where });
	}

	#add(state: FoundState): void {
		const key = `${state.kind}\n${state.history}\n${state.disk.fingerprint()}`;
		if (this.#seen.has(key)) return;
		this.#seen.add(key);
		this.states.push(state);
	}
}

/** How many turns of the event loop without a call count as waiting for a timer, and as hanging. */
const IDLE_TURNS = { timer: 12, hanging: 2000 };

/**
 * Waits for `run`, or the crash of its disk. Time passes only where nothing else happens: then it jumps to the next
 * timer. Throws where nothing happens and no timer is set.
 */
export async function drive(run: Promise<void>, { disk, clock }: Pick<Stage, 'disk' | 'clock'>): Promise<void> {
	let settled = false;
	const settle = (): void => {
		settled = true;
	};
	run.then(settle, settle);
	let idleTurns = 0;
	let calls = disk.calls.length;
	while (!settled && !disk.crashed) {
		await new Promise((resolve) => setImmediate(resolve));
		if (disk.calls.length !== calls) {
			calls = disk.calls.length;
			idleTurns = 0;
		} else if (++idleTurns >= IDLE_TURNS.timer && clock.nextTimerMs !== undefined) {
			clock.advance(clock.nextTimerMs);
			idleTurns = 0;
		} else if (idleTurns >= IDLE_TURNS.hanging) {
			const last = disk.calls.at(-1);
			throw new Error(`nothing happens after call ${last?.number}, ${last?.name} ${last?.path}`);
		}
	}
	if (settled) await run;
}
