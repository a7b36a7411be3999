/** The writer: takes calls, gives each its place in the order, and keeps one lane for each path at work. */
import { types } from 'node:util';
import { sweepDirectory } from './commit/sweep.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { codeOf, DurableJsonError, invalidArgument, messageOf } from './errors.ts';
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
	checkPositive,
	toAbsolutePath,
} from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import { syncLandings } from './schedule/commit-batch-sync.ts';
import { IdleHistories } from './schedule/commit-history.ts';
import { CallCounters, CommitCounters } from './schedule/counters.ts';
import { Lane, type LaneContext } from './schedule/lane.ts';
import { commitSlots } from './schedule/slots.ts';
import { coalesce } from './schedule/strategies.ts';
import type { Strategy } from './schedule/strategy.ts';
import { type Request, Submission } from './schedule/submission.ts';
import { nextSequence } from './shared-state.ts';
import type {
	FileData,
	Rows,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteReceipt,
} from './types.ts';
import type { JsonWriter, WriterOptions, WriterStats } from './writer-types.ts';

/** A writer that stays open: its `close` flushes only, since it belongs to the whole process. */
export function createPermanentWriter(): JsonWriter {
	return new Writer({}, true);
}

/** Makes a writer. Throws a TypeError or RangeError of code ERR_INVALID_ARGUMENT on a bad option. */
export function createWriter(options?: WriterOptions): JsonWriter {
	return new Writer(asOptions<WriterOptions>(options));
}

/** The part of a request that depends on what is written. */
type Content = Pick<Request, 'begin' | 'content' | 'rereadable' | 'mayBeEmpty' | 'snapshot'> & {
	/** What the caller handed over: a stream among it is closed where it is not read. */
	readonly value: unknown;
};

/** A failed `schedule` that no flush has told yet. */
interface ScheduleFailure {
	readonly path: string;
	readonly error: unknown;
}

const DEFAULT_QUEUED_VALUES = 100_000;
const DEFAULT_QUEUED_BYTES = 1024 ** 3;

/** So many are kept for the next flush; `onError` is told of each. */
const MAX_SCHEDULE_FAILURES = 100;

class Writer implements JsonWriter {
	readonly #ports: CommitPorts;
	readonly #context: LaneContext;
	readonly #onError: (error: unknown) => void;
	readonly #lanes = new Map<string, Lane>();
	readonly #calls = new CallCounters();
	readonly #commits = new CommitCounters();
	readonly #maxQueuedValues: number;
	readonly #maxQueuedBytes: number;
	#scheduleFailures: ScheduleFailure[] = [];
	readonly #sweeps = new Set<Promise<void>>();
	readonly #permanent: boolean;
	#closing: Promise<void> | undefined;

