/** One document that a program keeps open. */
import { fingerprint } from './commit/fingerprint.ts';
import { DurableJsonError, invalidArgument } from './errors.ts';
import type { JsonFile, JsonFileOptions, JsonFileWriteOptions } from './json-file-types.ts';
import { LOCK_TIMEOUT_MS, withDocumentLock } from './lock/document-lock.ts';
import { leaseOf } from './lock/lease.ts';
import { openDocument, readAgain, upgradeOf } from './open-document.ts';
import {
	asOptions,
	assertAwaited,
	checkBoolean,
	checkFileOptions,
	checkFunction,
	checkInteger,
	checkJsonOptions,
	checkPorts,
	checkSignal,
	checkTimeout,
	toAbsolutePath,
} from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import type { FileStat, FileSystem } from './ports/file-system.ts';
import type { Changed, Typed, UpdateOptions, WriteReceipt } from './types.ts';
import { versionedSchema } from './versions.ts';
import { type Tracking, Writer } from './writer.ts';

/** Where the document changes whenever it is looked at, what was seen first counts. */
const MAX_LOOKS = 3;

/**
 * Opens a document: recovers it from what a crash has left, as `recover` of it does (a `<document>.tmp` or `.bak` beside a whole
 * one is removed), reads it, brings it to this program's version, and validates it; where there is none, `initial` is written.
 * It is locked meanwhile, as by `withLock`, whatever `lock` says, and opening waits `lockTimeoutMs` for that; with
 * `lock: 'file'` all of it is one step among the processes that lock it.
 *
 * Rejects with ERR_READ_FAILED, ERR_CORRUPT, ERR_VALIDATION (also where `migrate` throws), ERR_UNSUPPORTED (a document of a
 * newer version), as writes and `withLock` do, with the signal's reason, or a TypeError or RangeError of code
 * ERR_INVALID_ARGUMENT.
 *
 * @example
 * ```ts
 * const file = await openJsonFile('counter.json', { initial: { count: 0 } });
 * await file.update((state) => ({ count: state.count + 1 }));
 * await file.close();
 * ```
 */
export async function openJsonFile<T>(
	path: string | URL,
	options: Omit<JsonFileOptions, 'schema' | 'initial'> & Typed<T>,
): Promise<JsonFile<T>>;
export async function openJsonFile<T>(
	path: string | URL,
	options: JsonFileOptions<T> & { readonly initial: T },
): Promise<JsonFile<T>>;
export async function openJsonFile<T = unknown>(
	path: string | URL,
	options?: JsonFileOptions<T>,
): Promise<JsonFile<T, undefined>>;
export async function openJsonFile<T>(
	path: string | URL,
	options?: JsonFileOptions<T>,
): Promise<JsonFile<T, undefined>> {
	const absolute = toAbsolutePath(path);
	const checked = checkOptions<T>(options);
	const { fileSystem, clock, lock, lockTimeoutMs, signal, strategy, recovery } = checked;
	signal?.throwIfAborted();
	const writer = new Writer({ fileSystem, clock, lock, lockTimeoutMs, strategy, recovery });
	const file = new OpenJsonFile<T>(absolute, writer, checked);
	const lease = leaseOf(fileSystem, absolute);
	const open = (): Promise<void> => file.open();
	try {
		if (lease?.kind === 'lock') {
			await open();
		} else {
			const locked = { path: absolute, timeoutMs: lockTimeoutMs, signal, crossProcess: lock === 'file' };
			await withDocumentLock({ fileSystem, clock }, locked, open);
		}
	} catch (error) {
		await writer.close();
		throw error;
	}
	return file;
}

type CheckedOptions<T> = ReturnType<typeof checkOptions<T>>;

function checkOptions<T>(options: unknown) {
	const checked = asOptions<JsonFileOptions<T>>(options);
	const { fileSystem = nodeFileSystem, clock = systemClock, lock = 'process', strategy, recovery, signal } = checked;
	const { onInvalid = 'throw', ifUnchanged = false, version, migrate, onRecovered } = checked;
	const { schema, initial, lockTimeoutMs = LOCK_TIMEOUT_MS } = checked;
	const { durability, mode, backups } = checkFileOptions(options);
	const { replacer, space, finalNewline, strict } = checkJsonOptions(options);
	checkPorts(checked);
	checkSignal(signal);
	checkBoolean('options.ifUnchanged', ifUnchanged);
	checkFunction('options.migrate', migrate);
	checkFunction('options.onRecovered', onRecovered);
	checkTimeout('lockTimeoutMs', lockTimeoutMs);
	if (!['throw', 'quarantine', 'restore'].includes(onInvalid)) {
		throw invalidArgument('options.onInvalid', "'throw', 'quarantine' or 'restore'", onInvalid);
	}
	assertAwaited('options.initial', initial);
	if (onInvalid === 'quarantine' && initial === undefined) {
		throw invalidArgument('options.initial', "given where onInvalid is 'quarantine'", initial);
	}
	if (version !== undefined) checkInteger('options.version', version, 1, Number.MAX_SAFE_INTEGER);
	else if (migrate !== undefined) throw invalidArgument('options.version', 'given where migrate is', version);
	return {
		...{ fileSystem, clock, lock, lockTimeoutMs, strategy, recovery, signal },
		...{ onInvalid, ifUnchanged, version, migrate, onRecovered, initial, backups },
		/** What every write takes. */
		write: { durability, mode, backups, replacer, space, finalNewline, strict },
		schema: version === undefined ? schema : versionedSchema(version, schema),
	};
}

