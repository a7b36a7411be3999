/** Moving a bad document out of the way: aside, and from there into quarantine. */
import path from 'node:path';
import { syncNames } from '../commit/directory-sync.ts';
import { lookAgain } from '../commit/fingerprint.ts';
import { whileHeld } from '../commit/held.ts';
import { formatQuarantinedName } from '../commit/kept-name.ts';
import { removeIfPresent } from '../commit/temp-file.ts';
import { formatOrder, formatTempName, type TempIdentity } from '../commit/temp-name.ts';
import { codeOf } from '../errors.ts';
import type { FileStat, SyncFileSystem } from '../ports/file-system.ts';
import { nextSequence } from '../shared-state.ts';
import { type ChangeContext, type Done, nameWithoutReplacing, tell } from './changes.ts';
import type { Decision } from './decide.ts';

/** @returns where it is; undefined where something else than what was judged stood there. */
export async function quarantine(
	context: ChangeContext,
	document: string,
	judged: FileStat,
	done: Done,
): Promise<string | undefined> {
	const { ports, directory } = context;
	const { fileSystem, clock } = ports;
	const { sync } = fileSystem;
	const order = formatOrder(clock.epochMs(), nextSequence());
	const identity: TempIdentity = { life: 'lock', order, random: fileSystem.uniqueId() };
	const aside = path.join(directory, formatTempName(path.basename(document), identity, 'aside'));
	const attempt = { path: document, step: 'rename' } as const;
	const moved = await whileHeld(ports, attempt, () => moveAside(sync, document, judged, aside));
	if (moved === 'nothing') return undefined;
	if (moved === 'other' && (await nameWithoutReplacing(context, aside, document))) return undefined;
	// Before each further name: a power cut may keep the second of two changes and lose the first.
	await syncNames(ports, directory);
	const to = await whileHeld(ports, attempt, () => asideToQuarantine(context, document, aside, identity));
	// Another recovery has found it meanwhile.
	if (to === undefined) return undefined;
	done.quarantined = to;
	await syncNames(ports, directory);
	return moved === 'judged' ? to : undefined;
}

/** `other`: what was moved is not what was judged, as a writer of another process came between the look and the call. */
function moveAside(
	sync: SyncFileSystem,
	document: string,
	judged: FileStat,
	aside: string,
): 'judged' | 'other' | 'nothing' {
	if (lookAgain(sync, document, judged) !== 'same') return 'nothing';
	try {
		sync.rename(document, aside);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return 'nothing';
		throw error;
	}
	return lookAgain(sync, aside, judged) === 'same' ? 'judged' : 'other';
}

/** @returns its name there; undefined where it is gone. */
export function asideToQuarantine(
	{ ports, directory }: ChangeContext,
	document: string,
	aside: string,
	{ order, random }: Pick<TempIdentity, 'order' | 'random'>,
): string | undefined {
	const to = path.join(directory, formatQuarantinedName(path.basename(document), order, random));
	try {
		ports.fileSystem.sync.rename(aside, to);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		throw error;
	}
	tell(to, 'quarantined');
	return to;
}

/** Keeps no more bad documents than wanted, the newest ones. */
export async function dropOldest(
	{ ports, maxQuarantined, onFailure }: ChangeContext,
	{ quarantined }: Decision,
	newest: string,
	done: Done,
): Promise<void> {
	const all = [...quarantined, newest];
	for (const file of all.slice(0, Math.max(0, all.length - maxQuarantined))) {
		try {
			await removeIfPresent(ports.fileSystem, file);
			if (file === newest) done.quarantined = undefined;
			tell(file, 'removed');
		} catch (error) {
			onFailure(file, error);
		}
	}
}
