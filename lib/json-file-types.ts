/** The public types of a document that a program keeps open. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { RecoveredDocument } from './recovery/report.ts';
import type { Changed, FileOptions, UpdateOptions, WriteOptions, WriteReceipt } from './types.ts';
import type { WriterOptions } from './writer-types.ts';

/**
 * Options of `openJsonFile`. `lockTimeoutMs` is also how long opening waits for the lock of the document, whatever `lock` says.
 */
export interface JsonFileOptions<T = unknown>
	extends Pick<WriterOptions, 'strategy' | 'lock' | 'lockTimeoutMs' | 'recovery' | 'fileSystem' | 'clock'>,
		Pick<WriteOptions, 'replacer' | 'space' | 'finalNewline' | 'strict' | 'durability' | 'mode' | 'backups'> {
	/** Any Standard Schema validator: of what is read, and of all that is written. Its output is the value. */
	readonly schema?: StandardSchemaV1<unknown, T> | undefined;
	/**
	 * Written where there is no document; and what an update begins with, as a copy, where somebody has removed it, and its backups, since.
	 * Without it, the value is then undefined.
	 */
	readonly initial?: T | undefined;
	/**
	 * What is done with a document that is no JSON, has no good backup and so cannot be recovered, or does not pass the schema,
	 * as it is or as `migrate` has made it:
	 * - `throw`: nothing; opening rejects with ERR_CORRUPT or ERR_VALIDATION
	 * - `quarantine`: it is kept beside its successor, and `initial` is written
	 * - `restore`: it is kept beside its successor, and the newest backup that passes is written, migrated where it is older;
	 *   where none does, opening rejects, and the document stays
	 *
	 * It is not asked where `migrate` throws, unless the document is `null`, `{}` or `[]`: see there.
	 * @defaultValue `'throw'`
	 */
	readonly onInvalid?: 'throw' | 'quarantine' | 'restore' | undefined;
	/**
	 * Writes check that the document is still the one that was last read or written here when they were called, by its inode,
	 * size and time, and reject with ERR_CONFLICT where somebody else has changed it. Of writes that share a commit each is
	 * asked for itself. Without `lock: 'file'` others may still come between check and rename. It does not keep the callers of
	 * one open document apart, who all write here: `update` does, and needs no check, as it reads the document first.
	 * @defaultValue `false`
	 */
	readonly ifUnchanged?: boolean | undefined;
	/**
	 * The version of the documents that this program writes, an integer from 1 on, as their property `version` has it. Values
	 * without it are rejected with ERR_VALIDATION. A document of a newer one is ERR_UNSUPPORTED.
	 */
	readonly version?: number | undefined;
	/**
	 * Makes a document of an older version one of `version`; called when it is opened, before the schema. `fromVersion` is 0
	 * for a document without one, whatever that holds. What it returns is written, and the old document kept as the newest
	 * backup; where it does not pass the schema, the document is invalid (`onInvalid`).
	 *
	 * `read` and `update` call it, too, where they come upon an older document: another program has written it, or an older
	 * backup stands for one that is missing. `read` writes nothing; where it throws, they reject as opening does.
	 *
	 * Where it throws, opening rejects with ERR_VALIDATION (step `migrate`; the cause is what it threw), and the document
	 * stays, whatever `onInvalid` says: it may be a network that is away, and the document good. Of a document that it cannot
	 * make anything of, it returns the value as it is. Only `null`, `{}` and `[]`, where nothing can be lost, are invalid as
	 * well where it throws.
	 */
	readonly migrate?: ((value: unknown, fromVersion: number) => unknown) | undefined;
	/**
	 * Told what recovery found and did, before the document is read; and once more where `onInvalid` has put another one in its
	 * place, after that: `restored` from `source`, or, where that is `initial`, `lost`; `quarantined` is where the invalid one is
	 * kept, `error` why.
	 */
	readonly onRecovered?: ((found: RecoveredDocument) => void) | undefined;
	/** Ends the opening. */
	readonly signal?: AbortSignal | undefined;
}

/** Options of {@link JsonFile.write}. */
export interface JsonFileWriteOptions extends Pick<FileOptions, 'signal' | 'durability'> {
	/** As {@link JsonFileOptions.ifUnchanged}, for this write. */
	readonly ifUnchanged?: boolean | undefined;
}

/** A document that is open. @typeParam Missing undefined where there may be no document */
export interface JsonFile<T, Missing = never> {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/**
	 * The newest value that has been read, or has landed, here; not that of writes under way. It is the object itself: what
	 * is changed in it is neither written nor valid. Use `update`.
	 */
	readonly value: T | Missing;
	/** Writes a value, or what a function gives when the commit starts: see {@link JsonWriter.write}. */
	write(value: T | (() => T), options?: JsonFileWriteOptions): Promise<WriteReceipt>;
	/**
	 * Changes the document as it is on the disk, or waits to be written: see {@link JsonWriter.update}. Where it was opened with
	 * `lock: 'none'`, that is for documents which are only written: it rejects with ERR_INVALID_ARGUMENT.
	 */
	update(
		fn: (current: T | Missing) => Changed<T> | Promise<Changed<T>>,
		options?: Pick<UpdateOptions, 'signal' | 'durability'>,
	): Promise<T>;
	/**
	 * Reads the document again, which others may have changed, and brings it to this program's version in memory. Rejects as
	 * `readJson` does, with ERR_READ_FAILED also where it is gone, and with ERR_UNSUPPORTED and ERR_VALIDATION as opening does;
	 * `value` then stays.
	 */
	read(options?: { readonly signal?: AbortSignal | undefined }): Promise<T>;
	/** Commits what waits at once, and resolves when everything submitted so far has settled. */
	flush(): Promise<void>;
	/** As {@link JsonWriter.flushSync}: for an `exit` handler. */
	flushSync(): void;
	/** Refuses further writes, and resolves when all before have settled. A second call waits for the first. */
	close(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
}
