/**
 * One open container on the way from the root to where the serializer stands.
 */
import type { Run } from './bytes.ts';
import type { Cursor } from './cursor.ts';
import { KeyEntry } from './key-cache.ts';

/** What kind of container a frame walks. */
export const OBJECT = 0;
export const ARRAY = 1;
/** A large typed array: its indices are counted, not listed. */
export const INDICES = 2;
/** A Buffer, written as the array that its toJSON would build. */
export const BYTES = 3;
/** An async iterable, written as an array. */
export const ASYNC_ARRAY = 4;
/** The rows of a JSON Lines document. */
export const LINES = 5;

/** One of the kinds above. */
export type FrameKind =
	| typeof OBJECT
	| typeof ARRAY
	| typeof INDICES
	| typeof BYTES
	| typeof ASYNC_ARRAY
	| typeof LINES;

const NO_HOLDER: object = {};
const NO_KEYS: readonly string[] = [];
const NO_ENTRY = new KeyEntry(undefined, 0, '');

/** Reused at its depth, since a large value opens millions of containers. */
export class Frame {
	kind: FrameKind = OBJECT;
	/** The container: the `this` of a replacer function. */
	holder: object = NO_HOLDER;
	/** The keys of an object, as they were when it was entered. */
	keys: readonly string[] = NO_KEYS;
	/** Of {@link Frame.keys}, or of the array as it was when it was entered. */
	length = 0;
	/** Children begun; the current one is the one before. */
	index = 0;
	/** True until the first child is written. */
	empty = true;
	/** True for an object with so many keys that they are not worth keeping. */
	dictionary = false;
	/** The new line before each child where the output is indented and that line is short and ASCII. */
	indent: Run | undefined = undefined;
	/** In an object the last key written, else the entry before the first key of objects in here. */
	entry: KeyEntry = NO_ENTRY;
	/** Where the children of an iterable come from. */
	cursor: Cursor | undefined = undefined;

	/** Lets go of what the caller owns. */
	clear(): void {
		this.holder = NO_HOLDER;
		this.keys = NO_KEYS;
		this.entry = NO_ENTRY;
		this.cursor = undefined;
	}
}
