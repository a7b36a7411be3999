/**
 * Writes the properties of an object: SerializeJSONObject (ECMA-262 §25.5.2.4) from the eighth step on.
 */
import { writeRun } from './bytes.ts';
import type { Frame } from './frame.ts';
import { CACHED_KEY_LENGTH, CACHED_KEYS_PER_OBJECT, type KeyEntry } from './key-cache.ts';
import { writeNumber } from './numbers.ts';
import { rejectAbsent } from './strict.ts';
import { SHORT_STRING_LENGTH, writePlainString } from './strings.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, needsPreparing, prepare, writeString, writeValue } from './value.ts';

export const OPEN = 0x7b;
export const CLOSE = 0x7d;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SPACE = 0x20;

/** Goes on with `frame` until it opens a child, ends, or must come back. Returns the offset after the last byte. */
export function runObject(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Record<string, unknown>;
	const { keys, length } = frame;
	const { depth } = t;
	const hooked = t.replacer !== undefined;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= length) return closeObject(t, frame, at);
		if (--t.countdown < 0 && t.overtime()) return at;
		frame.index = index + 1;
		const key = keys[index] as string;
		let value = holder[key];
		if (hooked || needsPreparing(value)) value = prepare(t, holder, key, value);
		if (isAbsent(value)) {
			if (t.strict) rejectAbsent(value, false);
			continue;
		}
		const next = writeKey(t, frame, at, key);
		if (next < 0) {
			suspendKey(t, frame, key, value);
			return at;
		}
		at = next;
		if (typeof value === 'string') at = writeString(t, at, value);
		else if (typeof value === 'number' && !t.strict) at = writeNumber(t.buffer, t.view, at, value);
		else {
			at = writeValue(t, at, value, frame.entry);
			if (t.depth !== depth) return at;
		}
	}
	return at;
}

/** Writes the brace or comma, the new line and the key; -1 where that does not fit the room that is kept free. */
function writeKey(t: Traversal, frame: Frame, from: number, key: string): number {
	const entry = frame.entry.next;
	if (entry.key === key && !t.indented) return writeEntry(t, frame, from, entry);
	return writeOtherKey(t, frame, from, key);
}

function writeEntry(t: Traversal, frame: Frame, from: number, entry: KeyEntry): number {
	frame.entry = entry;
	let end: number;
	if (entry.bytes.length === 0) end = writeRun(t.view, from, entry.words, entry.byteLength);
	else {
		t.buffer.set(entry.bytes, from);
		end = from + entry.byteLength;
	}
	if (frame.empty && !t.indented) {
		t.buffer[from] = OPEN;
		frame.empty = false;
	}
	return end;
}

function writeOtherKey(t: Traversal, frame: Frame, from: number, key: string): number {
	let at = from;
	const { buffer } = t;
	if (t.indented) {
		const indent = t.indent(t.depth + 1);
		if (indent === undefined) return -1;
		buffer[at] = frame.empty ? OPEN : COMMA;
		at = writeRun(t.view, at + 1, indent.words, indent.byteLength);
	}
	if (frame.length <= CACHED_KEYS_PER_OBJECT && key.length <= CACHED_KEY_LENGTH) {
		const guess = frame.entry.next;
		const end = writeEntry(t, frame, at, guess.key === key ? guess : t.keyCache.follow(frame.entry, key));
		frame.empty = false;
		return end;
	}
	if (key.length > SHORT_STRING_LENGTH) return -1;
	if (!t.indented) buffer[at++] = frame.empty ? OPEN : COMMA;
	const quoted = writePlainString(buffer, at, key);
	if (quoted < 0) return -1;
	at = quoted;
	buffer[at++] = COLON;
	if (t.indented) buffer[at++] = SPACE;
	frame.empty = false;
	return at;
}

/** The way for long and odd keys and for indentation that is long or not ASCII. */
export function suspendKey(t: Traversal, frame: Frame, key: string, value: unknown): void {
	const prefix = t.lineStart(frame.empty ? '{' : ',', t.depth + 1);
	frame.empty = false;
	t.suspend(`${prefix}"`, key, t.indented ? '": ' : '":', value);
}

export function closeObject(t: Traversal, frame: Frame, from: number): number {
	const { empty } = frame;
	t.pop();
	if (empty) return t.writeText(from, '{}');
	return closeWith(t, from, CLOSE);
}

/** Writes a new line where the output is indented, and the closing bracket of the container that was just popped. */
export function closeWith(t: Traversal, from: number, bracket: number): number {
	let at = from;
	if (t.indented) {
		const indent = t.indent(t.depth + 1);
		if (indent === undefined) {
			t.suspend(t.lineStart('', t.depth + 1) + String.fromCharCode(bracket));
			return from;
		}
		at = writeRun(t.view, at, indent.words, indent.byteLength);
	}
	t.buffer[at] = bracket;
	return at + 1;
}
