/** The calls that a simulated disk receives: numbered, recorded, made to fail, and cut off by a crash. */
import { systemError } from './system-error.ts';

/**
 * What a call is named in the log and in {@link Fault}s: the port's own names; calls on an open directory and
 * `syncDirectory` of the synchronous half have names of their own, because they mean something else.
 */
export type CallName =
	| 'open'
	| 'write'
	| 'read'
	| 'sync'
	| 'dataSync'
	| 'truncate'
	| 'fstat'
	| 'chmod'
	| 'chown'
	| 'tryLock'
	| 'close'
	| 'openDirectory'
	| 'syncDirectory'
	| 'closeDirectory'
	| 'stat'
	| 'lstat'
	| 'realpath'
	| 'readlink'
	| 'readdir'
	| 'readFile'
	| 'rename'
	| 'link'
	| 'unlink'
	| 'ensureDirectory';

/** Calls that change neither the disk nor what a crash may leave. */
export const LOOKING: ReadonlySet<CallName> = new Set([
	'read',
	'fstat',
	'tryLock',
	'openDirectory',
	'closeDirectory',
	'stat',
	'lstat',
	'realpath',
	'readlink',
	'readdir',
	'readFile',
]);

/** One call, in the order in which the disk carried it out. */
export interface DiskCall {
	/** Counted from 1. */
	readonly number: number;
	readonly name: CallName;
	/** The path given, or the one that the handle was opened at. */
	readonly path: string;
	/** The second path of a rename or a link. */
	readonly to?: string;
	/** The handle that the call is about, counted from 1; for `open` and `openDirectory` the one that they gave. */
	handle?: number;
	/** The `code` of the error that the call ended in. */
	error?: string;
}

/** Which side of a call the crash comes at: `before` leaves it undone, `after` done but unanswered. */
export type CrashSide = 'before' | 'after';

/** Which of the calls to come go wrong. */
export interface FaultTiming {
	/** The first that does, counted from 1 among the calls of that name from now on. Default 1. */
	readonly nth?: number;
	/** How many in a row. Default 1; `Infinity` for all from there on. */
	readonly times?: number;
}

/** Calls that fail with an error of this `code`. A failed sync spoils the file: see {@link SimulatedDisk}. */
export interface Fault extends FaultTiming {
	/** As in `error.code`: `EIO`, `ENOSPC`, `EMFILE`, or any other. */
	readonly code: string;
	/**
	 * True where the call does its work and fails all the same, as a rename over a network may. For calls that give
	 * nothing back: a handle that was opened would stay open. Default false.
	 */
	readonly applied?: boolean;
}

/** Writes that take at most `bytes` and report so. */
export interface ShortWrite extends FaultTiming {
	readonly bytes: number;
}

/** Calls that take so many turns of the event loop more. */
export interface Delay extends FaultTiming {
	readonly turns: number;
}

/** Thrown by synchronous calls on a disk that has crashed; asynchronous ones never settle. */
export class SimulatedCrash extends Error {
	override readonly name: string = 'SimulatedCrash';

	constructor() {
		super('the simulated disk has crashed');
	}
}

let carriedOut = 0;

/** How many calls all simulated disks have carried out: while it grows, something happens. */
export function callsOfAllDisks(): number {
	return carriedOut;
}

/** What a call is and does. */
export interface CallPlan<T> {
	readonly name: CallName;
	readonly path: string;
	readonly to?: string;
	readonly handle?: number;
	/** Turns of the event loop that it takes. Default 1. */
	readonly turns?: number;
	/** Runs in the caller's stack, when the call is given. */
	begin?(): void;
	/** Carries the call out; a write takes no more than `bytesMax`. */
	apply(call: DiskCall, bytesMax: number): T;
	/** What the call does even where it is made to fail. */
	applyFailed?(): void;
}

/** What goes wrong with a call. */
interface Trouble {
	readonly code?: string;
	readonly applied?: boolean;
	readonly bytesMax?: number;
}

/** Something that befalls some of the calls of a name. */
interface Timed<T> {
	readonly name: CallName | '*';
	readonly what: T;
	skip: number;
	times: number;
}

function timed<T>(name: CallName | '*', { nth = 1, times = 1 }: FaultTiming, what: T): Timed<T> {
	return { name, what, skip: nth - 1, times };
}

