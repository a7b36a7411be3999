/** Commits what a path holds in the caller's stack, for exit handlers: nothing asynchronous can be waited for there. */
import type { ActiveCommit, SyncLanding } from '../commit/active-commit.ts';
import { removeDocumentSync, type SyncJob, writeDocumentSync } from '../commit/commit-sync.ts';
import { OwnFailure } from '../commit/own-failure.ts';
import { assertFile, resolveError, type Target } from '../commit/target.ts';
import { resolveTargetSync } from '../commit/target-sync.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { commitChannel } from '../diagnostics.ts';
import { DurableJsonError, type Step } from '../errors.ts';
import type { LockMode } from '../lock/claims.ts';
import { type DocumentEntry, documentRegistry, inPlace, type Landed } from '../lock/document-registry.ts';
import { lockFileSync } from '../lock/file-lock.ts';
import { assertLeads, type Lease } from '../lock/lease.ts';
import type { Travellers } from '../lock/travellers.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { type Durability, isWeaker, type WriteReceipt } from '../types.ts';
import type { Batch, Candidate } from './batch.ts';
import type { CommitCounters } from './counters.ts';
import { isOvertaken } from './overtaken.ts';
import type { BaseReader } from './steps.ts';
import type { Submission } from './submission.ts';
import { notDurable } from './sync-landings.ts';

export interface SyncCommitJob {
	readonly ports: CommitPorts;
	readonly path: string;
	/** The lock of the caller's, under which the calls were made. */
	readonly lease: Lease | undefined;
	/** In the order of their calls; the newest value is written in the place of them all. */
	readonly batches: readonly Batch[];
	/** What the lane has announced: that is not waited for. */
	readonly own: readonly Travellers[];
	/** The lane's own commit under way. */
	readonly active: ActiveCommit | undefined;
	readonly lock: LockMode;
	readonly base: BaseReader;
	readonly counters: CommitCounters;
	/** Takes what has its name, also where something throws after that. */
	readonly landings: SyncLanding[];
	/** Called when calls have been answered. */
	readonly onSettled: () => void;
}

/**
 * Writes the newest value that does not fail by itself; the callers of those that do are told by their promises. Updates are
 * carried out, each batch of them written before the next. Throws where something cannot be written synchronously.
 */
export function commitBatchesSync(job: SyncCommitJob): void {
	const carriers = job.batches.filter((batch) => batch.size > 0);
	if (carriers.length === 0) return;
	if (carriers.every(({ steps }) => steps === undefined)) {
		atWork(job, (entry, target) => landNewest(job, carriers, entry, target), settledTarget(carriers));
		return;
	}
	for (const batch of carriers) {
		if (batch.updates) letOthersGoFirst(job, batch);
		atWork(job, (entry, target) => landUpdates(job, batch, entry, target), batch.target);
	}
}

/** That of the newest, where all have their name already and only that is to be made durable. */
function settledTarget(carriers: readonly Batch[]): Target | undefined {
	if (carriers.some(({ landed }) => landed === undefined)) return undefined;
	return [...carriers].sort((a, b) => placeOf(a) - placeOf(b)).at(-1)?.target;
}

/** Works on the document at once, whoever is at work on it: on that behind the path, where it is not known yet. */
function atWork(
	{ ports, path, lock, lease }: SyncCommitJob,
	work: (entry: DocumentEntry, target: Target) => void,
	known?: Target,
): void {
	const { fileSystem } = ports;
	const registry = documentRegistry(fileSystem.scope);
	const target = known === undefined ? resolveTargetSync(fileSystem, path) : standing(fileSystem, known);
	if (lease === undefined) registry.assertMode(target.key, lock, path);
	else assertLeads(lease, path, target.key);
	registry.interrupt(target.key, (entry) => {
		// An update's function has been given what stands there; a toJSON would come here again and again.
		if (entry.inCallersCode) {
			throw unsupported(path, 'flushSync was called by a function or a toJSON that it runs for this document itself');
		}
		entry.turnTo(fileSystem.sync, target.file);
		if (entry.lock?.loss !== undefined) throw entry.lock.loss;
		// Held by this process already, it keeps the others out of this commit as well.
		const locks = lock === 'file' && lease === undefined && entry.lock === undefined;
		const release = locks ? lockFileSync(fileSystem, target) : undefined;
		try {
			work(entry, target);
		} finally {
			release?.();
		}
	});
}

