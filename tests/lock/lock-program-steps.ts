/** Programs of locks, and of calls under them and beside them, as data. */
import fc from 'fast-check';
import { debounce, immediate, type Strategy } from '../../lib/index.ts';

/** A lock that takes so long is stuck. */
export const PATIENT_MS = 60_000;

export const strategies: Record<string, () => Strategy | undefined> = {
	default: () => undefined,
	immediate,
	never: () => debounce({ waitMs: 30_000, maxWaitMs: 30_000 }),
	debounce: () => debounce({ waitMs: 5, maxWaitMs: 20 }),
};

export type Document = 'a.json' | 'b.json';

/** Leads to a.json. */
export const LINK = 'link.json';

/** What a call may be. */
export const KINDS: readonly string[] = [
	...['write', 'thunk', 'lines', 'unserialisable', 'aborted', 'schedule', 'remove'],
	...['update', 'slow update', 'pending file', 'open document'],
];

/** And those that locks called later do not wait for. */
export const VALIDATED: readonly string[] = ['validated', 'validator that locks', 'validator that writes'];

export interface Call {
	readonly do: 'call';
	readonly kind: string;
	readonly document: Document;
	readonly linked: boolean;
	readonly writer: number;
	readonly copy: 0 | 1;
	readonly ms: number;
	/** The pending file is discarded, the validator refuses, the document is opened at once or not at all. */
	readonly odd: boolean;
	/** Under a lock: its function waits for the call. */
	readonly awaited: boolean;
}

export interface Lock {
	readonly do: 'lock';
	readonly document: Document;
	readonly copy: 0 | 1;
	readonly timeoutMs: number;
	/** When it is not wanted any more; null: never. */
	readonly abortMs: number | null;
	readonly calls: readonly Call[];
	/** The writer that is flushed when they have been made. */
	readonly flushes: number | null;
	readonly inner: Lock | null;
	readonly throws: boolean;
}

export type Step =
	| Call
	| Lock
	| { readonly do: 'wait'; readonly ms: number }
	| { readonly do: 'flush' | 'flushSync'; readonly writer: number };

export interface Setting {
	readonly lock: 'process' | 'file';
	readonly writers: readonly { readonly strategy: string; readonly copy: 0 | 1 }[];
}

const writer = fc.nat({ max: 2 });
const ms = fc.nat({ max: 7 });
const either = fc.constantFrom(0 as const, 1 as const);
const oneIn = (times: number): fc.Arbitrary<boolean> => fc.nat({ max: times - 1 }).map((at) => at === 0);

const callOn = (document: Document, kinds: readonly string[]): fc.Arbitrary<Call> =>
	fc.record({
		do: fc.constant('call' as const),
		kind: fc.constantFrom(...kinds, 'write', 'update', 'slow update'),
		document: fc.constant(document),
		linked: document === 'a.json' ? oneIn(5) : fc.constant(false),
		writer,
		copy: either,
		ms,
		odd: oneIn(4),
		awaited: fc.boolean(),
	});

const lockOn = (document: Document, kinds: readonly string[]): fc.Arbitrary<Lock> =>
	fc.record({
		do: fc.constant('lock' as const),
		document: fc.constant(document),
		copy: either,
		timeoutMs: fc.constantFrom(0, 3, ...Array<number>(8).fill(PATIENT_MS)),
		abortMs: fc.option(ms, { freq: 10 }),
		calls: fc.array(callOn(document, kinds), { maxLength: 3, size: 'max' }),
		flushes: fc.option(writer, { freq: 1 }),
		// Always in this order: whoever locks two documents crosswise waits for himself.
		inner: document === 'a.json' ? fc.option(lockOn('b.json', kinds), { freq: 1 }) : fc.constant(null),
		throws: oneIn(10),
	});

const stepOf = (kinds: readonly string[]): fc.Arbitrary<Step> =>
	fc.oneof(
		{ weight: 11, arbitrary: callOn('a.json', kinds) },
		{ weight: 3, arbitrary: callOn('b.json', kinds) },
		{ weight: 4, arbitrary: lockOn('a.json', kinds) },
		{ weight: 1, arbitrary: lockOn('b.json', kinds) },
		{ weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
		{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'flushSync' as const), writer }) },
	);

export const programOf = (kinds: readonly string[]): fc.Arbitrary<Step[]> =>
	fc.array(stepOf(kinds), { minLength: 15, maxLength: 40, size: 'max' });

export const setting: fc.Arbitrary<Setting> = fc.record({
	lock: fc.constantFrom('process' as const, 'file' as const),
	writers: fc.array(fc.record({ strategy: fc.constantFrom(...Object.keys(strategies)), copy: either }), {
		minLength: 3,
		maxLength: 3,
	}),
});
