/** The results file: what `--json` writes and the report reads. */
import type { Durability, WorkloadId } from '../candidates/candidate.ts';

/** Figures of one run. Names end in their unit; rates are per second. */
export type Figures = Partial<Record<FigureName, number>>;

export type FigureName =
	| 'calls'
	| 'callsPerSecond'
	| 'commits'
	| 'commitsPerSecond'
	| 'syncs'
	| 'directorySyncs'
	| 'diskBytes'
	| 'documentBytes'
	| 'bytesPerSecond'
	| 'latencyP50Ms'
	| 'latencyP99Ms'
	| 'latencyMaxMs'
	| 'stalenessP50Ms'
	| 'stalenessP99Ms'
	| 'stalenessMaxMs'
	| 'loopDelayP99Ms'
	| 'loopDelayMaxMs'
	| 'wallMs'
	| 'issueMs'
	| 'drainMs'
	| 'unsettled'
	| 'cpuSeconds'
	| 'peakMemoryBytes'
	| 'settledMemoryBytes'
	| 'openHandles'
	| 'costMs'
	| 'timesJsonParse';

/** One candidate in one workload, once, in a process of its own. */
export interface Run {
	readonly workload: WorkloadId;
	/** The point on the axis of a scaling workload. */
	readonly at: number | undefined;
	/** By how much every sync was slowed. */
	readonly slowSyncMs: number;
	readonly candidate: string;
	readonly round: number;
	readonly figures: Figures;
	/** Does the document hold what was saved last? Missing where nothing could be read. */
	readonly verified?: boolean | undefined;
	/** Why there are no figures. */
	readonly error?: string | undefined;
	/** The candidate has no such feature. */
	readonly notAvailable?: string | undefined;
}

export interface Environment {
	readonly date: string;
	readonly cpu: string;
	readonly kernel: string;
	readonly memoryBytes: number;
	readonly fileSystem: string;
	/** Median of a 4 KB write and fsync into a file that stands, and of the fsync of a directory after a rename in it. */
	readonly fileSyncMs: number;
	readonly directorySyncMs: number;
	readonly node: string;
	readonly loadAverage: number;
	readonly counted: string;
	readonly versions: Record<string, string>;
}

/** What the report says of a candidate, beside its figures. */
export interface CandidateLabel {
	readonly id: string;
	readonly kind: 'ours' | 'peer' | 'yardstick';
	readonly durability: Durability;
	readonly atomic: boolean;
	readonly note: string;
}

export interface Results {
	readonly quick: boolean;
	readonly seed: number;
	readonly slowSyncMs: number;
	readonly environment: Environment;
	/** The load of the machine (1 minute) when the last run ended. */
	readonly loadAverageAtEnd: number;
	/** False where it was interrupted: what is missing was not run. */
	readonly complete: boolean;
	readonly candidates: readonly CandidateLabel[];
	readonly runs: readonly Run[];
}
