/** The public types of a writer: its options, its face and its figures. */
import type { LockMode } from './lock/claims.ts';
import type { DurationSummary } from './schedule/counters.ts';
import type { Strategy } from './schedule/strategy.ts';
import type {
	Bytes,
	Changed,
	FileData,
	Milliseconds,
	Ports,
	Rows,
	Typed,
	UpdateOptions,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteReceipt,
} from './types.ts';

/** Options of a writer. */
export interface WriterOptions extends Ports {
	/** When a path's waiting value is committed, and whether values merge. @defaultValue `coalesce()` */
	readonly strategy?: Strategy | undefined;
	/**
	 * The strategy of a path, given as an absolute one; undefined stands for `strategy`. Asked when the path has work. Where it
	 * throws, `onError` is told and `strategy` is used; an answer that is no strategy makes the call fail
	 * (ERR_INVALID_ARGUMENT).
	 */
	readonly strategyFor?: ((path: string) => Strategy | undefined) | undefined;
	/**
	 * How many values may wait, of all paths together, that no commit has begun to read; a call beyond that is rejected
	 * with ERR_QUEUE_FULL, and takes no place in the order. A value that takes the place of one which waits is always taken: of
	 * a path that is only written, with a merging strategy, two values wait at most. Nothing takes the place of an update, nor
	 * of a value that waits together with updates, for its asynchronous validator, or for a function whose value has a schema:
	 * each of those counts.
	 * @defaultValue 100,000
	 */
	readonly maxQueuedValues?: number | undefined;
	/**
	 * How many bytes they may hold, as far as that is known before they are serialised: of values that are strings or views of
	 * bytes themselves; what is inside of objects is not counted. One value is always taken, whatever its size.
	 * @defaultValue 1 GiB
	 */
	readonly maxQueuedBytes?: Bytes | undefined;
	/**
	 * How many commits of this writer may work at the disk at a time. All writers of the process together write and sync
	 * their files with one fewer than the threads of libuv's pool (UV_THREADPOOL_SIZE, 4 by default), so that other file work,
	 * and the directory sync, keep a thread; as many commits again are prepared meanwhile. A document of more than a buffer
	 * (128 KiB) takes its turn again for each write; at most some ten such are under way, streams that wait for the caller's
	 * data not counted.
	 * Where many commits wait for threads while a sync takes a millisecond or more and the event loop has nothing to do, up to 8
	 * threads of the library's own (worker threads, some 8 MB each) join those of the pool, and end when they have not been
	 * needed for five to ten seconds.
	 * @defaultValue twice the number of threads: 6, and up to 22 with those of its own
	 */
	readonly concurrency?: number | undefined;
	/**
	 * `sweep`: at the first commit into a directory, temporary files of this library whose writer is dead are removed, in
	 * the background. `off`: never.
	 * @defaultValue `'sweep'`
	 */
	readonly recovery?: 'sweep' | 'off' | undefined;
	/**
	 * How others are kept out while a document is committed, or read and written back by an update:
	 * - `process`: other writers and locks of this process (its worker threads are not seen)
	 * - `file`: other processes and threads as well, by the lock that {@link withLock} takes; all that write the document must
	 *   do so. What waits when a commit starts shares one lock.
	 * - `none`: as `process`, and `update` is refused: the caller sees to it that nobody else reads and writes back
	 *
	 * While a writer of this process is open that has written a document with `file` or `none`, one that differs gets
	 * ERR_UNSUPPORTED on that document. Of each writer the 10,000 documents are remembered that it has written last.
	 * @defaultValue `'process'`
	 */
	readonly lock?: LockMode | undefined;
	/**
	 * `lock: 'file'`: how long a commit waits for the lock, until it is ERR_LOCK_TIMEOUT for all its calls. 0: one attempt.
	 * @defaultValue 30,000
	 */
	readonly lockTimeoutMs?: Milliseconds | undefined;
	/**
	 * Told of each failed `schedule`, which also makes the next `flush` reject, of a strategy that throws or returns no time (for
	 * each commit that it was asked for), and of a `strategyFor` that throws. It may call the writer. Where `onError` itself throws, both errors become warnings of the process.
	 * @defaultValue `process.emitWarning`
	 */
	readonly onError?: ((error: unknown) => void) | undefined;
}

