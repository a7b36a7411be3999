/**
 * Writes single elements of arrays, and the ends of containers.
 */
import { writeRun } from './bytes.ts';
import type { Frame } from './frame.ts';
import type { KeyEntry } from './key-cache.ts';
import { writeSeparator } from './keys.ts';
import type { Traversal } from './traversal.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;
const CLOSE_OBJECT = 0x7d;

/** Writes a value that is prepared and not absent. */
export type Write = (t: Traversal, at: number, value: unknown, entry: KeyEntry) => number;

/** Writes the bracket or a comma, the new line where the output is indented, and a value that is not absent. */
export function writeElement(t: Traversal, frame: Frame, at: number, value: unknown, write: Write): number {
	if (t.indented && frame.indent === undefined) {
		t.suspend(t.lineStart(frame.empty ? '[' : ',', t.depth + 1), '', '', value);
		frame.empty = false;
		return at;
	}
	return write(t, writeSeparator(t, frame, at, OPEN), value, frame.entry);
}

/** Closes the innermost container, which is an array. */
export function closeArray(t: Traversal, frame: Frame, at: number): number {
	if (!frame.empty) return closeWith(t, at, CLOSE);
	t.pop();
	return t.writeText(at, '[]');
}

/** Closes the innermost container, which is an object. */
export function closeObject(t: Traversal, frame: Frame, at: number): number {
	if (!frame.empty) return closeWith(t, at, CLOSE_OBJECT);
	t.pop();
	return t.writeText(at, '{}');
}

function closeWith(t: Traversal, from: number, bracket: number): number {
	t.pop();
	let at = from;
	if (t.indented) {
		const indent = t.indent(t.depth + 1);
		if (indent === undefined) {
			t.suspend(t.lineStart('', t.depth + 1) + String.fromCharCode(bracket));
			return from;
		}
		writeRun(t.view, at, indent.words);
		at += indent.byteLength;
	}
	t.buffer[at] = bracket;
	return at + 1;
}
