/** A document that is no good for its owner, kept beside its successor. */
import type { FileSystem } from '../ports/file-system.ts';
import { nextSequence } from '../shared-state.ts';
import { giveName } from './copy-file.ts';
import { syncNames } from './directory-sync.ts';
import { formatQuarantinedName, parseKeptName } from './kept-name.ts';
import { belongsTo } from './spelling.ts';
import { inDirectory, type Target } from './target.ts';
import { type CommitPorts, removeIfPresent } from './temp-file.ts';
import { formatOrder } from './temp-name.ts';

/** So many bad documents are kept of each. */
export const MAX_QUARANTINED = 10;

/**
 * Keeps the document under a name of its own as well, durably; it stands until it is replaced. The oldest of those that are
 * kept go. Rejects with the system's error.
 * @returns where it is kept; undefined where there is no document
 */
export async function keepInQuarantine(ports: CommitPorts, target: Target): Promise<string | undefined> {
	const { fileSystem, clock } = ports;
	const { directory, name, existing } = target;
	if (existing === undefined) return undefined;
	const order = formatOrder(clock.epochMs(), nextSequence());
	const kept = inDirectory(directory, formatQuarantinedName(name, order, fileSystem.uniqueId()));
	await giveName(ports, target, existing, kept);
	await syncNames(ports, directory);
	const all = (await fileSystem.readdir(directory))
		.filter((file) => isQuarantinedOf(fileSystem, directory, file, name))
		.sort(byOrder);
	for (const file of all.slice(0, -MAX_QUARANTINED)) await removeIfPresent(fileSystem, inDirectory(directory, file));
	return kept;
}

function isQuarantinedOf(fileSystem: FileSystem, directory: string, file: string, document: string): boolean {
	const parsed = parseKeptName(file);
	return parsed?.kind === 'quarantined' && belongsTo(fileSystem, directory, file, parsed, document);
}

function byOrder(a: string, b: string): number {
	return orderOf(a) < orderOf(b) ? -1 : 1;
}

function orderOf(file: string): string {
	const parsed = parseKeptName(file);
	return parsed?.kind === 'quarantined' ? parsed.order : '';
}
