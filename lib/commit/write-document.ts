/** One commit of one document: from the value to the durable name. */
import { recoverChannel } from '../diagnostics.ts';
import type { ByteSource } from '../json/byte-source.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { WriteProgress } from '../types.ts';
import type { ActiveCommit } from './active-commit.ts';
import { type Achieved, type CommitOptions, PendingDocument } from './pending-document.ts';
import type { Target } from './target.ts';
import type { CommitPorts } from './temp-file.ts';
import { type Run, Transfer } from './transfer.ts';

/** What to write, known when the commit starts. */
export interface DocumentJob extends Omit<CommitOptions, 'brief'> {
	readonly source: ByteSource;
	readonly signal: AbortSignal | undefined;
	/** Told of the temporary file, and asked before each step that could be seen. */
	readonly active: ActiveCommit;
	readonly onProgress: ((progress: WriteProgress) => void) | undefined;
	readonly mayBeEmpty: boolean;
	/** Read the whole value in one synchronous pass. */
	readonly snapshot: boolean;
	/** Called when the document has its name: from here on the write can no longer be taken back. */
	readonly onRenamed: (bytes: number, stat: FileStat | undefined) => void;
}

export interface Committed extends Achieved {
	readonly bytes: number;
	readonly durationMs: number;
}

/** Commit slots, which bound how many commits are at work. */
export interface CommitSlots {
	/** Runs a piece of work while holding a slot; slots are given in the order of the calls. */
	readonly inSlot: Run;
	/** True where no further large document may give its slot back. */
	readonly crowded: boolean;
	/** Counts `work` as a large document under way. */
	asLarge<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * Writes a document. What fits a buffer is written while holding one slot; a larger one takes a slot for each of its
 * writes, so that no other path waits for all of it, unless very many do. A source that must wait for the caller's own data
 * waits without one, and so does the directory sync.
 * @param begin called in the slot, once; what it throws is passed on. Where it gives nothing, nothing is written.
 */
export async function writeDocument(
	ports: CommitPorts,
	slots: CommitSlots,
	target: Target,
	begin: () => DocumentJob | undefined,
): Promise<Committed | undefined> {
	const commit = new Commit(ports, target);
	try {
		const written = await slots.inSlot(async () => {
			const job = begin();
			return job && commit.start(job, slots.crowded);
		});
		if (written === undefined) return undefined;
		if (!written) await commit.finish(slots);
		return await commit.harden();
	} catch (error) {
		await commit.abandon();
		throw error;
	}
}

class Commit {
	readonly #ports: CommitPorts;
	readonly #target: Target;
	#transfer: Transfer | undefined;
	#onRenamed: DocumentJob['onRenamed'] | undefined;
	#startMs = 0;

	constructor(ports: CommitPorts, target: Target) {
		this.#ports = ports;
		this.#target = target;
	}

	/**
	 * @param whole write all of it, however large
	 * @returns false where there is more, or the source has to wait: {@link finish} is next, outside the slot
	 */
	async start(job: DocumentJob, whole: boolean): Promise<boolean> {
		const { clock } = this.#ports;
		const { active, onProgress, signal, source, mayBeEmpty, durability, mode, sequence, backups, content } = job;
		const onNamed = (pathOf: ActiveCommit['pathOf']): void => {
			active.pathOf = pathOf;
		};
		this.#startMs = clock.monotonicMs();
		this.#onRenamed = job.onRenamed;
		this.#transfer = new Transfer({
			path: this.#target.path,
			source,
			open: async () => {
				const options = { durability, mode, sequence, backups, content, brief: source.done, onNamed };
				const document = await PendingDocument.open(this.#ports, this.#target, options);
				active.identity = document.identity;
				return document;
			},
			signal,
			active,
			onProgress:
				onProgress && ((progress) => onProgress({ ...progress, elapsedMs: clock.monotonicMs() - this.#startMs })),
			mayBeEmpty,
		});
		const done = await (job.snapshot ? this.#transfer.runSnapshot() : this.#transfer.begin(whole));
		if (done) await this.#publish(this.#transfer);
		return done;
	}

	async finish(slots: CommitSlots): Promise<void> {
		const transfer = this.#transfer;
		if (transfer === undefined) return;
		const { inSlot } = slots;
		const goOn = async (): Promise<boolean> => {
			// The first buffer may have been filled by code that is not compiled yet: the event loop has its turn.
			await new Promise(setImmediate);
			return transfer.run(inSlot);
		};
		const waits = transfer.waits || !(await slots.asLarge(goOn));
		if (waits) await transfer.runWaiting(inSlot);
		await inSlot(async () => {
			await transfer.finish();
			await transfer.document.refresh();
			await this.#publish(transfer);
		});
	}

	async harden(): Promise<Committed> {
		const transfer = this.#transfer;
		if (transfer === undefined) throw new Error('the commit has not started');
		await transfer.close(false);
		const { bytes } = transfer.document;
		const { durability, directorySynced, fileSyncs, directorySyncs, retries } = await transfer.document.harden();
		const durationMs = this.#ports.clock.monotonicMs() - this.#startMs;
		return { durability, directorySynced, fileSyncs, directorySyncs, retries, bytes, durationMs };
	}

	/** Never rejects: what made the commit fail is what counts. */
	async abandon(): Promise<void> {
		try {
			await this.#transfer?.close(true);
		} catch (error) {
			recoverChannel.publish({ path: this.#target.path, action: 'discard', error });
		}
	}

	async #publish(transfer: Transfer): Promise<void> {
		await transfer.finish();
		await transfer.document.stage();
		await transfer.document.publish(transfer.check);
		this.#onRenamed?.(transfer.document.bytes, transfer.document.staged);
	}
}
