/**
 * Property names as ready bytes: `,"name":`, or `"name": ` where the output is indented.
 *
 * Objects of one kind have the same keys in the same order, so each entry remembers which one followed it last time,
 * and which one came first in an object under it. Mostly the guess is right, which costs one comparison of pointers;
 * a Map answers the rest. Entries are never changed but for those guesses, so any number of sources could share them.
 */
import { type Run, toRun } from './bytes.ts';

/** Longest name that is kept. */
export const CACHED_KEY_LENGTH = 64;
/** Objects with more properties are taken for dictionaries, whose names would only flush the cache. */
export const CACHED_KEYS_PER_OBJECT = 128;
const MAX_ENTRIES = 2000;

const stringify = JSON.stringify;
const NO_BYTES = new Uint8Array(0);
const NO_RUN: Run = { words: new Float64Array(0), byteLength: 0 };

/** One property name. */
export class KeyEntry {
	/** `undefined` in the entry that stands before the first property of an object. */
	readonly key: string | undefined;
	readonly words: Float64Array;
	readonly byteLength: number;
	/** The bytes where they are not ASCII, otherwise empty. */
	readonly bytes: Uint8Array;
	/** The entry that followed this one last time. */
	next: KeyEntry;
	/** The entry before the first property of objects under this name. */
	child: KeyEntry | undefined = undefined;

	constructor(key: string | undefined, text: string) {
		const run = toRun(text);
		this.key = key;
		this.words = (run ?? NO_RUN).words;
		this.bytes = run === undefined ? new TextEncoder().encode(text) : NO_BYTES;
		this.byteLength = run?.byteLength ?? this.bytes.length;
		this.next = this;
	}
}

/** The names seen by one source; at most 2,000. */
export class KeyCache {
	readonly #entries = new Map<string, KeyEntry>();
	readonly #before: string;
	readonly #after: string;

	/** `before` and `after` are what stands around the quoted name. */
	constructor(before: string, after: string) {
		this.#before = before;
		this.#after = after;
	}

	/** The entry for `key`, which is then expected to follow `previous` next time. */
	follow(previous: KeyEntry, key: string): KeyEntry {
		let entry = this.#entries.get(key);
		if (entry === undefined) {
			entry = new KeyEntry(key, this.#before + stringify(key) + this.#after);
			if (this.#entries.size < MAX_ENTRIES) this.#entries.set(key, entry);
		}
		previous.next = entry;
		return entry;
	}

	/** The entry before the first property of an object under `entry`. */
	static under(entry: KeyEntry): KeyEntry {
		entry.child ??= new KeyEntry(undefined, '');
		return entry.child;
	}
}
