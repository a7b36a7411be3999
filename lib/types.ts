/** The public types: options, receipts, and what the functions hand out. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { DurableJsonError } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import type { FileSystem } from './ports/file-system.ts';

/** A span of time in milliseconds. */
export type Milliseconds = number;
/** A size in bytes. */
export type Bytes = number;

/**
 * What a resolved promise stands for, from most to least:
 * - `full`: the value survives a power cut (file and directory are synced)
 * - `file`: the content is synced, its name is not: after a power cut the document before may be back
 * - `none`: nothing is synced; still atomic towards readers and when the process dies. A power cut may leave no whole
 *   document, not even the one before.
 */
export type Durability = 'full' | 'file' | 'none';

const RANK: Record<Durability, number> = { none: 0, file: 1, full: 2 };

/** @internal Does `a` promise less than `b`? */
export function isWeaker(a: Durability, b: Durability): boolean {
	return RANK[a] < RANK[b];
}

/** Called for every property as JSON.stringify does: `this` is the holder. */
export type ReplacerFunction = (this: unknown, key: string, value: unknown) => unknown;

/** What JSON.stringify takes as its second argument: a function, or the names of the properties to write. */
export type Replacer = ReplacerFunction | ReadonlyArray<string | number> | null;

/** What JSON.stringify takes as its third argument: a number of spaces up to 10, or up to 10 characters. */
export type Space = string | number | null;

/** What `onProgress` is told after each chunk that went to the file. */
export interface WriteProgress {
	readonly bytes: Bytes;
	/** Rows of JSON Lines, or elements of the outermost iterable; 0 where there are none. */
	readonly rows: number;
	readonly elapsedMs: Milliseconds;
}

