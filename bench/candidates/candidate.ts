/** What a candidate is: something that keeps documents under names, and says how safely. */

/**
 * What a resolved save stands for: `full` file and directory synced, `file` the file alone, `db` a database's own sync,
 * `none` nothing synced.
 */
export type Durability = 'full' | 'file' | 'none' | 'db';

/** The workloads, by the names that `--only` takes. */
export type WorkloadId =
	| 'burst'
	| 'awaited'
	| 'hot-2k'
	| 'hot-20k'
	| 'saturated'
	| 'files'
	| 'dump'
	| 'rows'
	| 'counter'
	| 'append'
	| 'append-64'
	| 'replay'
	| 'many-paths'
	| 'scale-size'
	| 'scale-paths'
	| 'scale-rate';

/** To add one: a file like its neighbours, and a line in `index.ts`. */
export interface Candidate {
	/** Its name in results and charts. */
	readonly id: string;
	/** `ours`, another package, or a yardstick that is no product. */
	readonly kind: 'ours' | 'peer' | 'yardstick';
	readonly durability: Durability;
	/** Do readers see whole documents only, also after the process was killed? */
	readonly atomic: boolean;
	/** Writes each save in turn: saves that nobody awaits pile up. */
	readonly queues?: boolean;
	/** How it was used, in a sentence. */
	readonly note: string;
	readonly workloads: readonly WorkloadId[];
	/** Called in a process of its own; loads the package there. Throws {@link NotAvailable} where it lacks something. */
	open(directory: string): Promise<Store>;
}

/** A counter document, for read-modify-write. */
export interface Counter {
	tick: number;
}

/** A candidate at work in one directory. */
export interface Store {
	/** Resolves when the value, or a newer one under that name, is as safe as the candidate makes it. */
	save(name: string, value: unknown): Promise<unknown>;
	/** Saves an array from rows that come one by one. */
	saveRows?(name: string, rows: AsyncIterable<unknown>): Promise<unknown>;
	/** Changes what stands under the name, so that no change made at the same time is lost. */
	update?(name: string, change: (value: Counter) => void): Promise<unknown>;
	/** Adds an entry to a log, none of whose entries may be lost; resolves when it is as safe as the candidate makes it. */
	append?(entry: unknown): Promise<unknown>;
	/** How many entries are in the log. */
	appended?(): Promise<number> | number;
	/** What stands under the name. Default: the file of that name. */
	read?(name: string): Promise<unknown> | unknown;
	/** Commits so far, where it is no file for each. */
	commits?(): number;
	close(): Promise<void>;
}

/** Something that this version of a candidate does not have. */
export class NotAvailable extends Error {}

const SAVES: readonly WorkloadId[] = ['burst', 'awaited', 'hot-2k', 'hot-20k', 'saturated', 'files'];

/** What everything that saves small documents takes part in, and what it takes part in besides. */
export function savesAnd(...more: readonly WorkloadId[]): readonly WorkloadId[] {
	return [...SAVES, ...more];
}

/** Runs tasks of one name after each other: what a user of a plain writer puts around read, change, write. */
export function oneByOne(): <T>(task: () => Promise<T>) => Promise<T> {
	let last: Promise<unknown> = Promise.resolve();
	return (task) => {
		const run = last.then(task);
		last = run.catch(() => undefined);
		return run;
	};
}
