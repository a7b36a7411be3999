/**
 * Writes the elements of an array: SerializeJSONArray (ECMA-262 §25.5.2.5) from the sixth step on.
 */
import { writeRun } from './bytes.ts';
import type { Frame } from './frame.ts';
import type { KeyEntry } from './key-cache.ts';
import { writeNumber } from './numbers.ts';
import { closeWith } from './object-frame.ts';
import { rejectAbsent } from './strict.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, needsPreparing, prepare, writeValue } from './value.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const COMMA = 0x2c;

/** Goes on with `frame` until it opens a child, ends, or must come back. Returns the offset after the last byte. */
export function runArray(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as readonly unknown[];
	const { length, entry } = frame;
	const { depth } = t;
	const hooked = t.replacer !== undefined;
	const plain = !t.indented && !t.strict;
	let at = from;
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= length) return closeArray(t, at);
		if (--t.countdown < 0 && t.overtime()) return at;
		frame.index = index + 1;
		let value = holder[index];
		if (hooked || needsPreparing(value)) value = prepare(t, holder, index, value);
		if (isAbsent(value)) {
			if (t.strict) rejectAbsent(value, !Object.hasOwn(holder, index));
			value = null;
		}
		if (plain && typeof value === 'number') {
			t.buffer[at] = index === 0 ? OPEN : COMMA;
			at = writeNumber(t.buffer, t.view, at + 1, value);
			continue;
		}
		at = writeElement(t, at, index === 0, value, entry);
		if (t.depth !== depth) return at;
	}
	return at;
}

/**
 * Writes what stands before an element (the bracket or a comma, and a new line where the output is indented), then the
 * element. Where the new line does not fit the room that is kept free, both are suspended.
 */
export function writeElement(t: Traversal, from: number, first: boolean, value: unknown, entry: KeyEntry): number {
	let at = from + 1;
	if (t.indented) {
		const indent = t.indent(t.depth + 1);
		if (indent === undefined) {
			t.suspend(t.lineStart(first ? '[' : ',', t.depth + 1), '', '', value);
			return from;
		}
		at = writeRun(t.view, at, indent.words, indent.byteLength);
	}
	t.buffer[from] = first ? OPEN : COMMA;
	return writeValue(t, at, value, entry);
}

/** Closes the innermost array, which has elements. */
export function closeArray(t: Traversal, from: number): number {
	t.pop();
	return closeWith(t, from, CLOSE);
}