/** Options of every kind of write. */
export interface FileOptions {
	/**
	 * Cancels the write; the promise rejects with the signal's reason. Honoured up to the rename: after it the value is
	 * in place and the signal is ignored. Where other calls were merged into this one, and no value before it is left to
	 * write for them, this value may land for them although its own caller has been told that it was cancelled.
	 */
	readonly signal?: AbortSignal | undefined;
	/** @defaultValue `'full'` */
	readonly durability?: Durability | undefined;
	/** Permission bits for a document that does not exist yet; an existing one keeps its own. Default: 0o666 less the umask. */
	readonly mode?: number | undefined;
	/**
	 * How many of the last good generations of the document are kept beside it, up to 998. The document that is replaced
	 * becomes the newest backup where it is whole JSON; a bad one never does. Merged writes keep the most that one of them
	 * asked for; a write without the option leaves the backups as they are.
	 * @defaultValue `0`
	 */
	readonly backups?: number | undefined;
	/**
	 * Called after each chunk of up to 128 KiB that went to the file, the last one included; after a snapshot once. An
	 * exception from it cancels the write and is what it rejects with.
	 */
	readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/** Options of `writeJsonLines`. */
export interface WriteLinesOptions extends FileOptions {
	/** As JSON.stringify takes it: what that ignores, a number for example, is ignored. */
	readonly replacer?: Replacer | undefined;
	/**
	 * Reject what JSON would silently drop or change: NaN, infinities, undefined, functions, symbols, Map, Set, instances
	 * of classes without toJSON, invalid dates, holes in arrays. The error names the offender's place.
	 * @defaultValue `false`
	 */
	readonly strict?: boolean | undefined;
	/** End the file with a newline. @defaultValue `true` */
	readonly finalNewline?: boolean | undefined;
	/**
	 * `stream`: a value whose JSON is longer than a buffer is read over many turns of the event loop. `snapshot`: it is read
	 * in one synchronous pass at any size, so that what is written is a state that existed; the event loop is held for as
	 * long as that takes, memory stays bounded, and async iterables are refused (ERR_NOT_SERIALIZABLE).
	 * @defaultValue `'stream'`
	 */
	readonly consistency?: 'stream' | 'snapshot' | undefined;
	/**
	 * Any Standard Schema validator (zod, valibot, arktype, ...), also an asynchronous one. A value is validated at the call,
	 * a function's when its commit starts, JSON Lines row by row; what is written is the validator's output. A value that is
	 * not valid is rejected with ERR_VALIDATION and changes nothing, nor what waits. It cannot contain async iterables. While an
	 * asynchronous validator works, newer writes of the path go ahead; updates wait for it, until a `signal` gives it up.
	 */
	readonly schema?: StandardSchemaV1 | undefined;
}

/** Options of `writeJson`. */
export interface WriteOptions extends WriteLinesOptions {
	/** Indentation, as JSON.stringify takes it: what that ignores, `true` for example, is ignored. */
	readonly space?: Space | undefined;
}

/** What the function of an update returns: the new value, or nothing where it has changed the copy that it was given. */
// biome-ignore lint/suspicious/noConfusingVoidType: that of a function without a return statement
export type Changed<T> = T | undefined | void;

/** Options of an update. */
export interface UpdateOptions<T = unknown> extends Omit<WriteOptions, 'consistency' | 'onProgress' | 'schema'> {
	/** Validates the new value; its output is what is written, and the type of the value. */
	readonly schema?: StandardSchemaV1<unknown, T> | undefined;
	/** What the function gets where there is no document; a copy of its JSON form. @defaultValue undefined */
	readonly initial?: T | undefined;
}

/** What begins with `initial`, and is typed by its schema alone: `initial` may say less, as `{ theme: string }` does. */
export interface Typed<T> {
	readonly schema: StandardSchemaV1<unknown, T>;
	readonly initial: NoInfer<T>;
}

/** Options of `writeFile`. */
export interface WriteFileOptions extends FileOptions {}

/** What a write has achieved. */
export interface WriteReceipt {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/** Size of the document that landed. */
	readonly bytes: Bytes;
	/** The call's own place in the order of this process's writes: increasing, not dense. */
	readonly sequence: number;
	/** True where a newer value was written in the place of this one. */
	readonly superseded: boolean;
	/** What was achieved for the document that landed, which is never more than the platform can give. */
	readonly durability: Durability;
	/** True where the directory was synced: asked for by `durability: 'full'`, and possible here. */
	readonly directorySynced: boolean;
	/** From the start of the commit that landed to its end. */
	readonly durationMs: Milliseconds;
}

/** A value, or a function that is called for it when the commit starts. */
export type ValueOrThunk = unknown;

/** Rows of a JSON Lines file. A string, whose characters hardly are rows, is none. */
export type Rows<T = unknown> = (object & Iterable<T>) | AsyncIterable<T> | ReadableStream<T>;

/** Bytes for `writeFile`: one piece, or an iterable or stream of pieces. */
export type FileData =
	| string
	| ArrayBufferView
	| Iterable<string | ArrayBufferView>
	| AsyncIterable<string | ArrayBufferView>
	| ReadableStream<string | ArrayBufferView>;

/** The parts that can be put in the place of the real ones. */
export interface Ports {
	/** @defaultValue the real disk */
	readonly fileSystem?: FileSystem | undefined;
	/** @defaultValue the real clock */
	readonly clock?: Clock | undefined;
}

/** Options of `openPendingFile` and `createWriteStream`. */
export interface PendingFileOptions extends Ports {
	/** @defaultValue `'full'` */
	readonly durability?: Durability | undefined;
	/** Permission bits for a document that does not exist yet; an existing one keeps its own. */
	readonly mode?: number | undefined;
	/** As for every write: see {@link FileOptions.backups}. @defaultValue `0` */
	readonly backups?: number | undefined;
	/** Discards the file; the call under way rejects with the signal's reason. Ignored once `commit` has renamed. */
	readonly signal?: AbortSignal | undefined;
}

/** A document in the making: nothing is seen of it at its path before `commit`. */
export interface PendingFile {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/** Bytes taken so far. */
	readonly bytes: Bytes;
	/**
	 * Appends; calls take effect in their order. Leave a view's bytes unchanged until the promise settles. Rejects with
	 * ERR_WRITE_FAILED, after which only `discard` is left, and with ERR_CLOSED after `commit` or `discard`.
	 */
	write(chunk: string | ArrayBufferView): Promise<void>;
	/**
	 * Puts the document in place. Its place in the order of writes is that of this call. Rejects with ERR_WRITE_FAILED, with
	 * ERR_CLOSED after `commit` or `discard`, with ERR_LOCK_LOST, with ERR_LOCK_REENTRANT where the function of an update of the
	 * document calls it, or a validator that its commit waits for, and with the signal's reason.
	 */
	commit(): Promise<WriteReceipt>;
	/** Removes the temporary file. Does nothing after `commit`, and when called again. */
	discard(): Promise<void>;
	/** As {@link PendingFile.discard}. */
	[Symbol.asyncDispose](): Promise<void>;
}

/** Why `readJson` gave something else than what stands in the document. */
export interface FallbackReason {
	readonly path: string;
	/**
	 * - `missing`: there is no document, `fallback` is given
	 * - `backup`: the document is missing, empty or no JSON; the newest backup that is good is given
	 * - `aside`: the document had been moved aside for its successor (Windows) or by a recovery, and nothing has come in its
	 *   place; it is given
	 */
	readonly reason: 'missing' | 'backup' | 'aside';
	/** What is wrong with the document. */
	readonly error: DurableJsonError;
	/** The file that was read in its place; undefined for `fallback`. */
	readonly source?: string | undefined;
}

/** Options of `readJsonLines`. */
export interface ReadLinesOptions<T = unknown> {
	/** Any Standard Schema validator; its output is what is handed out. */
	readonly schema?: StandardSchemaV1<unknown, T> | undefined;
	readonly signal?: AbortSignal | undefined;
	/** @defaultValue the real disk */
	readonly fileSystem?: FileSystem | undefined;
}

/** Options of `readJson`. */
export interface ReadOptions<T = unknown> extends ReadLinesOptions<T> {
	/**
	 * What to give where there is no document and no good backup, as it is: the schema is not asked. Without it that is an
	 * error. A document that is there but corrupt, without a good backup, is an error in any case.
	 */
	readonly fallback?: T | undefined;
	/** Told whenever something else than the document is given. */
	readonly onFallback?: ((reason: FallbackReason) => void) | undefined;
}
