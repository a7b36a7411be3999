/** {@link resolveTarget} for a commit that holds the event loop. */
import path from 'node:path';
import { codeOf } from '../errors.ts';
import type { FileSystem, SyncFileSystem } from '../ports/file-system.ts';
import { documentKey } from './spelling.ts';
import { assertWritable, MAX_SYMLINKS, resolveError, type Target, tooManyLinks } from './target.ts';

export function resolveTargetSync(fileSystem: FileSystem, submitted: string): Target {
	const { sync } = fileSystem;
	try {
		let current = submitted;
		for (let links = 0; links <= MAX_SYMLINKS; links++) {
			const directory = resolveDirectory(sync, path.dirname(current));
			const name = path.basename(current);
			const file = path.join(directory, name);
			const existing = sync.lstat(file);
			if (existing?.kind !== 'symlink') {
				assertWritable(submitted, name, existing);
				return { path: submitted, directory, name, file, key: documentKey(fileSystem, file), existing };
			}
			const link = sync.readlink(file);
			current = path.isAbsolute(link) ? link : `${directory}${path.sep}${link}`;
		}
		throw tooManyLinks();
	} catch (error) {
		throw resolveError(submitted, error);
	}
}

/** The real path of the deepest ancestor that exists, and the rest as it is spelt. */
function resolveDirectory(fileSystem: SyncFileSystem, directory: string): string {
	try {
		return fileSystem.realpath(directory);
	} catch (error) {
		const parent = path.dirname(directory);
		if (codeOf(error) !== 'ENOENT' || parent === directory) throw error;
		return path.join(resolveDirectory(fileSystem, parent), path.basename(directory));
	}
}
