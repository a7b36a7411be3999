/**
 * Carries a decision out. Whatever it is interrupted by, the document is never without a whole survivor, and another
 * recovery ends in the same state. What others change meanwhile stays theirs:
 *
 * - What the document is restored from is looked at once more, with nothing in between but the call that gives it the name:
 *   one that was changed, moved or removed since it was judged is not used.
 * - A survivor gets the document's name by link(2), which never replaces: what a writer puts there meanwhile stays. Its old
 *   name goes after the new one is durable. Where there are no links, it is renamed if nothing stands there.
 * - A bad document is moved aside and looked at again there: where it is not the one that was judged, it goes back; else into
 *   quarantine. The name that it has in between is that of a document moved aside, which another recovery takes for one.
 * - What is left over goes only while a document stands, and, where others give such names, only if it is what was judged.
 */
import { copyToTemp } from '../commit/copy-file.ts';
import { lookAgain } from '../commit/fingerprint.ts';
import { syncFile } from '../commit/read-only.ts';
import { targetAt } from '../commit/target.ts';
import { removeIfPresent } from '../commit/temp-file.ts';
import { codeOf } from '../errors.ts';
import { nextSequence } from '../shared-state.ts';
import { dropOldest, quarantine } from './bad-document.ts';
import { type ChangeContext, type Done, nameWithoutReplacing, tell } from './changes.ts';
import type { Decision, Source } from './decide.ts';
import { removeLeftovers } from './leftovers.ts';

/** @returns false where something has changed since the decision, so that another one is needed. */
export async function carryOut(context: ChangeContext, decision: Decision, done: Done): Promise<boolean> {
	const { source } = decision;
	if (source !== undefined) {
		if (!(await restore(context, decision, source, done))) return false;
		tell(decision.document, 'restored');
	}
	return removeLeftovers(context, decision, done);
}

/** Does the decision change anything on the disk? */
export function changesSomething({ source, leftovers }: Decision): boolean {
	return source !== undefined || leftovers.length > 0;
}

async function restore(context: ChangeContext, decision: Decision, source: Source, done: Done): Promise<boolean> {
	const { ports, signal } = context;
	const { fileSystem } = ports;
	try {
		if (source.companion.kind !== 'backup') {
			// The classic pattern may not have synced it.
			if (source.companion.temp === undefined) await syncFile(fileSystem, source.path);
			return await putInPlace(context, decision, source, source.path, done);
		}
		// A copy: as another name of the backup's file, the document could be spoiled together with it.
		const target = targetAt(fileSystem, decision.document);
		const copy = await copyToTemp(ports, target, source, nextSequence(), signal);
		try {
			return await putInPlace(context, decision, source, copy.path, done);
		} finally {
			await removeIfPresent(fileSystem, copy.path);
			await copy.file.close();
		}
	} catch (error) {
		// What was to be copied or synced has another name, or none, by now.
		if (codeOf(error) === 'ENOENT' && lookAgain(fileSystem.sync, source.path, source.stat) === 'gone') return false;
		throw error;
	}
}

/** Gives the file the document's name, and puts what had it into quarantine. From here on an abort is too late. */
async function putInPlace(
	context: ChangeContext,
	decision: Decision,
	source: Source,
	from: string,
	done: Done,
): Promise<boolean> {
	const { document, judgement } = decision;
	context.signal?.throwIfAborted();
	if (lookAgain(context.ports.fileSystem.sync, source.path, source.stat) !== 'same') return false;
	let quarantined: string | undefined;
	if (judgement !== undefined) {
		quarantined = await quarantine(context, document, judgement.stat, done);
		if (quarantined === undefined) return false;
	}
	const placed = await nameWithoutReplacing(context, from, document, source);
	if (quarantined === undefined) return placed;
	// What it was to be restored from is gone: a bad document that nothing replaces stays where it is.
	if (!placed && (await nameWithoutReplacing(context, quarantined, document))) done.quarantined = undefined;
	else await dropOldest(context, decision, quarantined, done);
	return placed;
}