class OpenJsonFile<T> implements JsonFile<T, undefined> {
	readonly path: string;
	readonly #writer: Writer;
	readonly #options: CheckedOptions<T>;
	#value: T | undefined;
	/** The file that it was last read from, or written into; undefined where there was none. */
	#known: string | undefined;
	/** The file that it was last written into here. */
	#landed: string | undefined;
	/** Counts what may change the two: reads, when they begin, and landings. */
	#events = 0;
	/** The event that they come from. */
	#takenFrom = 0;
	#isClosed = false;

	constructor(path: string, writer: Writer, options: CheckedOptions<T>) {
		this.path = path;
		this.#writer = writer;
		this.#options = options;
	}

	get value(): T | undefined {
		return this.#value;
	}

	async open(): Promise<void> {
		const { schema } = this.#options;
		await openDocument<T>(this.path, {
			...this.#options,
			take: (value, looked) => this.#take(value, looked, ++this.#events),
			look: () => this.#look(),
			write: async (value, options) => {
				await this.#writer.write(
					this.path,
					value,
					{ ...this.#options.write, schema, ...options },
					this.#tracking(false),
				);
			},
		});
	}

	async write(value: T | (() => T), options?: JsonFileWriteOptions): Promise<WriteReceipt> {
		this.#assertOpen();
		const { signal, durability, ifUnchanged = this.#options.ifUnchanged } = asOptions<JsonFileWriteOptions>(options);
		checkBoolean('options.ifUnchanged', ifUnchanged);
		const { write, schema } = this.#options;
		const all = { ...write, durability: durability ?? write.durability, signal, schema };
		return this.#writer.write(this.path, value, all, this.#tracking(ifUnchanged));
	}

	async update(
		fn: (current: T | undefined) => Changed<T> | Promise<Changed<T>>,
		options?: Pick<UpdateOptions, 'signal' | 'durability'>,
	): Promise<T> {
		this.#assertOpen();
		const { signal, durability } = asOptions<UpdateOptions>(options);
		const { write, schema, initial } = this.#options;
		// Somebody else may have removed the document since it was opened.
		const all = { ...write, durability: durability ?? write.durability, signal, schema, initial };
		return this.#writer.update(this.path, fn as (current: T) => T, all, {
			...this.#tracking(false),
			upgrade: upgradeOf(this.path, this.#options),
		});
	}

	async read({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<T> {
		checkSignal(signal);
		for (let attempt = 1; ; attempt++) {
			const event = ++this.#events;
			const before = await this.#look();
			const value = await readAgain(this.path, { ...this.#options, signal });
			const isStable = before === (await this.#look());
			// What has landed, or was begun to be read, after this read began is newer.
			const isNewest = this.#takenFrom < event;
			if (!(isStable && isNewest) && attempt < MAX_LOOKS) continue;
			if (isNewest) this.#take(value, before, event);
			return value;
		}
	}

	flush(): Promise<void> {
		return this.#writer.flush();
	}

	flushSync(): void {
		this.#writer.flushSync();
	}

	close(): Promise<void> {
		this.#isClosed = true;
		return this.#writer.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	#assertOpen(): void {
		if (!this.#isClosed) return;
		const message = `the document ${this.path} was closed here: nothing was done`;
		throw new DurableJsonError('ERR_CLOSED', message, { path: this.path, step: 'submit' });
	}

	#tracking(ifUnchanged: boolean): Tracking {
		// As the caller knows it now, whatever is read until the write is made; but for what lands here.
		const known = this.#known;
		return {
			assertKnown: ifUnchanged ? (existing) => this.#assertKnown(existing, known) : undefined,
			onLanded: (stat, value) => {
				this.#landed = fingerprint(stat);
				this.#take(value as T, this.#landed, ++this.#events);
			},
		};
	}

	#take(value: T | undefined, known: string | undefined, event: number): void {
		this.#value = value;
		this.#known = known;
		this.#takenFrom = event;
	}

	#assertKnown(existing: FileStat | undefined, known: string | undefined): void {
		const standing = existing && fingerprint(existing);
		if (standing === known || (standing !== undefined && standing === this.#landed)) return;
		const message = `${this.path} was not written: somebody else has changed it since it was read`;
		throw new DurableJsonError('ERR_CONFLICT', message, { path: this.path, step: 'check' });
	}

	#look(): Promise<string | undefined> {
		return lookAt(this.#options.fileSystem, this.path);
	}
}

/** What stands at the path; undefined where nothing does. */
async function lookAt(fileSystem: FileSystem, path: string): Promise<string | undefined> {
	try {
		return fingerprint(await fileSystem.stat(path));
	} catch {
		// Missing, or not to be looked at: reading it tells what is wrong.
		return undefined;
	}
}
