/** Moves the bytes of a source into a pending document: one buffer is filled while the other is written. */
import { onAbort } from '../abort.ts';
import type { ByteSource } from '../json/byte-source.ts';
import type { Awaitable } from '../ports/file-system.ts';
import type { WriteProgress } from '../types.ts';
import type { ActiveCommit } from './active-commit.ts';
import { BUFFER_BYTES, giveBuffer, takeBuffer } from './buffers.ts';
import { noText, notSerializable, OwnFailure } from './own-failure.ts';
import type { PendingDocument } from './pending-document.ts';

export interface TransferJob {
	/** The document's path, for errors. */
	readonly path: string;
	readonly source: ByteSource;
	/** Called when the first buffer is full or the source done: a value that fails before costs no file. */
	readonly open: () => Promise<PendingDocument>;
	readonly signal: AbortSignal | undefined;
	readonly active: ActiveCommit;
	readonly onProgress: ((progress: Omit<WriteProgress, 'elapsedMs'>) => void) | undefined;
	/** False where a source without a byte is an error: JSON.stringify gave undefined. */
	readonly mayBeEmpty: boolean;
}

/** Runs a piece of work, or lets it wait until it may run. */
export type Run = <T>(work: () => Promise<T>) => Promise<T>;

const atOnce: Run = (work) => work();

export class Transfer {
	readonly #job: TransferJob;
	#buffer: Buffer = takeBuffer();
	#spare: Buffer | undefined;
	#filled = 0;
	#document: PendingDocument | undefined;
	#writing: Promise<void> | undefined;
	/** What the write under way has failed with. */
	#failure: { readonly error: unknown } | undefined;
	/** Ends the wait for the source. */
	#wake: (() => void) | undefined;
	#closed = false;

	constructor(job: TransferJob) {
		this.#job = job;
	}

