/** What the runs came to: for each workload and candidate the spread of each figure over the rounds. */
import type { WorkloadId } from '../candidates/candidate.ts';
import type { CandidateLabel, FigureName, Results, Run } from '../harness/result.ts';
import { type Spread, spread } from '../measure/statistics.ts';

/** One candidate in one workload. */
export interface Entry {
	readonly label: CandidateLabel;
	readonly workload: WorkloadId;
	readonly at: number | undefined;
	readonly slowSyncMs: number;
	readonly runs: readonly Run[];
	/** Why there are no figures, where there are none. */
	readonly failure: string | undefined;
	/** A document did not hold what had been saved last. */
	readonly wrong: boolean;
}

/** All entries, in the order of the candidates. */
export function summarise(results: Results): Entry[] {
	const groups = new Map<string, Run[]>();
	for (const run of results.runs) {
		const key = JSON.stringify([run.workload, run.at, run.slowSyncMs, run.candidate]);
		groups.set(key, [...(groups.get(key) ?? []), run]);
	}
	const order = new Map(results.candidates.map((label, index) => [label.id, index]));
	return [...groups.values()]
		.flatMap((runs) => {
			const [first] = runs;
			const label = results.candidates.find(({ id }) => id === first?.candidate);
			return first && label ? [entryOf(first, label, runs)] : [];
		})
		.sort((a, b) => (order.get(a.label.id) ?? 0) - (order.get(b.label.id) ?? 0));
}

function entryOf({ workload, at, slowSyncMs }: Run, label: CandidateLabel, runs: readonly Run[]): Entry {
	const good = runs.filter(({ error, notAvailable }) => error === undefined && notAvailable === undefined);
	const [bad] = runs;
	const failure = good.length > 0 ? undefined : (bad?.error ?? `not available: ${bad?.notAvailable}`);
	return {
		label,
		workload,
		at,
		slowSyncMs,
		runs: good,
		failure,
		wrong: good.some(({ verified }) => verified === false),
	};
}

/** The spread of a figure over the rounds; undefined where no round has it. */
export function figure({ runs }: Entry, name: FigureName): Spread | undefined {
	const values = runs.flatMap(({ figures }) => {
		const value = figures[name];
		return value === undefined || value === null || !Number.isFinite(value) ? [] : [value];
	});
	return values.length > 0 ? spread(values) : undefined;
}

/** The median of a figure; NaN where no round has it. */
export function median(entry: Entry | undefined, name: FigureName): number {
	return (entry && figure(entry, name)?.median) ?? Number.NaN;
}

export function find(
	entries: readonly Entry[],
	workload: WorkloadId,
	candidate: string,
	slowSyncMs = 0,
	at?: number,
): Entry | undefined {
	return entries.find(
		(entry) =>
			entry.workload === workload &&
			entry.label.id === candidate &&
			entry.slowSyncMs === slowSyncMs &&
			(entry.at ?? undefined) === at,
	);
}
