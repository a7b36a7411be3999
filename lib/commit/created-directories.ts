/**
 * Directories that this process may have made and whose names are not known to be durable yet. A document below one is
 * durable only when the name of each has been synced into its parent (fsync(2): syncing a file does not sync the
 * directory entry that leads to it).
 */
import path from 'node:path';
import type { FileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';

function unsyncedDirectories(fileSystem: FileSystem): Set<string> {
	return sharedPart(fileSystem.scope, 'created-directories', () => new Set<string>());
}

/** mkdir -p that remembers what is missing before it makes it, so that no concurrent write overlooks it. */
export async function createDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
	const unsynced = unsyncedDirectories(fileSystem);
	for (let missing = directory; (await fileSystem.lstat(missing)) === undefined; missing = path.dirname(missing)) {
		unsynced.add(missing);
	}
	await fileSystem.ensureDirectory(directory);
}

/**
 * Syncs the parents of every directory on the way that was created, outermost first: a directory leaves the set only
 * after all above it have, so that whoever does not find it there may rely on it.
 * @returns the number of syncs.
 */
export async function syncCreatedDirectories(fileSystem: FileSystem, directory: string): Promise<number> {
	const unsynced = unsyncedDirectories(fileSystem);
	const chain: string[] = [];
	for (let created = directory; unsynced.has(created); created = path.dirname(created)) chain.unshift(created);
	for (const created of chain) {
		const parent = await fileSystem.openDirectory(path.dirname(created));
		try {
			await parent.sync();
		} finally {
			await parent.close();
		}
		unsynced.delete(created);
	}
	return chain.length;
}