/** Counters since the writer was made. */
export interface WriterStats {
	/**
	 * Calls of write, writeLines, writeFile, update, schedule and remove that were taken. Not those that were refused, by a full
	 * queue or since the signal was aborted before.
	 */
	readonly calls: number;
	/** Calls that a full queue refused (ERR_QUEUE_FULL) and that were not taken: they are in no other figure. */
	readonly refused: number;
	/**
	 * Documents that landed. A removal is a call and no commit: it is in none of `bytes`, `fileSyncs`, `commitDuration` and
	 * `staleness`; the channel `durable-json:commit` tells of it.
	 */
	readonly commits: number;
	/** Calls that share the commit of a newer one: values that it stood in for, and updates that it carried out as well. */
	readonly superseded: number;
	/** Calls that were taken and then rejected, aborted ones included. */
	readonly failures: number;
	/** Bytes of the documents that landed. */
	readonly bytes: Bytes;
	/** fsyncs of files. */
	readonly fileSyncs: number;
	/** fsyncs of directories; one that several commits share is counted once. */
	readonly directorySyncs: number;
	/** Renames that were repeated, since another process had the document open (Windows). */
	readonly retries: number;
	/** Calls not settled yet. */
	readonly pending: number;
	/** Values that no commit has begun to read. */
	readonly queuedValues: number;
	/** What they hold in memory, as far as that is known. */
	readonly queuedBytes: Bytes;
	/** Paths with work waiting or under way. */
	readonly activePaths: number;
	/** How long the commits took. */
	readonly commitDuration: DurationSummary;
	/** How long the oldest call that each commit answered had waited for it: how stale the document had become. */
	readonly staleness: DurationSummary;
}

