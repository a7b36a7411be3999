/** The temporary file of a commit: opened exclusively beside the document, locked as a sign of life. */
import { codeOf, DurableJsonError, messageOf, type Step } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileStat, FileSystem, OpenFile, SyncFileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';
import { createDirectory } from './parent-directories.ts';
import { inDirectory, type Target } from './target.ts';
import { formatOrder, formatTempName, type Life, type TempState } from './temp-name.ts';

/** The ports that a commit works on. */
export interface CommitPorts {
	readonly fileSystem: FileSystem;
	readonly clock: Clock;
}

export interface TempFile {
	readonly file: OpenFile;
	/** What the handle said when the file was new. */
	readonly created: FileStat;
	/** Its path in each of its states. */
	pathOf(state: TempState): string;
}

/** So many names are tried before it is an error; each has 64 random bits. */
const MAX_NAME_ATTEMPTS = 16;

/** Directories where kernel locks are not to be had, so that files there are told by their age. */
export function lockless(fileSystem: FileSystem): Set<string> {
	return sharedPart(fileSystem.scope, 'lockless-directories', () => new Set<string>());
}

const MAX_REMEMBERED = 1024;

export interface TempFileOptions {
	/** The write's place in the order. */
	readonly sequence: number;
	/** Told where the file will be, before it is opened. */
	readonly onNamed?: (pathOf: TempFile['pathOf']) => void;
}

/**
 * Opens a temporary file for the target, making missing parents.
 * @param permissions what the file is created with; the umask applies
 */
export async function openTempFile(
	ports: CommitPorts,
	target: Target,
	{ sequence, onNamed }: TempFileOptions,
	permissions: number,
): Promise<TempFile> {
	const { fileSystem, clock } = ports;
	let step: Step = 'open';
	try {
		for (let attempt = 0; attempt < MAX_NAME_ATTEMPTS; attempt++) {
			const life: Life = lockless(fileSystem).has(target.directory) ? 'age' : 'lock';
			const identity = { life, order: formatOrder(clock.epochMs(), sequence), random: fileSystem.uniqueId() };
			const part = inDirectory(target.directory, formatTempName(target.name, identity, 'part'));
			const pathOf = (state: TempState): string =>
				state === 'part' ? part : inDirectory(target.directory, formatTempName(target.name, identity, state));
			onNamed?.(pathOf);
			try {
				step = 'open';
				const file = await fileSystem.open(part, 'create-exclusive', permissions);
				const created = await markAlive(fileSystem, file, part, life);
				if (created === 'lockless') rememberLockless(fileSystem, target.directory);
				else if (created !== undefined) return { file, created, pathOf };
			} catch (error) {
				const code = codeOf(error);
				if (code === 'ENOENT' && attempt === 0) {
					step = 'mkdir';
					await createDirectory(fileSystem, target.directory);
				} else if (code !== 'EEXIST') {
					throw error;
				}
			}
		}
		throw new Error(`${MAX_NAME_ATTEMPTS} names for a temporary file were taken`);
	} catch (error) {
		const message = `writing ${target.path} failed at ${step}: ${messageOf(error)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path: target.path, step, cause: error });
	}
}

/**
 * Takes the kernel lock that tells a sweep the file is in use. A sweep that came between open and lock holds the lock
 * itself, or has unlinked the file already: then undefined, and another file is needed; so it is where a name that
 * promises a lock can have none.
 */
async function markAlive(
	fileSystem: FileSystem,
	file: OpenFile,
	tempPath: string,
	life: Life,
): Promise<FileStat | 'lockless' | undefined> {
	try {
		const lock = life === 'lock' ? file.tryLock() : 'locked';
		const stat = lock === 'locked' ? file.statSync() : undefined;
		if (stat !== undefined && stat.linkCount > 0) return stat;
		await removeIfPresent(fileSystem, tempPath);
		await file.close();
		return lock === 'unsupported' ? 'lockless' : undefined;
	} catch (error) {
		await Promise.allSettled([removeIfPresent(fileSystem, tempPath), file.close()]);
		throw error;
	}
}

function rememberLockless(fileSystem: FileSystem, directory: string): void {
	const known = lockless(fileSystem);
	// Forgetting costs another attempt, no more.
	if (known.size >= MAX_REMEMBERED) known.clear();
	known.add(directory);
}

/** unlink, where a file that is gone already is fine. */
export async function removeIfPresent(fileSystem: FileSystem, file: string): Promise<void> {
	try {
		await fileSystem.unlink(file);
	} catch (error) {
		if (codeOf(error) !== 'ENOENT') throw error;
	}
}

/** {@link removeIfPresent}, holding the event loop. */
export function removeIfPresentSync(fileSystem: SyncFileSystem, file: string): void {
	try {
		fileSystem.unlink(file);
	} catch (error) {
		if (codeOf(error) !== 'ENOENT') throw error;
	}
}
