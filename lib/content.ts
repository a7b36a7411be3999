/** What a call writes: a value, rows, bytes, or nothing at all; and how it is validated. */
import { types } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { OwnFailure } from './commit/own-failure.ts';
import { invalidArgument } from './errors.ts';
import type { ByteSource } from './json/byte-source.ts';
import { createFileDataSource, isFileData } from './json/file-data-source.ts';
import { createJsonLinesSource } from './json/json-lines-source.ts';
import { createJsonSource } from './json/json-source.ts';
import { isRereadable } from './json/one-shot.ts';
import { Lease, leasesHere, runAwaited, runUnder } from './lock/lease.ts';
import { assertAwaited, type CheckedJsonOptions } from './options.ts';
import type { FileSystem } from './ports/file-system.ts';
import type { Request } from './schedule/submission.ts';
import { bytesOf, type Pause } from './schedule/transform.ts';
import type { FileData, Rows, ValueOrThunk } from './types.ts';
import { validate } from './validation.ts';

/** The part of a request that depends on what is written. */
export interface Content
	extends Pick<
		Request,
		| 'begin'
		| 'content'
		| 'rereadable'
		| 'mayBeEmpty'
		| 'snapshot'
		| 'transform'
		| 'isAsync'
		| 'assertKnown'
		| 'onLanded'
	> {
	/** What the caller handed over: a stream among it is closed where it is not read. */
	readonly value: unknown;
	/** What was written, known once it has been: what a function gave, or a validator. Left out where that is `value`. */
	readonly written?: (() => unknown) | undefined;
	/** Validates the value, which may then be written. Throws, or rejects with, ERR_VALIDATION. */
	readonly prepare?: ((path: string) => undefined | Promise<void>) | undefined;
}

export function valueContent(fileSystem: FileSystem, value: ValueOrThunk, json: CheckedJsonOptions): Content {
	assertAwaited('value', value);
	const { schema } = json;
	if (typeof value === 'function') {
		const source = schema === undefined ? thunk(value, json) : validatedThunk(fileSystem, value, schema, json);
		return jsonContent(value, json, source);
	}
	if (schema === undefined) return jsonContent(value, json, { begin: () => createJsonSource(value, json) });
	if (hasAsyncIterator(value)) throw invalidArgument('value', 'no async iterable where there is a schema', value);
	return jsonContent(value, json, validated(fileSystem, value, schema, json));
}

type Source = Pick<Content, 'begin' | 'written' | 'transform' | 'prepare'>;

function jsonContent(value: unknown, json: CheckedJsonOptions, source: Source): Content {
	const { begin, written, transform, prepare } = source;
	const rereadable = isRereadable(value);
	const snapshot = json.consistency === 'snapshot';
	return { value, content: 'json', rereadable, mayBeEmpty: false, snapshot, begin, written, transform, prepare };
}

/** The value of a function is known when the commit starts. */
function thunk(value: object, json: CheckedJsonOptions): Source {
	let current: unknown;
	return {
		begin() {
			current = called(value);
			return createJsonSource(current, json);
		},
		written: () => current,
	};
}

/** And it is validated then. */
function validatedThunk(
	fileSystem: FileSystem,
	value: object,
	schema: StandardSchemaV1,
	json: CheckedJsonOptions,
): Source {
	let current: unknown;
	// It is run by whoever is at work on the document then.
	const outer = leasesHere(fileSystem);
	return {
		begin: notValidated,
		written: () => current,
		*transform(_base, { path, key }) {
			const given = called(value);
			const lease = { kind: 'commit', path, key } as const;
			const output = runAwaited(fileSystem, lease, () => validate(schema, given, path), outer);
			current = output instanceof Promise ? yield* waitFor(output) : output;
			return yield* bytesOf(createJsonSource(current, json), path);
		},
	};
}

function notValidated(): ByteSource {
	throw new Error('the value has not been validated');
}

