/** The queue of one path: its commits run one after the other, and what waits is merged. */
import PQueue from 'p-queue';
import { removeDocument } from '../commit/existing-document.ts';
import { notSerializable, OwnFailure } from '../commit/own-failure.ts';
import { claimSweep } from '../commit/sweep.ts';
import { resolveTarget, type Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { type DocumentJob, type InSlot, writeDocument } from '../commit/write-document.ts';
import { commitChannel } from '../diagnostics.ts';
import type { ByteSource } from '../json/byte-source.ts';
import { type DocumentEntry, documentRegistry, inPlace, type Landed } from '../lock/document-registry.ts';
import { Batch, type Sealed } from './batch.ts';
import { adoptNewer, isOvertaken } from './overtaken.ts';
import type { Submission } from './submission.ts';

/** What the commits of a writer are counted by. */
export interface CommitCounters {
	commits: number;
	bytes: number;
	fileSyncs: number;
	directorySyncs: number;
}

/** What the lanes of a writer have in common. */
export interface LaneContext {
	readonly ports: CommitPorts;
	readonly inSlot: InSlot;
	/** Removes the dead temporary files of a directory, in the background; undefined where that is not wanted. */
	readonly sweep: ((directory: string) => void) | undefined;
	readonly counters: CommitCounters;
}

export class Lane {
	readonly #path: string;
	readonly #context: LaneContext;
	readonly #queue = new PQueue({ concurrency: 1 });
	/** The batch that came last; newer calls join it while it is open. */
	#tail: Batch | undefined;
	#lastCommit: Promise<void> = Promise.resolve();

	/** @param path the document's path, absolute; `onIdle` is called whenever nothing is left to do */
	constructor(path: string, context: LaneContext, onIdle: () => void) {
		this.#path = path;
		this.#context = context;
		this.#queue.on('idle', onIdle);
	}

	submit(submission: Submission): void {
		if (this.#tail?.open) {
			this.#tail.add(submission);
			return;
		}
		const batch = new Batch(this.#path, submission);
		this.#tail = batch;
		this.#registry.announce(batch.firstSequence);
		this.#lastCommit = this.#queue.add(() => this.#commit(batch));
	}

	/** Resolves when everything submitted so far has settled. */
	settled(): Promise<void> {
		return this.#lastCommit;
	}

	get #registry(): ReturnType<typeof documentRegistry> {
		return documentRegistry(this.#context.ports.fileSystem.scope);
	}

	/** Settles every call of the batch; never rejects. */
	async #commit(batch: Batch): Promise<void> {
		try {
			await this.#enterDocument(batch);
		} catch (error) {
			batch.reject(error);
		} finally {
			this.#registry.found(batch.firstSequence);
		}
	}

	/** Finds the document behind the path and, as the only one at work on it, lands the batch there. */
	async #enterDocument(batch: Batch): Promise<void> {
		const { fileSystem } = this.#context.ports;
		const registry = this.#registry;
		for (let landed = false; !landed; ) {
			const { landings } = registry;
			const found = await resolveTarget(fileSystem, this.#path);
			landed = await registry.exclusive(found.key, async (entry) => {
				// Whoever committed meanwhile may have created the document, or have moved a link.
				const target = entry.changedSince(landings) ? await resolveTarget(fileSystem, this.#path) : found;
				if (target.key !== found.key) return false;
				registry.found(batch.firstSequence);
				await this.#landNewest(batch, entry, target);
				return true;
			});
		}
	}

	/** Lands the newest value that does not fail by itself. The document stays ours until then, so that none comes between. */
	async #landNewest(batch: Batch, entry: DocumentEntry, target: Target): Promise<void> {
		const { sweep, ports } = this.#context;
		try {
			for (let again = true; again; ) {
				again = false;
				try {
					await this.#land(batch, entry, target);
				} catch (error) {
					if (!(error instanceof OwnFailure)) throw error;
					again = batch.rejectNewest(error.reason);
				}
			}
		} finally {
			if (sweep !== undefined && claimSweep(ports.fileSystem, target.directory)) sweep(target.directory);
		}
	}

	async #land(batch: Batch, entry: DocumentEntry, target: Target): Promise<void> {
		let landed = batch.removes ? undefined : await this.#write(batch, entry, target);
		// It may have joined while the write waited for its slot.
		if (batch.removes) landed = await this.#remove(batch, entry, target);
		if (landed === undefined) return;
		const { sequence: newest, removed: _, ...result } = landed;
		batch.resolve(({ sequence }) => ({ path: this.#path, sequence, superseded: sequence < newest, ...result }));
	}

	async #write(batch: Batch, entry: DocumentEntry, target: Target): Promise<Landed | undefined> {
		const { ports, inSlot, counters } = this.#context;
		let sealed: Sealed | undefined;
		const committed = await writeDocument(ports, inSlot, target, () => {
			if (batch.removes) return undefined;
			sealed = batch.seal();
			if (sealed === undefined || isOvertaken(entry, sealed.newest.sequence)) return undefined;
			const { sequence } = sealed.newest;
			return toJob(sealed, (bytes) => {
				batch.renamed();
				// In place, and not to be overtaken by an older value, whatever becomes of the directory sync.
				entry.landed = inPlace(sequence, bytes, false);
			});
		});
		if (sealed === undefined) return undefined;
		if (committed === undefined) return this.#adoptNewer(sealed, entry, target);
		const { fileSyncs, directorySyncs, ...result } = committed;
		counters.commits += 1;
		counters.bytes += result.bytes;
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		const landed = { sequence: sealed.newest.sequence, removed: false, ...result };
		entry.landed = landed;
		if (commitChannel.hasSubscribers) commitChannel.publish({ path: this.#path, carried: batch.size, ...landed });
		return landed;
	}

	async #remove(batch: Batch, entry: DocumentEntry, target: Target): Promise<Landed | undefined> {
		const { ports, inSlot, counters } = this.#context;
		const sealed = batch.seal();
		if (sealed === undefined) return undefined;
		if (isOvertaken(entry, sealed.newest.sequence)) return this.#adoptNewer(sealed, entry, target);
		const startMs = ports.clock.monotonicMs();
		const { sequence } = sealed.newest;
		const { directorySynced, directorySyncs } = await inSlot(() =>
			removeDocument(ports, target, () => {
				entry.landed = inPlace(sequence, 0, true);
			}),
		);
		counters.directorySyncs += directorySyncs;
		const durationMs = ports.clock.monotonicMs() - startMs;
		const durability = directorySynced ? 'full' : 'file';
		const landed = { sequence, removed: true, bytes: 0, durability, directorySynced, durationMs } as const;
		entry.landed = landed;
		return landed;
	}

	async #adoptNewer(sealed: Sealed, entry: DocumentEntry, target: Target): Promise<Landed | undefined> {
		const { ports, inSlot, counters } = this.#context;
		const { landed, fileSyncs, directorySyncs } = await adoptNewer(ports, inSlot, entry, target, sealed.durability);
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		return landed;
	}
}

function toJob({ newest, durability, signal }: Sealed, onRenamed: (bytes: number) => void): DocumentJob {
	const { mode, onProgress, mayBeEmpty, snapshot } = newest.request;
	const { sequence } = newest;
	return { sequence, durability, mode, signal, onProgress, mayBeEmpty, snapshot, onRenamed, source: begin(newest) };
}

/** Starts to read the value. */
function begin(submission: Submission): ByteSource {
	try {
		return submission.begin();
	} catch (error) {
		throw notSerializable(submission.request.path, error, '$');
	}
}
