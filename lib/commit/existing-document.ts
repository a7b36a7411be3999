/** What is done to a document that stands already: making it durable, and removing it. */
import path from 'node:path';
import { codeOf, DurableJsonError, messageOf, type Outcome, type Step } from '../errors.ts';
import type { ActiveCommit } from './active-commit.ts';
import { removeKept } from './backups.ts';
import { type DirectorySynced, syncNames } from './directory-sync.ts';
import { whileHeld } from './held.ts';
import { OwnFailure } from './own-failure.ts';
import { syncFile } from './read-only.ts';
import { belongsTo } from './spelling.ts';
import { removeDeadTemps } from './sweep.ts';
import type { Target } from './target.ts';
import { type CommitPorts, removeIfPresent } from './temp-file.ts';
import { formatOrder, formatTempName } from './temp-name.ts';

/**
 * Removes the document, its temporary files and its backups, and makes that durable. A document that is missing is fine.
 * @param active asked before the name goes
 * @param onRemoved called when the name is gone, before that is durable
 */
export async function removeDocument(
	ports: CommitPorts,
	target: Target,
	active: ActiveCommit,
	onRemoved: () => void,
): Promise<DirectorySynced> {
	// First, and durably, what could be taken for the document once that is missing.
	const { directory, name } = target;
	const { count, failures } = await removeDeadTemps(ports, directory, (temp, file) =>
		belongsTo(ports.fileSystem, directory, file, temp, name),
	);
	for (const { error } of failures) {
		// Another user's, and maybe alive: whether it comes to anything is for that user's recovery to tell.
		if (codeOf(error) !== 'EACCES') throw failure(target, 'remove', error, 'not_applied');
	}
	const kept = await removeBackups(ports, target);
	const first = count + kept > 0 ? await syncDirectory(ports, target, 'not_applied') : undefined;
	const unnamed = await unname(ports, target, active);
	try {
		// In the thread pool: to free the blocks of a large one takes a while.
		if (unnamed !== undefined) {
			const remove = (): Promise<void> => removeIfPresent(ports.fileSystem, unnamed);
			await whileHeld(ports, { path: target.path, step: 'remove' }, remove);
		}
	} catch (error) {
		putBack(ports, target, unnamed, active);
		throw failure(target, 'remove', error, 'unknown');
	}
	onRemoved();
	const { directorySynced, directorySyncs } = await syncDirectory(ports, target, 'unknown');
	return { directorySynced, directorySyncs: directorySyncs + (first?.directorySyncs ?? 0) };
}

/** @returns how many. */
async function removeBackups({ fileSystem }: CommitPorts, target: Target): Promise<number> {
	try {
		return await removeKept(fileSystem, target);
	} catch (error) {
		// Nothing can stand in a directory that is missing.
		if (codeOf(error) === 'ENOENT') return 0;
		throw failure(target, 'remove', error, 'not_applied');
	}
}

/**
 * Takes the document's name away, by giving it that of a worthless temporary file. Synchronously: a call that waits in the
 * thread pool could take away what flushSync has written meanwhile.
 * @returns where the document is now; undefined where there is none
 */
async function unname(ports: CommitPorts, target: Target, active: ActiveCommit): Promise<string | undefined> {
	const { fileSystem, clock } = ports;
	const identity = { life: 'lock', order: formatOrder(clock.epochMs(), 0), random: fileSystem.uniqueId() } as const;
	const to = path.join(target.directory, formatTempName(target.name, identity, 'part'));
	const check = (): void => active.check();
	try {
		await whileHeld(ports, { path: target.path, step: 'remove', check }, async () =>
			fileSystem.sync.rename(target.file, to),
		);
		return to;
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		if (error instanceof OwnFailure) throw error;
		throw failure(target, 'remove', error, 'not_applied');
	}
}

/** Gives the document its name again, unless another has it by now. */
function putBack({ fileSystem }: CommitPorts, target: Target, from: string | undefined, active: ActiveCommit): void {
	try {
		if (from !== undefined && !active.displaced) fileSystem.sync.rename(from, target.file);
	} catch {
		// What made the removal fail is what counts.
	}
}

/** Syncs what an earlier commit left at a lower durability: a document, or just the directory where it was removed. */
export async function hardenDocument(
	ports: CommitPorts,
	target: Target,
	wanted: { readonly file: boolean; readonly directory: boolean },
): Promise<DirectorySynced> {
	const { fileSystem } = ports;
	try {
		if (wanted.file) await syncFile(fileSystem, target.file);
	} catch (error) {
		throw failure(target, 'sync', error, 'unknown');
	}
	return wanted.directory ? syncDirectory(ports, target, 'unknown') : { directorySynced: false, directorySyncs: 0 };
}

/** Waits for a sync of the document's directory, shared with the commits at work there. */
async function syncDirectory(ports: CommitPorts, target: Target, outcome: Outcome): Promise<DirectorySynced> {
	try {
		return await syncNames(ports, target.directory);
	} catch (error) {
		// Nothing can stand in a directory that is missing.
		if (codeOf(error) === 'ENOENT') return { directorySynced: false, directorySyncs: 0 };
		throw failure(target, 'sync-directory', error, outcome);
	}
}

function failure(target: Target, step: Step, cause: unknown, outcome: Outcome): DurableJsonError {
	const message = `${target.path}: ${step} failed: ${messageOf(cause)}`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path: target.path, step, outcome, cause });
}
