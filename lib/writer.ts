/** The writer: takes calls, gives each its place in the order, and keeps one lane for each path at work. */
import type { SyncLanding } from './commit/active-commit.ts';
import { mayBeSame } from './commit/spelling.ts';
import { sweepDirectory } from './commit/sweep.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { type Content, fileContent, linesContent, noContent, sizeOf, valueContent } from './content.ts';
import { codeOf, DurableJsonError, invalidArgument, warn } from './errors.ts';
import { holdSource, releaseSource } from './json/one-shot.ts';
import type { LockMode } from './lock/claims.ts';
import { LOCK_TIMEOUT_MS } from './lock/document-lock.ts';
import { documentRegistry } from './lock/document-registry.ts';
import { type Lease, leaseOf, reentrant, validationOf } from './lock/lease.ts';
import {
	asOptions,
	assertAwaited,
	checkCount,
	checkFileOptions,
	checkFunction,
	checkInteger,
	checkJsonOptions,
	checkPorts,
	checkPositive,
	checkTimeout,
	toAbsolutePath,
} from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import type { FileStat } from './ports/file-system.ts';
import { baseReader } from './read-document.ts';
import { IdleHistories } from './schedule/commit-history.ts';
import { CallCounters, CommitCounters } from './schedule/counters.ts';
import { UntoldFailures } from './schedule/failures.ts';
import type { Lane, LaneContext } from './schedule/lane.ts';
import { Lanes } from './schedule/lanes.ts';
import { Preparations } from './schedule/preparations.ts';
import { commitSlots } from './schedule/slots.ts';
import { checkStrategy, coalesce } from './schedule/strategies.ts';
import { leaveAlone, type Strategy } from './schedule/strategy.ts';
import { type Request, Submission } from './schedule/submission.ts';
import { syncLandings } from './schedule/sync-landings.ts';
import { nextSequence } from './shared-state.ts';
import type {
	Changed,
	FileData,
	Rows,
	UpdateOptions,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteReceipt,
} from './types.ts';
import { type Upgrade, updateContent } from './update.ts';
import type { JsonWriter, WriterOptions, WriterStats } from './writer-types.ts';

/** A writer that stays open: its `close` flushes only, since it belongs to the whole process. */
export function createPermanentWriter(): JsonWriter {
	return new Writer({}, true);
}

/** Makes a writer. Throws a TypeError or RangeError of code ERR_INVALID_ARGUMENT on a bad option. */
export function createWriter(options?: WriterOptions): JsonWriter {
	return new Writer(asOptions<WriterOptions>(options));
}

const LOCK_MODES: readonly unknown[] = ['none', 'process', 'file'] satisfies LockMode[];

const DEFAULT_QUEUED_VALUES = 100_000;
const DEFAULT_QUEUED_BYTES = 1024 ** 3;

/** For who keeps track of one document. */
export interface Tracking {
	/** Throws where a document must not be replaced; undefined where none stands. */
	readonly assertKnown?: ((existing: FileStat | undefined) => void) | undefined;
	/** Told what has landed, and in which file; at the rename, before the name is durable. */
	readonly onLanded: (stat: FileStat, value: unknown) => void;
	readonly upgrade?: Upgrade | undefined;
}

export class Writer implements JsonWriter {
	readonly #ports: CommitPorts;
	readonly #context: LaneContext;
	readonly #onError: (error: unknown) => void;
	readonly #lanes: Lanes;
	readonly #preparations: Preparations;
	readonly #calls = new CallCounters();
	readonly #commits = new CommitCounters();
	readonly #maxQueuedValues: number;
	readonly #maxQueuedBytes: number;
	/** Of `schedule`; `onError` has been told of each. */
	readonly #failures = new UntoldFailures();
	readonly #sweeps = new Set<Promise<void>>();
	readonly #permanent: boolean;
	#closing: Promise<void> | undefined;

