/** Documents written piece by piece: a pending file, and a Node stream over it. */
import { Writable, type WritableOptions } from 'node:stream';
import { onAbort } from './abort.ts';
import { ActiveCommit } from './commit/active-commit.ts';
import { OwnFailure } from './commit/own-failure.ts';
import { PendingDocument } from './commit/pending-document.ts';
import { resolveTarget } from './commit/target.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { DurableJsonError, invalidArgument, messageOf } from './errors.ts';
import { type DocumentEntry, documentRegistry, inPlace, type Landed } from './lock/document-registry.ts';
import { type Lease, leaseOf, leaseOn, reentrant } from './lock/lease.ts';
import { LockWait } from './lock/lock-wait.ts';
import type { Travellers } from './lock/travellers.ts';
import { asOptions, type CheckedFileOptions, checkFileOptions, checkPorts, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import { adoptNewer, isOvertaken } from './schedule/overtaken.ts';
import { commitSlots } from './schedule/slots.ts';
import { nextSequence } from './shared-state.ts';
import type { PendingFile, PendingFileOptions, WriteReceipt } from './types.ts';

/**
 * Opens a document to be written piece by piece. Nothing is seen of it at its path before `commit`; a process that dies
 * before leaves the document as it was.
 *
 * Rejects with ERR_WRITE_FAILED, the signal's reason, or a TypeError or RangeError of code ERR_INVALID_ARGUMENT.
 */
export function openPendingFile(path: string | URL, options?: PendingFileOptions): Promise<PendingFile> {
	return open(path, options);
}

function portsOf(options: PendingFileOptions | undefined): CommitPorts {
	const checked = asOptions<PendingFileOptions>(options);
	checkPorts(checked);
	const { fileSystem = nodeFileSystem, clock = systemClock } = checked;
	return { fileSystem, clock };
}

async function open(path: string | URL, options: PendingFileOptions | undefined): Promise<OpenPendingFile> {
	const absolute = toAbsolutePath(path);
	const { fileSystem, clock } = portsOf(options);
	const checked = checkFileOptions(options);
	checked.signal?.throwIfAborted();
	const ports = { fileSystem, clock };
	const target = await resolveTarget(fileSystem, absolute);
	const document = await PendingDocument.open(ports, target, {
		...checked,
		sequence: nextSequence(),
		content: undefined,
		brief: false,
	});
	return new OpenPendingFile(ports, absolute, document, checked);
}

class OpenPendingFile implements PendingFile {
	readonly path: string;
	readonly #ports: CommitPorts;
	readonly #document: PendingDocument;
	readonly #options: CheckedFileOptions;
	/** The call that came last; each waits for the one before it. */
	#last: Promise<unknown> = Promise.resolve();
	#state: 'open' | 'broken' | 'over' = 'open';
	/** The lock that it was opened under: it is for whoever commits it, while it lasts. */
	readonly #lease: Lease | undefined;
	readonly #stopListening: (() => void) | undefined;

	constructor(ports: CommitPorts, path: string, document: PendingDocument, options: CheckedFileOptions) {
		this.path = path;
		this.#ports = ports;
		this.#document = document;
		this.#options = options;
		this.#lease = leaseOn(ports.fileSystem, document.target.key);
		const { signal } = options;
		this.#stopListening = signal && onAbort(signal, () => this.#discardAborted());
	}

	get bytes(): number {
		return this.#document.bytes;
	}

	async write(chunk: string | ArrayBufferView): Promise<void> {
		if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) {
			throw invalidArgument('chunk', 'a string or a view of bytes', chunk);
		}
		return this.#next(async () => {
			this.#assertOpen();
			const bytes =
				typeof chunk === 'string'
					? Buffer.from(chunk)
					: new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
			try {
				await this.#document.write(bytes, bytes.length);
			} catch (error) {
				this.#state = 'broken';
				throw error;
			}
		});
	}

	async commit(): Promise<WriteReceipt> {
		return this.commitUnder(leaseOn(this.#ports.fileSystem, this.#document.target.key));
	}

	/** @param caller the lock of the caller's: one that waits for the commit while it holds the document must not be waited for */
	async commitUnder(caller: Lease | undefined): Promise<WriteReceipt> {
		this.#assertOpen();
		const { fileSystem, clock } = this.#ports;
		const { key } = this.#document.target;
		const lease = caller ?? (this.#lease?.ended === false ? this.#lease : undefined);
		if (lease?.kind === 'commit') throw reentrant(lease);
		const sequence = nextSequence();
		const registry = documentRegistry(fileSystem.scope);
		const { signal } = this.#options;
		const wait = signal && new LockWait(clock, { path: this.path, timeoutMs: Number.POSITIVE_INFINITY, signal });
		const turn = this.#last;
		// At once, so that whoever comes to lock the document finds it there: he may wait for it.
		const landing = registry.exclusive(
			key,
			async (entry) => {
				await turn;
				this.#assertOpen();
				this.#state = 'over';
				return this.#land(entry, sequence, lease);
			},
			{ lease, wait },
		);
		this.#last = landing.catch(toldToItsCaller);
		registry.announce(sequence, pieces(this.path, lease, this.#last));
		lease?.track(landing);
		try {
			const { removed: _, ...landed } = await landing;
			return { path: this.path, ...landed, sequence, superseded: sequence < landed.sequence };
		} catch (error) {
			throw error instanceof OwnFailure ? error.reason : error;
		} finally {
			registry.found(sequence);
			this.#stopListening?.();
		}
	}

	async discard(): Promise<void> {
		await this.#next(() => this.#discardNow());
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.discard();
	}

	async #land(entry: DocumentEntry, sequence: number, lease: Lease | undefined): Promise<Landed> {
		const { fileSystem, clock } = this.#ports;
		const { inSlot } = commitSlots(fileSystem.scope, undefined);
		const document = this.#document;
		entry.turnTo(fileSystem.sync, document.target.file);
		if (isOvertaken(entry, sequence)) {
			await document.discard();
			const { landed } = await adoptNewer(this.#ports, inSlot, entry, document.target, this.#options.durability);
			if (landed !== undefined) return landed;
		}
		const startMs = clock.monotonicMs();
		const { bytes } = document;
		const active = new ActiveCommit(sequence);
		active.pathOf = document.pathOf;
		entry.active = active;
		try {
			await inSlot(async () => {
				await document.refresh();
				await document.stage();
				await document.publish(() => {
					if (this.#options.signal?.aborted) throw new OwnFailure(this.#options.signal.reason);
					active.check();
					if (lease?.lock?.loss !== undefined) throw new OwnFailure(lease.lock.loss);
				});
			});
		} catch (error) {
			// A newer document was written synchronously in the place of this one, and answers for it.
			if (!active.displaced || entry.landed === undefined) throw error;
			return entry.landed;
		} finally {
			entry.active = undefined;
		}
		if (!active.displaced) entry.landed = inPlace(sequence, bytes, false);
		const { durability, directorySynced } = await document.harden();
		const durationMs = clock.monotonicMs() - startMs;
		const landed = { sequence, removed: false, bytes, durability, directorySynced, durationMs };
		if (!active.displaced) entry.landed = landed;
		return landed;
	}

	async #discardNow(): Promise<void> {
		this.#state = 'over';
		this.#stopListening?.();
		await this.#document.discard();
	}

	/** Removes the file when the call under way is through; each later call rejects with the signal's reason. */
	#discardAborted(): void {
		this.#next(async () => {
			if (this.#state !== 'over') await this.#discardNow();
		}).catch(ignoreLitter);
	}

	#assertOpen(): void {
		if (this.#options.signal?.aborted) throw this.#options.signal.reason;
		if (this.#state === 'open') return;
		const why = this.#state === 'over' ? 'committed or discarded' : 'failed';
		throw new DurableJsonError('ERR_CLOSED', `the pending file for ${this.path} was ${why}`, {
			path: this.path,
			step: 'submit',
		});
	}

	/** Runs an action after all before it have settled. */
	#next<T>(action: () => Promise<T>): Promise<T> {
		const result = this.#last.then(action);
		this.#last = result.catch(toldToItsCaller);
		return result;
	}
}

/** A document that was written piece by piece, on its way. */
function pieces(path: string, lease: Lease | undefined, settled: Promise<unknown>): Travellers {
	return {
		path,
		lease,
		ready: true,
		overwrites: true,
		updates: false,
		settled,
		hurry() {},
		commitSync() {
			const message = `${path} was not written synchronously: it is a pending file`;
			throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step: 'rename' });
		},
	};
}

