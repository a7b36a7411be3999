/** Removing this library's own temporary files that no live writer holds. */
import path from 'node:path';
import { recoverChannel } from '../diagnostics.ts';
import { codeOf } from '../errors.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';
import { type AgeLimit, ageLimit, judgeLiveness, withLiveness } from './liveness.ts';
import { type CommitPorts, removeIfPresent, removeIfPresentSync } from './temp-file.ts';
import { hashDocumentName, type Life, mayBeHashed, parseTempName, type TempName } from './temp-name.ts';

/** Directories remembered as swept; the oldest is forgotten past that, and merely swept again. */
const MAX_REMEMBERED = 1024;

/** True at the first call for a directory: it is due for a sweep. */
export function claimSweep(fileSystem: FileSystem, directory: string): boolean {
	const swept = sharedPart(fileSystem.scope, 'swept-directories', () => new Set<string>());
	if (swept.has(directory)) return false;
	swept.add(directory);
	for (const oldest of swept) {
		if (swept.size <= MAX_REMEMBERED) break;
		swept.delete(oldest);
	}
	return true;
}

/**
 * Removes the dead temporary files in a directory. A `ready` or `aside` file stays where its document is missing, as it may
 * be the only copy; a link of that name, or a directory, is no document. Never rejects: a file that cannot be looked at or
 * removed is told to `durable-json:recover` and left.
 */
export async function sweepDirectory(ports: CommitPorts, directory: string): Promise<void> {
	const isThere = (name: string): boolean => ports.fileSystem.sync.lstat(path.join(directory, name))?.kind === 'file';
	const { failures } = await removeDeadTemps(ports, directory, (temp, _, present) => {
		if (temp.state === 'part') return true;
		const { document } = temp;
		if ('name' in document) return isThere(document.name);
		return Array.from(present).some(
			(name) => mayBeHashed(name) && hashDocumentName(name) === document.hash && isThere(name),
		);
	});
	for (const { path: file, error } of failures) recoverChannel.publish({ path: file, action: 'remove', error });
}

export interface Removed {
	readonly count: number;
	/** What could not be looked at or removed, and why. */
	readonly failures: readonly { readonly path: string; readonly error: unknown }[];
}

/** Removes the dead temporary files in a directory that `wanted` picks, knowing the names there. Never rejects. */
export async function removeDeadTemps(
	ports: CommitPorts,
	directory: string,
	wanted: (temp: TempName, file: string, present: ReadonlySet<string>) => boolean,
): Promise<Removed> {
	let count = 0;
	const failures: { path: string; error: unknown }[] = [];
	const attempt = async (file: string, action: () => Promise<void>): Promise<void> => {
		try {
			await action();
		} catch (error) {
			if (codeOf(error) !== 'ENOENT') failures.push({ path: file, error });
		}
	};
	await attempt(directory, async () => {
		const present = new Set(await ports.fileSystem.readdir(directory));
		for (const name of present) {
			const temp = parseTempName(name);
			if (temp === undefined || !wanted(temp, name, present)) continue;
			const file = path.join(directory, name);
			await attempt(file, async () => {
				if (await removeIfDead(ports, file, temp.life, ageLimit(ports))) count += 1;
			});
		}
	});
	return { count, failures };
}

/** Removes a temporary file, holding its lock, unless a live writer does. @returns whether it did. */
export async function removeIfDead(ports: CommitPorts, file: string, life: Life, limit: AgeLimit): Promise<boolean> {
	const removed = await withLiveness(ports, file, life, limit, async ({ liveness }) => {
		if (liveness !== 'dead') return false;
		// Nothing else can have taken the name meanwhile: it has 64 random bits.
		await removeIfPresent(ports.fileSystem, file);
		recoverChannel.publish({ path: file, action: 'removed' });
		return true;
	});
	return removed ?? false;
}

/** As {@link removeDeadTemps}, holding the event loop; throws at the first that cannot be looked at or removed. */
export function removeDeadTempsSync(
	ports: CommitPorts,
	directory: string,
	wanted: (temp: TempName, file: string) => boolean,
): void {
	const { sync } = ports.fileSystem;
	for (const name of sync.readdir(directory)) {
		const temp = parseTempName(name);
		const file = path.join(directory, name);
		if (temp === undefined || !wanted(temp, name) || sync.lstat(file)?.kind !== 'file') continue;
		const opened = sync.open(file, 'update');
		try {
			const { liveness } = judgeLiveness(opened.tryLock(), opened.stat(), temp.life, ageLimit(ports));
			if (liveness === 'dead') removeIfPresentSync(sync, file);
		} finally {
			opened.close();
		}
	}
}
