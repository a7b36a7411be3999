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

/** A writer that stays open: its `close` flushes only, since it belongs to the whole process. */
export function createPermanentWriter(): JsonWriter {
	return new Writer({}, true);
}

/** Makes a writer. Throws a TypeError or RangeError of code ERR_INVALID_ARGUMENT on a bad option. */
export function createWriter(options?: WriterOptions): JsonWriter {
	return new Writer(asOptions<WriterOptions>(options));
}

/** The part of a request that depends on what is written. */
type Content = Pick<Request, 'begin' | 'rereadable' | 'mayBeEmpty' | 'snapshot'> & {
	/** What the caller handed over: a stream among it is closed where it is not read. */
	readonly value: unknown;
};

/** A failed `schedule` that no flush has told yet. */
interface ScheduleFailure {
	readonly path: string;
	readonly error: unknown;
}

/** So many are kept for the next flush; `onError` is told of each. */
const MAX_SCHEDULE_FAILURES = 100;

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
	#scheduleFailures: ScheduleFailure[] = [];
	readonly #sweeps = new Set<Promise<void>>();
	readonly #permanent: boolean;
	#closing: Promise<void> | undefined;

	constructor(options: Partial<WriterOptions>, permanent = false) {
		this.#permanent = permanent;
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
		const begin = (): ByteSource => createJsonLinesSource(rows, json);
		return this.#submit(path, options, {
			value: rows,
			rereadable,
			begin,
			mayBeEmpty: true,
			snapshot: json.consistency === 'snapshot',
		}).promise;
	}

	async writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt> {
		if (!isFileData(data)) throw invalidArgument('data', 'a string, a view of bytes, or an iterable of those', data);
		const rereadable = isRereadable(data) && !(typeof data === 'object' && 'next' in data);
		const begin = (): ByteSource => createFileDataSource(data);
		return this.#submit(path, options, { value: data, rereadable, begin, mayBeEmpty: true, snapshot: false }).promise;
	}

	schedule(path: string | URL, value: ValueOrThunk, options?: WriteOptions): void {
		const { promise, request } = this.#submitJson(path, value, options);
		const { path: absolute } = request;
		promise.catch((error: unknown) => {
			const failures = this.#scheduleFailures;
			if (failures.length < MAX_SCHEDULE_FAILURES) failures.push({ path: absolute, error });
			this.#onError(error);
		});
	}

	async remove(path: string | URL): Promise<void> {
		const begin = (): ByteSource => createFileDataSource('');
		const nothing = { value: undefined, rereadable: true, begin, mayBeEmpty: true, snapshot: false };
		await this.#submit(path, undefined, nothing, 'remove').promise;
	}

	async flush(path?: string | URL): Promise<void> {
		const wanted = path === undefined ? undefined : toAbsolutePath(path);
		if (wanted === undefined) {
			await Promise.all(Array.from(this.#lanes.values(), (lane) => lane.settled()));
		} else {
			await this.#lanes.get(wanted)?.settled();
		}
		const told = this.#scheduleFailures.filter((failure) => wanted === undefined || failure.path === wanted);
		this.#scheduleFailures = this.#scheduleFailures.filter((failure) => !told.includes(failure));
		const errors = told.map(({ error }) => error);
		if (errors.length === 1) throw errors[0];
		if (errors.length > 1) throw new AggregateError(errors, `${errors.length} scheduled writes failed`);
	}

	close(): Promise<void> {
		if (this.#permanent) return this.#flushAndSweep();
		this.#closing ??= this.#flushAndSweep();
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	stats(): WriterStats {
		return { ...this.#counters, activePaths: this.#lanes.size };
	}

	#submitJson(path: string | URL, value: ValueOrThunk, options: WriteOptions | undefined): Submission {
		const json = checkJsonOptions(options);
		if (types.isPromise(value)) throw invalidArgument('value', 'awaited first', value);
		const begin = (): ByteSource => createValueSource(value, json);
		const snapshot = json.consistency === 'snapshot';
		const content = { value, rereadable: isRereadable(value), begin, mayBeEmpty: false, snapshot };
		return this.#submit(path, options, content);
	}

	/** Takes a call: checks it, gives it its place in the order, and hands it to the lane of its path. */
	#submit(path: unknown, options: unknown, content: Content, kind: Request['kind'] = 'write'): Submission {
		const absolute = toAbsolutePath(path);
		const checked = checkFileOptions(options);
		const { value, ...rest } = content;
		// From here on a stream is ours to read or to close.
		holdSource(value);
		const release = (): void => releaseSource(value);
		if (this.#closing !== undefined) {
			release();
			throw new DurableJsonError('ERR_CLOSED', `the writer is closed: nothing was done for ${absolute}`, {
				path: absolute,
				step: 'submit',
			});
		}
		const { signal } = checked;
		if (signal?.aborted) {
			release();
			throw signal.reason;
		}
		const request: Request = { kind, path: absolute, ...checked, ...rest, release };
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

/** The source of a value; a function is called for it now. */
function createValueSource(value: ValueOrThunk, options: CheckedJsonOptions): ByteSource {
	const current = typeof value === 'function' ? (value() as unknown) : value;
	if (types.isPromise(current)) {
		// Told here what is wrong; what becomes of the promise must not end the process.
		current.catch(() => undefined);
		throw new TypeError('the function for the value must not be asynchronous');
	}
	return createJsonSource(current, options);
}

function warn(error: unknown): void {
	process.emitWarning(error instanceof Error ? error : messageOf(error));
}
