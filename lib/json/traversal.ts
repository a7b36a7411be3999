/**
 * The state of one serialisation: the buffer being filled, the open containers, and text that did not fit.
 *
 * Nothing here is shared between sources, so a getter or toJSON that serialises something itself disturbs nobody.
 *
 * A writer never leaves a token half written. Before it writes, it knows that {@link RESERVED_BYTES} are free, which
 * every short token fits in; longer text goes through {@link Traversal.suspend} and is handed out in pieces.
 */

import type { ReplacerFunction } from '../types.ts';
import { READ_AT_ONCE_BYTES } from './byte-source.ts';
import { MAX_RUN_BYTES, type Run, toRun } from './bytes.ts';
import { ARRAY, ASYNC_ARRAY, BYTES, Frame, type FrameKind, INDICES } from './frame.ts';
import { CACHED_KEY_LENGTH, KeyCache, type KeyEntry } from './key-cache.ts';
import { MAX_NUMBER_BYTES } from './numbers.ts';
import type { NormalizedReplacer } from './options.ts';
import { MAX_UNIT_BYTES, SHORT_STRING_BYTES, sliceEnd } from './strings.ts';

/** Free at the end of a buffer whenever a token is begun: a separator and a line's indentation, a key, a short value. */
export const RESERVED_BYTES: number =
	MAX_RUN_BYTES + MAX_UNIT_BYTES * CACHED_KEY_LENGTH + SHORT_STRING_BYTES + MAX_NUMBER_BYTES + 64;

/** Characters of a long string that are escaped at once. */
export const SLICE_LENGTH = 8192;
const BYTES_PER_UNIT = 3;

/** Stands for "no value waits": any value of the caller's can be told from it. */
export const NOTHING: unique symbol = Symbol('nothing');

/** Frames kept for reuse; the deeper ones of a very deep value are left to the garbage collector. */
const POOLED_DEPTH = 1024;
/** Up to this depth a scan of the open containers is quicker than a Set. */
const SCANNED_DEPTH = 64;
/** And up to this one a loop is quicker than Array.prototype.indexOf. */
const LOOPED_DEPTH = 8;

/** How long a fill may run, but the first one. */
const FILL_MS = 5;
/** The least that an element takes, `0,`; each step counts for so much even where it gives less. */
const BYTES_PER_STEP = 2;
/** The clock is looked at about this often. */
const CLOCK_INTERVAL_MS = 0.25;
/** Not more: code that V8 has just thrown away runs a hundred times slower until it is compiled again. */
const MAX_STEPS = 256;

const stringify = JSON.stringify;

/** Before the first fill. */
const NO_BUFFER = Buffer.alloc(0);
const NO_VIEW = new DataView(new ArrayBuffer(0));

/** True for containers each of whose elements is written, whatever it is. */
function isCounted(kind: FrameKind): boolean {
	return kind === ARRAY || kind === INDICES || kind === BYTES;
}

/** See the head of this file. */
export class Traversal {
	readonly replacer: ReplacerFunction | undefined;
	readonly names: readonly string[] | undefined;
	/** Whether each child stands on a line of its own, behind {@link Traversal.gap} for each level. */
	readonly indented: boolean;
	readonly gap: string;
	readonly strict: boolean;
	/** True where nothing is asked for but the value on one line: no replacer, no indentation, not strict. */
	readonly plain: boolean;
	/** True where no async iterable may be opened. */
	mayNotWait = false;
	/** What stands between a key and its value. */
	readonly colon: string;
	readonly keyCache: KeyCache;

	buffer: Buffer = NO_BUFFER;
	view: DataView = NO_VIEW;
	/** Where writers come back: negative as soon as they must, whatever room is left. */
	limit = -1;
	/** Set while the source waits, ran out of time or has text to hand out first. */
	stopped = false;
	suspended = false;
	waiting: Promise<void> | undefined = undefined;
	/** Steps until the clock is looked at. */
	countdown = 0;

	/** Open containers, innermost at {@link Traversal.depth}; -1 where none is open. */
	readonly frames: Frame[] = [];
	/** The containers themselves, as far as they are scanned for circles: an array can only be one of the arrays. */
	readonly #arrays: object[] = [];
	readonly #objects: object[] = [];
	depth = -1;
	/** Containers being walked by recursion. */
	recursion = 0;
	/** A value, through toJSON and replacer, to be written after the suspended text. */
	deferred: unknown = NOTHING;
	/** A child of the innermost array or object that was read already. */
	ahead: unknown = NOTHING;
	/** A Date or Buffer that is to be written as its toJSON would. */
	known: object | undefined = undefined;
	/** In strict mode: an object whose own toJSON returned it. */
	vouched: object | undefined = undefined;
	/** True where there is anything that a final newline can follow. */
	hasOutput = true;
	/** Elements of the outermost iterable handed out. */
	rows = 0;
	#openIterables = 0;

