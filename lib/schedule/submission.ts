/** One call of a writer, from its submission to its settling. */
import { onAbort } from '../abort.ts';
import { notSerializable } from '../commit/own-failure.ts';
import type { ByteSource } from '../json/byte-source.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Bytes, Durability, Milliseconds, WriteProgress, WriteReceipt } from '../types.ts';
import type { CallCounters } from './counters.ts';
import type { Transform } from './transform.ts';

/** What a call asks for. */
export interface Request {
	readonly kind: 'write' | 'update' | 'remove';
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	readonly durability: Durability;
	readonly mode: number | undefined;
	readonly backups: number;
	/** What is written, where that is JSON. */
	readonly content: JsonFormat | undefined;
	readonly signal: AbortSignal | undefined;
	readonly onProgress: ((progress: WriteProgress) => void) | undefined;
	readonly mayBeEmpty: boolean;
	/** Read the whole value in one synchronous pass. */
	readonly snapshot: boolean;
	/** Reads the value's beginning; called when the commit starts, and again where the value is rereadable. */
	readonly begin: () => ByteSource;
	/**
	 * Makes the document in the place of `begin`: an update, or a write whose value is not known before its commit starts and
	 * has to be validated then.
	 */
	readonly transform?: Transform | undefined;
	/** True where `transform` is known to wait for something. */
	readonly isAsync?: boolean | undefined;
	/** Throws ERR_CONFLICT where this is not the document that the caller knows; undefined where none stands. */
	readonly assertKnown?: ((existing: FileStat | undefined) => void) | undefined;
	/** Told what the file is with which the call, or a newer one, has landed. */
	readonly onLanded?: ((stat: FileStat) => void) | undefined;
	/** False for a stream or generator: it can be read once, and has to be closed where it is not. */
	readonly rereadable: boolean;
	/** Closes a source that will not be read. Never throws. */
	readonly release: () => void;
	/** What the call holds in memory until it is written, as far as that is known. */
	readonly heldBytes: Bytes;
}

export class Submission {
	/** The call's place in the order of this process's writes. */
	readonly sequence: number;
	/** When the call was made, monotonic. */
	readonly submittedMs: Milliseconds;
	readonly promise: Promise<WriteReceipt>;
	readonly #counters: CallCounters;
	/** Kept when the value is dropped for a newer one: whether it may take the call's place depends on it. */
	readonly #assertKnown: Request['assertKnown'];
	#request: Request | undefined;
	#begun = false;
	#resolve!: (receipt: WriteReceipt) => void;
	#reject!: (reason: unknown) => void;
	#stopListening: (() => void) | undefined;
	#settled = false;
	#onSettled: (() => void) | undefined;

	constructor(request: Request, sequence: number, submittedMs: Milliseconds, counters: CallCounters) {
		this.#request = request;
		this.sequence = sequence;
		this.submittedMs = submittedMs;
		this.#counters = counters;
		this.#assertKnown = request.assertKnown;
		counters.calls += 1;
		counters.pending += 1;
		counters.queuedValues += 1;
		counters.queuedBytes += request.heldBytes;
		this.promise = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
	}

	/** What was asked; gone after {@link Submission.drop}. */
	get request(): Request {
		if (this.#request === undefined) throw new Error('the value has been dropped');
		return this.#request;
	}

	/** Calls back when the call's signal is aborted before the call has settled. */
	listen(callback: (reason: unknown) => void): void {
		const signal = this.#request?.signal;
		if (signal === undefined) return;
		this.#stopListening?.();
		this.#stopListening = onAbort(signal, () => callback(signal.reason));
	}

	/** Has its value been read, or begun to be? */
	get hasBegun(): boolean {
		return this.#begun;
	}

	/** Has its caller said which document it is that may be replaced? */
	get isConditional(): boolean {
		return this.#assertKnown !== undefined;
	}

	/** Why this document may not be replaced by the call; undefined where it may. */
	refusal(existing: FileStat | undefined): { readonly reason: unknown } | undefined {
		try {
			this.#assertKnown?.(existing);
			return undefined;
		} catch (reason) {
			return { reason };
		}
	}

	/** Has the call been answered? */
	get settled(): boolean {
		return this.#settled;
	}

	/** Resolves when the call has been answered. Not made of its promise: a rejection is still to be seen by its caller. */
	whenSettled(): Promise<void> {
		return new Promise((resolve) => {
			this.#onSettled = resolve;
		});
	}

	/** Its value is read now, by its `transform`. */
	beginHere(): void {
		this.#leaveQueue();
	}

	/** Starts to read the value. Throws an OwnFailure. */
	begin(): ByteSource {
		const begun = this.#begun;
		this.#leaveQueue();
		try {
			if (begun && !this.request.rereadable) throw new TypeError('a stream or generator can be read only once');
			return this.request.begin();
		} catch (error) {
			throw notSerializable(this.request.path, error, '$');
		}
	}

	/** Lets go of the value, which is written or never will be; a source that nobody has begun to read is closed. */
	drop(): void {
		const begun = this.#begun;
		this.#leaveQueue();
		const request = this.#request;
		this.#request = undefined;
		if (!begun) request?.release();
	}

	resolve(receipt: WriteReceipt): void {
		if (!this.#settle()) return;
		if (receipt.superseded) this.#counters.superseded += 1;
		this.#resolve(receipt);
	}

	/** Does nothing where the call has settled: an abort may have come before the failure. */
	reject(reason: unknown): void {
		if (!this.#settle()) return;
		this.#counters.failures += 1;
		this.#reject(reason);
	}

	#leaveQueue(): void {
		if (this.#begun || this.#request === undefined) return;
		this.#begun = true;
		this.#counters.queuedValues -= 1;
		this.#counters.queuedBytes -= this.#request.heldBytes;
	}

	/** @returns false where the call has settled before. */
	#settle(): boolean {
		if (this.#settled) return false;
		this.#settled = true;
		this.#stopListening?.();
		this.#onSettled?.();
		this.#counters.pending -= 1;
		return true;
	}
}
