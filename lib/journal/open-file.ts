/** Finding the file of a journal: one journal at a time has it open. */

import { belongsTo } from '../commit/spelling.ts';
import type { Target } from '../commit/target.ts';
import { parseTempName } from '../commit/temp-name.ts';
import { codeOf } from '../errors.ts';
import { noLocks } from '../lock/file-lock.ts';
import type { FileSystem, OpenFile } from '../ports/file-system.ts';
import { closeQuietly, guarded } from './read-file.ts';

/** Who is kept from opening a journal that is open: other processes, too, or only this one. */
export type JournalLock = 'file' | 'process';

/**
 * Why there is no file to be had. `busy`: somebody else has the lock. `between-names`: it may stand under a temporary name, as
 * that of a process which replaces it, or was killed then.
 */
export type Absence = 'missing' | 'busy' | 'between-names';

/** So often the file is looked for anew: its owner may put another in its place between our opening and our locking it. */
const MAX_ATTEMPTS = 16;

/**
 * Opens the journal's file and takes its kernel lock, which belongs to the handle and ends with the process.
 *
 * @throws DurableJsonError ERR_READ_FAILED, or ERR_UNSUPPORTED where there are no locks.
 */
export async function openLocked(
	fileSystem: FileSystem,
	target: Target,
	lock: JournalLock,
): Promise<OpenFile | Absence> {
	for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		const file = await guarded(target.path, 'open', () => openExisting(fileSystem, target.file));
		if (file === undefined) return (await isBeingReplaced(fileSystem, target)) ? 'between-names' : 'missing';
		try {
			const taken = await guarded(target.path, 'lock', () => file.tryLock());
			if (taken === 'unsupported' && lock === 'file') throw noLocks(target.path);
			const same = await guarded(target.path, 'open', () => isAt(fileSystem, target.file, file));
			if (taken !== 'busy' && same) return file;
			await closeQuietly(file, target.path);
			if (taken === 'busy' && same) return 'busy';
		} catch (error) {
			await closeQuietly(file, target.path);
			throw error;
		}
	}
	return 'busy';
}

async function isAt(fileSystem: FileSystem, path: string, file: OpenFile): Promise<boolean> {
	const atPath = await fileSystem.lstat(path);
	return atPath?.identity === file.statSync().identity;
}

/**
 * On Windows the file of an open journal may have no name for a moment, between the old one and its successor, which
 * stands there under a temporary name.
 */
async function isBeingReplaced(fileSystem: FileSystem, { directory, name }: Target): Promise<boolean> {
	if (fileSystem.semantics !== 'win32') return false;
	const names = await fileSystem.readdir(directory);
	return names.some((other) => {
		const temp = parseTempName(other);
		return temp !== undefined && temp.state !== 'part' && belongsTo(fileSystem, directory, other, temp, name);
	});
}

async function openExisting(fileSystem: FileSystem, path: string): Promise<OpenFile | undefined> {
	try {
		return await fileSystem.open(path, 'update');
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		throw error;
	}
}