function validated(fileSystem: FileSystem, value: unknown, schema: StandardSchemaV1, json: CheckedJsonOptions): Source {
	let begin = notValidated;
	let written: unknown;
	const take = (output: unknown, path: string): undefined => {
		written = output;
		// The caller may change what is still its own: it is read while it is known to be valid.
		const bytes = output === value ? bytesAtOnce(createJsonSource(output, json), path) : undefined;
		begin = () => (bytes === undefined ? createJsonSource(output, json) : createFileDataSource(bytes));
	};
	return {
		begin: () => begin(),
		written: () => written,
		prepare(path) {
			const lease = { kind: 'validation', path } as const;
			// Reading the value runs code of the caller's, too.
			return runAwaited(fileSystem, lease, () => {
				const output = validate(schema, value, path);
				return output instanceof Promise ? output.then((settled) => take(settled, path)) : take(output, path);
			}) as undefined | Promise<void>;
		},
	};
}

function bytesAtOnce(source: ByteSource, path: string): Uint8Array {
	const steps = bytesOf(source, path);
	try {
		for (let step = steps.next(); ; step = steps.next()) {
			if (step.done) return step.value;
			if (step.value !== undefined) {
				throw invalidArgument('value', 'without async iterables where there is a schema', source.jsonPath());
			}
		}
	} catch (error) {
		throw error instanceof OwnFailure ? error.reason : error;
	}
}

/** Waits for a promise in the course of {@link Request.transform}. */
export function* waitFor<T>(promise: Promise<T>): Generator<Pause, T, unknown> {
	return (yield promise) as T;
}

export function linesContent(fileSystem: FileSystem, path: string, rows: Rows, json: CheckedJsonOptions): Content {
	if (json.space) throw invalidArgument('options.space', 'left out for JSON Lines, where a row is a line', json.space);
	if (typeof rows !== 'object' || rows === null || !(Symbol.iterator in rows || Symbol.asyncIterator in rows)) {
		throw invalidArgument('rows', 'an iterable, an async iterable or a stream', rows);
	}
	const { schema } = json;
	const outer = schema === undefined ? [] : leasesHere(fileSystem);
	const validRows = async function* (asked: StandardSchemaV1): AsyncGenerator<unknown> {
		const lease = new Lease({ kind: 'commit', path });
		let number = 0;
		try {
			for await (const row of rows as AsyncIterable<unknown>) {
				number += 1;
				yield await runUnder(fileSystem, lease, () => validate(asked, row, path, ` row ${number}`), outer);
			}
		} finally {
			void lease.end();
		}
	};
	return {
		value: rows,
		content: 'lines',
		// An iterator that is its own iterable (a generator) can be read once, like a stream.
		rereadable: isRereadable(rows) && !('next' in rows),
		begin: () => createJsonLinesSource(schema === undefined ? rows : validRows(schema), json),
		mayBeEmpty: true,
		snapshot: json.consistency === 'snapshot',
	};
}

export function fileContent(data: FileData): Content {
	if (!isFileData(data)) throw invalidArgument('data', 'a string, a view of bytes, or an iterable of those', data);
	return {
		value: data,
		content: undefined,
		rereadable: isRereadable(data) && !(typeof data === 'object' && 'next' in data),
		begin: () => createFileDataSource(data),
		mayBeEmpty: true,
		snapshot: false,
	};
}

/** For a removal. */
export const noContent: Content = {
	value: undefined,
	content: undefined,
	rereadable: true,
	begin: () => createFileDataSource(''),
	mayBeEmpty: true,
	snapshot: false,
};

/** What a value holds in memory, as far as it can be told at once: a UTF-16 unit of a string mostly takes a byte. */
export function sizeOf(value: unknown): number {
	if (typeof value === 'string') return value.length;
	return ArrayBuffer.isView(value) ? value.byteLength : 0;
}

/** The value of a function; it is called for it now. */
function called(thunk: object): unknown {
	const value: unknown = (thunk as () => unknown)();
	if (!types.isPromise(value)) return value;
	// Told here what is wrong; what becomes of the promise must not end the process.
	value.catch(() => undefined);
	throw new TypeError('the function for the value must not be asynchronous');
}

/** Not asked of a proxy, as when it is written. */
function hasAsyncIterator(value: unknown): boolean {
	return typeof value === 'object' && value !== null && !types.isProxy(value) && Symbol.asyncIterator in value;
}