/** Counts one call of a name. @returns what befalls it: the first of those that are due */
function take<T>(all: ReadonlyArray<Timed<T>>, name: CallName): T | undefined {
	let taken: Timed<T> | undefined;
	for (const each of all) {
		if (each.name !== '*' && each.name !== name) continue;
		if (each.skip > 0) each.skip--;
		else if (taken === undefined && each.times > 0) {
			each.times--;
			taken = each;
		}
	}
	return taken?.what;
}

/** Numbers the calls of one disk and decides how each ends. */
export class CallSequence {
	readonly log: DiskCall[] = [];
	/** Resolves when the disk crashes. */
	readonly whenCrashed: Promise<void>;
	#crashed = false;
	#underWay = 0;
	#settleCrashed: () => void = () => {};
	#crashPoint: { readonly number: number; readonly side: CrashSide } | undefined;
	#troubles: Array<Timed<Trouble>> = [];
	#delays: Array<Timed<Delay>> = [];
	#observer: ((call: DiskCall, side: CrashSide) => void) | undefined;
	readonly #extraTurns: () => number;

	/** @param extraTurns of the event loop that each asynchronous call takes beyond its own */
	constructor(extraTurns: () => number) {
		this.#extraTurns = extraTurns;
		this.whenCrashed = new Promise((resolve) => {
			this.#settleCrashed = resolve;
		});
	}

	/** Asynchronous calls that have been given and not carried out. */
	get underWay(): number {
		return this.#underWay;
	}

	get crashed(): boolean {
		return this.#crashed;
	}

	crash(): void {
		this.#crashed = true;
		this.#settleCrashed();
	}

	crashAt(number: number, side: CrashSide): void {
		this.#crashPoint = { number, side };
	}

	observe(observer: (call: DiskCall, side: CrashSide) => void): void {
		this.#observer = observer;
	}

	disturb(name: CallName | '*', timing: FaultTiming, trouble: Trouble): void {
		this.#troubles.push(timed(name, timing, trouble));
	}

	slow(name: CallName | '*', delay: Delay): void {
		this.#delays.push(timed(name, delay, delay));
	}

	heal(): void {
		this.#troubles = [];
		this.#delays = [];
	}

	/** Carries a call out in the caller's stack. */
	now<T>(plan: CallPlan<T>): T {
		plan.begin?.();
		return this.#carryOut(plan);
	}

	/**
	 * Carries a call out in a later turn of the event loop. Calls of one length are first in, first out. Nothing else
	 * that runs in promises, ticks or immediates can come out otherwise on the next run.
	 */
	async later<T>(plan: CallPlan<T>): Promise<T> {
		plan.begin?.();
		this.#underWay++;
		const extra = this.#extraTurns() + (take(this.#delays, plan.name)?.turns ?? 0);
		for (let turns = (plan.turns ?? 1) + extra; turns > 0; turns--) {
			await new Promise((resolve) => setImmediate(resolve));
		}
		this.#underWay--;
		try {
			return this.#carryOut(plan);
		} catch (error) {
			if (error instanceof SimulatedCrash) return new Promise<never>(() => {});
			throw error;
		}
	}

	#carryOut<T>(plan: CallPlan<T>): T {
		if (this.#crashed) throw new SimulatedCrash();
		const { name, path, to, handle } = plan;
		const call: DiskCall = {
			number: this.log.length + 1,
			name,
			path,
			...(to === undefined ? {} : { to }),
			...(handle === undefined ? {} : { handle }),
		};
		this.log.push(call);
		carriedOut++;
		this.#pass(call, 'before');
		try {
			return this.#apply(plan, call);
		} catch (error) {
			call.error = (error as NodeJS.ErrnoException).code ?? String(error);
			throw error;
		} finally {
			this.#pass(call, 'after');
		}
	}

	#apply<T>(plan: CallPlan<T>, call: DiskCall): T {
		const { code, applied, bytesMax = Number.POSITIVE_INFINITY } = take(this.#troubles, plan.name) ?? {};
		if (code === undefined) return plan.apply(call, bytesMax);
		if (applied === true) plan.apply(call, bytesMax);
		else plan.applyFailed?.();
		throw systemError(code, plan.name, plan.path);
	}

	#pass(call: DiskCall, side: CrashSide): void {
		this.#observer?.(call, side);
		if (this.#crashed) throw new SimulatedCrash();
		if (this.#crashPoint?.number !== call.number || this.#crashPoint.side !== side) return;
		this.crash();
		throw new SimulatedCrash();
	}
}
