/** Moves the bytes of a source into a pending document: one buffer is filled while the other is written. */
import { onAbort } from '../abort.ts';
import type { ByteSource } from '../json/byte-source.ts';
import type { WriteProgress } from '../types.ts';
import { BUFFER_BYTES, giveBuffer, takeBuffer } from './buffers.ts';
import { notSerializable, OwnFailure } from './own-failure.ts';
import type { PendingDocument } from './pending-document.ts';

export interface TransferJob {
	/** The document's path, for errors. */
	readonly path: string;
	readonly source: ByteSource;
	/** Called when the first buffer is full or the source done: a value that fails before costs no file. */
	readonly open: () => Promise<PendingDocument>;
	readonly signal: AbortSignal | undefined;
	readonly onProgress: ((progress: Omit<WriteProgress, 'elapsedMs'>) => void) | undefined;
	/** False where a source without a byte is an error: JSON.stringify gave undefined. */
	readonly mayBeEmpty: boolean;
}

export class Transfer {
	readonly #job: TransferJob;
	#buffer: Buffer = takeBuffer();
	#spare: Buffer | undefined;
	#filled = 0;
	#document: PendingDocument | undefined;
	#writing: Promise<void> | undefined;
	#closed = false;

	constructor(job: TransferJob) {
		this.#job = job;
	}

	/** The document; opened by the time the source is done. */
	get document(): PendingDocument {
		if (this.#document === undefined) throw new Error('the transfer has not begun to write');
		return this.#document;
	}

	/** Throws an {@link OwnFailure} where the write was aborted. */
	readonly check = (): void => {
		const { signal } = this.#job;
		if (signal?.aborted) throw new OwnFailure(signal.reason);
	};

	/**
	 * Moves bytes until the source is done, and all are written.
	 * @returns false where the source must wait for something asynchronous and `mayWait` is false; call again.
	 */
	async run(mayWait: boolean): Promise<boolean> {
		const { source } = this.#job;
		for (;;) {
			this.check();
			const before = this.#filled;
			this.#fill();
			if (source.done) {
				await this.#flush();
				await this.#writing;
				return true;
			}
			const { waiting } = source;
			if (waiting !== undefined) {
				if (!mayWait) return false;
				await this.#untilSettledOrAborted(waiting);
			} else if (this.#filled >= BUFFER_BYTES / 2 || (this.#filled === before && before > 0)) {
				await this.#flush();
			} else {
				// Much work and few bytes: give the event loop its turn.
				await new Promise(setImmediate);
			}
		}
	}

	/** Gives the buffers back; on the way out of a failure also closes the source and removes the temporary file. */
	async close(failed: boolean): Promise<void> {
		if (this.#closed) return;
		this.#closed = true;
		await this.#writing?.catch(ignoreSeenElsewhere);
		giveBuffer(this.#buffer);
		if (this.#spare !== undefined) giveBuffer(this.#spare);
		if (failed) await Promise.all([this.#job.source.close(), this.#document?.discard()]);
	}

	#fill(): void {
		const { source, path } = this.#job;
		try {
			this.#filled = source.fill(this.#buffer, this.#filled);
			if (source.done && this.#filled === 0 && this.#document === undefined && !this.#job.mayBeEmpty) {
				throw new TypeError('JSON has no text for the value (it is undefined, a function or a symbol)');
			}
		} catch (cause) {
			throw notSerializable(path, cause, source.jsonPath());
		}
	}

	/** Starts writing what the buffer holds, after the write before it, and goes on with the other buffer. */
	async #flush(): Promise<void> {
		await this.#writing;
		this.#document ??= await this.#job.open();
		if (this.#filled === 0) return;
		const full = this.#buffer;
		this.#writing = this.#write(this.#document, full, this.#filled);
		// Looked at by the next flush or the end; until then it must not count as unhandled.
		this.#writing.catch(ignoreSeenElsewhere);
		this.#buffer = this.#spare ?? takeBuffer();
		this.#spare = full;
		this.#filled = 0;
	}

	async #write(document: PendingDocument, buffer: Buffer, length: number): Promise<void> {
		const { source, onProgress } = this.#job;
		await document.write(buffer, length);
		try {
			onProgress?.({ bytes: document.bytes, rows: source.rows });
		} catch (error) {
			throw new OwnFailure(error);
		}
	}

	/** A source may wait for ever; an abort must not wait with it. */
	async #untilSettledOrAborted(waiting: Promise<void>): Promise<void> {
		const { signal } = this.#job;
		if (signal === undefined) return waiting;
		await new Promise<void>((resolve) => {
			const stopListening = onAbort(signal, resolve);
			void waiting.then(() => {
				stopListening();
				resolve();
			});
		});
	}
}

function ignoreSeenElsewhere(): void {}
