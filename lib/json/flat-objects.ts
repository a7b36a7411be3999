/**
 * Objects without containers in them, which most of a tree's objects are: written without a frame. Where something turns
 * up that needs one, the frame is made then, as if it had been there from the start.
 */
import { writeRun } from './bytes.ts';
import { OBJECT } from './frame.ts';
import type { KeyEntry } from './key-cache.ts';
import { writeBoolean, writeNull } from './literals.ts';
import { writeNumber } from './numbers.ts';
import { SHORT_STRING_LENGTH, writeShortString } from './strings.ts';
import { NOTHING, type Traversal } from './traversal.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;

type Properties = Readonly<Record<string, unknown>>;

/**
 * Writes `holder` as far as its keys are the expected ones and its values short primitives. `keys` are its own, at least
 * one; `before` is the entry before the first.
 */
export function writeFlat(
	t: Traversal,
	from: number,
	holder: Properties,
	keys: readonly string[],
	before: KeyEntry,
): number {
	const { buffer, view } = t;
	const { length } = keys;
	let at = from;
	let entry = before;
	let index = 0;
	try {
		while (index < length) {
			const guess = entry.next;
			const key = keys[index] as string;
			if (at > t.limit || guess.key !== key || guess.words.length === 0) break;
			if (--t.countdown < 0 && t.overtime(at)) break;
			index++;
			const value = holder[key];
			if (needsFrame(value)) {
				t.ahead = value;
				break;
			}
			if (typeof value === 'undefined' || typeof value === 'symbol') continue;
			writeRun(view, at, guess.words);
			if (entry === before) buffer[at] = OPEN;
			entry = guess;
			at += guess.byteLength;
			if (typeof value === 'string') at = writeShortString(buffer, at, value);
			else if (typeof value === 'number') at = writeNumber(buffer, view, at, value);
			else at = typeof value === 'boolean' ? writeBoolean(buffer, view, at, value) : writeNull(view, at);
		}
	} catch (error) {
		// For the path to the getter that has thrown.
		openFrame(t, holder, keys, index, entry === before, entry);
		throw error;
	}
	const empty = entry === before;
	if (index < length || t.ahead !== NOTHING) {
		openFrame(t, holder, keys, index, empty, entry);
		return at;
	}
	if (empty) buffer[at++] = OPEN;
	buffer[at] = CLOSE;
	return at + 1;
}

/** True for what has a toJSON or children, and for text that may not fit the room that is kept free. */
function needsFrame(value: unknown): boolean {
	if (typeof value === 'string') return value.length > SHORT_STRING_LENGTH;
	if (typeof value === 'object') return value !== null;
	return typeof value === 'function' || typeof value === 'bigint';
}

function openFrame(
	t: Traversal,
	holder: Properties,
	keys: readonly string[],
	index: number,
	empty: boolean,
	entry: KeyEntry,
): void {
	const frame = t.push(OBJECT, holder, keys.length, entry);
	frame.keys = keys;
	frame.index = index;
	frame.empty = empty;
	frame.dictionary = false;
}
