/**
 * Large typed arrays and Buffers, written without a key string or an array element for each byte.
 */
import { closeObject } from './elements.ts';
import type { Frame } from './frame.ts';
import { writeUnsigned } from './integers.ts';
import { suspendKey, writeSeparator } from './keys.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, prepare, writeValue } from './value.ts';

const OPEN = 0x7b;
const COLON = 0x3a;
const SPACE = 0x20;
const QUOTE = 0x22;

/** A typed array as the object that it is to JSON: `{"0":1,"1":2}`. Its elements are numbers, which have no toJSON. */
export function runIndices(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Record<number, unknown>;
	const { depth } = t;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= frame.length) return closeObject(t, frame, at);
		if (--t.countdown < 0 && t.overtime(at)) return at;
		frame.index = index + 1;
		let value = holder[index];
		if (t.replacer !== undefined) value = prepare(t, holder, index, value);
		if (isAbsent(value)) continue;
		if (t.indented && frame.indent === undefined) {
			suspendKey(t, frame, String(index), value);
			return at;
		}
		at = writeValue(t, writeIndexKey(t, frame, at, index), value, frame.entry);
		if (t.depth !== depth) return at;
	}
	return at;
}

function writeIndexKey(t: Traversal, frame: Frame, from: number, index: number): number {
	const { buffer } = t;
	let at = writeSeparator(t, frame, from, OPEN);
	buffer[at++] = QUOTE;
	at = writeUnsigned(t.view, at, index);
	buffer[at++] = QUOTE;
	buffer[at++] = COLON;
	if (t.indented) buffer[at++] = SPACE;
	return at;
}

/**
 * The bytes of a Buffer, and the end of the object that its toJSON gives. The opening wrote all that stands before the
 * first byte's line; the frame's indent is that of the bytes.
 */
export function runBytes(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Uint8Array;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= frame.length) {
			t.pop();
			return t.writeText(at, `${t.lineStart('', t.depth + 2)}]${t.lineStart('', t.depth + 1)}}`);
		}
		frame.index = index + 1;
		at = writeSeparator(t, frame, at, OPEN_BYTES);
		// A buffer that was detached since has no bytes left.
		at = writeUnsigned(t.view, at, holder[index] ?? 0);
	}
	return at;
}

const OPEN_BYTES = 0x5b;