	/** The document; opened by the time the source is done. */
	get document(): PendingDocument {
		if (this.#document === undefined) throw new Error('the transfer has not begun to write');
		return this.#document;
	}

	/** Throws an {@link OwnFailure} where the write was aborted or displaced. */
	readonly check = (): void => {
		const { signal, active } = this.#job;
		if (signal?.aborted) throw new OwnFailure(signal.reason);
		active.check();
	};

	/** Does the source wait for something asynchronous? */
	get waits(): boolean {
		return this.#job.source.waiting !== undefined;
	}

	/**
	 * Fills the first buffer; writes it, and all the others as far as the source need not wait, if `whole`.
	 * @returns false where there is more
	 */
	begin(whole: boolean): Awaitable<boolean> {
		this.check();
		this.#fill();
		return this.#job.source.done || (whole && !this.waits && this.run(atOnce));
	}

	/**
	 * Moves bytes until the source is done; `disk` runs what needs the disk.
	 * @returns false where the source must wait for something asynchronous: then {@link Transfer.runWaiting} is next.
	 */
	run(disk: Run): Promise<boolean> {
		return this.#move(disk, false);
	}

	/**
	 * Reads the source in one synchronous pass, writing as it goes. The file is opened before, so that nothing asynchronous
	 * comes between the first byte and the last.
	 */
	async runSnapshot(): Promise<true> {
		this.check();
		this.#document = await this.#job.open();
		this.check();
		const { source, path } = this.#job;
		await this.#document.writePass(this.#buffer, () => {
			this.#filled = 0;
			while (!source.done && this.#filled === 0) {
				this.#fill();
				if (source.waiting === undefined) continue;
				const refusal = new TypeError('a snapshot cannot wait for an async iterable');
				throw notSerializable(path, refusal, source.jsonPath());
			}
			return this.#filled;
		});
		this.#report(this.#document);
		return true;
	}

	/** Moves bytes until the source is done, waiting for it as long as it takes; `disk` runs what needs the disk. */
	async runWaiting(disk: Run): Promise<void> {
		const { signal, active } = this.#job;
		const wake = (): void => this.#wake?.();
		const stopListening = signal && onAbort(signal, wake);
		active.onDisplaced = wake;
		try {
			await this.#move(disk, true);
		} finally {
			stopListening?.();
		}
	}

	/** Writes what is left in the buffer. Everything is written when it resolves. */
	async finish(): Promise<void> {
		if (this.#writing !== undefined) await this.#writing;
		this.#document ??= await this.#job.open();
		if (this.#filled === 0) return;
		const length = this.#filled;
		this.#filled = 0;
		await this.#document.write(this.#buffer, length);
		this.#report(this.#document);
	}

	/** Gives the buffers back; on the way out of a failure also closes the source and removes the temporary file. */
	async close(failed: boolean): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		if (this.#writing !== undefined) await this.#writing.catch(ignoreSeenElsewhere);
		giveBuffer(this.#buffer);
		if (this.#spare !== undefined) giveBuffer(this.#spare);
		if (failed) await Promise.all([this.#job.source.close(), this.#document?.discard()]);
	}

	async #move(disk: Run, mayWait: boolean): Promise<boolean> {
		const { source } = this.#job;
		for (;;) {
			this.check();
			if (this.#failure !== undefined) throw this.#failure.error;
			const before = this.#filled;
			this.#fill();
			if (source.done) return true;
			const { waiting } = source;
			if (waiting !== undefined) {
				if (!mayWait) return false;
				await this.#untilSettledOrFailed(waiting);
			} else if (this.#filled >= BUFFER_BYTES / 2 || (this.#filled === before && before > 0)) {
				const opens = this.#document === undefined;
				await this.#flush(disk);
				// It may have been opened in place, so that the event loop had no turn yet.
				if (opens) await new Promise(setImmediate);
			} else {
				// Much work and few bytes: give the event loop its turn.
				await new Promise(setImmediate);
			}
		}
	}

	#fill(): void {
		const { source, path, active } = this.#job;
		try {
			this.#filled = active.read(() => source.fill(this.#buffer, this.#filled));
			const empty = this.#filled === 0 && (this.#document?.bytes ?? 0) === 0;
			if (source.done && empty && !this.#job.mayBeEmpty) {
				throw noText();
			}
		} catch (cause) {
			throw notSerializable(path, cause, source.jsonPath());
		}
	}

	/** Starts writing what the buffer holds, after the write before it, and goes on with the other buffer. */
	async #flush(disk: Run): Promise<void> {
		await this.#writing;
		this.#document ??= await disk(this.#job.open);
		if (this.#filled === 0) return;
		const document = this.#document;
		const full = this.#buffer;
		const length = this.#filled;
		this.#writing = disk(() => this.#write(document, full, length));
		// Met by the next flush, the end, or the wait for the source; until then it must not count as unhandled.
		this.#writing.catch((error: unknown) => {
			this.#failure = { error };
			this.#wake?.();
		});
		this.#buffer = this.#spare ?? takeBuffer();
		this.#spare = full;
		this.#filled = 0;
	}

	async #write(document: PendingDocument, buffer: Buffer, length: number): Promise<void> {
		await document.write(buffer, length);
		this.#report(document);
	}

	#report(document: PendingDocument): void {
		const { source, onProgress } = this.#job;
		try {
			onProgress?.({ bytes: document.bytes, rows: source.rows });
		} catch (error) {
			throw new OwnFailure(error);
		}
	}

	/** A source may wait for ever; neither an abort, a displacement nor a failed write must wait with it: they wake it. */
	#untilSettledOrFailed(waiting: Promise<void>): Promise<void> {
		const { signal, active } = this.#job;
		// Not an async function: this is run for each row.
		return new Promise((resolve) => {
			this.#wake = resolve;
			if (this.#failure !== undefined || active.displaced || signal?.aborted) resolve();
			else void waiting.then(resolve);
		});
	}
}

function ignoreSeenElsewhere(): void {}
