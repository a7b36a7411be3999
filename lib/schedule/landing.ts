/**
 * The way of a batch to its document: finding the file behind the path, keeping others out, carrying updates out, writing the
 * value that counts, and answering the calls.
 */
import { ActiveCommit, type SyncLanding } from '../commit/active-commit.ts';
import { removeDocument } from '../commit/existing-document.ts';
import { fingerprint } from '../commit/fingerprint.ts';
import { OwnFailure } from '../commit/own-failure.ts';
import { claimSweep } from '../commit/sweep.ts';
import { resolveTarget, type Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { type CommitSlots, type Committed, type DocumentJob, writeDocument } from '../commit/write-document.ts';
import { commitChannel } from '../diagnostics.ts';
import { DurableJsonError } from '../errors.ts';
import type { Claims, LockMode } from '../lock/claims.ts';
import { type DocumentEntry, documentRegistry, inPlace, type Landed } from '../lock/document-registry.ts';
import { type FileLock, holdFileLock } from '../lock/file-lock.ts';
import { assertLeads, type Lease } from '../lock/lease.ts';
import { LockWait } from '../lock/lock-wait.ts';
import { letGo } from '../lock/travellers.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Milliseconds } from '../types.ts';
import type { Batch, Sealed } from './batch.ts';
import type { CommitCounters } from './counters.ts';
import { adoptNewer, isOvertaken } from './overtaken.ts';
import type { BaseReader, Ground } from './steps.ts';

/** What the landings of a writer have in common. */
export interface LandingContext {
	readonly ports: CommitPorts;
	readonly slots: CommitSlots;
	/** Removes the dead temporary files of a directory, in the background; undefined where that is not wanted. */
	readonly sweep: ((directory: string) => void) | undefined;
	readonly counters: CommitCounters;
	readonly lock: {
		readonly mode: LockMode;
		readonly timeoutMs: Milliseconds;
		readonly claims: Claims;
	};
	/** Reads the document behind a path, for updates; undefined where there is none. */
	readonly base: BaseReader;
}

/** What an update has written is remembered up to this size, so that the next need not read it. */
const MAX_REMEMBERED_BYTES = 1024 * 1024;

export interface LandingOptions {
	/** The document's path, absolute. */
	readonly path: string;
	/** The lock of the caller's, under which all calls of the path's lane are made. */
	readonly lease: Lease | undefined;
	/** Lands what is up to this batch in the caller's stack. */
	readonly commitSync: (landings: SyncLanding[], batch: Batch) => void;
}

/** Of one path; a batch at a time. */
export class Landing {
	readonly #context: LandingContext;
	readonly #path: string;
	readonly #lease: Lease | undefined;
	readonly #commitSync: LandingOptions['commitSync'];
	#active: ActiveCommit | undefined;
	/** What an update has written last, and the file that it is in. */
	#written: { readonly bytes: Uint8Array; readonly file: string } | undefined;

	constructor(context: LandingContext, { path, lease, commitSync }: LandingOptions) {
		this.#context = context;
		this.#path = path;
		this.#lease = lease;
		this.#commitSync = commitSync;
	}

	/** The commit under way. */
	get active(): ActiveCommit | undefined {
		return this.#active;
	}

	get #registry(): ReturnType<typeof documentRegistry> {
		return documentRegistry(this.#context.ports.fileSystem.scope);
	}

	/** Finds the document behind the path and, as the only one at work on it, lands the batch there. */
	async land(batch: Batch): Promise<void> {
		const { ports, lock } = this.#context;
		const { clock } = ports;
		const registry = this.#registry;
		const lease = this.#lease;
		const locks = lock.mode === 'file' && lease === undefined;
		const wait = locks ? new LockWait(clock, { path: this.#path, timeoutMs: lock.timeoutMs }) : undefined;
		for (let landed = false; !landed; ) {
			const { landings } = registry;
			const search = this.#find(batch);
			// Others whose calls name this path are told where it leads, not what is settled for this batch.
			batch.search = batch.target === undefined ? search : undefined;
			const found = await search;
			if (lease !== undefined) assertLeads(lease, this.#path, found.key);
			const mayUpdate = batch.updates;
			if (mayUpdate) await this.#letOthersGoFirst(batch, found);
			landed = await registry.exclusive(
				found.key,
				async (entry) => {
					// Whoever committed meanwhile may have created the document, or have moved a link.
					const target = entry.changedSince(landings) ? await this.#find(batch) : found;
					if (target.key !== found.key) return false;
					if (lease === undefined) registry.assertMode(target.key, lock.mode, this.#path);
					if (wait !== undefined) return this.#landLocked(batch, entry, target, { wait, mayUpdate });
					return this.#landNewest(batch, entry, target, { lock: lease?.lock, mayUpdate });
				},
				{ lease, wait },
			);
		}
	}

	/** The document: that behind the path, until it is settled which one the batch is about. */
	#find({ target }: Batch): Promise<Target> {
		if (target !== undefined) return Promise.resolve(target);
		return resolveTarget(this.#context.ports.fileSystem, this.#path);
	}

	/** An update is to see what was written before it. */
	async #letOthersGoFirst(batch: Batch, target: Target): Promise<void> {
		const { ports } = this.#context;
		await letGo(await this.#registry.overwritingBefore(ports, target, batch.firstSequence, this.#lease));
	}

	/** Lands the batch while other processes are kept out. @returns false where its document is to be found anew */
	async #landLocked(
		batch: Batch,
		entry: DocumentEntry,
		before: Target,
		{ wait, mayUpdate }: { readonly wait: LockWait; readonly mayUpdate: boolean },
	): Promise<boolean> {
		const { fileSystem } = this.#context.ports;
		return holdFileLock(fileSystem, entry, before, wait, async (lock) => {
			const target = await this.#find(batch);
			if (target.key !== before.key) return false;
			return this.#landNewest(batch, entry, target, { lock, mayUpdate });
		});
	}

	/**
	 * Lands the newest value that does not fail by itself. The document stays ours until then, so that none comes between.
	 * @returns false where its document is to be found anew: updates have joined that are to let others go first, or flushSync
	 * has given another one its calls
	 */
	async #landNewest(
		batch: Batch,
		entry: DocumentEntry,
		target: Target,
		{ lock, mayUpdate }: { readonly lock: FileLock | undefined; readonly mayUpdate: boolean },
	): Promise<boolean> {
		if ((batch.updates && !mayUpdate) || isElsewhere(batch, target)) return false;
		const { sweep, ports } = this.#context;
		batch.begin();
		for (const sequence of batch.announced) this.#registry.found(sequence);
		entry.turnTo(ports.fileSystem.sync, target.file);
		try {
			for (let again = true; again; ) {
				again = false;
				const active = new ActiveCommit(batch.newest?.sequence ?? 0, (landings) => this.#commitSync(landings, batch));
				if (lock !== undefined) active.guard = guardOf(lock);
				this.#active = entry.active = active;
				try {
					await this.#land(batch, entry, target, active);
				} catch (error) {
					// Whoever displaced it has answered its calls, unless that failed too.
					if (active.displaced) again = batch.size > 0;
					else if (error instanceof OwnFailure && !isShared(batch, error.reason))
						again = batch.rejectNewest(error.reason);
					else throw error instanceof OwnFailure ? error.reason : error;
				}
				if (again && isElsewhere(batch, target)) return false;
			}
		} finally {
			this.#active = entry.active = undefined;
			if (sweep !== undefined && claimSweep(ports.fileSystem, target.directory)) sweep(target.directory);
		}
		return true;
	}

	async #land(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<void> {
		let landed: Landed | undefined;
		try {
			landed = await this.#commit(batch, entry, target, active);
		} finally {
			if (batch.landed !== undefined && this.#lease === undefined) {
				this.#context.lock.claims.add((batch.target ?? target).key);
			}
		}
		if (landed === undefined) {
			if (batch.size > 0) throw nothingLanded(this.#path);
			return;
		}
		const { sequence: newest, bytes, durability, directorySynced, durationMs } = landed;
		const path = this.#path;
		batch.resolve(({ sequence }) => {
			return { path, sequence, superseded: sequence < newest, bytes, durability, directorySynced, durationMs };
		});
	}

	/** @returns what answers the calls; undefined where none is left */
	async #commit(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		if (batch.size === 0) {
			// Nobody may join any more: its time is over.
			batch.seal();
			return undefined;
		}
		// A synchronous commit has given it its name, and could not make that durable. Others may have built on it since.
		if (batch.landed !== undefined) {
			const { sequence } = batch.landed;
			const landed = await this.#adoptNewer(batch, entry, target);
			// It would have been counted when it was durable.
			const { bytes = 0, durationMs = 0 } = landed ?? {};
			const ours = landed?.sequence === sequence;
			if (ours && !landed.removed)
				this.#count(batch, { bytes, durationMs, fileSyncs: 1, directorySyncs: 0, retries: 0 });
			if (ours) this.#tell(batch, landed);
			return landed;
		}
		if (batch.steps !== undefined) await batch.carryOut(this.#groundFor(entry, target));
		if (!batch.removes) {
			const landed = await this.#write(batch, entry, target, active);
			// A removal may have joined while the write waited for its slot.
			if (!batch.removes) return landed;
		}
		return this.#remove(batch, entry, target, active);
	}

	#groundFor(entry: DocumentEntry, target: Target): Ground {
		const { existing, file } = target;
		const written = this.#written;
		const { landed } = entry;
		const { fileSystem } = this.#context.ports;
		return {
			target,
			landedSequence: () => entry.landed?.sequence ?? 0,
			readBase: () => {
				// Other processes may write in the place of this one only where a lock is asked for: then it is read each time.
				const isFresh = entry.landed === landed && this.#context.lock.mode === 'process';
				const known = isFresh && existing && fingerprint(existing) === written?.file;
				return known ? written?.bytes : this.#context.base.read(this.#context.ports, target);
			},
			existing: () => fileSystem.sync.lstat(file),
		};
	}

	async #write(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots } = this.#context;
		let sealed: Sealed | undefined;
		const committed = await writeDocument(ports, slots, target, () => {
			if (batch.removes) return undefined;
			active.check();
			sealed = batch.seal();
			if (sealed === undefined || isOvertaken(entry, sealed.sequence)) return undefined;
			const { sequence } = sealed;
			active.sequence = sequence;
			this.#guard(active, batch, target);
			return toJob(sealed, active, (bytes, stat) => {
				const landed = inPlace(sequence, bytes, false);
				if (isElsewhere(batch, target)) {
					entry.landed = landed;
					return;
				}
				// What stands there by now is another's, unless that has failed.
				if (active.displaced && ports.fileSystem.sync.lstat(target.file)?.identity !== stat?.identity) {
					return batch.renamed(landed, target);
				}
				batch.renamed(landed, target, stat);
				this.#remember(batch, stat);
				// In place, and not to be overtaken by an older value, whatever becomes of the directory sync.
				entry.landed = landed;
			});
		});
		if (sealed === undefined) {
			return batch.size > 0 && batch.steps !== undefined ? this.#adoptNewer(batch, entry, target) : undefined;
		}
		if (committed === undefined) return this.#adoptNewer(batch, entry, target);
		active.check();
		const { bytes, durability, directorySynced, durationMs } = committed;
		this.#count(batch, committed);
		const { sequence } = sealed;
		const landed = { sequence, removed: false, bytes, durability, directorySynced, durationMs };
		entry.landed = landed;
		this.#tell(batch, landed);
		return landed;
	}

	async #remove(batch: Batch, entry: DocumentEntry, target: Target, active: ActiveCommit): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		const sealed = batch.seal();
		if (sealed === undefined) return undefined;
		if (isOvertaken(entry, sealed.sequence)) return this.#adoptNewer(batch, entry, target);
		const startMs = ports.clock.monotonicMs();
		const { sequence } = sealed;
		active.sequence = sequence;
		const { directorySynced, directorySyncs } = await slots.inSlot(() =>
			removeDocument(ports, target, active, () => {
				const landed = inPlace(sequence, 0, true);
				if (!isElsewhere(batch, target)) batch.renamed(landed, target);
				if (!active.displaced) entry.landed = landed;
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

	#count(batch: Batch, committed: Omit<Committed, 'durability' | 'directorySynced'>): void {
		const { counters, ports } = this.#context;
		counters.commits += 1;
		counters.bytes += committed.bytes;
		counters.fileSyncs += committed.fileSyncs;
		counters.directorySyncs += committed.directorySyncs;
		counters.retries += committed.retries;
		counters.durations.add(committed.durationMs);
		counters.staleness.add(ports.clock.monotonicMs() - batch.oldestMs);
	}

	/** Callers may have said which document it is that may be replaced. */
	#guard(active: ActiveCommit, batch: Batch, target: Target): void {
		if (!batch.isConditional) return;
		const { guard } = active;
		const { sync } = this.#context.ports.fileSystem;
		active.guard = () => {
			guard?.();
			const refused = batch.refuse(sync.lstat(target.file));
			if (refused !== undefined) throw new OwnFailure(refused.reason);
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

	/** What stands there answers for the batch, after it has been made as durable as was asked for. */
	async #adoptNewer(batch: Batch, entry: DocumentEntry, target: Target): Promise<Landed | undefined> {
		const { ports, slots, counters } = this.#context;
		if (batch.landed === undefined) batch.rejectRefused(() => ports.fileSystem.sync.lstat(target.file));
		else entry.landed ??= batch.landed;
		const { durability } = batch;
		const { landed, fileSyncs, directorySyncs } = await adoptNewer(ports, slots.inSlot, entry, target, durability);
		counters.fileSyncs += fileSyncs;
		counters.directorySyncs += directorySyncs;
		return landed;
	}
}

/** Has flushSync given another document the calls that are left, to which the path has come to lead? */
function isElsewhere({ target, size }: Batch, { key }: Target): boolean {
	return size > 0 && target !== undefined && target.key !== key;
}

/** A net: a newer commit stood in for the calls, of which nothing is known any more. */
function nothingLanded(path: string): DurableJsonError {
	const message = `${path}: a newer value stood in for this one, and it is not known what has become of it`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'check', outcome: 'unknown' });
}

function guardOf(lock: FileLock): () => void {
	return () => {
		const { loss } = lock;
		if (loss !== undefined) throw new OwnFailure(loss);
	};
}

/** Is it nobody's own? Then all calls of the batch fail with it: updates among them build on the value that is refused. */
function isShared(batch: Batch, reason: unknown): boolean {
	const code = reason instanceof DurableJsonError ? reason.code : undefined;
	return code === 'ERR_LOCK_LOST' || (code === 'ERR_CONFLICT' && batch.steps !== undefined);
}

function toJob(
	{ newest, sequence, begin, durability, backups, signal }: Sealed,
	active: ActiveCommit,
	onRenamed: DocumentJob['onRenamed'],
): DocumentJob {
	const { mode, onProgress, mayBeEmpty, snapshot, content } = newest.request;
	return {
		sequence,
		durability,
		backups,
		content,
		mode,
		signal,
		onProgress,
		active,
		mayBeEmpty,
		snapshot,
		onRenamed,
		source: active.read(begin),
	};
}
