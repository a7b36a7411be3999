/**
 * Large typed arrays and Buffers, written without a key string or an array element for each byte.
 */
import { writeRun } from './bytes.ts';
import type { Frame } from './frame.ts';
import { writeUnsigned } from './numbers.ts';
import { CLOSE, COLON, COMMA, closeObject, OPEN, SPACE, suspendKey } from './object-frame.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, prepare, writeValue } from './value.ts';

const QUOTE = 0x22;

/** A typed array as the object that it is to JSON: `{"0":1,"1":2}`. Its elements are numbers, which have no toJSON. */
export function runIndices(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Record<number, unknown>;
	const { depth } = t;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= frame.length) return closeObject(t, frame, at);
		if (--t.countdown < 0 && t.overtime()) return at;
		frame.index = index + 1;
		let value = holder[index];
		if (t.replacer !== undefined) value = prepare(t, holder, index, value);
		if (isAbsent(value)) continue;
		const next = writeIndexKey(t, frame, at, index);
		if (next < 0) {
			suspendKey(t, frame, String(index), value);
			return at;
		}
		at = writeValue(t, next, value, frame.entry);
		if (t.depth !== depth) return at;
	}
	return at;
}

function writeIndexKey(t: Traversal, frame: Frame, from: number, index: number): number {
	const { buffer } = t;
	let at = from + 1;
	if (t.indented) {
		const indent = t.indent(t.depth + 1);
		if (indent === undefined) return -1;
		at = writeRun(t.view, at, indent.words, indent.byteLength);
	}
	buffer[from] = frame.empty ? OPEN : COMMA;
	frame.empty = false;
	buffer[at] = QUOTE;
	at = writeUnsigned(t.view, at + 1, index);
	buffer[at++] = QUOTE;
	buffer[at++] = COLON;
	if (t.indented) buffer[at++] = SPACE;
	return at;
}

/** The bytes of a Buffer, after the `[` that its opening wrote, and the end of the object that its toJSON gives. */
export function runBytes(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Uint8Array;
	const { buffer, view } = t;
	const indent = t.indented ? t.indent(t.depth + 2) : undefined;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= frame.length) {
			t.pop();
			return t.writeText(
				at,
				`${t.lineStart('', t.depth + 2)}]${t.lineStart('', t.depth + 1)}${String.fromCharCode(CLOSE)}`,
			);
		}
		frame.index = index + 1;
		if (index !== 0) buffer[at++] = COMMA;
		if (indent !== undefined) at = writeRun(view, at, indent.words, indent.byteLength);
		// A buffer that was detached since has no bytes left.
		at = writeUnsigned(view, at, holder[index] ?? 0);
	}
	return at;
}
