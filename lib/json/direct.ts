/**
 * Writes containers whose state is in variables, not in a frame, which costs a third less: where nothing is asked for but
 * the value on one line. A frame is made when the walk must come back, when something turns up that is not dealt with here,
 * or to tell where an error came up; from then on the container is walked by its frame.
 */
import { types } from 'node:util';
import { writeRun } from './bytes.ts';
import {
	checkNotOpen,
	EMPTY_ARRAY,
	hasOnlyIndices,
	lengthOf,
	mayBeRaw,
	openAsyncIterable,
	openKeys,
	openObject,
} from './containers.ts';
import type { Write } from './elements.ts';
import { ARRAY, OBJECT } from './frame.ts';
import { CACHED_KEYS_PER_OBJECT, type KeyEntry } from './key-cache.ts';
import { readElement } from './read-element.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, isProxied, prepare, writeObject, writeShort } from './value.ts';

const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;

/** As {@link writeObject}, but arrays and ordinary objects are not only opened. `write` writes children. */
export function writeDirectly(t: Traversal, at: number, value: object, entry: KeyEntry, write: Write): number {
	if (Array.isArray(value)) {
		checkNotOpen(t, value, true);
		const length = lengthOf(value);
		return length === 0 ? t.writeWord(at, EMPTY_ARRAY, 2) : writeElements(t, at, value, length, entry, write);
	}
	if (types.isBoxedPrimitive(value) || isProxied(value)) return writeObject(t, at, value, entry);
	const { [Symbol.asyncIterator]: method } = value as { [Symbol.asyncIterator]?: unknown };
	if (typeof method === 'function') return openAsyncIterable(t, at, value, method, entry);
	checkNotOpen(t, value, false);
	if (hasOnlyIndices(value)) return openObject(t, at, value, entry);
	const keys = Object.keys(value);
	if (keys.length === 0 || keys.length > CACHED_KEYS_PER_OBJECT || mayBeRaw(keys)) {
		return openKeys(t, at, value, keys, entry);
	}
	return writeProperties(t, at, value as Record<string, unknown>, keys, entry.under(0), write);
}

/** Writes an array, or as much of it as can be written here. */
function writeElements(
	t: Traversal,
	from: number,
	holder: readonly unknown[],
	length: number,
	entry: KeyEntry,
	write: Write,
): number {
	const { buffer } = t;
	let at = from;
	let index = 0;
	let separator = OPEN_ARRAY;
	t.enter(ARRAY, holder, length);
	t.recursion++;
	const { depth } = t;
	try {
		while (at <= t.limit) {
			if (index === length) {
				t.leave(ARRAY, holder, length);
				t.recursion--;
				buffer[at] = CLOSE_ARRAY;
				return at + 1;
			}
			if (--t.countdown < 0 && t.overtime(at)) break;
			const value = readElement(holder, index++);
			if (typeof value === 'object' && value !== null) {
				const prepared = prepare(t, holder, index - 1, value);
				buffer[at] = separator;
				separator = COMMA;
				at = write(t, at + 1, isAbsent(prepared) ? null : prepared, entry);
				if (t.depth !== depth) break;
				continue;
			}
			const end = writeShort(t, at + 1, value);
			if (end < 0) {
				t.ahead = value;
				break;
			}
			buffer[at] = separator;
			separator = COMMA;
			at = end;
		}
	} catch (error) {
		keepElements(t, depth, holder, length, entry, index, separator === OPEN_ARRAY);
		throw error;
	}
	keepElements(t, depth, holder, length, entry, index, separator === OPEN_ARRAY);
	t.recursion--;
	return at;
}

/** Writes an object as far as its keys are the expected ones; `before` is the entry before the first. */
function writeProperties(
	t: Traversal,
	from: number,
	holder: Readonly<Record<string, unknown>>,
	keys: readonly string[],
	before: KeyEntry,
	write: Write,
): number {
	const { buffer, view } = t;
	const { length } = keys;
	const depth = t.depth + 1;
	let at = from;
	let entry = before;
	let index = 0;
	let entered = false;
	try {
		while (at <= t.limit) {
			if (index === length) {
				if (entered) {
					t.leave(OBJECT, holder, length);
					t.recursion--;
				}
				if (entry === before) buffer[at++] = OPEN_OBJECT;
				buffer[at] = CLOSE_OBJECT;
				return at + 1;
			}
			const guess = entry.next;
			const key = keys[index] as string;
			if (guess.key !== key || guess.words.length === 0) break;
			if (--t.countdown < 0 && t.overtime(at)) break;
			index++;
			let value = holder[key];
			const start = at + guess.byteLength;
			let end = start;
			if (typeof value === 'object' && value !== null) {
				value = prepare(t, holder, key, value);
				if (isAbsent(value)) continue;
				writeRun(view, at, guess.words);
				if (entry === before) buffer[at] = OPEN_OBJECT;
				entry = guess;
				if (!entered) {
					entered = true;
					t.enter(OBJECT, holder, length);
					t.recursion++;
				}
				at = write(t, start, value, entry);
				if (t.depth !== depth) break;
				continue;
			}
			if (typeof value === 'undefined' || typeof value === 'symbol') continue;
			writeRun(view, at, guess.words);
			end = writeShort(t, start, value);
			if (end < 0) {
				t.ahead = value;
				break;
			}
			if (entry === before) buffer[at] = OPEN_OBJECT;
			entry = guess;
			at = end;
		}
	} catch (error) {
		keepProperties(t, depth, holder, keys, entry, index, entry === before);
		throw error;
	}
	if (entered) t.recursion--;
	keepProperties(t, depth, holder, keys, entry, index, entry === before);
	return at;
}

/** An array, of which `index` elements were begun. */
function keepElements(
	t: Traversal,
	depth: number,
	holder: object,
	length: number,
	entry: KeyEntry,
	index: number,
	empty: boolean,
): void {
	const frame = t.frameAt(depth, ARRAY, holder, length, entry);
	frame.index = index;
	frame.empty = empty;
}

/** An object, entered or not, of which `index` keys were begun; `entry` is the last one written. */
function keepProperties(
	t: Traversal,
	depth: number,
	holder: object,
	keys: readonly string[],
	entry: KeyEntry,
	index: number,
	empty: boolean,
): void {
	if (t.depth < depth) t.enter(OBJECT, holder, keys.length);
	const frame = t.frameAt(depth, OBJECT, holder, keys.length, entry);
	frame.keys = keys;
	frame.index = index;
	frame.empty = empty;
}
