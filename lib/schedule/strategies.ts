/** The batching strategies. Each bounds how long a value may wait; `bench/` compares them. */
import { argumentOutOfRange, invalidArgument } from '../errors.ts';
import { asOptions, checkInteger, checkPositive } from '../options.ts';
import type { Milliseconds } from '../types.ts';
import { type Strategy, strategy } from './strategy.ts';

/** Writes each value, in the order of the calls; none stands in for another. For logs of states; costs a commit a call. */
export function immediate(): Strategy;
export function immediate(...given: readonly unknown[]): Strategy {
	checkNone('immediate', given);
	return strategy(({ oldestMs }) => oldestMs, { merges: false, maxWaitMs: 0 });
}

/**
 * The default: commits at once when the path is idle; while a commit is under way only the newest value is kept. It adds
 * no wait and follows the speed of the disk.
 */
export function coalesce(): Strategy;
export function coalesce(...given: readonly unknown[]): Strategy {
	checkNone('coalesce', given);
	return strategy(({ oldestMs }) => oldestMs, { maxWaitMs: 0 });
}

/** Options of {@link debounce}. */
export interface DebounceOptions {
	/** Commits when no call came for so long. */
	readonly waitMs: Milliseconds;
	/** But so long after the oldest call that waits. @defaultValue ten times `waitMs` */
	readonly maxWaitMs?: Milliseconds | undefined;
}

/** Waits for a pause: for values that come in bursts, of which the last one counts. */
export function debounce(options: DebounceOptions): Strategy {
	const given = asOptions<DebounceOptions>(options, 'an object such as { waitMs: 100 }', 'options of debounce');
	const waitMs = checkPositive('waitMs', given.waitMs);
	const maxWaitMs = checkPositive(
		'maxWaitMs',
		given.maxWaitMs === undefined ? Math.min(10 * waitMs, Number.MAX_SAFE_INTEGER) : given.maxWaitMs,
	);
	if (maxWaitMs < waitMs) throw argumentOutOfRange('options.maxWaitMs', `at least waitMs (${waitMs})`, maxWaitMs);
	return strategy(({ newestMs }) => newestMs + waitMs, { maxWaitMs });
}

/** Options of {@link throttle}. */
export interface ThrottleOptions {
	/** From the start of a commit to the start of the next. */
	readonly intervalMs: Milliseconds;
}

/** Commits at once, and then at most once in an interval: for a disk that is to be written at a known rate. */
export function throttle(options: ThrottleOptions): Strategy {
	const given = asOptions<ThrottleOptions>(options, 'an object such as { intervalMs: 1000 }', 'options of throttle');
	const intervalMs = checkPositive('intervalMs', given.intervalMs);
	return strategy(({ oldestMs, lastStartMs }) => (lastStartMs === undefined ? oldestMs : lastStartMs + intervalMs), {
		maxWaitMs: intervalMs,
	});
}

/** Options of {@link batch}. */
export interface BatchOptions {
	/** Commits when so many calls wait. */
	readonly maxWrites: number;
	/** Or when the oldest has waited so long. */
	readonly maxWaitMs: Milliseconds;
}

/** Commits one value for a number of calls, or for a time: for a steady stream of which few values need to be kept. */
export function batch(options: BatchOptions): Strategy {
	const given = asOptions<BatchOptions>(
		options,
		'an object such as { maxWrites: 100, maxWaitMs: 1000 }',
		'options of batch',
	);
	const maxWrites = checkInteger('options.maxWrites', given.maxWrites, 1, Number.MAX_SAFE_INTEGER);
	const maxWaitMs = checkPositive('maxWaitMs', given.maxWaitMs);
	return strategy(({ oldestMs, writes }) => (writes >= maxWrites ? oldestMs : oldestMs + maxWaitMs), { maxWaitMs });
}

/** Options of {@link adaptive}. */
export interface AdaptiveOptions {
	/** How old the newest durable state may become while newer values wait. */
	readonly maxStalenessMs: Milliseconds;
	/** The part of the time that commits of the path may be under way. @defaultValue 0.1 */
	readonly targetShare?: number | undefined;
}

/** A commit may take longer than the last few: so many times their cost is left for it before the bound. */
const RESERVE = 2;

/**
 * Leaves a pause after each commit that grows with what a commit costs: a fast disk is asked often, a slow one seldom, and
 * either is busy for the target share of the time. The value is durable when `maxStalenessMs` have passed, unless a commit
 * takes more than twice as long as the last few.
 */
export function adaptive(options: AdaptiveOptions): Strategy {
	const given = asOptions<AdaptiveOptions>(
		options,
		'an object such as { maxStalenessMs: 5000 }',
		'options of adaptive',
	);
	const maxStalenessMs = checkPositive('maxStalenessMs', given.maxStalenessMs);
	const share = checkPositive('targetShare', given.targetShare === undefined ? 0.1 : given.targetShare, 1);
	return strategy(
		({ oldestMs, lastEndMs, commitMs }) => {
			if (lastEndMs === undefined || commitMs === undefined) return oldestMs;
			const pauseMs = commitMs * (1 / share - 1);
			return Math.min(lastEndMs + pauseMs, oldestMs + maxStalenessMs - RESERVE * commitMs);
		},
		{ maxWaitMs: maxStalenessMs },
	);
}

/** A bound that is given where none is taken would be missed in production. */
function checkNone(name: string, given: readonly unknown[]): void {
	const [first] = given;
	if (first !== undefined) throw invalidArgument(`options of ${name}`, 'left out: it takes none', first);
}

const FACTORIES: readonly unknown[] = [immediate, coalesce, debounce, throttle, batch, adaptive];

/** Throws on what is no strategy, among it a function that would make one. */
export function checkStrategy(name: string, value: unknown): void {
	if (value !== undefined && typeof value !== 'function')
		throw invalidArgument(name, 'a strategy, such as coalesce() makes', value);
	if (FACTORIES.includes(value)) {
		const { name: factory } = value as Strategy;
		throw invalidArgument(name, `a strategy, which ${factory}() makes when it is called`, value);
	}
	const { maxWaitMs, merges } = (value ?? {}) as { maxWaitMs?: unknown; merges?: unknown };
	if (maxWaitMs !== undefined && !(Number.isFinite(maxWaitMs) && (maxWaitMs as number) >= 0)) {
		throw invalidArgument(`${name}.maxWaitMs`, 'a finite number of milliseconds, 0 or more', maxWaitMs);
	}
	if (merges !== undefined && typeof merges !== 'boolean') {
		throw invalidArgument(`${name}.merges`, 'true or false', merges);
	}
}
