/** What the changes of a recovery have in common: what they are made with, what is told of them, and how a file gets a name. */
import { NO_LINKS } from '../commit/copy-file.ts';
import { syncNames } from '../commit/directory-sync.ts';
import { lookAgain } from '../commit/fingerprint.ts';
import type { AgeLimit } from '../commit/liveness.ts';
import { renameWhereFree } from '../commit/replace.ts';
import { type CommitPorts, removeIfPresentSync } from '../commit/temp-file.ts';
import { recoverChannel } from '../diagnostics.ts';
import { codeOf } from '../errors.ts';
import type { Source } from './decide.ts';

export interface RemovalContext {
	readonly ports: CommitPorts;
	readonly limit: AgeLimit;
}

export interface ChangeContext extends RemovalContext {
	readonly directory: string;
	/** How many bad documents are kept of each. */
	readonly maxQuarantined: number;
	/** Asked between changes, each of which is whole. */
	readonly signal: AbortSignal | undefined;
	/** Told of a file beside the document that cannot be removed. */
	readonly onFailure: (file: string, error: unknown) => void;
}

/** What has been done for a document so far, also where more was to come. */
export interface Done {
	/** Where a bad document was put. */
	quarantined: string | undefined;
	/** What became of files that were to be removed: why they are kept, or that others had removed them. */
	readonly leftovers: Map<string, Leftover>;
}

/** What a file that was to be removed is: `live` has a writer, `changed` is another one by now, `gone` others have removed. */
export type Leftover = 'removed' | 'live' | 'changed' | 'gone' | { readonly error: unknown };

/**
 * Gives a file the document's name, where nothing has it, durably, and takes the one away that it had.
 * @param source what must not have changed
 * @returns false where something stands there, or there is nothing to be named any more
 */
export async function nameWithoutReplacing(
	{ ports, directory }: ChangeContext,
	from: string,
	document: string,
	source?: Source,
): Promise<boolean> {
	const { sync } = ports.fileSystem;
	const named = sync.lstat(from)?.identity;
	if (source !== undefined && lookAgain(sync, source.path, source.stat) !== 'same') return false;
	try {
		sync.link(from, document);
	} catch (error) {
		const code = codeOf(error);
		// EEXIST: a writer was faster. ENOENT: another recovery was, and has moved the survivor.
		if (code === 'EEXIST' || code === 'ENOENT') return false;
		if (!NO_LINKS.has(code ?? '')) throw error;
		try {
			if (!renameWhereFree(sync, from, document)) return false;
		} catch (renameError) {
			if (codeOf(renameError) === 'ENOENT') return false;
			throw renameError;
		}
		await syncNames(ports, directory);
		return true;
	}
	// In this order: a power cut may keep either of two changes that are not synced.
	await syncNames(ports, directory);
	// `<document>.tmp` may be another file by now.
	if (sync.lstat(from)?.identity === named) removeIfPresentSync(sync, from);
	await syncNames(ports, directory);
	return true;
}

export function tell(file: string, action: string): void {
	if (recoverChannel.hasSubscribers) recoverChannel.publish({ path: file, action });
}
