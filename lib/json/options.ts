/**
 * JSON.stringify's second and third argument, normalised once as ECMA-262 §25.5.2 steps 4 to 8 do it, observably the
 * same way.
 */
import { types } from 'node:util';
import type { Replacer, ReplacerFunction, Space } from '../types.ts';

/** How {@link createJsonSource} writes. */
export interface JsonSourceOptions {
	/** As `JSON.stringify` takes it. Default: none. */
	readonly replacer?: Replacer | undefined;
	/** As `JSON.stringify` takes it. Default: none, everything on one line. */
	readonly space?: Space | undefined;
	/**
	 * Throws a TypeError for what JSON would silently drop or change: NaN and infinities, undefined, functions, symbols,
	 * holes in arrays, invalid Dates, promises, Map, Set, and every other object that has a prototype of its own and no
	 * `toJSON`. Boxed primitives, proxies and async iterables are taken. Default: false.
	 */
	readonly strict?: boolean | undefined;
	/** One `\n` after the value. Default: true. */
	readonly finalNewline?: boolean | undefined;
}

/** How {@link createJsonLinesSource} writes. */
export interface JsonLinesSourceOptions {
	/** As `JSON.stringify` takes it; each row is a value of its own. Default: none. */
	readonly replacer?: Replacer | undefined;
	/** As in {@link JsonSourceOptions.strict}. Default: false. */
	readonly strict?: boolean | undefined;
	/** `\n` after the last row too. Default: true. */
	readonly finalNewline?: boolean | undefined;
}

/** A replacer, sorted out: at most one of both is there. */
export interface NormalizedReplacer {
	readonly call: ReplacerFunction | undefined;
	readonly names: readonly string[] | undefined;
}

const NO_REPLACER: NormalizedReplacer = { call: undefined, names: undefined };
const MAX_GAP = 10;
const FRACTION_OF_A_SPACE = JSON.stringify([0], null, 0.5) === '[0]' ? undefined : '';

export function normalizeReplacer(replacer: unknown): NormalizedReplacer {
	if (typeof replacer === 'function') return { call: replacer as ReplacerFunction, names: undefined };
	if (typeof replacer !== 'object' || replacer === null || !Array.isArray(replacer)) return NO_REPLACER;
	const names = new Set<string>();
	const length = toLength(replacer.length);
	for (let index = 0; index < length; index++) {
		const item: unknown = replacer[index];
		if (typeof item === 'string') names.add(item);
		else if (typeof item === 'number' || types.isStringObject(item) || types.isNumberObject(item)) {
			names.add(String(item));
		}
	}
	return { call: undefined, names: [...names] };
}

/**
 * The text that each level of depth adds to a line; `undefined` where the output stays on one line, `''` for lines
 * without indentation, which V8 makes of a number between 0 and 1 where ECMA-262 would take it for 0.
 */
export function normalizeSpace(space: unknown): string | undefined {
	let primitive: unknown = space;
	if (types.isNumberObject(space)) primitive = toNumber(space);
	else if (types.isStringObject(space)) primitive = String(space);
	if (typeof primitive === 'string') return primitive.slice(0, MAX_GAP) || undefined;
	if (typeof primitive !== 'number' || !(primitive > 0)) return undefined;
	return ' '.repeat(Math.min(MAX_GAP, primitive)) || FRACTION_OF_A_SPACE;
}

/** ToNumber (§7.1.4), which throws where `Number(value)` would convert a BigInt. */
export function toNumber(value: object): number {
	return +(value as unknown as number);
}

/** ToLength (§7.1.20): what a proxy says about its length can be anything. */
export function toLength(length: unknown): number {
	const integer = Math.trunc(+(length as number)) || 0;
	return Math.max(0, Math.min(integer, Number.MAX_SAFE_INTEGER));
}
