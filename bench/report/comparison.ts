/** The default writer against each package, in each workload: the one table to look at before choosing. */
import type { CandidateLabel } from '../harness/result.ts';
import { workloads } from '../workloads/index.ts';
import { FIGURES } from './format.ts';
import { type Entry, find, median } from './summary.ts';

export interface ComparisonRow {
	readonly workload: string;
	readonly figure: string;
	/** How many times better ours is than each package, in the order of the columns; below 1 it is worse. */
	readonly times: readonly (number | undefined)[];
}

export interface Comparison {
	readonly peers: readonly CandidateLabel[];
	readonly rows: readonly ComparisonRow[];
}

const STRENGTH = ['full', 'db', 'file', 'none'];

/** By the figure that each workload is about. The scaling workloads have their charts. */
export function compare(entries: readonly Entry[], labels: readonly CandidateLabel[]): Comparison {
	const single = entries.filter(({ at }) => at === undefined || at === null);
	const peers = labels
		.filter(({ id, kind }) => kind === 'peer' && single.some(({ label }) => label.id === id))
		.sort((a, b) => STRENGTH.indexOf(a.durability) - STRENGTH.indexOf(b.durability));
	const rows = workloads.flatMap(({ id, title, headline, unit }) =>
		[...new Set(single.filter(({ workload }) => workload === id).map(({ slowSyncMs }) => slowSyncMs))].map((slow) => {
			const ours = median(find(single, id, 'durable-json', slow), headline);
			return {
				workload: slow > 0 ? `${title}, every sync ${slow} ms slower` : title,
				figure: unit ?? FIGURES[headline].name ?? FIGURES[headline].title,
				times: peers.map((peer) => {
					const theirs = median(find(single, id, peer.id, slow), headline);
					const times = FIGURES[headline].more ? ours / theirs : theirs / ours;
					return Number.isFinite(times) ? times : undefined;
				}),
			};
		}),
	);
	return { peers, rows: rows.filter(({ times }) => times.some((value) => value !== undefined)) };
}