/** Updates are to see what was written before them, by whomever. */
function letOthersGoFirst({ ports, path, lease, own, landings }: SyncCommitJob, batch: Batch): void {
	const { fileSystem } = ports;
	const target = batch.target ?? resolveTargetSync(fileSystem, path);
	const registry = documentRegistry(fileSystem.scope);
	for (const travellers of registry.overwritingBeforeSync(fileSystem, target, batch.firstSequence, lease)) {
		if (!own.includes(travellers)) travellers.commitSync(landings);
	}
}

function landUpdates(job: SyncCommitJob, batch: Batch, entry: DocumentEntry, target: Target): void {
	const { fileSystem } = job.ports;
	if (entry.active !== undefined && entry.active !== job.active) landNewer(entry.active, job);
	if (batch.steps?.isUnderWay) throw unsupported(job.path, 'a function or a validator of it is being run', 'update');
	if (batch.steps?.isAsync) throw unsupported(job.path, 'the function of an update is asynchronous', 'update');
	const readBase = (): Uint8Array | undefined => job.base.readSync(fileSystem, target);
	// Before any function is called: where it cannot be read, all is left to the process that goes on.
	const known = batch.steps?.needsBase ? { bytes: readBase() } : undefined;
	const ground = {
		target,
		landedSequence: () => entry.landed?.sequence ?? 0,
		readBase: () => (known === undefined ? readBase() : known.bytes),
		existing: () => look(fileSystem, target),
	};
	const { path } = job;
	const carriedOut = runCallersCode(entry, () =>
		batch.carryOutSync(ground, () => unsupported(path, 'the update waits for something', 'update')),
	);
	try {
		// A function may have moved a link: what has come of one document is not for another.
		landNewest(job, [batch], entry, standing(fileSystem, target));
	} catch (error) {
		// Its functions are not called again, and others may change what they were given before it could be written later.
		if (carriedOut && batch.landed === undefined) batch.reject(error);
		throw error;
	}
}

/** Runs what calls code of a caller's, which must not come back to the document. */
function runCallersCode<T>(entry: DocumentEntry, work: () => T): T {
	entry.inCallersCode = true;
	try {
		return work();
	} finally {
		entry.inCallersCode = false;
	}
}

/** The document as it stands by now. One that is gone is followed by one with its mode and owner. */
function standing({ sync }: FileSystem, target: Target): Target {
	try {
		const existing = sync.lstat(target.file);
		assertFile(existing);
		return { ...target, existing: existing ?? target.existing };
	} catch (error) {
		throw resolveError(target.path, error);
	}
}

function look({ sync }: FileSystem, { file, path }: Target): FileStat | undefined {
	try {
		return sync.lstat(file);
	} catch (error) {
		throw resolveError(path, error);
	}
}

