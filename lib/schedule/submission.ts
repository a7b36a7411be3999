/** One call of a writer, from its submission to its settling. */
import { onAbort } from '../abort.ts';
import type { ByteSource } from '../json/byte-source.ts';
import type { Durability, WriteProgress, WriteReceipt } from '../types.ts';

/** What a call asks for. */
export interface Request {
	readonly kind: 'write' | 'remove';
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	readonly durability: Durability;
	readonly mode: number | undefined;
	readonly signal: AbortSignal | undefined;
	readonly onProgress: ((progress: WriteProgress) => void) | undefined;
	readonly mayBeEmpty: boolean;
	/** Read the whole value in one synchronous pass. */
	readonly snapshot: boolean;
	/** Reads the value's beginning; called when the commit starts, at most once. Throws an OwnFailure. */
	readonly begin: () => ByteSource;
	/** False for a stream or generator: it can be read once, and has to be closed where it is not. */
	readonly rereadable: boolean;
	/** Closes a source that will not be read. Never throws. */
	readonly release: () => void;
}

/** What the calls of a writer are counted by. */
export interface CallCounters {
	calls: number;
	superseded: number;
	failures: number;
	/** Calls not settled yet. */
	pending: number;
}

export class Submission {
	/** The call's place in the order of this process's writes. */
	readonly sequence: number;
	readonly promise: Promise<WriteReceipt>;
	readonly #counters: CallCounters;
	#request: Request | undefined;
	#begun = false;
	#resolve!: (receipt: WriteReceipt) => void;
	#reject!: (reason: unknown) => void;
	#stopListening: (() => void) | undefined;
	#settled = false;

	constructor(request: Request, sequence: number, counters: CallCounters) {
		this.#request = request;
		this.sequence = sequence;
		this.#counters = counters;
		counters.calls += 1;
		counters.pending += 1;
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
		this.#stopListening = onAbort(signal, () => callback(signal.reason));
	}

	begin(): ByteSource {
		this.#begun = true;
		return this.request.begin();
	}

	/** Lets go of the value, which is written or never will be; a source that nobody has begun to read is closed. */
	drop(): void {
		const request = this.#request;
		this.#request = undefined;
		if (!this.#begun) request?.release();
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

	/** @returns false where the call has settled before. */
	#settle(): boolean {
		if (this.#settled) return false;
		this.#settled = true;
		this.#stopListening?.();
		this.#counters.pending -= 1;
		return true;
	}
}