function toldToItsCaller(): void {}

/** Nobody waits for what an abort removes; a file that stays is found by the next sweep. */
function ignoreLitter(): void {}

/** A stream that tells who ends it. */
class DocumentStream extends Writable {
	readonly #onEnd: () => void;

	constructor(onEnd: () => void, options: WritableOptions) {
		super(options);
		this.#onEnd = onEnd;
	}

	override end(...args: unknown[]): this {
		this.#onEnd();
		return super.end(...(args as []));
	}
}

/** Bytes that a write stream gathers before it asks its writer to wait. */
const STREAM_BUFFER_BYTES = 64 * 1024;

/**
 * A writable stream whose bytes become the document when it ends: 'finish' comes after the commit. A stream that is
 * destroyed before 'finish', fails, or is aborted by its signal leaves the document as it was, unless the rename has been
 * made already. Errors are those of {@link openPendingFile} and of its methods.
 */
export function createWriteStream(path: string | URL, options?: PendingFileOptions): Writable {
	const absolute = toAbsolutePath(path);
	const { signal } = checkFileOptions(options);
	/** Aborted when the stream is destroyed, so that a commit under way stops before its rename. */
	const destroyed = new AbortController();
	let stopListening: (() => void) | undefined;
	let file: OpenPendingFile | undefined;
	/** The lock of who ends the stream, or pipes to it: `final` may be called in the context of whoever made it. */
	let lease: Lease | undefined;
	const { fileSystem } = portsOf(options);
	const seeCaller = (): void => {
		lease = leaseOf(fileSystem, absolute) ?? lease;
	};
	let ended = false;
	/** From its end on it is on its way to the document, though its bytes may be still to be written. */
	const seeEnd = (): void => {
		seeCaller();
		if (ended || stream.destroyed) return;
		ended = true;
		const sequence = nextSequence();
		const registry = documentRegistry(fileSystem.scope);
		const settled = new Promise<void>((resolve) => stream.once('close', resolve));
		registry.announce(sequence, pieces(absolute, lease, settled));
		void settled.then(() => registry.found(sequence));
	};
	const stream = new DocumentStream(seeEnd, {
		highWaterMark: STREAM_BUFFER_BYTES,
		construct(callback) {
			const opening = open(absolute, { ...options, signal: destroyed.signal });
			settle(
				opening.then((opened) => {
					file = opened;
				}),
				callback,
			);
		},
		write(chunk: Buffer, _encoding, callback) {
			settle(file?.write(chunk), callback);
		},
		writev(chunks: { chunk: Buffer }[], callback) {
			settle(file?.write(Buffer.concat(chunks.map(({ chunk }) => chunk))), callback);
		},
		final(callback) {
			settle(file?.commitUnder(lease?.ended === false ? lease : undefined), callback);
		},
		destroy(error, callback) {
			stopListening?.();
			destroyed.abort(error ?? undefined);
			settle(file?.discard(), (discardError) => callback(error ?? discardError ?? null));
		},
	});
	stream.on('pipe', seeCaller);
	if (signal !== undefined) stopListening = onAbort(signal, () => stream.destroy(toError(signal.reason)));
	return stream;
}

/** Calls back when the promise has settled. */
function settle(promise: Promise<unknown> | undefined, callback: (error?: Error | null) => void): void {
	Promise.resolve(promise).then(
		() => callback(),
		(reason: unknown) => callback(toError(reason)),
	);
}

/** Streams take errors only: a reason that is none would count as success. */
function toError(reason: unknown): Error {
	return reason instanceof Error ? reason : new Error(`aborted: ${messageOf(reason)}`, { cause: reason });
}
