/** The queue of one path: its commits run one after the other, and what waits is merged. */
import PQueue from 'p-queue';
import { ActiveCommit } from '../commit/active-commit.ts';
import { removeDocument } from '../commit/existing-document.ts';
import { OwnFailure } from '../commit/own-failure.ts';
import { claimSweep } from '../commit/sweep.ts';
import { resolveTarget, type Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { type CommitSlots, type DocumentJob, writeDocument } from '../commit/write-document.ts';
import { commitChannel } from '../diagnostics.ts';
import { type DocumentEntry, documentRegistry, inPlace, type Landed } from '../lock/document-registry.ts';
import { Batch, type Sealed } from './batch.ts';
import { commitBatchesSync, type SyncLanding } from './commit-batch-sync.ts';
import type { CommitCounters } from './counters.ts';
import { adoptNewer, isOvertaken } from './overtaken.ts';
import { Pacer, type PacerContext } from './pacer.ts';
import type { Submission } from './submission.ts';

/** What the lanes of a writer have in common. */
export interface LaneContext extends PacerContext {
	readonly ports: CommitPorts;
	readonly slots: CommitSlots;
	/** Removes the dead temporary files of a directory, in the background; undefined where that is not wanted. */
	readonly sweep: ((directory: string) => void) | undefined;
	readonly counters: CommitCounters;
}

export class Lane {
	readonly #path: string;
	readonly #context: LaneContext;
	readonly #queue = new PQueue({ concurrency: 1 });
	readonly #pacer: Pacer;
	/** In the order of their calls; newer calls join the last one while it is open. */
	readonly #batches = new Set<Batch>();
	#tail: Batch | undefined;
	#active: ActiveCommit | undefined;
	#lastCommit: Promise<void> = Promise.resolve();

	/** @param path the document's path, absolute; `onIdle` is called whenever nothing is left to do */
	constructor(path: string, context: LaneContext, onIdle: () => void) {
		this.#path = path;
		this.#context = context;
		this.#pacer = new Pacer(path, context);
		this.#queue.on('idle', () => {
			this.#pacer.rest();
			onIdle();
		});
	}

	/** Would a call that comes now join one that waits? */
	get joins(): boolean {
		return this.#pacer.merges && (this.#tail?.open ?? false);
	}

	/** The place in the order of the newest call that waits. */
	get newestSequence(): number {
		return Math.max(0, ...Array.from(this.#batches, ({ newest }) => newest?.sequence ?? 0));
	}

	submit(submission: Submission): void {
		if (this.joins) {
			this.#tail?.add(submission);
			this.#pacer.changed();
			return;
		}
		const batch = new Batch(this.#path, submission);
		batch.onAbandoned = () => this.#pacer.changed();
		this.#batches.add(batch);
		this.#tail = batch;
		this.#registry.announce(batch.firstSequence);
		this.#lastCommit = this.#queue.add(() => this.#commit(batch));
	}

	/** Commits what waits without heeding the strategy. Resolves when everything submitted so far has settled. */
	flush(): Promise<void> {
		this.#pacer.hurry(this.#tail);
		return this.#lastCommit;
	}

	/**
	 * Commits the newest value in the caller's stack, whatever is under way; its directory is left to be synced.
	 * @returns undefined where nothing waits. Throws where it cannot be written synchronously.
	 */
	commitSync(): SyncLanding | undefined {
		const { ports, counters } = this.#context;
		const landing = commitBatchesSync({ ports, path: this.#path, batches: [...this.#batches], active: this.#active });
		if (landing?.wrote) {
			counters.commits += 1;
			counters.bytes += landing.bytes;
			if (landing.durability !== 'none') counters.fileSyncs += 1;
		}
		return landing && { ...landing, settle: (synced) => this.#settleSync(landing, synced) };
	}

	#settleSync(landing: SyncLanding, directorySynced: boolean): void {
		landing.settle(directorySynced);
		this.#pacer.changed();
	}

	get #registry(): ReturnType<typeof documentRegistry> {
		return documentRegistry(this.#context.ports.fileSystem.scope);
	}

	/** Settles every call of the batch; never rejects. */
	async #commit(batch: Batch): Promise<void> {
		const held = this.#pacer.hold(batch);
		if (held !== undefined) await held;
		const startMs = this.#context.ports.clock.monotonicMs();
		try {
			await this.#enterDocument(batch);
		} catch (error) {
			batch.reject(error);
		} finally {
			this.#batches.delete(batch);
			this.#registry.found(batch.firstSequence);
			this.#pacer.committed(startMs);
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
				const active = new ActiveCommit(batch.newest?.sequence ?? 0, () => this.commitSync()?.settle(false));
				this.#active = entry.active = active;
				try {
					await this.#land(batch, entry, target, active);
				} catch (error) {
					// Whoever displaced it has answered its calls, unless that failed too.
					if (active.displaced) again = batch.size > 0;
					else if (error instanceof OwnFailure) again = batch.rejectNewest(error.reason);
					else throw error;
				}
			}
		} finally {
			this.#active = entry.active = undefined;
			if (sweep !== undefined && claimSweep(ports.fileSystem, target.directory)) sweep(target.directory);
		}
	}

	async #land(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<void> {
		let landed = batch.removes ? undefined : await this.#write(batch, entry, target, active);
		// It may have joined while the write waited for its slot.
		if (batch.removes) landed = await this.#remove(batch, entry, target, active);
		if (landed === undefined) return;
		const { sequence: newest, removed: _, ...result } = landed;
		batch.resolve(({ sequence }) => ({ path: this.#path, sequence, superseded: sequence < newest, ...result }));
	}

	async #write(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		let sealed: Sealed | undefined;
		const committed = await writeDocument(ports, slots, target, () => {
			if (batch.removes) return undefined;
			active.check();
			sealed = batch.seal();
			if (sealed === undefined || isOvertaken(entry, sealed.newest.sequence)) return undefined;
			const { sequence } = sealed.newest;
			active.sequence = sequence;
			return toJob(sealed, active, (bytes) => {
				batch.renamed();
				// In place, and not to be overtaken by an older value, whatever becomes of the directory sync.
				if (!active.displaced) entry.landed = inPlace(sequence, bytes, false);
			});
		});
		if (sealed === undefined) return undefined;
		if (committed === undefined) return this.#adoptNewer(sealed, entry, target);
		active.check();
		const { fileSyncs, directorySyncs, retries, ...result } = committed;
		counters.commits += 1;
		counters.bytes += result.bytes;
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		counters.retries += retries;
		counters.durations.add(result.durationMs);
		counters.staleness.add(ports.clock.monotonicMs() - batch.oldestMs);
		const landed = { sequence: sealed.newest.sequence, removed: false, ...result };
		entry.landed = landed;
		this.#tell(batch, landed);
		return landed;
	}

	async #remove(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		const sealed = batch.seal();
		if (sealed === undefined) return undefined;
		if (isOvertaken(entry, sealed.newest.sequence)) return this.#adoptNewer(sealed, entry, target);
		const startMs = ports.clock.monotonicMs();
		const { sequence } = sealed.newest;
		active.sequence = sequence;
		const { directorySynced, directorySyncs } = await slots.inSlot(() =>
			removeDocument(ports, target, active, () => {
				batch.renamed();
				entry.landed = inPlace(sequence, 0, true);
			}),
		);
		active.check();
		counters.directorySyncs += directorySyncs;
		const durationMs = ports.clock.monotonicMs() - startMs;
		const durability = directorySynced ? 'full' : 'file';
		const landed = { sequence, removed: true, bytes: 0, durability, directorySynced, durationMs } as const;
		entry.landed = landed;
		this.#tell(batch, landed);
		return landed;
	}

	#tell(batch: Batch, landed: Landed): void {
		if (!commitChannel.hasSubscribers) return;
		const stalenessMs = this.#context.ports.clock.monotonicMs() - batch.oldestMs;
		commitChannel.publish({ path: this.#path, carried: batch.size, stalenessMs, ...landed });
	}

	async #adoptNewer(sealed: Sealed, entry: DocumentEntry, target: Target): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		const { landed, fileSyncs, directorySyncs } = await adoptNewer(
			ports,
			slots.inSlot,
			entry,
			target,
			sealed.durability,
		);
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		return landed;
	}
}

function toJob(
	{ newest, durability, backups, signal }: Sealed,
	active: ActiveCommit,
	onRenamed: (bytes: number) => void,
): DocumentJob {
	const { mode, onProgress, mayBeEmpty, snapshot, content } = newest.request;
	const { sequence } = newest;
	const source = newest.begin();
	const asked = { sequence, durability, backups, content, mode, signal, onProgress };
	return { ...asked, active, mayBeEmpty, snapshot, onRenamed, source };
}
