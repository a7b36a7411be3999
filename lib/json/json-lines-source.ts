/**
 * The rows of a JSON Lines document as a {@link ByteSource}.
 */
import type { ByteSource } from './byte-source.ts';
import { AsyncCursor, SyncCursor } from './cursor.ts';
import { LINES } from './frame.ts';
import { type JsonLinesSourceOptions, normalizeReplacer } from './options.ts';
import { Serializer } from './serializer.ts';
import { Traversal } from './traversal.ts';

/** Rows of a JSON Lines document: any iterable but a string. A web ReadableStream and a Node Readable are iterables. */
export type JsonLinesRows = Iterable<unknown> | AsyncIterable<unknown> | ReadableStream;

/**
 * JSON Lines: one JSON text a line, each what `JSON.stringify(row, replacer)` gives, separated by `\n`. A synchronous
 * iterable never waits, unless a row holds an async iterable. The iterator is closed by `return()` where the source is
 * closed early.
 *
 * @throws TypeError where `rows` is not iterable, or is a string, whose characters hardly are rows. `fill` throws a
 * TypeError that names the row for one that has no JSON text, or is a promise.
 */
export function createJsonLinesSource(rows: JsonLinesRows, options: JsonLinesSourceOptions = {}): ByteSource {
	const traversal = new Traversal(normalizeReplacer(options.replacer), undefined, options.strict ?? false);
	const open = rowsCursor(rows);
	const begin = (t: Traversal): void => {
		t.push(LINES, t, 0, t.keyCache.root).cursor = open();
	};
	return new Serializer(traversal, begin, options.finalNewline ?? true);
}

/** How to iterate `rows`; iterating itself waits for the first fill. */
function rowsCursor(rows: unknown): () => AsyncCursor | SyncCursor {
	if ((typeof rows === 'object' && rows !== null) || typeof rows === 'function') {
		const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = rows as Record<symbol, unknown>;
		if (typeof asynchronous === 'function') return () => new AsyncCursor(rows, asynchronous);
		if (typeof synchronous === 'function') return () => new SyncCursor(rows, synchronous);
	}
	throw new TypeError(`rows must be an iterable or async iterable, not ${rows === null ? 'null' : typeof rows}`);
}

Serializer.keep(createJsonLinesSource([[]]));
