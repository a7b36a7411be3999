/**
 * The directories that lead to a document. A document is durable only when the name of each directory on its way has been
 * synced into its parent (fsync(2): syncing a file does not sync the directory entry that leads to it). Nobody can tell
 * whether that was done for a directory that is found standing: the process that made it may have been killed first. So
 * the parents are synced once, at the first durable commit below them.
 */
import path from 'node:path';
import { codeOf } from '../errors.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';

/**
 * `created`: by this process, and its name is not synced yet. `durable`: its name has been synced; `identity` is that of
 * the directory which had it then.
 */
interface Standing {
	readonly state: 'created' | 'durable';
	readonly identity?: string;
}

/** Directories remembered; one that is forgotten costs another sync of its parent. */
const MAX_REMEMBERED = 10_000;

/** What opening a parent answers that this process may not look into; the last is Node's permission model. */
export const FORBIDDEN: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ERR_ACCESS_DENIED']);

function directories(fileSystem: FileSystem): Map<string, Standing> {
	return sharedPart(fileSystem.scope, 'parent-directories', () => new Map<string, Standing>());
}

/** mkdir -p that remembers what is missing before it makes it, so that no concurrent write overlooks it. */
export async function createDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
	const known = directories(fileSystem);
	const missing: string[] = [];
	for (let child = directory; (await fileSystem.lstat(child)) === undefined; child = path.dirname(child)) {
		remember(known, child, { state: 'created' });
		missing.unshift(child);
	}
	for (const child of missing) await fileSystem.ensureDirectory(child);
}

/** {@link createDirectory}, holding the event loop. */
export function createDirectorySync(fileSystem: FileSystem, directory: string): void {
	const known = directories(fileSystem);
	const missing: string[] = [];
	for (let child = directory; fileSystem.sync.lstat(child) === undefined; child = path.dirname(child)) {
		remember(known, child, { state: 'created' });
		missing.unshift(child);
	}
	for (const child of missing) fileSystem.sync.ensureDirectory(child);
}

/** Is the name of the directory, and of those above it, known to be durable? */
export function isDurable(fileSystem: FileSystem, directory: string, identity: string): boolean {
	return isStandingDurable(directories(fileSystem).get(directory), identity);
}

function isStandingDurable(standing: Standing | undefined, identity: string): boolean {
	return standing?.state === 'durable' && standing.identity === identity;
}

/**
 * Makes the names of all directories on the way durable, outermost first: a directory counts as durable only after all
 * above it do. A parent that may not be opened is passed over, unless this process made the directory in it.
 * @param identity of the directory: one that has been replaced by another of its name is not durable yet
 * @returns the number of syncs.
 */
export async function syncParentDirectories(
	fileSystem: FileSystem,
	directory: string,
	identity: string,
): Promise<number> {
	const known = directories(fileSystem);
	const chain: { child: string; identity: string }[] = [];
	for (let child = directory, is = identity; path.dirname(child) !== child; ) {
		if (isStandingDurable(known.get(child), is)) break;
		chain.unshift({ child, identity: is });
		child = path.dirname(child);
		is = (await fileSystem.stat(child)).identity;
	}
	let syncs = 0;
	for (const { child, identity: is } of chain) {
		try {
			await syncOnce(fileSystem, path.dirname(child));
			syncs += 1;
		} catch (error) {
			if (!FORBIDDEN.has(codeOf(error) ?? '') || known.get(child)?.state === 'created') throw error;
		}
		remember(known, child, { state: 'durable', identity: is });
	}
	return syncs;
}

/** {@link syncParentDirectories}, holding the event loop. */
export function syncParentDirectoriesSync(fileSystem: FileSystem, directory: string): number {
	const known = directories(fileSystem);
	const { sync } = fileSystem;
	const chain: { child: string; identity: string }[] = [];
	for (let child = directory; path.dirname(child) !== child; child = path.dirname(child)) {
		const identity = sync.lstat(child)?.identity ?? '';
		if (isStandingDurable(known.get(child), identity)) break;
		chain.unshift({ child, identity });
	}
	for (const { child, identity } of chain) {
		try {
			sync.syncDirectory(path.dirname(child));
		} catch (error) {
			if (!FORBIDDEN.has(codeOf(error) ?? '') || known.get(child)?.state === 'created') throw error;
		}
		remember(known, child, { state: 'durable', identity });
	}
	return chain.length;
}

async function syncOnce(fileSystem: FileSystem, directory: string): Promise<void> {
	const opened = await fileSystem.openDirectory(directory);
	try {
		await opened.sync();
	} finally {
		await opened.close();
	}
}

function remember(known: Map<string, Standing>, directory: string, standing: Standing): void {
	known.delete(directory);
	known.set(directory, standing);
	if (known.size <= MAX_REMEMBERED) return;
	const [oldest] = known.keys();
	if (oldest !== undefined) known.delete(oldest);
}