function landNewest(job: SyncCommitJob, batches: readonly Batch[], entry: DocumentEntry, target: Target): void {
	const { fileSystem } = job.ports;
	let failure: unknown;
	for (;;) {
		const carriers = batches.filter(({ landed, candidate }) => landed !== undefined || candidate !== undefined);
		// Not always the last one: a call that had to be validated comes late.
		carriers.sort((a, b) => placeOf(a) - placeOf(b));
		const last = carriers.at(-1);
		if (last === undefined) break;
		if (last.landed !== undefined) {
			job.landings.push(inPlaceAlready(last.target ?? target, last));
			return;
		}
		const { candidate, aborted } = last;
		if (candidate === undefined) break;
		const { hasBegun } = candidate.newest;
		const unwanted = aborted ?? refusalOf(job, carriers, last, target);
		if (unwanted !== undefined) {
			if (hasBegun) job.active?.displace(fileSystem.sync);
			if (last.steps !== undefined && aborted === undefined) last.reject(unwanted.reason);
			else last.rejectNewest(unwanted.reason);
			if (aborted === undefined) failure = unwanted.reason;
			continue;
		}
		try {
			land(job, carriers, entry, target, candidate);
			return;
		} catch (error) {
			if (error instanceof Aborted) continue;
			if (!(error instanceof OwnFailure)) throw error;
			failure = error.reason;
			// One that is being written already is left to that commit: it may have been read before it went bad.
			if (hasBegun) break;
			last.rejectNewest(error.reason);
		}
	}
	if (failure !== undefined) throw failure;
}

/** The value was aborted as it was read, and is not to be written; what is left of the calls is. */
class Aborted extends OwnFailure {
	constructor() {
		super(new Error('the call has been aborted'));
	}
}

function placeOf({ landed, candidate }: Batch): number {
	return landed?.sequence ?? candidate?.sequence ?? 0;
}

/** Tells the calls that may not replace this document. @returns why the value that counts is one of them */
function refusalOf(
	{ ports, active }: SyncCommitJob,
	carriers: readonly Batch[],
	last: Batch,
	target: Target,
): { readonly reason: unknown } | undefined {
	if (!carriers.some(({ isConditional }) => isConditional)) return undefined;
	const existing = look(ports.fileSystem, target);
	// The commit under way has renamed, and does not know it yet: what stands there is our own.
	if (existing !== undefined && existing.identity === active?.identity) return undefined;
	for (const batch of carriers) if (batch !== last) batch.rejectRefused(() => existing);
	return last.isConditional ? last.refuse(existing) : undefined;
}

/** It has its name: just its directory is to be synced, and the commit under way answers its calls. */
function inPlaceAlready({ path, directory }: Target, { durability }: Batch): SyncLanding {
	return { path, directory, durability, settle: () => undefined };
}

function land(
	job: SyncCommitJob,
	carriers: readonly Batch[],
	entry: DocumentEntry,
	target: Target,
	candidate: Candidate,
): void {
	const { ports, path, active } = job;
	const { sync } = ports.fileSystem;
	const startMs = ports.clock.monotonicMs();
	const { newest, sequence } = candidate;
	const durability = strongest(carriers.map((batch) => batch.durability));
	const { active: atWorkNow } = entry;
	const others = atWorkNow !== undefined && atWorkNow !== active ? atWorkNow : undefined;
	if (!isOvertaken(entry, sequence) && others !== undefined && others.sequence > sequence) landNewer(others, job);
	const wrote = !isOvertaken(entry, sequence);
	if (!wrote) {
		for (const batch of carriers) batch.rejectRefused(() => look(ports.fileSystem, target));
		if (durability !== 'none' && entry.landed?.removed === false) syncFile(ports, target);
	} else {
		const removed = newest.request.kind === 'remove';
		const backups = carriers.reduce((most, batch) => Math.max(most, batch.backups), 0);
		const displace = (): void => {
			active?.displace(sync);
			entry.active?.displace(sync);
		};
		// What makes it may have aborted it. For calls that it stood in for, with no value before it, it is still to land.
		const check = (): void => {
			const stands = carriers.at(-1)?.candidate?.newest === newest;
			if (newest.settled && !stands) throw new Aborted();
		};
		// What a toJSON calls meanwhile has not been written.
		for (const batch of carriers) batch.close();
		const bytes = runCallersCode(entry, () =>
			commit(ports, target, candidate, { durability, backups, check, displace }),
		);
		const durationMs = ports.clock.monotonicMs() - startMs;
		const landed = { ...inPlace(sequence, bytes, removed), durationMs };
		entry.landed = landed;
		const stat = seen(ports.fileSystem, target);
		for (const batch of carriers) batch.renamed(landed, target, batch === carriers.at(-1) ? stat : undefined);
	}
	const landed = entry.landed ?? inPlace(sequence, 0, false);
	job.landings.push({
		path,
		directory: target.directory,
		durability,
		settle(directorySynced) {
			const achieved = durability === 'full' && !directorySynced ? 'file' : durability;
			const durationMs = ports.clock.monotonicMs() - startMs;
			const result = { bytes: landed.bytes, durability: achieved, directorySynced, durationMs };
			if (wrote && entry.landed === landed) entry.landed = { ...landed, ...result };
			if (wrote) tell(job, carriers, { ...landed, ...result });
			const receiptOf = (call: Submission): WriteReceipt => ({
				path,
				sequence: call.sequence,
				superseded: call.sequence < landed.sequence,
				...result,
			});
			for (const batch of carriers) batch.resolve(receiptOf);
			job.onSettled();
		},
	});
}

