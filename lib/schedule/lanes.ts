/** The lanes of a writer: one for each path with work, and one for each path that is written under a lock of its caller's. */
import { mayBeSame } from '../commit/spelling.ts';
import { type Lease, leaseOf } from '../lock/lease.ts';
import { Lane, type LaneContext } from './lane.ts';

export class Lanes {
	readonly #context: LaneContext;
	readonly #free = new Map<string, Lane>();
	/** Of calls that are made under a lock: they do not wait for it. */
	readonly #leased = new Set<Lane>();

	constructor(context: LaneContext) {
		this.#context = context;
	}

	/** How many have work. */
	get size(): number {
		return this.#free.size + this.#leased.size;
	}

	/** All that have work, those with the newest calls first. */
	newestFirst(): Lane[] {
		return [...this.#free.values(), ...this.#leased].sort((a, b) => b.newestSequence - a.newestSequence);
	}

	/** @returns undefined where the path has no work */
	find(path: string, lease: Lease | undefined): Lane | undefined {
		if (lease === undefined) return this.#free.get(path);
		for (const lane of this.#leased) if (lane.lease === lease && lane.path === path) return lane;
		return undefined;
	}

	/** Lanes live only while they have work: one that is made here begins to when it is {@link Lanes.enter}ed. */
	of(path: string, lease: Lease | undefined): Lane {
		const standing = this.find(path, lease);
		if (standing !== undefined) return standing;
		const onIdle = (): unknown => (lease === undefined ? this.#free.delete(path) : this.#leased.delete(lane));
		const lane: Lane = new Lane(this.#context, { path, lease, onIdle });
		return lane;
	}

	/** The lane is about to get work. @returns the one that has taken its place meanwhile, if any */
	enter(lane: Lane): Lane {
		const standing = this.find(lane.path, lane.lease);
		if (standing !== undefined) return standing;
		if (lane.lease === undefined) this.#free.set(lane.path, lane);
		else this.#leased.add(lane);
		return lane;
	}

	/**
	 * Those whose work a caller may wait for: one that holds the lock of a document must not wait for who waits for it.
	 * @param path of one path only, in any case where that may be ignored
	 */
	flushable(path: string | undefined): Lane[] {
		const { fileSystem } = this.#context.ports;
		const isWanted = (lane: Lane): boolean => path === undefined || mayBeSame(fileSystem, lane.path, path);
		// With a path for each of many flushes, to look through all lanes would take long.
		const candidates = path === undefined || fileSystem.ignoresCase ? this.#free.values() : [this.#free.get(path)];
		const free = [...candidates].filter((lane) => lane !== undefined).filter(isWanted);
		const leased = [...this.#leased].filter(isWanted);
		return [...free.filter((lane) => leaseOf(fileSystem, lane.path) === undefined), ...leased];
	}
}
