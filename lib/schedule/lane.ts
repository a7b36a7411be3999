/** The queue of one path: its commits run one after the other, and what waits is merged. */
import PQueue from 'p-queue';
import { ActiveCommit } from '../commit/active-commit.ts';
import { removeDocument } from '../commit/existing-document.ts';
import { fingerprint } from '../commit/fingerprint.ts';
import { OwnFailure } from '../commit/own-failure.ts';
import { claimSweep } from '../commit/sweep.ts';
import { resolveTarget, type Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { type CommitSlots, type DocumentJob, writeDocument } from '../commit/write-document.ts';
import { commitChannel } from '../diagnostics.ts';
import { DurableJsonError } from '../errors.ts';
import {
	type DocumentEntry,
	documentRegistry,
	inPlace,
	type Landed,
	type LockMode,
} from '../lock/document-registry.ts';
import { type FileLock, holdFileLock } from '../lock/file-lock.ts';
import type { Lease } from '../lock/lease.ts';
import { LockWait } from '../lock/lock-wait.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Milliseconds } from '../types.ts';
import { Batch, type Sealed } from './batch.ts';
import { commitBatchesSync, type SyncLanding } from './commit-batch-sync.ts';
import type { CommitCounters } from './counters.ts';
import { adoptNewer, isOvertaken } from './overtaken.ts';
import { Pacer, type PacerContext } from './pacer.ts';
import type { BaseReader, Ground } from './steps.ts';
import type { Request, Submission } from './submission.ts';

/** What the lanes of a writer have in common. */
export interface LaneContext extends PacerContext {
	readonly ports: CommitPorts;
	readonly slots: CommitSlots;
	/** Removes the dead temporary files of a directory, in the background; undefined where that is not wanted. */
	readonly sweep: ((directory: string) => void) | undefined;
	readonly counters: CommitCounters;
	readonly lock: {
		readonly mode: LockMode;
		readonly timeoutMs: Milliseconds;
		/** Documents that this writer keeps others out of, otherwise than by default. */
		readonly claims: Set<string>;
	};
	/** Reads the document behind a path, for updates; undefined where there is none. */
	readonly base: BaseReader;
}

/** What an update has written is remembered up to this size, so that the next need not read it. */
const MAX_REMEMBERED_BYTES = 1024 * 1024;

export interface LaneOptions {
	/** The document's path, absolute. */
	readonly path: string;
	/** The lock of the caller's, under which all calls of this lane are made. */
	readonly lease: Lease | undefined;
	/** Called whenever nothing is left to do. */
	readonly onIdle: () => void;
}

export class Lane {
	readonly #path: string;
	readonly #lease: Lease | undefined;
	readonly #context: LaneContext;
	readonly #queue = new PQueue({ concurrency: 1 });
	readonly #pacer: Pacer;
	/** In the order of their calls; newer calls join the last one while it is open. */
	readonly #batches = new Set<Batch>();
	#tail: Batch | undefined;
	#active: ActiveCommit | undefined;
	#lastCommit: Promise<void> = Promise.resolve();
	/** What an update has written last, and the file that it is in. */
	#written: { readonly bytes: Uint8Array; readonly file: string } | undefined;

	constructor(context: LaneContext, { path, lease, onIdle }: LaneOptions) {
		this.#path = path;
		this.#lease = lease;
		this.#context = context;
		this.#pacer = new Pacer(path, context);
		this.#queue.on('idle', () => {
			this.#pacer.rest();
			onIdle();
		});
	}

	get path(): string {
		return this.#path;
	}

	get lease(): Lease | undefined {
		return this.#lease;
	}

	/** Would this call join one that waits? */
	joins(request: Request): boolean {
		return this.#pacer.merges && (this.#tail?.accepts(request) ?? false);
	}

	/** The place in the order of the newest call that waits. */
	get newestSequence(): number {
		return Math.max(0, ...Array.from(this.#batches, ({ newest }) => newest?.sequence ?? 0));
	}

	/** @param announced whether the registry knows already that the call is under way */
	submit(submission: Submission, announced = false): void {
		if (this.joins(submission.request)) {
			this.#tail?.add(submission);
			if (announced) this.#registry.found(submission.sequence);
			this.#pacer.changed();
			return;
		}
		const batch = new Batch(this.#path, submission);
		batch.onAbandoned = () => this.#pacer.changed();
		this.#batches.add(batch);
		this.#tail = batch;
		this.#registry.announce(batch.firstSequence);
		this.#lastCommit = this.#queue.add(() => this.#commit(batch));
		this.#lease?.track(this.#lastCommit);
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
		const landing = commitBatchesSync({
			ports,
			path: this.#path,
			batches: [...this.#batches],
			active: this.#active,
			locks: this.#context.lock.mode === 'file' && this.#lease === undefined,
			base: this.#context.base,
		});
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
		// Nobody waits for a lock because of a strategy.
		const held = this.#lease === undefined ? this.#pacer.hold(batch) : undefined;
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
		const { ports, lock } = this.#context;
		const { fileSystem, clock } = ports;
		const registry = this.#registry;
		const lease = this.#lease;
		const locks = lock.mode === 'file' && lease === undefined;
		const wait = locks ? new LockWait(clock, { path: this.#path, timeoutMs: lock.timeoutMs }) : undefined;
		for (let landed = false; !landed; ) {
			const { landings } = registry;
			const found = await resolveTarget(fileSystem, this.#path);
			landed = await registry.exclusive(
				found.key,
				async (entry) => {
					// Whoever committed meanwhile may have created the document, or have moved a link.
					const target = entry.changedSince(landings) ? await resolveTarget(fileSystem, this.#path) : found;
					if (target.key !== found.key) return false;
					registry.found(batch.firstSequence);
					if (lease === undefined) registry.claim(target.key, lock.mode, lock.claims, this.#path);
					if (wait !== undefined) return this.#landLocked(batch, entry, target, wait);
					await this.#landNewest(batch, entry, target, lease?.lock);
					return true;
				},
				{ lease, wait },
			);
		}
	}

	/** Lands the batch while other processes are kept out. @returns false where the path leads elsewhere by now */
	async #landLocked(batch: Batch, entry: DocumentEntry, before: Target, wait: LockWait): Promise<boolean> {
		const { fileSystem } = this.#context.ports;
		return holdFileLock(fileSystem, entry, before, wait, async (lock) => {
			const target = await resolveTarget(fileSystem, this.#path);
			if (target.key !== before.key) return false;
			await this.#landNewest(batch, entry, target, lock);
			return true;
		});
	}

	/** Lands the newest value that does not fail by itself. The document stays ours until then, so that none comes between. */
	async #landNewest(batch: Batch, entry: DocumentEntry, target: Target, lock: FileLock | undefined): Promise<void> {
		const { sweep, ports } = this.#context;
		try {
			for (let again = true; again; ) {
				again = false;
				const active = new ActiveCommit(batch.newest?.sequence ?? 0, () => this.commitSync()?.settle(false));
				if (lock !== undefined) active.guard = guardOf(lock);
				this.#active = entry.active = active;
				try {
					await this.#land(batch, entry, target, active);
				} catch (error) {
					// Whoever displaced it has answered its calls, unless that failed too.
					if (active.displaced) again = batch.size > 0;
					else if (error instanceof OwnFailure && !isLockLost(error.reason)) again = batch.rejectNewest(error.reason);
					else throw error instanceof OwnFailure ? error.reason : error;
				}
			}
		} finally {
			this.#active = entry.active = undefined;
			if (sweep !== undefined && claimSweep(ports.fileSystem, target.directory)) sweep(target.directory);
		}
	}

	async #land(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<void> {
		if (batch.steps !== undefined) await batch.carryOut(this.#groundFor(entry, target));
		let landed = batch.removes ? undefined : await this.#write(batch, entry, target, active);
		// It may have joined while the write waited for its slot.
		if (batch.removes) landed = await this.#remove(batch, entry, target, active);
		if (landed === undefined) return;
		const { sequence: newest, removed: _, ...result } = landed;
		batch.resolve(({ sequence }) => ({ path: this.#path, sequence, superseded: sequence < newest, ...result }));
	}

	#groundFor(entry: DocumentEntry, target: Target): Ground {
		const { existing, key } = target;
		const written = this.#written;
		return {
			key,
			landedSequence: entry.landed?.sequence ?? 0,
			readBase: () => {
				// Other processes may write in the place of this one only where a lock is asked for: then it is read each time.
				const known = this.#context.lock.mode === 'process' && existing && fingerprint(existing) === written?.file;
				return known ? written?.bytes : this.#context.base.read(this.#context.ports.fileSystem, this.#path);
			},
		};
	}

	async #write(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		let sealed: Sealed | undefined;
		const committed = await writeDocument(ports, slots, target, () => {
			if (batch.removes) return undefined;
			active.check();
			sealed = batch.seal();
			if (sealed === undefined || isOvertaken(entry, sealed.sequence)) return undefined;
			const { sequence } = sealed;
			active.sequence = sequence;
			this.#guard(active, sealed, target);
			return toJob(sealed, active, (bytes, stat) => {
				batch.renamed(stat);
				this.#remember(batch, stat);
				// In place, and not to be overtaken by an older value, whatever becomes of the directory sync.
				if (!active.displaced) entry.landed = inPlace(sequence, bytes, false);
			});
		});
		if (sealed === undefined) {
			if (batch.size > 0 && batch.steps !== undefined) return this.#adoptNewer(batch, entry, target);
			return undefined;
		}
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
		const landed = { sequence: sealed.sequence, removed: false, ...result };
		entry.landed = landed;
		this.#tell(batch, landed);
		return landed;
	}

	async #remove(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		const sealed = batch.seal();
		if (sealed === undefined) return undefined;
		if (isOvertaken(entry, sealed.sequence)) return this.#adoptNewer(sealed, entry, target);
		const startMs = ports.clock.monotonicMs();
		const { sequence } = sealed;
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

	/** The caller may have said which document it is that may be replaced. */
	#guard(active: ActiveCommit, { newest }: Sealed, target: Target): void {
		const { assertKnown } = newest.request;
		if (assertKnown === undefined) return;
		const { guard } = active;
		const { sync } = this.#context.ports.fileSystem;
		active.guard = () => {
			guard?.();
			assertOwn(() => assertKnown(sync.lstat(target.key)));
		};
		active.guard();
	}

	#remember({ steps }: Batch, stat: FileStat | undefined): void {
		const bytes = steps?.made?.bytes;
		const small = bytes !== undefined && bytes.length <= MAX_REMEMBERED_BYTES;
		this.#written = small && stat !== undefined ? { bytes, file: fingerprint(stat) } : undefined;
	}

	#tell(batch: Batch, landed: Landed): void {
		if (!commitChannel.hasSubscribers) return;
		const stalenessMs = this.#context.ports.clock.monotonicMs() - batch.oldestMs;
		commitChannel.publish({ path: this.#path, carried: batch.size, stalenessMs, ...landed });
	}

	async #adoptNewer(
		{ durability }: Pick<Sealed, 'durability'>,
		entry: DocumentEntry,
		target: Target,
	): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		const { landed, fileSyncs, directorySyncs } = await adoptNewer(ports, slots.inSlot, entry, target, durability);
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		return landed;
	}
}

/** What `assertion` throws belongs to one call. */
function assertOwn(assertion: () => void): void {
	try {
		assertion();
	} catch (reason) {
		throw new OwnFailure(reason);
	}
}

function guardOf(lock: FileLock): () => void {
	return () => {
		const { loss } = lock;
		if (loss !== undefined) throw new OwnFailure(loss);
	};
}

/** It is nobody's own: all calls of the batch fail with it. */
function isLockLost(reason: unknown): boolean {
	return reason instanceof DurableJsonError && reason.code === 'ERR_LOCK_LOST';
}

function toJob(
	{ newest, sequence, begin, durability, backups, signal }: Sealed,
	active: ActiveCommit,
	onRenamed: DocumentJob['onRenamed'],
): DocumentJob {
	const { mode, onProgress, mayBeEmpty, snapshot, content } = newest.request;
	const source = begin();
	const asked = { sequence, durability, backups, content, mode, signal, onProgress };
	return { ...asked, active, mayBeEmpty, snapshot, onRenamed, source };
}
