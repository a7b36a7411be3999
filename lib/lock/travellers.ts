/**
 * Calls on their way to their document. An update is to see what was written before it, also by other writers and under other
 * spellings of the path: it waits for those that came first.
 */
import type { SyncLanding } from '../commit/active-commit.ts';
import type { Target } from '../commit/target.ts';
import type { Lease } from './lease.ts';

/** What is on its way: calls that share a commit, or one that is not ready for it. */
export interface Travellers {
	/** The document's path, absolute, as it was spelt. */
	readonly path: string;
	/** The lock of the caller's that they run under. */
	readonly lease: Lease | undefined;
	/** Do they wait for nothing but their commit? Others are not valid yet, or stand behind such a one. */
	readonly ready: boolean;
	/** Is there one among them that does not build on what stands? */
	readonly overwrites: boolean;
	/** Is there one that does? It waits for those before that overwrite. */
	readonly updates: boolean;
	/** Finds their document, where that has begun. */
	readonly search?: Promise<Pick<Target, 'key'>> | undefined;
	/** Settles when they have landed, or never will. Never rejects. */
	readonly settled: Promise<unknown>;
	/** They are waited for: a strategy is not to hold them any longer. */
	hurry(): void;
	/** Lands them in the caller's stack. Throws where that cannot be done. */
	commitSync(landings: SyncLanding[]): void;
}

/** Those of them, all on their way to one document, that wait for no validator: neither their own, nor that of a value before. */
export function waitingForNone(travellers: readonly Travellers[]): Travellers[] {
	const isHeldUp = travellers.findIndex(({ ready, overwrites }) => !ready && overwrites);
	// An update waits for what is called before it, by whomever; and what its own writer has called after it, for the update.
	const waits = travellers.findIndex(({ updates }, index) => updates && isHeldUp !== -1 && index > isHeldUp);
	return (waits === -1 ? travellers : travellers.slice(0, waits)).filter(({ ready }) => ready);
}

/** Resolves when they have landed, or never will. No strategy holds them. */
export async function letGo(travellers: readonly Travellers[]): Promise<void> {
	for (const each of travellers) {
		each.hurry();
		await each.settled;
	}
}
