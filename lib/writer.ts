/** The writer: takes calls, gives each its place in the order, and keeps one lane for each path at work. */
import { types } from 'node:util';
import { sweepDirectory } from './commit/sweep.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { DurableJsonError, invalidArgument, messageOf } from './errors.ts';
import type { ByteSource } from './json/byte-source.ts';
import { createFileDataSource, isFileData } from './json/file-data-source.ts';
import { createJsonLinesSource } from './json/json-lines-source.ts';
import { createJsonSource } from './json/json-source.ts';
import { holdSource, isRereadable, releaseSource } from './json/one-shot.ts';
import {
	asOptions,
	type CheckedJsonOptions,
	checkFileOptions,
	checkFunction,
	checkInteger,
	checkJsonOptions,
	toAbsolutePath,
} from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import { type CommitCounters, Lane, type LaneContext } from './schedule/lane.ts';
import { commitSlots } from './schedule/slots.ts';
import { type CallCounters, type Request, Submission } from './schedule/submission.ts';
import { nextSequence } from './shared-state.ts';
import type {
	FileData,
	JsonWriter,
	Rows,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteReceipt,
	WriterOptions,
	WriterStats,
} from './types.ts';

/** Makes a writer. Throws a TypeError or RangeError of code ERR_INVALID_ARGUMENT on a bad option. */
export function createWriter(options?: WriterOptions): JsonWriter {
	return new Writer(asOptions<WriterOptions>(options));
}

/** The part of a request that depends on what is written. */
type Content = Pick<Request, 'begin' | 'rereadable' | 'release' | 'mayBeEmpty'>;

