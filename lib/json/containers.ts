/**
 * Opens arrays, objects and async iterables: what ECMA-262 §25.5.2.4 and §25.5.2.5 do before the first child.
 */
import { isDeepStrictEqual, types } from 'node:util';
import { MustWait } from './byte-source.ts';
import { Circle } from './circular.ts';
import { AsyncCursor } from './cursor.ts';
import { ARRAY, ASYNC_ARRAY, BYTES, INDICES, OBJECT } from './frame.ts';
import { CACHED_KEYS_PER_OBJECT, type KeyEntry } from './key-cache.ts';
import { toLength } from './options.ts';
import { checkObject } from './strict.ts';
import type { Traversal } from './traversal.ts';

/** The two brackets as little-endian words. */
export const EMPTY_ARRAY = 0x5d5b;
const EMPTY_OBJECT = 0x7d7b;

/** Typed arrays from this length on are worth the check that lets their indices be counted instead of listed. */
const COUNTED_INDICES = 4096;

/** JSON.rawJSON is young: V8 12 (Node 22). */
const { isRawJSON } = JSON as { isRawJSON?: (value: unknown) => boolean };

type TypedArray = Exclude<NodeJS.ArrayBufferView, DataView>;

/** Throws a {@link Circle} where `value` holds itself. As in V8, an array that has been emptied meanwhile holds nothing. */
export function checkNotOpen(t: Traversal, value: object, isArray: boolean): void {
	if (!t.isOpen(value, isArray)) return;
	if (isArray && !types.isProxy(value) && (value as readonly unknown[]).length === 0) return;
	throw new Circle(value);
}

export function openArray(t: Traversal, at: number, value: readonly unknown[], entry: KeyEntry): number {
	checkNotOpen(t, value, true);
	const length = lengthOf(value);
	if (length === 0) return t.writeWord(at, EMPTY_ARRAY, 2);
	t.push(ARRAY, value, length, entry);
	return at;
}

/** What a proxy says about its length can be anything. */
export function lengthOf(value: readonly unknown[]): number {
	const { length } = value;
	return length >>> 0 === length ? length : toLength(length);
}

export function openAsyncIterable(t: Traversal, at: number, value: object, method: unknown, entry: KeyEntry): number {
	checkNotOpen(t, value, false);
	if (t.mayNotWait) throw new MustWait();
	const cursor = new AsyncCursor(value, method);
	t.push(ASYNC_ARRAY, value, 0, entry).cursor = cursor;
	return at;
}

export function openObject(t: Traversal, at: number, value: object, entry: KeyEntry): number {
	if (t.names !== undefined && isRawJSON?.(value)) return writeRaw(t, at, value);
	if (t.strict) checkObject(t, value);
	checkNotOpen(t, value, false);
	if (t.names === undefined && hasOnlyIndices(value)) {
		t.push(INDICES, value, value.length, entry);
		return at;
	}
	return openKeys(t, at, value, t.names ?? Object.keys(value), entry);
}

/** Opens an object of which `keys` are to be written. */
export function openKeys(t: Traversal, at: number, value: object, keys: readonly string[], entry: KeyEntry): number {
	const { length } = keys;
	if (length === 0) return t.writeWord(at, EMPTY_OBJECT, 2);
	if (mayBeRaw(keys) && isRawJSON?.(value)) return writeRaw(t, at, value);
	const frame = t.push(OBJECT, value, length, entry.under(t.indented ? t.depth + 2 : 0));
	frame.keys = keys;
	frame.dictionary = length > CACHED_KEYS_PER_OBJECT;
	return at;
}

/** Are these the keys of what JSON.rawJSON makes? */
export function mayBeRaw(keys: readonly string[]): boolean {
	return keys.length === 1 && keys[0] === 'rawJSON';
}

function writeRaw(t: Traversal, at: number, value: object): number {
	return t.writeText(at, String((value as { rawJSON?: unknown }).rawJSON));
}

/**
 * True for a large typed array whose own enumerable keys are its indices and nothing else. Listing them would take a
 * string for each; a comparison with a fresh view of the same memory tells without. What it cannot tell (a subclass, a
 * view with properties of its own) takes the ordinary way.
 */
export function hasOnlyIndices(value: object): value is TypedArray {
	if (!ArrayBuffer.isView(value) || !types.isTypedArray(value)) return false;
	// An own `length` that is not enumerable would not be seen by the comparison.
	if (LAYOUT.some((name) => Object.hasOwn(value, name)) || value.length < COUNTED_INDICES) return false;
	const twin = viewAgain(value);
	return twin !== undefined && isDeepStrictEqual(value, twin);
}

const LAYOUT = ['length', 'buffer', 'byteOffset'] as const;

function viewAgain(value: TypedArray): TypedArray | undefined {
	const Constructor = TYPED_ARRAYS.find(({ prototype }) => Object.getPrototypeOf(value) === prototype);
	return Constructor && new Constructor(value.buffer as ArrayBuffer, value.byteOffset, value.length);
}

const TYPED_ARRAYS = [
	Int8Array,
	Uint8Array,
	Uint8ClampedArray,
	Int16Array,
	Uint16Array,
	Int32Array,
	Uint32Array,
	Float32Array,
	Float64Array,
] as const;

/** `{"type":"Buffer","data":[…]}`: the head as text, then a frame for the bytes, which writes the end too. */
export function openBuffer(t: Traversal, at: number, value: Buffer, entry: KeyEntry): number {
	const depth = t.depth + 2;
	const start = `${t.lineStart('{', depth)}"type"${t.colon}"Buffer"${t.lineStart(',', depth)}"data"${t.colon}`;
	if (value.length === 0) return t.writeText(at, `${start}[]${t.lineStart('', depth - 1)}}`);
	t.push(BYTES, value, value.length, entry).indent = t.indented ? t.indent(depth + 1) : undefined;
	return t.writeText(at, start);
}
