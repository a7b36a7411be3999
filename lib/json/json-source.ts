/**
 * A JSON value as a {@link ByteSource}.
 */
import type { ByteSource } from './byte-source.ts';
import { type JsonSourceOptions, normalizeReplacer, normalizeSpace } from './options.ts';
import { Serializer } from './serializer.ts';
import { rejectAbsent } from './strict.ts';
import { Traversal } from './traversal.ts';
import { isAbsent, prepareRoot } from './value.ts';

/**
 * The bytes of `JSON.stringify(value, replacer, space)` in UTF-8, and one final newline. An object with
 * `Symbol.asyncIterator`, asked after toJSON and replacer and never of a proxy, is written as an array of what it
 * yields, at any depth.
 *
 * Without async iterables the source never waits. Nothing of the value is read before the first fill; the replacer and
 * the space are read here. A value that JSON.stringify would answer with undefined gives no bytes.
 *
 * `fill` throws what JSON.stringify would throw, or what the caller's code threw.
 */
export function createJsonSource(value: unknown, options: JsonSourceOptions = {}): ByteSource {
	const replacer = normalizeReplacer(options.replacer);
	const traversal = new Traversal(replacer, normalizeSpace(options.space), options.strict ?? false);
	const begin = (t: Traversal): void => {
		const root = prepareRoot(t, value);
		if (!isAbsent(root)) t.deferred = root;
		else if (t.strict) rejectAbsent(root, false);
		else t.hasOutput = false;
	};
	return new Serializer(traversal, begin, options.finalNewline ?? true);
}

const SAMPLE = {
	list: [1, 'a', { flat: true, number: 0.5 }, [{ deep: [{}] }], new Date(0)],
	empty: {},
	text: 'a'.repeat(99),
};
Serializer.keep(createJsonSource(Array(20).fill(SAMPLE)));
Serializer.keep(createJsonSource(SAMPLE, { replacer: (_key, value) => value, space: 2 }));
