/**
 * Which calls are on their way to a document, by whatever spelling of its path. Many may be under way to many documents, and
 * many may ask: where a call leads is found out once, when somebody asks first, and kept by document.
 */
import { dirname } from 'node:path';
import { resolveTarget, type Target } from '../commit/target.ts';
import { resolveTargetSync } from '../commit/target-sync.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileSystem } from '../ports/file-system.ts';
import type { Travellers } from './travellers.ts';

/** One announcement of them. */
export interface Arrival {
	/** Their place in the order. */
	readonly sequence: number;
	/** Who they are by now: calls that were not ready may have joined others. */
	travellers: Travellers;
	/** How much had landed, on all documents, when they were announced. */
	readonly landings: number;
	/** The document, once it is known; what leads nowhere has none. */
	key?: string;
}

/**
 * So long a path is waited for that does not tell where it leads: it may be on a network mount whose server is out of reach,
 * which is to hold up nobody else. In parts: after a time in which the event loop stood still, what has come in is seen first.
 */
const PATIENCE_MS = 1000;
const PATIENCE_PARTS = 4;

type BySequence = Map<number, Arrival>;

export class Arrivals {
	readonly #all: BySequence = new Map();
	readonly #byPath = new Map<string, BySequence>();
	readonly #byKey = new Map<string, BySequence>();
	/** Those of which nobody has asked yet where they lead, by path. */
	readonly #unasked = new Map<string, BySequence>();
	/** Those of which that is being found out. */
	readonly #asked = new Set<Arrival>();
	/** Resolves when it is known of all that have been asked for so far, or they have had their time. Never rejects. */
	#answered: Promise<void> = Promise.resolve();
	/** Directories that have let that time pass, and have not answered since: nobody waits for them any more. */
	readonly #silent = new Set<string>();
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

	/** In place of what was announced of this place in the order before, for the same path: that leads where it led. */
	add(sequence: number, travellers: Travellers, landings: number): void {
		const { path } = travellers;
		const before = this.#all.get(sequence);
		if (before !== undefined) {
			before.travellers = travellers;
			return;
		}
		const arrival = { sequence, travellers, landings };
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

	/** Those with a place before this one that are on their way to the document, in their order, as far as that is known in time. */
	async leadingTo(
		{ fileSystem, clock }: CommitPorts,
		target: Pick<Target, 'path' | 'key'>,
		before: number,
	): Promise<Travellers[]> {
		// Otherwise the target would not be known.
		this.#silent.delete(dirname(target.path));
		const answers = new Map<string, Promise<void>>();
		for (const [path, arrivals] of this.#unasked) {
			if (path === target.path) continue;
			const answer = this.#ask(fileSystem, path, arrivals);
			if (!this.#silent.has(dirname(path))) answers.set(path, answer);
		}
		if (answers.size > 0) {
			const earlier = this.#answered;
			this.#answered = this.#inTime(clock, answers).then(() => earlier);
		}
		if (this.#asked.size > 0) await this.#answered;
		return this.#known(target, before);
	}

	/** {@link Arrivals.leadingTo}, holding the event loop. */
	leadingToSync(fileSystem: FileSystem, target: Pick<Target, 'path' | 'key'>, before: number): Travellers[] {
		for (const [path, arrivals] of this.#unasked) {
			if (path === target.path || this.#silent.has(dirname(path))) continue;
			this.#unasked.delete(path);
			const key = keySync(fileSystem, path);
			for (const arrival of arrivals.values()) this.#leads(arrival, key);
		}
		for (const arrival of this.#asked) {
			const { path } = arrival.travellers;
			if (this.#silent.has(dirname(path))) continue;
			this.#asked.delete(arrival);
			this.#leads(arrival, keySync(fileSystem, path));
		}
		return this.#known(target, before);
	}

	#ask(fileSystem: FileSystem, path: string, arrivals: BySequence): Promise<void> {
		this.#unasked.delete(path);
		for (const arrival of arrivals.values()) this.#asked.add(arrival);
		const [first] = arrivals.values();
		return keyOf(first?.travellers.search ?? resolveTarget(fileSystem, path)).then((key) => {
			this.#silent.delete(dirname(path));
			// What has begun to write meanwhile, or has been looked up in the caller's stack, is answered.
			for (const arrival of arrivals.values()) if (this.#asked.delete(arrival)) this.#leads(arrival, key);
		});
	}

	/** Resolves when the paths have answered, or have had their time. */
	#inTime(clock: Clock, answers: ReadonlyMap<string, Promise<void>>): Promise<void> {
		const open = new Set(answers.keys());
		return new Promise((resolve) => {
			let parts = PATIENCE_PARTS;
			const wait = (): (() => void) => clock.schedule(PATIENCE_MS / PATIENCE_PARTS, pass);
			const pass = (): void => {
				parts -= 1;
				if (parts > 0) {
					cancel = wait();
					return;
				}
				for (const path of open) this.#silent.add(dirname(path));
				resolve();
			};
			let cancel = wait();
			for (const [path, answer] of answers) {
				void answer.then(() => {
					open.delete(path);
					if (open.size > 0) return;
					cancel();
					resolve();
				});
			}
		});
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
