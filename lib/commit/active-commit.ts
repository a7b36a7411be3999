/**
 * A commit under way, as a synchronous one sees it that cannot wait for it.
 *
 * A rename that has been handed to the thread pool cannot be called back: it would put the older document over the newer
 * one. So the temporary file is unlinked: either the rename finds nothing any more, or it was made before.
 */
import type { SyncFileSystem } from '../ports/file-system.ts';
import type { Durability } from '../types.ts';
import { OwnFailure } from './own-failure.ts';
import { removeIfPresentSync } from './temp-file.ts';
import type { TempState } from './temp-name.ts';

/** A document that was given its name synchronously; its directory is still to be synced. */
export interface SyncLanding {
	/** As the caller gave it. */
	readonly path: string;
	readonly directory: string;
	readonly durability: Durability;
	/** Answers the calls whose value, or a newer one, it is. */
	settle(directorySynced: boolean): void;
}

export class ActiveCommit {
	/** The place in the order of what it writes. */
	sequence: number;
	/** Commits it synchronously; undefined where its bytes cannot be had again. */
	readonly commitSync: ((landings: SyncLanding[]) => void) | undefined;
	/** True once it is to come to nothing: its document is written by somebody else. */
	displaced = false;
	/** Is its value being read in this very stack, by code of the caller's? */
	isReading = false;
	/** Throws where the document may not be replaced any more, for another reason. */
	guard: (() => void) | undefined;
	/** Called when it is displaced: it may be waiting for the caller's data. */
	onDisplaced: (() => void) | undefined;
	/** Of its temporary file, which becomes the document; undefined as long as there is none. */
	identity: string | undefined;
	/** Where its temporary file is, or will be when that is opened. */
	pathOf: ((state: TempState) => string) | undefined;

	constructor(sequence: number, commitSync?: (landings: SyncLanding[]) => void) {
		this.sequence = sequence;
		this.commitSync = commitSync;
	}

	/** Throws where the commit is displaced or guarded against; asked before each step that could be seen. */
	check(): void {
		if (this.displaced) throw new OwnFailure(new Error('the document was written synchronously meanwhile'));
		this.guard?.();
	}

	/** Runs what calls code of the caller's to read the value. */
	read<T>(work: () => T): T {
		this.isReading = true;
		try {
			return work();
		} finally {
			this.isReading = false;
		}
	}

	/** Sees to it that the commit changes nothing from now on. A rename made already has been made before. */
	displace(fileSystem: SyncFileSystem): void {
		this.displaced = true;
		this.onDisplaced?.();
		// In the order in which the file takes these names.
		for (const state of ['part', 'ready'] as const) {
			if (this.pathOf !== undefined) removeIfPresentSync(fileSystem, this.pathOf(state));
		}
	}
}
