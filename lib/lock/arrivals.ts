/**
 * Which calls are on their way to a document, by whatever spelling of its path. Many may be under way to many documents, and
 * many may ask: where a call leads is found out once, when somebody asks first, and kept by document.
 */
import { resolveTarget, type Target } from '../commit/target.ts';
import { resolveTargetSync } from '../commit/target-sync.ts';
import type { FileSystem } from '../ports/file-system.ts';
import type { Travellers } from './travellers.ts';

/** One announcement of them. */
export interface Arrival {
	/** Their place in the order. */
	readonly sequence: number;
	readonly travellers: Travellers;
	/** How much had landed, on all documents, when they were announced. */
	readonly landings: number;
	/** The document, once it is known; what leads nowhere has none. */
	key?: string;
}

type BySequence = Map<number, Arrival>;

export class Arrivals {
	readonly #all: BySequence = new Map();
	readonly #byPath = new Map<string, BySequence>();
	readonly #byKey = new Map<string, BySequence>();
	/** Those of which nobody has asked yet where they lead, by path. */
	readonly #unasked = new Map<string, BySequence>();
	/** Those of which that is being found out. */
	readonly #asked = new Set<Arrival>();
	/** Resolves when it is known of all that have been asked for so far. Never rejects. */
	#answered: Promise<void> = Promise.resolve();
	/** Stands behind {@link Arrivals.#first}: a map that has lost many of its first keys is slow to begin with. */
	#inOrder: MapIterator<number> | undefined;
	#first: number | undefined;

	/** The one that was announced first. */
	get oldest(): Arrival | undefined {
		if (this.#first === undefined) {
			this.#inOrder ??= this.#all.keys();
			this.#first = this.#inOrder.next().value;
			if (this.#first === undefined) this.#inOrder = undefined;
		}
		return this.#first === undefined ? undefined : this.#all.get(this.#first);
	}

	/** In place of what was announced of this place in the order before. */
	add(sequence: number, travellers: Travellers, landings: number): void {
		const { path } = travellers;
		const before = this.#all.get(sequence);
		if (before !== undefined) this.#forget(before);
		const arrival = { sequence, travellers, landings: before?.landings ?? landings };
		this.#all.set(sequence, arrival);
		put(this.#byPath, path, arrival);
		put(this.#unasked, path, arrival);
	}

	remove(sequence: number): void {
		const arrival = this.#all.get(sequence);
		if (arrival === undefined) return;
		this.#all.delete(sequence);
		if (sequence === this.#first) this.#first = undefined;
		this.#forget(arrival);
	}

	/** Those that were announced for a path, as it is spelt here. */
	onPath(path: string): Iterable<Arrival> {
		return this.#byPath.get(path)?.values() ?? [];
	}

	/** Those with a place before this one that are on their way to the document, in their order. */
	async leadingTo(fileSystem: FileSystem, target: Pick<Target, 'path' | 'key'>, before: number): Promise<Travellers[]> {
		for (const [path, arrivals] of this.#unasked) {
			if (path !== target.path) this.#ask(fileSystem, path, arrivals);
		}
		if (this.#asked.size > 0) await this.#answered;
		return this.#known(target, before);
	}

	/** {@link Arrivals.leadingTo}, holding the event loop. */
	leadingToSync(fileSystem: FileSystem, target: Pick<Target, 'path' | 'key'>, before: number): Travellers[] {
		for (const [path, arrivals] of this.#unasked) {
			if (path === target.path) continue;
			this.#unasked.delete(path);
			const key = keySync(fileSystem, path);
			for (const arrival of arrivals.values()) this.#leads(arrival, key);
		}
		for (const arrival of this.#asked) this.#leads(arrival, keySync(fileSystem, arrival.travellers.path));
		this.#asked.clear();
		return this.#known(target, before);
	}

	#ask(fileSystem: FileSystem, path: string, arrivals: BySequence): void {
		this.#unasked.delete(path);
		for (const arrival of arrivals.values()) this.#asked.add(arrival);
		const [first] = arrivals.values();
		const answer = keyOf(first?.travellers.search ?? resolveTarget(fileSystem, path)).then((key) => {
			// What has begun to write meanwhile, or has been looked up in the caller's stack, is answered.
			for (const arrival of arrivals.values()) if (this.#asked.delete(arrival)) this.#leads(arrival, key);
		});
		const before = this.#answered;
		this.#answered = answer.then(() => before);
	}

	#leads(arrival: Arrival, key: string | undefined): void {
		if (key === undefined) return;
		arrival.key = key;
		put(this.#byKey, key, arrival);
	}

	#known({ path, key }: Pick<Target, 'path' | 'key'>, before: number): Travellers[] {
		const found = new Map([...(this.#byPath.get(path) ?? []), ...(this.#byKey.get(key) ?? [])]);
		return [...found.values()]
			.filter(({ sequence }) => sequence < before)
			.sort((a, b) => a.sequence - b.sequence)
			.map(({ travellers }) => travellers);
	}

	#forget(arrival: Arrival): void {
		const { travellers, key } = arrival;
		drop(this.#byPath, travellers.path, arrival);
		drop(this.#unasked, travellers.path, arrival);
		if (key !== undefined) drop(this.#byKey, key, arrival);
		this.#asked.delete(arrival);
	}
}

function put(index: Map<string, BySequence>, name: string, arrival: Arrival): void {
	const arrivals = index.get(name);
	if (arrivals === undefined) index.set(name, new Map([[arrival.sequence, arrival]]));
	else arrivals.set(arrival.sequence, arrival);
}

function drop(index: Map<string, BySequence>, name: string, arrival: Arrival): void {
	const arrivals = index.get(name);
	if (arrivals?.get(arrival.sequence) === arrival) arrivals.delete(arrival.sequence);
	if (arrivals?.size === 0) index.delete(name);
}

/** What is wrong with a path is told to its own caller. */
async function keyOf(search: Promise<Pick<Target, 'key'>>): Promise<string | undefined> {
	try {
		return (await search).key;
	} catch {
		return undefined;
	}
}

/** {@link keyOf}, holding the event loop. */
function keySync(fileSystem: FileSystem, path: string): string | undefined {
	try {
		return resolveTargetSync(fileSystem, path).key;
	} catch {
		return undefined;
	}
}
