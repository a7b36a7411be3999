/**
 * Property names as ready bytes, together with what stands around them: `,"name":`, or where the output is indented a
 * comma, a new line of the object's depth, and `"name": `.
 *
 * Objects of one kind have the same keys in the same order, so each entry remembers which one followed it last time,
 * and which one came first in an object under it. Mostly the guess is right, which costs one comparison of pointers;
 * a Map answers the rest.
 */
import { toRun, type Words } from './bytes.ts';

/** Longest name that is kept. */
export const CACHED_KEY_LENGTH = 64;
/** Objects with more properties are taken for dictionaries, whose names would only flush the cache. */
export const CACHED_KEYS_PER_OBJECT = 128;
const MAX_ENTRIES = 2000;

const stringify = JSON.stringify;
const NO_BYTES = new Uint8Array(0);
const NO_WORDS: Words = new Float64Array(0);

/** One property name at one level of indentation. */
export class KeyEntry {
	/** `undefined` in the entry that stands before the first property of an object. */
	readonly key: string | undefined;
	readonly level: number;
	readonly words: Words;
	readonly byteLength: number;
	/** The bytes where they are not ASCII or too many for words, otherwise empty. */
	readonly bytes: Uint8Array;
	/** The entry that followed this one last time. */
	next: KeyEntry;
	/** The entry before the first property of objects under this name. */
	child: KeyEntry | undefined = undefined;

	constructor(key: string | undefined, level: number, text: string) {
		const run = toRun(text);
		this.key = key;
		this.level = level;
		this.words = run?.words ?? NO_WORDS;
		this.bytes = run === undefined ? new TextEncoder().encode(text) : NO_BYTES;
		this.byteLength = run?.byteLength ?? this.bytes.length;
		this.next = this;
	}

	/** The entry before the first property of an object under this name, whose own names stand at `level`. */
	under(level: number): KeyEntry {
		if (this.child?.level !== level) this.child = new KeyEntry(undefined, level, '');
		return this.child;
	}
}

/** The names seen, at most 2,000. */
export class KeyCache {
	/** For documents on one line: their names mostly come again, in the next state of the same document. */
	static readonly shared: KeyCache = new KeyCache();
	readonly #levels: Array<Map<string, KeyEntry> | undefined> = [];
	#size = 0;
	/** Stands before the first name of a root object. */
	readonly root: KeyEntry = new KeyEntry(undefined, 0, '');

	/** Forgets all when it is full, so that other names have their turn. */
	trim(): void {
		if (this.#size < MAX_ENTRIES) return;
		this.#levels.length = 0;
		this.#size = 0;
		this.root.next = this.root;
		this.root.child = undefined;
	}

	/** The entry for `key`, which is then expected to follow `previous` next time; `before` and `after` stand around it. */
	follow(previous: KeyEntry, key: string, before: string, after: string): KeyEntry {
		const { level } = previous;
		let entries = this.#levels[level];
		if (entries === undefined) {
			entries = new Map();
			this.#levels[level] = entries;
		}
		let entry = entries.get(key);
		if (entry === undefined) {
			entry = new KeyEntry(key, level, before + stringify(key) + after);
			if (this.#size < MAX_ENTRIES) {
				entries.set(key, entry);
				this.#size++;
			}
		}
		previous.next = entry;
		return entry;
	}
}