/** As of a commit that is made asynchronously. */
function tell({ ports, path, counters }: SyncCommitJob, carriers: readonly Batch[], landed: Landed): void {
	const oldestMs = carriers.reduce((least, batch) => Math.min(least, batch.oldestMs), Number.POSITIVE_INFINITY);
	const stalenessMs = ports.clock.monotonicMs() - oldestMs;
	if (!landed.removed) {
		count(counters, landed.bytes, landed.durability);
		counters.durations.add(landed.durationMs);
		counters.staleness.add(stalenessMs);
	}
	if (!commitChannel.hasSubscribers) return;
	const carried = carriers.reduce((sum, { size }) => sum + size, 0);
	commitChannel.publish({ path, carried, stalenessMs, ...landed });
}

function count(counters: CommitCounters, bytes: number, durability: Durability): void {
	counters.commits += 1;
	counters.bytes += bytes;
	if (durability !== 'none') counters.fileSyncs += 1;
}

/** @returns the size of the document */
function commit(
	ports: CommitPorts,
	target: Target,
	{ newest, sequence, begin }: Candidate,
	how: Pick<SyncJob, 'durability' | 'backups' | 'check' | 'displace'>,
): number {
	const { kind, path, rereadable, mode, mayBeEmpty, content } = newest.request;
	if (kind === 'remove') {
		removeDocumentSync(ports, target, how.displace);
		return 0;
	}
	if (!rereadable) throw unsupported(path, 'a stream or generator cannot be read synchronously');
	return writeDocumentSync(ports, target, {
		source: begin(),
		sequence,
		content,
		mode,
		mayBeEmpty,
		...how,
	});
}

/** What stands there, if that can be told: the document has its name, whatever is said of it. */
function seen({ sync }: FileSystem, { file }: Target): FileStat | undefined {
	try {
		return sync.lstat(file);
	} catch {
		return undefined;
	}
}

/** A newer value of another writer, or of another spelling of the path, is being written: it takes the place of ours. */
function landNewer(active: ActiveCommit, { path, landings }: SyncCommitJob): void {
	if (active.isReading) throw unsupported(path, 'another value of it is being made by the caller of flushSync');
	if (active.commitSync === undefined) throw unsupported(path, 'another document is being written from a stream');
	active.commitSync(landings);
}

/** A newer commit stands, that may have been content with less. */
function syncFile({ fileSystem }: CommitPorts, target: Target): void {
	try {
		const file = fileSystem.sync.open(target.file, fileSystem.semantics === 'win32' ? 'update' : 'read');
		try {
			file.sync();
		} finally {
			file.close();
		}
	} catch (error) {
		throw notDurable(target.path, error, 'sync');
	}
}

function strongest(durabilities: readonly Durability[]): Durability {
	return durabilities.reduce((best, next) => (isWeaker(best, next) ? next : best), 'none');
}

function unsupported(path: string, why: string, step: Step = 'serialize'): DurableJsonError {
	return new DurableJsonError('ERR_UNSUPPORTED', `${path} was not written synchronously: ${why}`, { path, step });
}
