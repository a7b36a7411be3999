/**
 * Opens arrays, objects and async iterables: what ECMA-262 §25.5.2.4 and §25.5.2.5 do before the first child.
 */
import { isDeepStrictEqual, types } from 'node:util';
import { circularError } from './circular.ts';
import { AsyncCursor } from './cursor.ts';
import { writeFlat } from './flat-objects.ts';
import { ARRAY, ASYNC_ARRAY, BYTES, INDICES, OBJECT } from './frame.ts';
import { CACHED_KEYS_PER_OBJECT, type KeyEntry } from './key-cache.ts';
import { toLength } from './options.ts';
import { checkObject } from './strict.ts';
import type { Traversal } from './traversal.ts';

/** The two brackets as little-endian words. */
const EMPTY_ARRAY = 0x5d5b;
const EMPTY_OBJECT = 0x7d7b;

/** Typed arrays from this length on are worth the check that lets their indices be counted instead of listed. */
const COUNTED_INDICES = 4096;

/** JSON.rawJSON is young: V8 12 (Node 22). */
const { isRawJSON } = JSON as { isRawJSON?: (value: unknown) => boolean };

type TypedArray = Exclude<NodeJS.ArrayBufferView, DataView>;

function checkNotOpen(t: Traversal, value: object, isArray: boolean): void {
	if (t.isOpen(value, isArray)) throw circularError(t.frames, t.depth, value);
}

export function openArray(t: Traversal, at: number, value: readonly unknown[], entry: KeyEntry): number {
	checkNotOpen(t, value, true);
	const length = toLength(value.length);
	if (length === 0) return t.writeWord(at, EMPTY_ARRAY, 2);
	t.push(ARRAY, value, length, entry);
	return at;
}

export function openAsyncIterable(t: Traversal, at: number, value: object, method: unknown, entry: KeyEntry): number {
	checkNotOpen(t, value, false);
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
	const keys = t.names ?? Object.keys(value);
	const { length } = keys;
	if (length === 0) return t.writeWord(at, EMPTY_OBJECT, 2);
	if (length === 1 && keys[0] === 'rawJSON' && isRawJSON?.(value)) return writeRaw(t, at, value);
	const before = entry.under(t.indented ? t.depth + 2 : 0);
	if (t.plain && length <= CACHED_KEYS_PER_OBJECT)
		return writeFlat(t, at, value as Record<string, unknown>, keys, before);
	const frame = t.push(OBJECT, value, length, before);
	frame.keys = keys;
	frame.dictionary = length > CACHED_KEYS_PER_OBJECT;
	return at;
}

function writeRaw(t: Traversal, at: number, value: object): number {
	return t.writeText(at, String((value as { rawJSON?: unknown }).rawJSON));
}

/**
 * True for a large typed array whose own enumerable keys are its indices and nothing else. Listing them would take a
 * string for each; a comparison with a fresh view of the same memory tells without. What it cannot tell (a subclass, a
 * view with properties of its own) takes the ordinary way.
 */
function hasOnlyIndices(value: object): value is TypedArray {
	if (!ArrayBuffer.isView(value) || !types.isTypedArray(value) || value.length < COUNTED_INDICES) return false;
	const twin = viewAgain(value);
	return twin !== undefined && isDeepStrictEqual(value, twin);
}

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
