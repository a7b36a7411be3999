/** Ours: each strategy, and the default strategy at each durability. */
import path from 'node:path';
import {
	type Candidate,
	type Counter,
	type Durability,
	NotAvailable,
	type Store,
	type WorkloadId,
} from './candidate.ts';

type Library = typeof import('durable-json');

/** The bound of `adaptive` in the benchmark, which the report compares its staleness with. */
export const ADAPTIVE_BOUND_MS = 100;

const strategies = {
	coalesce: ({ coalesce }: Library) => coalesce(),
	immediate: ({ immediate }: Library) => immediate(),
	debounce: ({ debounce }: Library) => debounce({ waitMs: 20, maxWaitMs: 100 }),
	throttle: ({ throttle }: Library) => throttle({ intervalMs: 50 }),
	batch: ({ batch }: Library) => batch({ maxWrites: 100, maxWaitMs: 100 }),
	adaptive: ({ adaptive }: Library) => adaptive({ maxStalenessMs: ADAPTIVE_BOUND_MS }),
};

type StrategyName = keyof typeof strategies;

const PACED: readonly WorkloadId[] = ['burst', 'hot-2k', 'hot-20k', 'saturated'];

export const durableJson: readonly Candidate[] = [
	candidate('durable-json', 'coalesce', 'full', 'the default: strategy coalesce, durability full', [
		'burst',
		'awaited',
		'hot-2k',
		'hot-20k',
		'saturated',
		'files',
		'dump',
		'rows',
		'counter',
		'append',
		'append-64',
		'replay',
		'many-paths',
		'scale-size',
		'scale-paths',
		'scale-rate',
	]),
	{
		...candidate('durable-json, locked', 'coalesce', 'full', "lock: 'file': other processes are locked out", [
			'counter',
		]),
		open: async (directory) => openStore(await import('durable-json'), 'coalesce', 'full', directory, 'file'),
	},
	candidate('durable-json, file', 'coalesce', 'file', 'durability file: the directory is not synced', [
		'awaited',
		'hot-20k',
		'files',
	]),
	candidate('durable-json, none', 'coalesce', 'none', 'durability none: nothing is synced', [
		'burst',
		'awaited',
		'hot-20k',
		'files',
		'dump',
		'counter',
	]),
	candidate('durable-json immediate', 'immediate', 'full', 'writes each value, in order', PACED),
	candidate('durable-json debounce', 'debounce', 'full', 'waits for 20 ms of quiet, 100 ms at most', PACED),
	candidate('durable-json throttle', 'throttle', 'full', 'a commit each 50 ms at most', PACED),
	candidate('durable-json batch', 'batch', 'full', 'a commit for 100 calls, or after 100 ms', PACED),
	candidate('durable-json adaptive', 'adaptive', 'full', `staleness of ${ADAPTIVE_BOUND_MS} ms at most`, [
		...PACED,
		'scale-rate',
	]),
];

function candidate(
	id: string,
	strategy: StrategyName,
	durability: Durability & ('full' | 'file' | 'none'),
	note: string,
	workloads: readonly WorkloadId[],
): Candidate {
	return {
		id,
		kind: 'ours',
		durability,
		atomic: true,
		queues: strategy === 'immediate',
		note,
		workloads,
		async open(directory) {
			const library = await import('durable-json');
			if (!(strategy in library)) throw new NotAvailable(`this version has no strategy ${strategy}`);
			return openStore(library, strategy, durability, directory);
		},
	};
}

function openStore(
	library: Library,
	strategy: StrategyName,
	durability: 'full' | 'file' | 'none',
	directory: string,
	lock: 'process' | 'file' = 'process',
): Store {
	const options = { durability };
	// As many values wait as the workload makes wait: a limit is not what is measured.
	const unbounded = { maxQueuedValues: Number.POSITIVE_INFINITY, maxQueuedBytes: Number.POSITIVE_INFINITY };
	const writer = library.createWriter({ strategy: strategies[strategy](library), lock, ...unbounded });
	const file = (name: string): string => path.join(directory, name);
	let journal: Promise<Journal> | undefined;
	const open = (): Promise<Journal> => {
		const apply = (count: number): number => count + 1;
		journal ??= library.openJournal<number, unknown>(file('log.journal'), { initial: 0, apply, checkpoint: false });
		return journal;
	};
	let opened: Journal | undefined;
	return {
		async append(entry) {
			opened ??= await open();
			await opened.append(entry);
		},
		async appended() {
			let count = 0;
			for await (const _ of (await open()).entries()) count++;
			return count;
		},
		save: (name, value) => writer.write(file(name), value, options),
		saveRows: (name, rows) => writer.write(file(name), rows, options),
		update: (name, change) =>
			writer.update<Counter>(
				file(name),
				(value) => {
					if (value !== undefined) change(value);
					return value;
				},
				options,
			),
		commits: () => writer.stats().commits,
		async close() {
			await writer.close();
			await (await journal)?.close();
		},
	};
}

type Journal = import('durable-json').Journal<number, unknown>;
