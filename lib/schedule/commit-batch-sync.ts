/** Commits what a path holds in the caller's stack, for exit handlers: nothing asynchronous can be waited for there. */
import type { ActiveCommit } from '../commit/active-commit.ts';
import { removeDocumentSync, writeDocumentSync } from '../commit/commit-sync.ts';
import { type DirectorySynced, syncDirectorySync } from '../commit/directory-sync.ts';
import { OwnFailure } from '../commit/own-failure.ts';
import type { Target } from '../commit/target.ts';
import { resolveTargetSync } from '../commit/target-sync.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { DurableJsonError, type Step } from '../errors.ts';
import { type DocumentEntry, documentRegistry, inPlace } from '../lock/document-registry.ts';
import { lockFileSync } from '../lock/file-lock.ts';
import type { FileStat } from '../ports/file-system.ts';
import { type Durability, isWeaker, type WriteReceipt } from '../types.ts';
import type { Batch, Candidate } from './batch.ts';
import type { CommitCounters } from './counters.ts';
import { isOvertaken } from './overtaken.ts';
import type { BaseReader } from './steps.ts';
import type { Submission } from './submission.ts';

/** A document that has its name; its directory is still to be synced. */
export interface SyncLanding {
	readonly directory: string;
	readonly durability: Durability;
	/** False where a commit under way had renamed already, so that this one did not write. */
	readonly wrote: boolean;
	readonly bytes: number;
	/** Answers the calls whose value, or a newer one, it is. */
	settle(directorySynced: boolean): void;
}

export interface SyncCommitJob {
	readonly ports: CommitPorts;
	readonly path: string;
	/** In the order of their calls; the newest value is written in the place of them all. */
	readonly batches: readonly Batch[];
	/** The lane's own commit under way. */
	readonly active: ActiveCommit | undefined;
	/** Keep other processes out. */
	readonly locks: boolean;
	readonly base: BaseReader;
}

/**
 * Writes the newest value that does not fail by itself; the callers of those that do are told by their promises. Updates are
 * carried out, each batch of them written before the next.
 * @returns undefined where nothing waits. Throws where nothing can be written synchronously.
 */
export function commitBatchesSync(job: SyncCommitJob): SyncLanding | undefined {
	const { fileSystem } = job.ports;
	const carriers = job.batches.filter((batch) => batch.size > 0);
	if (carriers.length === 0) return undefined;
	const target = resolveTargetSync(fileSystem, job.path);
	return documentRegistry(fileSystem.scope).interrupt(target.key, (entry) => {
		entry.turnTo(fileSystem.sync, target.file);
		if (entry.lock?.loss !== undefined) throw entry.lock.loss;
		// Held by this process already, it keeps the others out of this commit as well.
		const release = job.locks && entry.lock === undefined ? lockFileSync(fileSystem, target) : undefined;
		try {
			const updates = carriers.some(({ steps }) => steps !== undefined);
			return updates ? landInOrder(job, carriers, entry, target) : landNewest(job, carriers, entry, target);
		} finally {
			release?.();
		}
	});
}

function landInOrder(
	job: SyncCommitJob,
	carriers: readonly Batch[],
	entry: DocumentEntry,
	target: Target,
): SyncLanding | undefined {
	const landings: SyncLanding[] = [];
	if (entry.active !== undefined && entry.active !== job.active) landNewer(entry.active, job.path);
	for (const batch of carriers) {
		if (batch.steps?.isUnderWay || batch.steps?.isAsync) {
			throw unsupported(job.path, 'the function of an update is asynchronous', 'update');
		}
		const readBase = (): Uint8Array | undefined => job.base.readSync(job.ports.fileSystem, job.path);
		// Before any function is called: where it cannot be read, all is left to the process that goes on.
		const known = batch.steps?.needsBase ? { bytes: readBase() } : undefined;
		const ground = {
			key: target.key,
			landedSequence: () => entry.landed?.sequence ?? 0,
			readBase: () => (known === undefined ? readBase() : known.bytes),
		};
		batch.carryOutSync(ground, () => unsupported(job.path, 'the update waits for something', 'update'));
		const landing = landNewest(job, [batch], entry, resolveTargetSync(job.ports.fileSystem, job.path));
		if (landing !== undefined) landings.push(landing);
	}
	const last = landings.at(-1);
	if (last === undefined) return undefined;
	const wrote = landings.some((landing) => landing.wrote);
	const durability = strongest(landings.map((landing) => landing.durability));
	return { ...last, wrote, durability, settle: (synced) => landings.forEach(({ settle }) => settle(synced)) };
}

function landNewest(
	job: SyncCommitJob,
	batches: readonly Batch[],
	entry: DocumentEntry,
	target: Target,
): SyncLanding | undefined {
	const carriers = [...batches];
	let failure: OwnFailure | undefined;
	for (let last = carriers.at(-1); last !== undefined; last = carriers.at(-1)) {
		if (last.isRenamed) return inPlaceAlready(target, last);
		const { candidate, aborted } = last;
		if (candidate === undefined) {
			carriers.pop();
			continue;
		}
		if (aborted !== undefined) {
			job.active?.displace(job.ports.fileSystem.sync);
			last.rejectNewest(aborted.reason);
			continue;
		}
		const { hasBegun } = candidate.newest;
		try {
			return land(job, carriers, entry, target, candidate);
		} catch (error) {
			if (!(error instanceof OwnFailure)) throw error;
			failure = error;
			// One that is being written already is left to that commit: it may have been read before it went bad.
			if (hasBegun) break;
			last.rejectNewest(error.reason);
		}
	}
	if (failure !== undefined) throw failure.reason;
	return undefined;
}