class Writer implements JsonWriter {
	readonly #ports: CommitPorts;
	readonly #context: LaneContext;
	readonly #onError: (error: unknown) => void;
	readonly #lanes = new Map<string, Lane>();
	readonly #counters: CallCounters & CommitCounters = {
		calls: 0,
		commits: 0,
		superseded: 0,
		failures: 0,
		bytes: 0,
		fileSyncs: 0,
		directorySyncs: 0,
		pending: 0,
	};
	/** Failures of `schedule` that no flush has told yet. */
	#scheduleErrors: unknown[] = [];
	readonly #sweeps = new Set<Promise<void>>();
	#closing: Promise<void> | undefined;

	constructor(options: Partial<WriterOptions>) {
		const { fileSystem = nodeFileSystem, clock = systemClock, concurrency, recovery = 'sweep', onError } = options;
		if (concurrency !== undefined) checkInteger('options.concurrency', concurrency, 1, Number.MAX_SAFE_INTEGER);
		if (recovery !== 'sweep' && recovery !== 'off') {
			throw invalidArgument('options.recovery', "'sweep' or 'off'", recovery);
		}
		checkFunction('options.onError', onError);
		this.#onError = onError ?? warn;
		this.#ports = { fileSystem, clock };
		this.#context = {
			ports: this.#ports,
			inSlot: commitSlots(fileSystem.scope, concurrency),
			sweep: recovery === 'sweep' ? (directory) => this.#sweep(directory) : undefined,
			counters: this.#counters,
		};
	}

	async write(path: string | URL, value: ValueOrThunk, options?: WriteOptions): Promise<WriteReceipt> {
		return this.#submitJson(path, value, options).promise;
	}

	async writeLines(path: string | URL, rows: Rows, options?: WriteLinesOptions): Promise<WriteReceipt> {
		const json = checkJsonOptions(options);
		if (json.space)
			throw invalidArgument('options.space', 'left out for JSON Lines, where a row is a line', json.space);
		if (typeof rows !== 'object' || rows === null || !(Symbol.iterator in rows || Symbol.asyncIterator in rows)) {
			throw invalidArgument('rows', 'an iterable, an async iterable or a stream', rows);
		}
		// An iterator that is its own iterable (a generator) can be read once, like a stream.
		const rereadable = isRereadable(rows) && !('next' in rows);
		const content = contentOf(rows, rereadable, () => createJsonLinesSource(rows, json));
		return this.#submit(path, options, { ...content, mayBeEmpty: true }).promise;
	}

	async writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt> {
		if (!isFileData(data)) throw invalidArgument('data', 'a string, a view of bytes, or an iterable of those', data);
		const rereadable = isRereadable(data) && !(typeof data === 'object' && 'next' in data);
		const content = contentOf(data, rereadable, () => createFileDataSource(data));
		return this.#submit(path, options, { ...content, mayBeEmpty: true }).promise;
	}

	schedule(path: string | URL, value: ValueOrThunk, options?: WriteOptions): void {
		const { promise } = this.#submitJson(path, value, options);
		promise.catch((error: unknown) => {
			this.#scheduleErrors.push(error);
			this.#onError(error);
		});
	}

	async remove(path: string | URL): Promise<void> {
		const nothing: Content = {
			begin: () => createFileDataSource(''),
			rereadable: true,
			release: () => undefined,
			mayBeEmpty: true,
		};
		await this.#submit(path, undefined, nothing, 'remove').promise;
	}

	async flush(path?: string | URL): Promise<void> {
		if (path === undefined) {
			await Promise.all(Array.from(this.#lanes.values(), (lane) => lane.settled()));
		} else {
			await this.#lanes.get(toAbsolutePath(path))?.settled();
		}
		const errors = this.#scheduleErrors;
		this.#scheduleErrors = [];
		if (errors.length === 1) throw errors[0];
		if (errors.length > 1) throw new AggregateError(errors, `${errors.length} scheduled writes failed`);
	}

	close(): Promise<void> {
		this.#closing ??= this.#flushAndSweep();
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	stats(): WriterStats {
		return { ...this.#counters, lanes: this.#lanes.size };
	}

	#submitJson(path: string | URL, value: ValueOrThunk, options: WriteOptions | undefined): Submission {
		const json = checkJsonOptions(options);
		if (types.isPromise(value)) throw invalidArgument('value', 'awaited first', value);
		const content = contentOf(value, isRereadable(value), () => createValueSource(value, json));
		return this.#submit(path, options, { ...content, mayBeEmpty: false });
	}

	/** Takes a call: checks it, gives it its place in the order, and hands it to the lane of its path. */
	#submit(path: unknown, options: unknown, content: Content, kind: Request['kind'] = 'write'): Submission {
		const absolute = toAbsolutePath(path);
		const checked = checkFileOptions(options);
		if (this.#closing !== undefined) {
			content.release();
			throw new DurableJsonError('ERR_CLOSED', `${absolute} was not written: the writer is closed`, {
				path: absolute,
				step: 'submit',
			});
		}
		const { signal } = checked;
		if (signal?.aborted) {
			content.release();
			throw signal.reason;
		}
		const request: Request = { kind, path: absolute, ...checked, ...content };
		const submission = new Submission(request, nextSequence(), this.#counters);
		this.#laneOf(absolute).submit(submission);
		return submission;
	}

	/** Lanes live only while they have work. */
	#laneOf(path: string): Lane {
		let lane = this.#lanes.get(path);
		if (lane === undefined) {
			lane = new Lane(path, this.#context, () => this.#lanes.delete(path));
			this.#lanes.set(path, lane);
		}
		return lane;
	}

	#sweep(directory: string): void {
		const sweep = sweepDirectory(this.#ports, directory).finally(() => this.#sweeps.delete(sweep));
		this.#sweeps.add(sweep);
	}

	async #flushAndSweep(): Promise<void> {
		try {
			await this.flush();
		} finally {
			await Promise.all(this.#sweeps);
		}
	}
}

function contentOf(value: unknown, rereadable: boolean, create: () => ByteSource): Omit<Content, 'mayBeEmpty'> {
	holdSource(value);
	return { begin: create, rereadable, release: () => releaseSource(value) };
}

/** The source of a value; a function is called for it now. */
function createValueSource(value: ValueOrThunk, options: CheckedJsonOptions): ByteSource {
	const current = typeof value === 'function' ? (value() as unknown) : value;
	if (types.isPromise(current)) throw new TypeError('the function for the value must not be asynchronous');
	return createJsonSource(current, options);
}

function warn(error: unknown): void {
	process.emitWarning(error instanceof Error ? error : messageOf(error));
}
