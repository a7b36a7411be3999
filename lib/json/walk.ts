/**
 * Walks objects and arrays: SerializeJSONObject and SerializeJSONArray (ECMA-262 §25.5.2.4 and §25.5.2.5).
 *
 * A container is walked until it ends, or until its walk must come back (the buffer is full, time is up, a value has to
 * be waited for): then its frame stays on the stack and says where to go on. Children are walked by recursion, up to a
 * bound; beyond it the walk comes back too, and the driver goes on with the innermost frame.
 */
import { runBytes, runIndices } from './binary-frames.ts';
import { writeDirectly } from './direct.ts';
import { closeArray, closeObject, writeElement } from './elements.ts';
import { ARRAY, ASYNC_ARRAY, BYTES, type Frame, INDICES, LINES, OBJECT } from './frame.ts';
import { runAsyncArray, runLines } from './iterable-frames.ts';
import type { KeyEntry } from './key-cache.ts';
import { suspendKey, writeKey } from './keys.ts';
import { writeNumber } from './numbers.ts';
import { readElement } from './read-element.ts';
import { rejectAbsent } from './strict.ts';
import { NOTHING, type Traversal } from './traversal.ts';
import { isAbsent, needsPreparing, prepare, writeObject, writeString, writeValue } from './value.ts';

/** Containers walked by recursion; keeps far away from the end of the stack, whatever the caller has used of it. */
const MAX_RECURSION = 48;

const OPEN_ARRAY = 0x5b;
const COMMA = 0x2c;

/** Goes on with the innermost container. Returns the offset after the last byte. */
export function walk(t: Traversal, at: number): number {
	const frame = t.frames[t.depth] as Frame;
	switch (frame.kind) {
		case OBJECT:
			return walkObject(t, frame, at);
		case ARRAY:
			return walkArray(t, frame, at);
		case INDICES:
			return runIndices(t, frame, at);
		case BYTES:
			return runBytes(t, frame, at);
		case ASYNC_ARRAY:
			return runAsyncArray(t, frame, at, writeAny);
		case LINES:
			return runLines(t, frame, at, writeAny);
	}
}

/** Walks the container that was just opened, unless that would recurse too far. */
function descend(t: Traversal, at: number): number {
	if (t.recursion >= MAX_RECURSION) return at;
	t.recursion++;
	const end = walk(t, at);
	t.recursion--;
	return end;
}

function walkObject(t: Traversal, frame: Frame, from: number): number {
	const holder = frame.holder as Record<string, unknown>;
	const { keys, length } = frame;
	const { depth } = t;
	let at = from;
	if (t.ahead !== NOTHING && at <= t.limit) {
		const value = t.ahead;
		t.ahead = NOTHING;
		at = writeProperty(t, frame, at, keys[frame.index - 1] as string, value);
		if (t.depth !== depth) return at;
	}
	while (at <= t.limit) {
		const index = frame.index;
		if (index >= length) return closeObject(t, frame, at);
		if (--t.countdown < 0 && t.overtime(at)) return at;
		frame.index = index + 1;
		const key = keys[index] as string;
		at = writeProperty(t, frame, at, key, holder[key]);
		if (t.depth !== depth) return at;
	}
	return at;
}

function writeProperty(t: Traversal, frame: Frame, from: number, key: string, found: unknown): number {
	let value = found;
	if (t.replacer !== undefined || needsPreparing(value)) value = prepare(t, frame.holder, key, value);
	if (isAbsent(value)) {
		if (t.strict) rejectAbsent(value, false);
		return from;
	}
	const at = writeKey(t, frame, from, key);
	if (at < 0) {
		suspendKey(t, frame, key, value);
		return from;
	}
	if (typeof value === 'string') return writeString(t, at, value);
	return writeAny(t, at, value, frame.entry);
}

/** Writes a value that is prepared and not absent, with all that is in it unless the walk must come back. */
function writeAny(t: Traversal, at: number, value: unknown, entry: KeyEntry): number {
	return typeof value === 'object' && value !== null
		? writeChild(t, at, value, entry)
		: writeValue(t, at, value, entry);
}

function writeChild(t: Traversal, at: number, value: object, entry: KeyEntry): number {
	const { depth } = t;
	const direct = t.plain && t.recursion < MAX_RECURSION && value !== t.known;
	const next = direct ? writeDirectly(t, at, value, entry, writeAny) : writeObject(t, at, value, entry);
	return t.depth === depth ? next : descend(t, next);
}

function walkArray(t: Traversal, frame: Frame, from: number): number {
	const { holder, length } = frame;
	const { depth } = t;
	const plain = !t.indented && !t.strict && t.replacer === undefined;
	let at = from;
	while (at <= t.limit) {
		let value = t.ahead;
		if (value === NOTHING) {
			const index = frame.index;
			if (index >= length) return closeArray(t, frame, at);
			if (--t.countdown < 0 && t.overtime(at)) return at;
			frame.index = index + 1;
			value = readElement(holder, index);
		} else {
			t.ahead = NOTHING;
		}
		if (plain && typeof value === 'number') {
			at = writeNumberElement(t, frame, at, value);
		} else {
			at = writeAnyElement(t, frame, at, value);
			if (t.depth !== depth) return at;
		}
	}
	return at;
}

function writeNumberElement(t: Traversal, frame: Frame, at: number, value: number): number {
	t.buffer[at] = frame.empty ? OPEN_ARRAY : COMMA;
	frame.empty = false;
	return writeNumber(t.buffer, t.view, at + 1, value);
}

function writeAnyElement(t: Traversal, frame: Frame, from: number, found: unknown): number {
	let value = found;
	if (t.replacer !== undefined || needsPreparing(value)) value = prepare(t, frame.holder, frame.index - 1, value);
	if (isAbsent(value)) {
		if (t.strict) rejectAbsent(value, !Object.hasOwn(frame.holder, frame.index - 1));
		value = null;
	}
	if (!t.indented && typeof value === 'object' && value !== null) {
		t.buffer[from] = frame.empty ? OPEN_ARRAY : COMMA;
		frame.empty = false;
		return writeChild(t, from + 1, value, frame.entry);
	}
	const { depth } = t;
	const at = writeElement(t, frame, from, value, writeAny);
	return t.depth === depth ? at : descend(t, at);
}