	constructor(options: Partial<WriterOptions>, permanent = false) {
		this.#permanent = permanent;
		const { fileSystem = nodeFileSystem, clock = systemClock, concurrency, recovery = 'sweep', onError } = options;
		const { strategy = coalesce(), strategyFor, lock = 'process', lockTimeoutMs = LOCK_TIMEOUT_MS } = options;
		const { maxQueuedValues = DEFAULT_QUEUED_VALUES, maxQueuedBytes = DEFAULT_QUEUED_BYTES } = options;
		checkPorts(options);
		checkStrategy('options.strategy', strategy);
		checkFunction('options.strategyFor', strategyFor);
		this.#maxQueuedValues = checkCount('maxQueuedValues', maxQueuedValues);
		this.#maxQueuedBytes = checkPositive('maxQueuedBytes', maxQueuedBytes, Number.POSITIVE_INFINITY);
		if (concurrency !== undefined) checkInteger('options.concurrency', concurrency, 1, Number.MAX_SAFE_INTEGER);
		if (recovery !== 'sweep' && recovery !== 'off') {
			throw invalidArgument('options.recovery', "'sweep' or 'off'", recovery);
		}
		if (!LOCK_MODES.includes(lock)) throw invalidArgument('options.lock', "'none', 'process' or 'file'", lock);
		checkFunction('options.onError', onError);
		this.#onError = onError === undefined ? warn : (error) => tell(onError, error);
		this.#ports = { fileSystem, clock };
		this.#context = {
			ports: this.#ports,
			slots: commitSlots(fileSystem.scope, concurrency),
			sweep: recovery === 'sweep' ? (directory) => this.#sweep(directory) : undefined,
			counters: this.#commits,
			histories: new IdleHistories(),
			strategyFor: (path) => strategyOf(path, strategyFor, this.#onError) ?? strategy,
			onError: this.#onError,
			lock: {
				mode: lock,
				timeoutMs: checkTimeout('lockTimeoutMs', lockTimeoutMs),
				claims: documentRegistry(fileSystem.scope).claimsOf(lock),
			},
			base: baseReader,
		};
		this.#lanes = new Lanes(this.#context);
		this.#preparations = new Preparations(documentRegistry(fileSystem.scope));
	}

	/** Not an async function, which would make a second promise for each call of a burst. */
	write(path: string | URL, value: ValueOrThunk, options?: WriteOptions, tracking?: Tracking): Promise<WriteReceipt> {
		try {
			return this.#submitJson(path, value, options, tracking).promise;
		} catch (error) {
			return Promise.reject(error);
		}
	}

	async writeLines(path: string | URL, rows: Rows, options?: WriteLinesOptions): Promise<WriteReceipt> {
		const absolute = toAbsolutePath(path);
		return this.#submit(
			absolute,
			options,
			linesContent(this.#ports.fileSystem, absolute, rows, checkJsonOptions(options)),
		).promise;
	}

	async writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt> {
		const { schema } = checkJsonOptions(options);
		if (schema !== undefined)
			throw invalidArgument('options.schema', 'left out for bytes, which are not validated', schema);
		return this.#submit(path, options, fileContent(data)).promise;
	}

