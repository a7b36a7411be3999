/** Writes that reach their document after a newer one has landed there, by another spelling of the path. */
import { hardenDocument } from '../commit/existing-document.ts';
import type { Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import type { Run } from '../commit/transfer.ts';
import type { DocumentEntry, Landed } from '../lock/document-registry.ts';
import { type Durability, isWeaker } from '../types.ts';

export function isOvertaken({ landed }: DocumentEntry, sequence: number): boolean {
	return landed !== undefined && landed.sequence > sequence;
}

export interface Adopted {
	/** The newer commit, as durable as was asked for. */
	readonly landed: Landed | undefined;
	readonly fileSyncs: number;
	readonly directorySyncs: number;
}

/** Lets the newer commit answer for an overtaken one, after syncing what it was content to leave unsynced. */
export async function adoptNewer(
	ports: CommitPorts,
	inSlot: Run,
	entry: DocumentEntry,
	target: Target,
	durability: Durability,
): Promise<Adopted> {
	const { landed } = entry;
	if (landed === undefined || !isWeaker(landed.durability, durability)) {
		return { landed, fileSyncs: 0, directorySyncs: 0 };
	}
	const wanted = { file: !landed.removed, directory: durability === 'full' };
	const hardening = inSlot(() => hardenDocument(ports, target, wanted));
	const { directorySynced, directorySyncs } = await hardening.catch((error: unknown) => {
		// What it was about may have lost its name.
		if (entry.landed === landed) throw error;
		return { directorySynced: false, directorySyncs: 0 };
	});
	// flushSync has written or removed it meanwhile: that answers for both.
	if (entry.landed !== landed) return adoptNewer(ports, inSlot, entry, target, durability);
	const hardened = { ...landed, durability: directorySynced ? 'full' : 'file', directorySynced } as const;
	entry.landed = hardened;
	return { landed: hardened, fileSyncs: wanted.file ? 1 : 0, directorySyncs };
}
