/** Makes durable what was given its name synchronously, and answers the calls. */
import type { SyncLanding } from '../commit/active-commit.ts';
import { type DirectorySynced, syncDirectorySync } from '../commit/directory-sync.ts';
import { DurableJsonError, messageOf, type Step } from '../errors.ts';
import type { FileSystem } from '../ports/file-system.ts';
import type { CommitCounters } from './counters.ts';

/** Syncs the directories of these documents, each once, and answers the calls. `attempt` takes what is thrown. */
export function syncLandings(
	fileSystem: FileSystem,
	landings: readonly SyncLanding[],
	counters: CommitCounters,
	attempt: <T>(action: () => T) => T | undefined,
): void {
	const synced = new Map<string, DirectorySynced | undefined>();
	for (const { path, directory, durability } of landings) {
		if (durability !== 'full' || synced.has(directory)) continue;
		const result = attempt(() => {
			try {
				return syncDirectorySync(fileSystem, directory);
			} catch (error) {
				throw notDurable(path, error);
			}
		});
		synced.set(directory, result);
		counters.directorySyncs += result?.directorySyncs ?? 0;
	}
	for (const { directory, durability, settle } of landings) {
		const result = synced.get(directory);
		// A document whose directory failed to be synced is in place; its calls are answered when the commit has tried again.
		if (durability !== 'full' || result !== undefined) settle(result?.directorySynced ?? false);
	}
}

/** flushSync has given the document its name and could not make that durable; nor could the commit after it. */
export function notDurable(path: string, cause: unknown, step: Step = 'sync-directory'): unknown {
	if (cause instanceof DurableJsonError && cause.outcome === 'unknown') return cause;
	const message = `${path} was written synchronously, and could not be made durable: ${messageOf(cause)}`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path, step, outcome: 'unknown', cause });
}
