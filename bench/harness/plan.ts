/** Which candidate runs in which workload, how often, and in which order. */
import type { Candidate } from '../candidates/candidate.ts';
import { candidates } from '../candidates/index.ts';
import { seededRandom, shuffled } from '../measure/statistics.ts';
import { workloads } from '../workloads/index.ts';
import type { Workload } from '../workloads/workload.ts';
import type { Run } from './result.ts';

export interface PlanOptions {
	readonly quick: boolean;
	readonly seed: number;
	/** Workloads to run; all where empty. */
	readonly only: readonly string[];
	/** Candidates to run; all where empty. */
	readonly candidates: readonly string[];
	/** In place of each workload's own number. */
	readonly rounds: number | undefined;
	/** By how much syncs are slowed in the runs on a slow disk; 0: no such runs. */
	readonly slowSyncMs: number;
}

/** One run to come. */
export type Job = Pick<Run, 'workload' | 'at' | 'slowSyncMs' | 'candidate' | 'round'>;

/** What is run a second time with slower syncs. */
const SLOWED: readonly string[] = ['awaited', 'files'];

/**
 * Rounds outside, candidates inside, each round in an order of its own: what changes on the machine meanwhile meets all
 * candidates alike.
 */
export function makePlan(options: PlanOptions): Job[] {
	const random = seededRandom(options.seed);
	const wanted = (list: readonly string[], id: string): boolean => list.length === 0 || list.includes(id);
	const jobs: Job[] = [];
	for (const workload of workloads.filter(({ id }) => wanted(options.only, id))) {
		const taking = candidates.filter(
			({ id, workloads }) => wanted(options.candidates, id) && workloads.includes(workload.id),
		);
		for (const variant of variantsOf(workload, options)) {
			const rounds = options.rounds ?? (options.quick ? workload.quickRounds : workload.rounds);
			for (let round = 0; round < rounds; round++) {
				for (const candidate of shuffled(taking, random)) {
					jobs.push({ workload: workload.id, ...variant, candidate: candidate.id, round });
				}
			}
		}
	}
	return jobs;
}

function variantsOf(workload: Workload, { quick, slowSyncMs }: PlanOptions): Pick<Job, 'at' | 'slowSyncMs'>[] {
	if (workload.points) {
		return workload.points.slice(0, quick ? workload.quickPoints : undefined).map((at) => ({ at, slowSyncMs: 0 }));
	}
	const slowed = slowSyncMs > 0 && SLOWED.includes(workload.id);
	return [0, ...(slowed ? [slowSyncMs] : [])].map((slowSyncMs) => ({ at: undefined, slowSyncMs }));
}

/** Tells runs apart. */
export function keyOf({ workload, at, slowSyncMs, candidate, round }: Job): string {
	return [workload, at ?? '', slowSyncMs, candidate, round].join('|');
}

export function findCandidate(id: string): Candidate {
	const found = candidates.find((candidate) => candidate.id === id);
	if (found === undefined) throw new Error(`no candidate ${id}`);
	return found;
}

export function findWorkload(id: string): Workload {
	const found = workloads.find((workload) => workload.id === id);
	if (found === undefined) throw new Error(`no workload ${id}`);
	return found;
}
