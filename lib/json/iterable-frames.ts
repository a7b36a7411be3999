/**
 * Async iterables inside a value, written as arrays, and the rows of a JSON Lines document.
 *
 * In their frames `length` counts the steps taken and `index` is one ahead while a step is asked for, so that the path
 * names the element that an iterator fails at.
 */

import { types } from 'node:util';
import type { Cursor, Step } from './cursor.ts';
import { closeArray, type Write, writeElement } from './elements.ts';
import type { Frame } from './frame.ts';
import { rejectAbsent } from './strict.ts';
import type { Traversal } from './traversal.ts';
import { isAbsent, needsPreparing, prepare, prepareRoot } from './value.ts';

const NEWLINE = 0x0a;

/** The next step, or `undefined` where it must settle first; then the source waits. */
function takeStep(t: Traversal, frame: Frame): Step | undefined {
	if (frame.index === frame.length) {
		t.countRows(frame.length);
		frame.index++;
	}
	const cursor = frame.cursor as Cursor;
	const step = cursor.next();
	if (step === undefined) {
		t.waiting = cursor.waiting;
		t.stop();
	} else if (!step.done) {
		frame.length++;
	}
	return step;
}

/** Goes on with an async iterable; its elements are treated as those of an array. */
export function runAsyncArray(t: Traversal, frame: Frame, from: number, write: Write): number {
	const { depth } = t;
	let at = from;
	while (at <= t.limit) {
		const step = takeStep(t, frame);
		if (step === undefined) return at;
		if (step.done) return closeArray(t, frame, at);
		const index = frame.length - 1;
		let value = step.value;
		if (t.replacer !== undefined || needsPreparing(value)) value = prepare(t, frame.holder, index, value);
		if (isAbsent(value)) {
			if (t.strict) rejectAbsent(value, false);
			value = null;
		}
		at = writeElement(t, frame, at, value, write);
		if (t.depth !== depth) return at;
	}
	return at;
}

/** Goes on with rows: each is a JSON text of its own, as `JSON.stringify(row, replacer)` gives it. */
export function runLines(t: Traversal, frame: Frame, from: number, write: Write): number {
	let at = from;
	while (at <= t.limit) {
		if (--t.countdown < 0 && t.overtime(at)) return at;
		const step = takeStep(t, frame);
		if (step === undefined) return at;
		if (step.done) {
			t.hasOutput = frame.length > 0;
			t.pop();
			return at;
		}
		const index = frame.length - 1;
		if (index > 0) t.buffer[at++] = NEWLINE;
		const value = prepareRoot(t, step.value);
		if (isAbsent(value)) {
			if (t.strict) rejectAbsent(value, false);
			throw new TypeError(`Row ${index} has no JSON text: it serialises to undefined`);
		}
		if (types.isPromise(value)) throw new TypeError(`Row ${index} is a promise, which is to be awaited first`);
		at = write(t, at, value, frame.entry);
		if (t.depth !== 0) return at;
	}
	return at;
}
