/** Removing what is left over of dead writers, and nothing else. */
import path from 'node:path';
import { syncNames } from '../commit/directory-sync.ts';
import { lookAgain } from '../commit/fingerprint.ts';
import { removeIfDead } from '../commit/sweep.ts';
import { parseTempName } from '../commit/temp-name.ts';
import { codeOf } from '../errors.ts';
import { asideToQuarantine } from './bad-document.ts';
import { type ChangeContext, type Done, type Leftover, type RemovalContext, tell } from './changes.ts';
import { type Decision, type Examined, isBadAside } from './decide.ts';

/** @returns false where there is no document any more, so that they may be all there is. */
export async function removeLeftovers(context: ChangeContext, decision: Decision, done: Done): Promise<boolean> {
	const { ports, signal, directory, onFailure } = context;
	let count = 0;
	let stands = true;
	for (const one of decision.leftovers) {
		if (signal?.aborted) break;
		stands = one.companion.kind === 'part' || ports.fileSystem.sync.lstat(decision.document) !== undefined;
		if (!stands) break;
		const became = await clear(context, decision, one, done).catch((error: unknown) => ({ error }));
		done.leftovers.set(one.path, became);
		if (became === 'removed') count += 1;
		if (typeof became === 'object') onFailure(one.path, became.error);
	}
	if (count > 0) await syncNames(ports, directory).catch((error: unknown) => onFailure(directory, error));
	signal?.throwIfAborted();
	return stands;
}

async function clear(context: ChangeContext, decision: Decision, one: Examined, done: Done): Promise<Leftover> {
	if (!isBadAside(one)) return removeLeftover(context, one);
	// A recovery was cut off between the two names of a bad document.
	const quarantined = asideToQuarantine(context, decision.document, one.path, one.companion.temp);
	if (quarantined === undefined) return 'gone';
	done.quarantined ??= quarantined;
	return 'removed';
}

/**
 * Removes a file that the decision found worthless. Of a temporary file that is asked again, holding its lock: its writer may
 * have been between opening and locking it.
 */
export async function removeLeftover(
	{ ports, limit }: RemovalContext,
	{ path: file, stat }: Pick<Examined, 'path' | 'stat'>,
): Promise<Leftover> {
	const { sync } = ports.fileSystem;
	const temp = parseTempName(path.basename(file));
	try {
		if (temp !== undefined) {
			if (await removeIfDead(ports, file, temp.life, limit)) return 'removed';
			return sync.lstat(file) === undefined ? 'gone' : 'live';
		}
		// Such a name others give, too: nothing comes between the look and the call but another process.
		const became = lookAgain(sync, file, stat);
		if (became !== 'same') return became;
		sync.unlink(file);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return 'gone';
		throw error;
	}
	tell(file, 'removed');
	return 'removed';
}