	#text = '';
	#textAt = 0;
	#string = '';
	#stringAt = 0;
	#suffix = '';

	#deepHolders: Set<object> | undefined;
	readonly #indents: Array<Run | undefined> = [];

	#begunAt = 0;
	#steps = 0;
	/** What the open arrays come to at least. */
	#leastBytes = 0;
	#first = true;
	#startedAt = 0;
	#checkedAt = 0;
	#interval = 16;

	constructor(replacer: NormalizedReplacer, gap: string | undefined, strict: boolean) {
		this.replacer = replacer.call;
		this.names = replacer.names;
		this.keyCache = gap === undefined ? KeyCache.shared : new KeyCache();
		this.indented = gap !== undefined;
		this.gap = gap ?? '';
		this.strict = strict;
		this.plain = !this.indented && !strict && replacer.call === undefined && replacer.names === undefined;
		this.colon = gap === undefined ? ':' : ': ';
	}

	/** Begins a fill of `target`. */
	begin(target: Buffer, offset: number): void {
		this.#startedAt = offset;
		if (this.buffer !== target) {
			this.buffer = target;
			this.view = new DataView(target.buffer, target.byteOffset, target.byteLength);
		}
		this.waiting = undefined;
		this.stopped = false;
		this.recursion = 0;
		this.#begunAt = performance.now();
		this.#checkedAt = this.#begunAt;
		this.countdown = this.#interval;
	}

	/** Ends a fill. */
	end(): void {
		this.#first = false;
	}

	/** Up to here a token may be begun. */
	get fullAt(): number {
		return this.buffer.length - RESERVED_BYTES;
	}

	/** Lets writers go on until the buffer is full. */
	resume(): void {
		this.limit = this.fullAt;
	}

	/** Makes writers come back. */
	stop(): void {
		this.stopped = true;
		this.limit = -1;
	}