/** Syncs the directories of these documents, each once, and answers the calls. `attempt` takes what is thrown. */
export function syncLandings(
	{ fileSystem }: CommitPorts,
	landings: readonly (SyncLanding | undefined)[],
	counters: CommitCounters,
	attempt: <T>(action: () => T) => T | undefined,
): void {
	const done = landings.filter((landing) => landing !== undefined);
	const wanted = new Set(done.filter(({ durability }) => durability === 'full').map(({ directory }) => directory));
	const synced = new Map<string, DirectorySynced | undefined>();
	for (const directory of wanted) {
		const result = attempt(() => syncDirectorySync(fileSystem, directory));
		synced.set(directory, result);
		counters.directorySyncs += result?.directorySyncs ?? 0;
	}
	for (const { directory, durability, settle } of done) {
		const result = synced.get(directory);
		// A document whose directory failed to be synced is in place, and its calls are answered by what the next commit says.
		if (durability !== 'full' || result !== undefined) settle(result?.directorySynced ?? false);
	}
}

/** A commit under way has renamed: just its directory is to be synced, and it answers its calls itself. */
function inPlaceAlready({ directory }: Target, { durability }: Batch): SyncLanding {
	return { directory, durability, wrote: false, bytes: 0, settle: () => undefined };
}

function land(
	{ ports, path, active }: SyncCommitJob,
	carriers: readonly Batch[],
	entry: DocumentEntry,
	target: Target,
	candidate: Candidate,
): SyncLanding {
	const { sync } = ports.fileSystem;
	const startMs = ports.clock.monotonicMs();
	const { newest, sequence } = candidate;
	const durability = strongest(carriers.map((batch) => batch.durability));
	const { active: atWork } = entry;
	const others = atWork !== undefined && atWork !== active ? atWork : undefined;
	if (!isOvertaken(entry, sequence) && others !== undefined && others.sequence > sequence) landNewer(others, path);
	const wrote = !isOvertaken(entry, sequence);
	if (wrote) {
		const removed = newest.request.kind === 'remove';
		const backups = Math.max(...carriers.map((batch) => batch.backups));
		const bytes = commit(ports, target, candidate, { durability, backups }, () => {
			active?.displace(sync);
			entry.active?.displace(sync);
		});
		entry.landed = inPlace(sequence, bytes, removed);
		tellLanded(newest, sync.lstat(target.file));
	} else if (durability !== 'none' && entry.landed?.removed === false) {
		syncFile(ports, target);
	}
	const landed = entry.landed ?? inPlace(sequence, 0, false);
	const { bytes } = landed;
	return {
		directory: target.directory,
		durability,
		wrote,
		bytes,
		settle(directorySynced) {
			const achieved = durability === 'full' && !directorySynced ? 'file' : durability;
			const result = { bytes, durability: achieved, directorySynced, durationMs: ports.clock.monotonicMs() - startMs };
			if (wrote) entry.landed = { ...landed, ...result };
			const receiptOf = (call: Submission): WriteReceipt => ({
				path,
				sequence: call.sequence,
				superseded: call.sequence < landed.sequence,
				...result,
			});
			for (const batch of carriers) batch.resolve(receiptOf);
		},
	};
}

/** @returns the size of the document */
function commit(
	ports: CommitPorts,
	target: Target,
	{ newest, sequence, begin }: Candidate,
	{ durability, backups }: { readonly durability: Durability; readonly backups: number },
	displace: () => void,
): number {
	const { kind, path, rereadable, mode, mayBeEmpty, content, assertKnown } = newest.request;
	try {
		assertKnown?.(ports.fileSystem.sync.lstat(target.file));
	} catch (reason) {
		throw new OwnFailure(reason);
	}
	if (kind === 'remove') {
		removeDocumentSync(ports, target, displace);
		return 0;
	}
	if (!rereadable) throw unsupported(path, 'a stream or generator cannot be read synchronously');
	return writeDocumentSync(ports, target, {
		source: begin(),
		sequence,
		durability,
		backups,
		content,
		mode,
		mayBeEmpty,
		displace,
	});
}

function tellLanded({ request }: Submission, stat: FileStat | undefined): void {
	if (stat !== undefined) request.onLanded?.(stat);
}

/** A newer value of another writer, or of another spelling of the path, is being written: it takes the place of ours. */
function landNewer(active: ActiveCommit, path: string): void {
	if (active.commitSync === undefined) throw unsupported(path, 'another document is being written from a stream');
	active.commitSync();
}

/** A newer commit stands, that may have been content with less. */
function syncFile({ fileSystem }: CommitPorts, target: Target): void {
	const file = fileSystem.sync.open(target.file, fileSystem.semantics === 'win32' ? 'update' : 'read');
	try {
		file.sync();
	} finally {
		file.close();
	}
}

function strongest(durabilities: readonly Durability[]): Durability {
	return durabilities.reduce((best, next) => (isWeaker(best, next) ? next : best), 'none');
}

function unsupported(path: string, why: string, step: Step = 'serialize'): DurableJsonError {
	return new DurableJsonError('ERR_UNSUPPORTED', `${path} was not written synchronously: ${why}`, { path, step });
}
