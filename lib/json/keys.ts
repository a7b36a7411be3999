/**
 * Writes what stands before a property's value: the brace or a comma, a new line where the output is indented, and the
 * key with its colon.
 */
import { writeRun } from './bytes.ts';
import type { Frame } from './frame.ts';
import { CACHED_KEY_LENGTH, type KeyEntry } from './key-cache.ts';
import { SHORT_STRING_LENGTH, writeShortString } from './strings.ts';
import type { Traversal } from './traversal.ts';

const OPEN = 0x7b;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;

/** Returns the offset after the key, or -1 where it does not fit the room that is kept free: {@link suspendKey}. */
export function writeKey(t: Traversal, frame: Frame, at: number, key: string): number {
	const guess = frame.entry.next;
	if (guess.key !== key) return writeUnexpectedKey(t, frame, at, key);
	frame.entry = guess;
	return writeEntry(t, frame, at, guess);
}

function writeEntry(t: Traversal, frame: Frame, from: number, entry: KeyEntry): number {
	if (entry.words.length > 0) writeRun(t.view, from, entry.words);
	else t.buffer.set(entry.bytes, from);
	if (frame.empty) {
		t.buffer[from] = OPEN;
		frame.empty = false;
	}
	return from + entry.byteLength;
}

function writeUnexpectedKey(t: Traversal, frame: Frame, from: number, key: string): number {
	if (t.indented && frame.indent === undefined) return -1;
	if (!frame.dictionary && key.length <= CACHED_KEY_LENGTH) {
		const before = t.lineStart(',', frame.entry.level);
		frame.entry = t.keyCache.follow(frame.entry, key, before, t.colon);
		return writeEntry(t, frame, from, frame.entry);
	}
	if (key.length > SHORT_STRING_LENGTH) return -1;
	let at = writeShortString(t.buffer, writeSeparator(t, frame, from, OPEN), key);
	t.buffer[at++] = COLON;
	if (t.indented) t.buffer[at++] = SPACE;
	return at;
}

/** The bracket or a comma, and the new line, which must be short: {@link Frame.indent}. */
export function writeSeparator(t: Traversal, frame: Frame, at: number, bracket: number): number {
	t.buffer[at] = frame.empty ? bracket : COMMA;
	frame.empty = false;
	const { indent } = frame;
	if (indent === undefined) return at + 1;
	writeRun(t.view, at + 1, indent.words);
	return at + 1 + indent.byteLength;
}

/** The way for long keys and for indentation that is long or not ASCII: `value` follows later. */
export function suspendKey(t: Traversal, frame: Frame, key: string, value: unknown): void {
	const prefix = t.lineStart(frame.empty ? '{' : ',', t.depth + 1);
	frame.empty = false;
	t.suspend(`${prefix}"`, key, `"${t.colon}`, value);
}
