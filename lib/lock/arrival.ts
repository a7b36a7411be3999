/**
 * Calls on their way to their document. An update is to see what was written before it, also by other writers and under other
 * spellings of the path: it waits for those that came first.
 */
import type { SyncLanding } from '../commit/active-commit.ts';
import { resolveTarget, type Target } from '../commit/target.ts';
import { resolveTargetSync } from '../commit/target-sync.ts';
import type { FileSystem } from '../ports/file-system.ts';
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

/** One announcement of them. */
export class Arrival {
	readonly travellers: Travellers;
	/** How much had landed, on all documents, when they were announced. */
	readonly landings: number;
	#search: Promise<void> | undefined;
	/** Once it is known; of what leads nowhere it is undefined. */
	#found: { readonly key: string | undefined } | undefined;

	constructor(travellers: Travellers, landings: number) {
		this.travellers = travellers;
		this.landings = landings;
	}

	/**
	 * Are they on their way to this document? A promise only where that has to be found out first.
	 * @param path how the caller spells it
	 */
	leadsTo(fileSystem: FileSystem, path: string, key: string): boolean | Promise<boolean> {
		if (this.travellers.path === path) return true;
		if (this.#found !== undefined) return this.#found.key === key;
		this.#search ??= this.#find(fileSystem);
		return this.#search.then(() => this.#found?.key === key);
	}

	async #find(fileSystem: FileSystem): Promise<void> {
		const { search, path } = this.travellers;
		try {
			this.#found = await (search ?? resolveTarget(fileSystem, path));
		} catch {
			// What is wrong with it is told to its own caller.
			this.#found = { key: undefined };
		}
	}

	/** {@link Arrival.leadsTo}, holding the event loop. */
	leadsToSync(fileSystem: FileSystem, path: string, key: string): boolean {
		if (this.travellers.path === path) return true;
		this.#found ??= { key: this.#keySync(fileSystem) };
		return this.#found.key === key;
	}

	#keySync(fileSystem: FileSystem): string | undefined {
		try {
			return resolveTargetSync(fileSystem, this.travellers.path).key;
		} catch {
			return undefined;
		}
	}
}

/** Those of them that are on their way to the document, in their order. */
export async function leadingTo(
	fileSystem: FileSystem,
	arrivals: Iterable<Arrival>,
	{ path, key }: Pick<Target, 'path' | 'key'>,
): Promise<Travellers[]> {
	const all = [...arrivals];
	const leads = await Promise.all(all.map((arrival) => arrival.leadsTo(fileSystem, path, key)));
	return all.filter((_, index) => leads[index]).map(({ travellers }) => travellers);
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