	constructor(options: Partial<WriterOptions>, permanent = false) {
		this.#permanent = permanent;
		const { fileSystem = nodeFileSystem, clock = systemClock, concurrency, recovery = 'sweep', onError } = options;
		const { strategy = coalesce(), strategyFor } = options;
		const { maxQueuedValues = DEFAULT_QUEUED_VALUES, maxQueuedBytes = DEFAULT_QUEUED_BYTES } = options;
		checkFunction('options.strategy', strategy);
		checkFunction('options.strategyFor', strategyFor);
		this.#maxQueuedValues = checkPositive('maxQueuedValues', maxQueuedValues, Number.POSITIVE_INFINITY);
		this.#maxQueuedBytes = checkPositive('maxQueuedBytes', maxQueuedBytes, Number.POSITIVE_INFINITY);
		if (concurrency !== undefined) checkInteger('options.concurrency', concurrency, 1, Number.MAX_SAFE_INTEGER);
		if (recovery !== 'sweep' && recovery !== 'off') {
			throw invalidArgument('options.recovery', "'sweep' or 'off'", recovery);
		}
		checkFunction('options.onError', onError);
		this.#onError = onError ?? warn;
		this.#ports = { fileSystem, clock };
		this.#context = {
			ports: this.#ports,
			slots: commitSlots(fileSystem.scope, concurrency),
			sweep: recovery === 'sweep' ? (directory) => this.#sweep(directory) : undefined,
			counters: this.#commits,
			histories: new IdleHistories(),
			strategyFor: (path) => checkedStrategy(strategyFor?.(path)) ?? strategy,
			onError: this.#onError,
		};
	}

	/** Not an async function, which would make a second promise for each call of a burst. */
	write(path: string | URL, value: ValueOrThunk, options?: WriteOptions): Promise<WriteReceipt> {
		try {
			return this.#submitJson(path, value, options).promise;
		} catch (error) {
			return Promise.reject(error);
		}
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
			content: 'lines',
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
		const content = { value: data, content: undefined, rereadable, begin, mayBeEmpty: true, snapshot: false };
		return this.#submit(path, options, content).promise;
	}

	schedule(path: string | URL, value: ValueOrThunk, options?: WriteOptions): void {
		const absolute = toAbsolutePath(path);
		const fail = (error: unknown): void => {
			const failures = this.#scheduleFailures;
			if (failures.length < MAX_SCHEDULE_FAILURES) failures.push({ path: absolute, error });
			this.#onError(error);
		};
		try {
			this.#submitJson(path, value, options).promise.catch(fail);
		} catch (error) {
			// A full queue, or a signal aborted before, is no mistake of the caller's.
			const aborted = options?.signal?.aborted === true && error === options.signal.reason;
			if (!aborted && codeOf(error) !== 'ERR_QUEUE_FULL') throw error;
			fail(error);
		}
	}

	async remove(path: string | URL): Promise<void> {
		const begin = (): ByteSource => createFileDataSource('');
		const nothing = {
			value: undefined,
			content: undefined,
			rereadable: true,
			begin,
			mayBeEmpty: true,
			snapshot: false,
		};
		await this.#submit(path, undefined, nothing, 'remove').promise;
	}

	async flush(path?: string | URL): Promise<void> {
		const wanted = path === undefined ? undefined : toAbsolutePath(path);
		if (wanted === undefined) {
			await Promise.all(Array.from(this.#lanes.values(), (lane) => lane.flush()));
		} else {
			await this.#lanes.get(wanted)?.flush();
		}
		const told = this.#scheduleFailures.filter((failure) => wanted === undefined || failure.path === wanted);
		this.#scheduleFailures = this.#scheduleFailures.filter((failure) => !told.includes(failure));
		throwAll(
			told.map(({ error }) => error),
			'scheduled writes failed',
		);
	}

	flushSync(): void {
		const errors: unknown[] = [];
		const attempt = <T>(action: () => T): T | undefined => {
			try {
				return action();
			} catch (error) {
				errors.push(error);
				return undefined;
			}
		};
		// Newest first, so that the newest spelling of a document answers for the others.
		const lanes = [...this.#lanes.values()].sort((a, b) => b.newestSequence - a.newestSequence);
		const landings = lanes.map((lane) => attempt(() => lane.commitSync()));
		syncLandings(this.#ports, landings, this.#commits, attempt);
		throwAll(errors, 'documents were not written synchronously');
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
		const { durations, staleness, ...commits } = this.#commits;
		return {
			...this.#calls,
			...commits,
			activePaths: this.#lanes.size,
			commitDuration: durations.summary(),
			staleness: staleness.summary(),
		};
	}

	#submitJson(path: string | URL, value: ValueOrThunk, options: WriteOptions | undefined): Submission {
		const json = checkJsonOptions(options);
		if (types.isPromise(value)) throw invalidArgument('value', 'awaited first', value);
		const begin = (): ByteSource => createValueSource(value, json);
		const snapshot = json.consistency === 'snapshot';
		const content = {
			value,
			content: 'json',
			rereadable: isRereadable(value),
			begin,
			mayBeEmpty: false,
			snapshot,
		} as const;
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
		const request: Request = { kind, path: absolute, ...checked, ...rest, release, heldBytes: sizeOf(value) };
		const full = this.#lanes.get(absolute)?.joins === true ? undefined : this.#fullBy(request);
		if (full !== undefined) {
			release();
			const message = `too much waits to be written (${full}): nothing was done for ${absolute}`;
			throw new DurableJsonError('ERR_QUEUE_FULL', message, { path: absolute, step: 'submit' });
		}
		const lane = this.#laneOf(absolute);
		const submission = new Submission(request, nextSequence(), this.#ports.clock.monotonicMs(), this.#calls);
		this.#lanes.set(absolute, lane);
		lane.submit(submission);
		return submission;
	}

	/** @returns the limit that a call would exceed, in words */
	#fullBy({ kind, heldBytes }: Request): string | undefined {
		const { queuedValues, queuedBytes } = this.#calls;
		if (kind === 'remove' || queuedValues === 0) return undefined;
		if (queuedValues >= this.#maxQueuedValues) return `${queuedValues} values, maxQueuedValues`;
		if (queuedBytes + heldBytes <= this.#maxQueuedBytes) return undefined;
		return `${queuedBytes} bytes, and ${heldBytes} more; maxQueuedBytes is ${this.#maxQueuedBytes}`;
	}

	/** Lanes live only while they have work. */
	#laneOf(path: string): Lane {
		return this.#lanes.get(path) ?? new Lane(path, this.#context, () => this.#lanes.delete(path));
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

function checkedStrategy(strategy: Strategy | undefined): Strategy | undefined {
	checkFunction('what options.strategyFor returns', strategy);
	return strategy;
}

/** What a value holds in memory, as far as it can be told at once: a UTF-16 unit of a string mostly takes a byte. */
function sizeOf(value: unknown): number {
	if (typeof value === 'string') return value.length;
	return ArrayBuffer.isView(value) ? value.byteLength : 0;
}

function throwAll(errors: readonly unknown[], what: string): void {
	if (errors.length === 1) throw errors[0];
	if (errors.length > 1) throw new AggregateError(errors, `${errors.length} ${what}`);
}

function warn(error: unknown): void {
	process.emitWarning(error instanceof Error ? error : messageOf(error));
}
