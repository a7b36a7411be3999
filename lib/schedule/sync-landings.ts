/** Makes durable what was given its name synchronously, and answers the calls. */
import type { SyncLanding } from '../commit/active-commit.ts';
import { type DirectorySynced, syncDirectorySync } from '../commit/directory-sync.ts';
import type { FileSystem } from '../ports/file-system.ts';
import type { CommitCounters } from './counters.ts';

/** Syncs the directories of these documents, each once, and answers the calls. `attempt` takes what is thrown. */
export function syncLandings(
	fileSystem: FileSystem,
	landings: readonly SyncLanding[],
	counters: CommitCounters,
	attempt: <T>(action: () => T) => T | undefined,
): void {
	const wanted = new Set(landings.filter(({ durability }) => durability === 'full').map(({ directory }) => directory));
	const synced = new Map<string, DirectorySynced | undefined>();
	for (const directory of wanted) {
		const result = attempt(() => syncDirectorySync(fileSystem, directory));
		synced.set(directory, result);
		counters.directorySyncs += result?.directorySyncs ?? 0;
	}
	for (const { directory, durability, settle } of landings) {
		const result = synced.get(directory);
		// A document whose directory failed to be synced is in place; its calls are answered when the commit has tried again.
		if (durability !== 'full' || result !== undefined) settle(result?.directorySynced ?? false);
	}
}