	/**
	 * Looks at the clock; true where this fill, which has come to `at`, has taken its time: never in the first one while
	 * the value may turn out to be shorter than {@link READ_AT_ONCE_BYTES}. Called when {@link Traversal.countdown} has run out, which is set so that this happens
	 * about every quarter of a millisecond: the steps may be properties that give no bytes, or getters that take long.
	 */
	overtime(at: number): boolean {
		const now = performance.now();
		const ratio = Math.min(4, CLOCK_INTERVAL_MS / (now - this.#checkedAt));
		this.#checkedAt = now;
		this.#steps += this.#interval;
		this.#interval = Math.max(1, Math.min(MAX_STEPS, Math.floor(this.#interval * ratio)));
		this.countdown = this.#interval;
		if (now - this.#begunAt < FILL_MS) return false;
		const bytes = Math.max(at - this.#startedAt, this.#steps * BYTES_PER_STEP, this.#leastBytes);
		if (this.#first && bytes < READ_AT_ONCE_BYTES) return false;
		this.stop();
		return true;
	}

	/** Opens a container under the current one, and gives it a frame to be walked by. */
	push(kind: FrameKind, holder: object, length: number, entry: KeyEntry): Frame {
		this.enter(kind, holder, length);
		const frame = this.frameAt(this.depth, kind, holder, length, entry);
		if (this.indented) frame.indent = this.indent(this.depth + 1);
		if (kind >= ASYNC_ARRAY) this.#openIterables++;
		return frame;
	}

	/** Closes the innermost container, which has a frame. */
	pop(): void {
		const frame = this.frames[this.depth] as Frame;
		const { kind, holder, length } = frame;
		if (kind >= ASYNC_ARRAY) this.#openIterables--;
		frame.clear();
		this.leave(kind, holder, length);
	}

	/** Opens a container whose state is kept elsewhere: {@link Traversal.frameAt} for when it must be left unfinished. */
	enter(kind: FrameKind, holder: object, length: number): void {
		const depth = ++this.depth;
		if (isCounted(kind)) this.#leastBytes += length * BYTES_PER_STEP;
		if (depth >= this.frames.length) this.frames.push(new Frame());
		if (depth < SCANNED_DEPTH) {
			const holders = kind === ARRAY ? this.#arrays : this.#objects;
			holders[holders.length] = holder;
		} else {
			this.#deepHolders ??= new Set();
			this.#deepHolders.add(holder);
		}
	}

	/** Closes what {@link Traversal.enter} has opened. */
	leave(kind: FrameKind, holder: object, length: number): void {
		const depth = this.depth--;
		if (isCounted(kind)) this.#leastBytes -= length * BYTES_PER_STEP;
		if (depth < SCANNED_DEPTH) (kind === ARRAY ? this.#arrays : this.#objects).pop();
		else this.#deepHolders?.delete(holder);
		if (depth >= POOLED_DEPTH) this.frames.length = depth;
	}

	/** The frame of an open container, set to its beginning. */
	frameAt(depth: number, kind: FrameKind, holder: object, length: number, entry: KeyEntry): Frame {
		const frame = this.frames[depth] as Frame;
		frame.kind = kind;
		frame.holder = holder;
		frame.length = length;
		frame.index = 0;
		frame.empty = true;
		frame.dictionary = false;
		frame.entry = entry;
		return frame;
	}

	/** True where `value` is an open container, so that writing it would never end. */
	isOpen(value: object, isArray: boolean): boolean {
		const holders = isArray ? this.#arrays : this.#objects;
		if (this.depth >= SCANNED_DEPTH && this.#deepHolders?.has(value) === true) return true;
		if (holders.length > LOOPED_DEPTH) return holders.indexOf(value) >= 0;
		for (let index = holders.length - 1; index >= 0; index--) if (holders[index] === value) return true;
		return false;
	}

	/** Counts what the innermost iterable has handed out, if it is the outermost one. */
	countRows(done: number): void {
		if (this.#openIterables === 1) this.rows = done;
	}

	/** A line break and the indentation of `depth` levels; `undefined` where that is long or not ASCII. */
	indent(depth: number): Run | undefined {
		if (depth * this.gap.length > MAX_RUN_BYTES) return undefined;
		if (depth >= this.#indents.length) {
			for (let next = this.#indents.length; next <= depth; next++) this.#indents.push(toRun(this.#lineBreak(next)));
		}
		return this.#indents[depth];
	}

	/** The same as text. One string, since surrogates may pair up where one gap meets the next. */
	#lineBreak(depth: number): string {
		return `\n${this.gap.repeat(depth)}`;
	}

	/** `prefix` and, where the output is indented, a new line of `depth` levels. */
	lineStart(prefix: string, depth: number): string {
		return this.indented ? prefix + this.#lineBreak(depth) : prefix;
	}

	/**
	 * Hands out `prefix`, then the inside of the quoted `text` slice by slice, then `suffix`, before anything else; then
	 * `deferred` is written as a value.
	 */
	suspend(prefix: string, text = '', suffix = '', deferred: unknown = NOTHING): void {
		this.#text = prefix;
		this.#textAt = 0;
		this.#string = text;
		this.#stringAt = 0;
		this.#suffix = suffix;
		this.deferred = deferred;
		this.suspended = true;
		this.limit = -1;
	}

	/** Writes what was suspended, as far as it fits, and clears {@link Traversal.suspended} after the last of it. */
	drain(from: number): number {
		let at = from;
		for (;;) {
			at = this.#drainText(at);
			if (this.#textAt < this.#text.length) return at;
			if (this.#stringAt < this.#string.length) {
				const end = sliceEnd(this.#string, this.#stringAt, SLICE_LENGTH);
				this.#text = stringify(this.#string.slice(this.#stringAt, end)).slice(1, -1);
				this.#stringAt = end;
			} else if (this.#suffix !== '') {
				this.#text = this.#suffix;
				this.#suffix = '';
			} else {
				this.#text = '';
				this.#string = '';
				this.suspended = false;
				return at;
			}
			this.#textAt = 0;
		}
	}

	#drainText(from: number): number {
		const text = this.#text;
		const { buffer } = this;
		let at = from;
		while (this.#textAt < text.length) {
			const room = Math.floor((buffer.length - at) / BYTES_PER_UNIT) - 1;
			if (room < 1) break;
			const start = this.#textAt;
			const end = sliceEnd(text, start, room);
			at += buffer.write(start === 0 && end === text.length ? text : text.slice(start, end), at);
			this.#textAt = end;
		}
		return at;
	}

	/** Writes up to four bytes, given as a little-endian word. */
	writeWord(at: number, word: number, byteLength: number): number {
		this.view.setInt32(at, word, true);
		return at + byteLength;
	}

	/** Writes text that is JSON already. */
	writeText(at: number, text: string): number {
		if (at + text.length * BYTES_PER_UNIT <= this.buffer.length) return at + this.buffer.write(text, at);
		this.suspend(text);
		return at;
	}
}