/** Writes documents; rapid writes of one path are coalesced. */
export interface JsonWriter {
	/**
	 * Writes a value as JSON. `value` is anything that JSON.stringify takes, with async iterables at any depth written as
	 * arrays; a function is called for the value when the commit starts. While a commit of this path is under way only the
	 * newest value is kept; the promise resolves when this value or a newer one is durable. The value is read when its
	 * commit starts, not at the call. Leave it unchanged from then on until the promise settles: one whose JSON is less than
	 * 64 KiB is read in one synchronous pass, a larger one over many turns.
	 * A value whose iterables wait for another write of the same path waits for ever. Validators do not: an update of the
	 * document that one makes is ERR_LOCK_REENTRANT, and so is any call on it by the validator of a function's value, or of
	 * rows, which run while the commit is under way.
	 *
	 * Rejects with ERR_NOT_SERIALIZABLE, ERR_VALIDATION, ERR_WRITE_FAILED, ERR_CLOSED, the signal's reason, or a TypeError or
	 * RangeError of code ERR_INVALID_ARGUMENT.
	 */
	write(path: string | URL, value: ValueOrThunk, options?: WriteOptions): Promise<WriteReceipt>;
	/** Writes rows as JSON Lines: one JSON text a line. Rejects as {@link JsonWriter.write} does. */
	writeLines(path: string | URL, rows: Rows, options?: WriteLinesOptions): Promise<WriteReceipt>;
	/** Writes bytes; strings as UTF-8. Rejects as {@link JsonWriter.write} does. */
	writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt>;
	/**
	 * Reads the document, changes it and writes it back, as one step that no other call comes between. `fn` gets a copy of the
	 * newest value's JSON form, of one that still waits to be written where there is one; undefined, or `initial`, where there
	 * is no document. It returns the new value, or nothing where it has changed its copy; it may be asynchronous, and return
	 * anything that `await` waits for. A result that is no object where the document is one is refused (ERR_INVALID_ARGUMENT): `(list) => list.push(item)` would leave a number. The updates
	 * that wait when a commit starts share it, in the order of their calls, each seeing the one before; one that throws
	 * rejects with what it threw, and changes nothing. Resolves with the new value (the schema's output) when it is durable.
	 *
	 * Writes of the document that were called before wait no longer for their strategy, and land first, of whichever writer of
	 * this thread; so does what an asynchronous validator still looks at. A validator that never ends holds up the updates of
	 * its path, what is called after them, `flush` and `close`: give its write a `signal`. Some cases are left: a write that is
	 * made by another spelling of the path (a link) after an update of the batch which waits, and before another one that joins
	 * it, is overtaken unseen; so is one by a link that is moved while it waits, or that lies where nothing answers for a second
	 * (a network mount whose server is out of reach holds up nobody else); and so is one that waits for the lock under which the
	 * update is called, or for its validator then.
	 *
	 * The whole document is parsed and serialised for each update. A document that is missing is read from its newest good
	 * backup, where it has one.
	 *
	 * Rejects as {@link JsonWriter.write} does, with ERR_READ_FAILED, with ERR_CORRUPT where the document is no JSON, with
	 * ERR_LOCK_REENTRANT when called by the function or the validator of an update of the same document, with ERR_LOCK_TIMEOUT or
	 * ERR_LOCK_LOST.
	 */
	update<T>(
		path: string | URL,
		fn: (current: T) => Changed<T> | Promise<Changed<T>>,
		options: Omit<UpdateOptions, 'schema' | 'initial'> & Typed<T>,
	): Promise<T>;
	update<T>(
		path: string | URL,
		fn: (current: T) => Changed<T> | Promise<Changed<T>>,
		options: UpdateOptions<T> & { readonly initial: T },
	): Promise<T>;
	update<T = unknown>(
		path: string | URL,
		fn: (current: T | undefined) => Changed<T> | Promise<Changed<T>>,
		options?: UpdateOptions<T>,
	): Promise<T>;
	/**
	 * As {@link JsonWriter.write} for callers that do not wait: there is no promise, a failure goes to `onError` and to the
	 * next `flush`, also that of a full queue or of a signal that is aborted already.
	 * Throws on a bad argument and after `close` (ERR_CLOSED).
	 */
	schedule(path: string | URL, value: ValueOrThunk, options?: WriteOptions): void;
	/**
	 * Removes the document and this library's own files beside it, durably. Writes of the path that still wait are
	 * superseded; a path without a document is fine. A removal is never merged with what comes after it.
	 */
	remove(path: string | URL): Promise<void>;
	/**
	 * Commits what waits, without heeding the strategy, and resolves when everything submitted so far (for one path as it
	 * is spelt, where given) has settled. Rejects where a
	 * scheduled write of it failed since the last flush: with its error, or an AggregateError of several, at most 100.
	 */
	flush(path?: string | URL): Promise<void>;
	/**
	 * Writes what waits or is under way in the caller's stack: for an `exit` handler, where nothing asynchronous happens any
	 * more. It holds the event loop until every document is durable, reads a value that is being written once more (last of
	 * this writer's one whose `toJSON` or function has called it, which may be what ends the process), and may be called at any time, also after `close`; called by a `toJSON` or an update's function that it runs itself, it does not
	 * write the document of these (ERR_UNSUPPORTED). Promises of the calls settle as usual.
	 *
	 * Throws what could not be written, after all else has been: an error, or an AggregateError of several. A stream, a
	 * generator or an async iterable cannot be read synchronously, nor is an asynchronous validator or update waited for
	 * (ERR_UNSUPPORTED); they are still written where the process goes on. So is a value that the disk refuses; an update that it
	 * refuses is rejected, as its function is not called again. A temporary
	 * file that was just being opened may stay when the process ends: the next start removes it.
	 */
	flushSync(): void;
	/**
	 * Refuses further calls at once (ERR_CLOSED), and resolves when all before has settled; rejects as {@link flush} does.
	 * A second call waits for the first.
	 */
	close(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
	stats(): WriterStats;
}
