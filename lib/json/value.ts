/**
 * SerializeJSONProperty (ECMA-262 §25.5.2.2): what a value becomes before it is written, and how it is written.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { openArray, openAsyncIterable, openBuffer, openObject } from './containers.ts';
import { isPlainDate, writeDate } from './dates.ts';
import type { KeyEntry } from './key-cache.ts';
import { writeBoolean, writeNull } from './literals.ts';
import { writeNumber } from './numbers.ts';
import { toNumber } from './options.ts';
import { checkDate, checkNumber } from './strict.ts';
import { SHORT_STRING_LENGTH, writeShortString } from './strings.ts';
import { SLICE_LENGTH, type Traversal } from './traversal.ts';

const stringify = JSON.stringify;
/** Undefined where something has replaced Buffer's own before this module was loaded. */
const bufferToJSON: unknown =
	stringify(Buffer.from([0, 255])) === '{"type":"Buffer","data":[0,255]}' ? Buffer.prototype.toJSON : undefined;
const booleanValueOf = Boolean.prototype.valueOf;

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Steps 2 and 3: `toJSON`, then the replacer function. Boxed primitives are unboxed when they are written. */
export function prepare(t: Traversal, holder: object, key: string | number, value: unknown): unknown {
	let prepared = value;
	if (typeof value === 'bigint' || (typeof value === 'object' && value !== null) || typeof value === 'function') {
		if (t.strict) checkDate(value);
		const { toJSON } = value as { toJSON?: unknown };
		if (typeof toJSON === 'function') {
			if (t.replacer === undefined && isKnownHook(t, value, toJSON)) {
				t.known = value as object;
				return value;
			}
			prepared = Reflect.apply(toJSON as Method, value, [String(key)]);
			if (prepared === value && typeof value === 'object') t.vouched = value;
		}
	}
	return t.replacer === undefined ? prepared : Reflect.apply(t.replacer, holder, [String(key), prepared]);
}

/** True for what may have a toJSON: objects, functions (which are objects) and BigInts. */
export function needsPreparing(value: unknown): boolean {
	return typeof value === 'object' ? value !== null : typeof value === 'function' || typeof value === 'bigint';
}

/** A whole value: its key is the empty string, and its holder, which only a replacer sees, a fresh object. */
export function prepareRoot(t: Traversal, value: unknown): unknown {
	if (t.replacer === undefined && !needsPreparing(value)) return value;
	return prepare(t, t.replacer === undefined ? t : { '': value }, '', value);
}

/** True for Dates and Buffers whose own toJSON need not be called: see {@link writeKnown}. */
function isKnownHook(t: Traversal, value: unknown, toJSON: unknown): boolean {
	return isPlainDate(value, toJSON) || (toJSON === bufferToJSON && isPlainBuffer(t, value));
}

/**
 * True where calling Buffer's own toJSON, which makes an array of every byte, could not be told from writing the bytes:
 * nobody sees the array (no replacer, no toJSON on arrays), and `length` is the true one.
 */
function isPlainBuffer(t: Traversal, value: unknown): value is Buffer {
	return (
		t.names === undefined &&
		types.isUint8Array(value) &&
		Object.getPrototypeOf(value) === Buffer.prototype &&
		!Object.hasOwn(value, 'length') &&
		!('toJSON' in Array.prototype) &&
		(!t.indented || t.indent(t.depth + 3) !== undefined)
	);
}

function writeKnown(t: Traversal, at: number, value: object, entry: KeyEntry): number {
	t.known = undefined;
	if (types.isDate(value)) return writeDate(t.buffer, t.view, at, value);
	return openBuffer(t, at, value as Buffer, entry);
}

/** True for what JSON has no text for: left out of objects, `null` in arrays. */
export function isAbsent(value: unknown): boolean {
	return typeof value === 'undefined' || typeof value === 'function' || typeof value === 'symbol';
}

/**
 * Writes a value that {@link prepare} gave and that is not absent. `entry` guesses the keys of an object. Containers
 * are opened, not walked: see {@link Traversal.depth}.
 */
export function writeValue(t: Traversal, at: number, value: unknown, entry: KeyEntry): number {
	// One comparison after the other: V8 compiles a switch on typeof to a call and comparisons of strings.
	if (typeof value === 'string') return writeString(t, at, value);
	if (typeof value === 'number') {
		if (t.strict) checkNumber(value);
		return writeNumber(t.buffer, t.view, at, value);
	}
	if (typeof value === 'boolean') return writeBoolean(t.buffer, t.view, at, value);
	if (typeof value === 'object') return value === null ? writeNull(t.view, at) : writeObject(t, at, value, entry);
	// V8's words: JSON.stringify(1n).
	throw new TypeError('Do not know how to serialize a BigInt');
}

/** Step 4 (boxed primitives), then an array, an async iterable or an object. */
export function writeObject(t: Traversal, at: number, value: object, entry: KeyEntry): number {
	if (value === t.known) return writeKnown(t, at, value, entry);
	if (Array.isArray(value)) return openArray(t, at, value, entry);
	if (types.isBoxedPrimitive(value)) {
		const primitive = unbox(value);
		if (primitive !== value) return writeValue(t, at, primitive, entry);
	}
	const method = isProxied(value) ? undefined : (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator];
	if (typeof method === 'function') return openAsyncIterable(t, at, value, method, entry);
	return openObject(t, at, value, entry);
}

/** A Symbol object stays an object, as in step 4. */
function unbox(value: object): unknown {
	if (types.isStringObject(value)) return String(value);
	if (types.isNumberObject(value)) return toNumber(value);
	if (types.isBooleanObject(value)) return Reflect.apply(booleanValueOf, value, []);
	return types.isBigIntObject(value) ? 0n : value;
}

/** True for a proxy and for what inherits from one: its traps would see what JSON.stringify does not ask for. */
export function isProxied(value: object): boolean {
	let link = value;
	while (!types.isProxy(link)) {
		const prototype = Object.getPrototypeOf(link) as object | null;
		if (prototype === null || prototype === Object.prototype) return false;
		link = prototype;
	}
	return true;
}

/** Writes a string of any length. */
export function writeString(t: Traversal, at: number, text: string): number {
	if (text.length <= SHORT_STRING_LENGTH) return writeShortString(t.buffer, at, text);
	if (text.length <= SLICE_LENGTH) return t.writeText(at, stringify(text));
	t.suspend('"', text, '"');
	return at;
}

/**
 * Writes a primitive that fits the room that is kept free, `null` for one that has no text. Returns -1 where it wrote
 * nothing of use: a BigInt, a function, which may have a toJSON, or a long string.
 */
export function writeShort(t: Traversal, at: number, value: unknown): number {
	if (typeof value === 'string') {
		return value.length > SHORT_STRING_LENGTH ? -1 : writeShortString(t.buffer, at, value);
	}
	if (typeof value === 'number') return writeNumber(t.buffer, t.view, at, value);
	if (typeof value === 'boolean') return writeBoolean(t.buffer, t.view, at, value);
	return typeof value === 'bigint' || typeof value === 'function' ? -1 : writeNull(t.view, at);
}