	async update<T>(
		path: string | URL,
		fn: (current: T) => Changed<T> | Promise<Changed<T>>,
		options?: UpdateOptions<T>,
		tracking?: Tracking,
	): Promise<T> {
		const absolute = toAbsolutePath(path);
		if (typeof fn !== 'function') throw invalidArgument('fn', 'a function', fn);
		if (this.#context.lock.mode === 'none') {
			throw invalidArgument('options.lock', "'process' or 'file' for updates", 'none');
		}
		const { initial } = asOptions<UpdateOptions<T>>(options);
		assertAwaited('options.initial', initial);
		const { upgrade } = tracking ?? {};
		const job = { fn: fn as (current: unknown) => unknown, initial, json: checkJsonOptions(options), upgrade };
		const content = updateContent(this.#ports.fileSystem, job);
		await this.#submit(absolute, options, tracking === undefined ? content : tracked(content, tracking), 'update')
			.promise;
		return content.written() as T;
	}

	schedule(path: string | URL, value: ValueOrThunk, options?: WriteOptions): void {
		const absolute = toAbsolutePath(path);
		const fail = (error: unknown): void => {
			this.#failures.add(absolute, error);
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
		await this.#submit(path, undefined, noContent, 'remove').promise;
	}

	async flush(path?: string | URL): Promise<void> {
		const wanted = path === undefined ? undefined : toAbsolutePath(path);
		const isWanted = (other: string): boolean =>
			wanted === undefined || mayBeSame(this.#ports.fileSystem, other, wanted);
		await this.#preparations.wait((path, lease) => isWanted(path) && !this.#waitsForCaller(path, lease));
		await Promise.all(this.#lanes.flushable(wanted).map((lane) => lane.flush()));
		throwAll(this.#failures.take(isWanted), 'scheduled writes failed');
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
		const newestOf = (path: string, lease: Lease | undefined): number =>
			this.#lanes.find(path, lease)?.newestSequence ?? 0;
		for (const error of this.#preparations.unready(newestOf)) errors.push(error);
		// Newest first, so that the newest spelling of a document answers for the others.
		const lanes = this.#lanes.newestFirst();
		const reading = lanes.filter(({ isReading }) => isReading);
		// Last, when all else is durable: what makes the value is run again, and it may be what ends the process.
		for (const group of [lanes.filter((lane) => !reading.includes(lane)), reading]) {
			const landings: SyncLanding[] = [];
			for (const lane of group) attempt(() => lane.commitSync(landings));
			syncLandings(this.#ports.fileSystem, landings, this.#commits, attempt);
		}
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

	#submitJson(
		path: string | URL,
		value: ValueOrThunk,
		options: WriteOptions | undefined,
		tracking?: Tracking,
	): Submission {
		const content = valueContent(this.#ports.fileSystem, value, checkJsonOptions(options));
		return this.#submit(path, options, tracking === undefined ? content : tracked(content, tracking));
	}

	/** Takes a call: checks it, gives it its place in the order, and hands it to the lane of its path. */
	#submit(path: unknown, options: unknown, content: Content, kind: Request['kind'] = 'write'): Submission {
		const absolute = toAbsolutePath(path);
		const { signal, durability, mode, backups, onProgress } = checkFileOptions(options);
		const { value, prepare } = content;
		// From here on a stream is ours to read or to close.
		holdSource(value);
		const release = content.rereadable ? nothingToClose : (): void => releaseSource(value);
		// Spelt out, as wherever each commit comes by: an object that others are spread into gets a shape of its own each time.
		const request: Request = {
			kind,
			path: absolute,
			signal,
			durability,
			mode,
			backups,
			onProgress,
			release,
			heldBytes: sizeOf(value),
			content: content.content,
			mayBeEmpty: content.mayBeEmpty,
			snapshot: content.snapshot,
			rereadable: content.rereadable,
			begin: content.begin,
			transform: content.transform,
			isAsync: content.isAsync,
			assertKnown: content.assertKnown,
			onLanded: content.onLanded,
		};
		let lane: Lane;
		try {
			lane = this.#admit(request);
		} catch (error) {
			release();
			throw error;
		}
		const submission = new Submission(request, nextSequence(), this.#ports.clock.monotonicMs(), this.#calls);
		const validation = prepare && this.#prepare(submission, prepare);
		if (submission.settled) return submission;
		if (validation !== undefined || this.#preparations.holds(absolute, lane.lease, kind === 'update')) {
			this.#enterLater(submission, validation, lane);
		} else this.#enter(lane, submission);
		return submission;
	}

	/** @returns the lane of a call that may be taken */
	#admit(request: Request): Lane {
		const { path, signal, kind } = request;
		if (this.#closing !== undefined) {
			throw new DurableJsonError('ERR_CLOSED', `the writer is closed: nothing was done for ${path}`, {
				path,
				step: 'submit',
			});
		}
		signal?.throwIfAborted();
		const { fileSystem } = this.#ports;
		const validation = kind === 'update' ? validationOf(fileSystem, path) : undefined;
		if (validation !== undefined) throw reentrant(validation);
		const lease = leaseOf(fileSystem, path);
		if (lease?.kind === 'commit') throw reentrant(lease);
		const replaces =
			this.#lanes.find(path, lease)?.replaces(request) === true && !this.#preparations.holds(path, lease, false);
		if (!replaces) this.#assertRoom(request);
		return this.#lanes.of(path, lease);
	}

	/** @returns the lane that it has entered */
	#enter(lane: Lane, submission: Submission, late = false): Lane {
		const entered = this.#lanes.enter(lane);
		entered.submit(submission, late);
		return entered;
	}

	/** Validates a call's value. @returns undefined where that is done. */
	#prepare(submission: Submission, prepare: NonNullable<Content['prepare']>): Promise<void> | undefined {
		try {
			return prepare(submission.request.path);
		} catch (error) {
			submission.drop();
			submission.reject(error);
			return undefined;
		}
	}

	/** The call keeps its place in the order while it is made ready. */
	#enterLater(submission: Submission, validation: Promise<void> | undefined, lane: Lane): void {
		try {
			this.#assertRoom(submission.request, 1);
		} catch (error) {
			validation?.catch(notAskedFor);
			submission.drop();
			submission.reject(error);
			return;
		}
		const enter = (): Lane => this.#enter(lane, submission, true);
		this.#preparations.add(submission, { lease: lane.lease, validation, enter });
	}

	/** Throws ERR_QUEUE_FULL where a call would exceed a limit. @param counted how much of it is counted already */
	#assertRoom({ path, kind, heldBytes }: Request, counted: 0 | 1 = 0): void {
		const queuedValues = this.#calls.queuedValues - counted;
		const queuedBytes = this.#calls.queuedBytes - counted * heldBytes;
		if (kind === 'remove' || queuedValues === 0) return;
		let full: string | undefined;
		if (queuedValues >= this.#maxQueuedValues) {
			full = `queued values: ${queuedValues}; maxQueuedValues is ${this.#maxQueuedValues}`;
		} else if (queuedBytes + heldBytes > this.#maxQueuedBytes) {
			full = `${queuedBytes} bytes, and ${heldBytes} more; maxQueuedBytes is ${this.#maxQueuedBytes}`;
		}
		if (full === undefined) return;
		if (counted === 0) this.#calls.refused += 1;
		const message = `too much waits to be written (${full}): nothing was done for ${path}`;
		throw new DurableJsonError('ERR_QUEUE_FULL', message, { path, step: 'submit' });
	}

	/** Is what is made ready behind a lock of the caller's, or its own validator? */
	#waitsForCaller(path: string, lease: Lease | undefined): boolean {
		const { fileSystem } = this.#ports;
		if (validationOf(fileSystem, path) !== undefined) return true;
		return lease === undefined && leaseOf(fileSystem, path) !== undefined;
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
			if (this.#closing !== undefined) this.#context.lock.claims.giveUp();
		}
	}
}

function nothingToClose(): void {}

/** What is told must not depend on who is told: where that fails, the process is told of both. */
function tell(onError: (error: unknown) => void, error: unknown): void {
	try {
		onError(error);
	} catch (thrown) {
		warn(error);
		warn(thrown);
	}
}

/** The call has been refused. */
function notAskedFor(): void {}

function tracked(content: Content, { assertKnown, onLanded }: Tracking): Content {
	const { value, written } = content;
	return { ...content, assertKnown, onLanded: (stat) => onLanded(stat, written === undefined ? value : written()) };
}

/** The strategy that is chosen for a path; undefined where none is. */
function strategyOf(
	path: string,
	strategyFor: WriterOptions['strategyFor'],
	onError: (error: unknown) => void,
): Strategy | undefined {
	let strategy: Strategy | undefined;
	try {
		strategy = strategyFor?.(path);
	} catch (error) {
		// Later: it may write to this writer, which has no lane for the path yet.
		queueMicrotask(() => onError(error));
	}
	leaveAlone(strategy);
	checkStrategy('what options.strategyFor returns', strategy);
	return strategy;
}

function throwAll(errors: readonly unknown[], what: string): void {
	if (errors.length === 1) throw errors[0];
	if (errors.length > 1) throw new AggregateError(errors, `${errors.length} ${what}`);
}
