/** Which file a path stands for. */
import path from 'node:path';
import { codeOf, DurableJsonError, messageOf } from '../errors.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { parseKeptName } from './kept-name.ts';
import { isLockName } from './lock-name.ts';
import { documentKey } from './spelling.ts';
import { parseTempName } from './temp-name.ts';

export interface Target {
	/** The path as the caller spelt it, absolute. */
	readonly path: string;
	/** Where the document lies: real path as far as it exists. Temporary files are made here. */
	readonly directory: string;
	readonly name: string;
	/** `directory` and `name`. */
	readonly file: string;
	/** What the document is known by: equal for all spellings of its path. */
	readonly key: string;
	/** What stands there now. */
	readonly existing: FileStat | undefined;
}

/** A document by its real path, as one that is missing. */
export function targetAt(fileSystem: FileSystem, file: string): Target {
	const key = documentKey(fileSystem, file);
	return { path: file, directory: path.dirname(file), name: path.basename(file), file, key, existing: undefined };
}

/** The path of a file in a directory that is given by its real path. path.join would take ten times as long. */
export function inDirectory(directory: string, name: string): string {
	return directory.endsWith(path.sep) ? directory + name : directory + path.sep + name;
}

/** As many links as Linux follows (path_resolution(7)). */
export const MAX_SYMLINKS = 40;

/**
 * Finds the document behind a path: the real path of its directory, and the last symbolic link followed; a link that
 * leads nowhere stands for the file that it names. Rejects where the document cannot be written: a directory, a device,
 * a loop of links, a name that is too long.
 */
export async function resolveTarget(fileSystem: FileSystem, submitted: string): Promise<Target> {
	try {
		return await followLinks(fileSystem, submitted);
	} catch (error) {
		throw resolveError(submitted, error);
	}
}

export function resolveError(submitted: string, error: unknown): DurableJsonError {
	if (error instanceof DurableJsonError) return error;
	const message = `${submitted} cannot be written: ${messageOf(error)}`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path: submitted, step: 'resolve', cause: error });
}

async function followLinks(fileSystem: FileSystem, submitted: string): Promise<Target> {
	let current = submitted;
	for (let links = 0; links <= MAX_SYMLINKS; links++) {
		const [existing, directory] = await look(fileSystem, current);
		if (existing?.kind !== 'symlink') {
			const name = path.basename(current);
			assertWritable(submitted, name, existing);
			const file = inDirectory(directory, name);
			return { path: submitted, directory, name, file, key: documentKey(fileSystem, file), existing };
		}
		const link = await fileSystem.readlink(path.join(directory, path.basename(current)));
		current = path.isAbsolute(link) ? link : `${directory}${path.sep}${link}`;
	}
	throw tooManyLinks();
}

export function tooManyLinks(): Error {
	return Object.assign(new Error(`ELOOP: more than ${MAX_SYMLINKS} symbolic links`), { code: 'ELOOP' });
}

/** What stands at a path, and the real path of its directory. */
async function look(fileSystem: FileSystem, file: string): Promise<[FileStat | undefined, string]> {
	// At once, but where '..' may lead out of a directory that is missing: there only the resolved path tells.
	if (!file.includes(`..${path.sep}`)) {
		const existing = fileSystem.lstat(file);
		const directory = resolveDirectory(fileSystem, path.dirname(file));
		return existing instanceof Promise ? Promise.all([existing, directory]) : [existing, await directory];
	}
	const directory = await resolveDirectory(fileSystem, path.dirname(file));
	return [await fileSystem.lstat(path.join(directory, path.basename(file))), directory];
}

/** The real path of the deepest ancestor that exists, and the rest as it is spelt. */
async function resolveDirectory(fileSystem: FileSystem, directory: string): Promise<string> {
	try {
		return await fileSystem.realpath(directory);
	} catch (error) {
		const parent = path.dirname(directory);
		if (codeOf(error) !== 'ENOENT' || parent === directory) throw error;
		return path.join(await resolveDirectory(fileSystem, parent), path.basename(directory));
	}
}

/** Throws where no document can stand there, and where its name is that of a temporary file. */
export function assertWritable(submitted: string, name: string, existing: FileStat | undefined): void {
	if (existing?.kind === 'directory') throw Object.assign(new Error('EISDIR: it is a directory'), { code: 'EISDIR' });
	if (existing !== undefined && existing.kind !== 'file') {
		throw unsupported(submitted, 'is a device, a pipe or a socket: it cannot be replaced');
	}
	// It would be taken for what it is called, and removed or locked.
	if (parseTempName(name) !== undefined || parseKeptName(name) !== undefined || isLockName(name)) {
		throw unsupported(submitted, 'has a name that this library gives to files of its own');
	}
}

/** Throws where something else has taken the place of a document that was found there. */
export function assertFile(existing: FileStat | undefined): void {
	if (existing === undefined || existing.kind === 'file') return;
	throw new Error(`a ${existing.kind} has taken the place of the document`);
}

function unsupported(submitted: string, why: string): DurableJsonError {
	return new DurableJsonError('ERR_UNSUPPORTED', `${submitted} ${why}`, { path: submitted, step: 'resolve' });
}
