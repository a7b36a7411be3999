/** Which charts there are. */
import type { WorkloadId } from '../candidates/candidate.ts';
import type { FigureName } from '../harness/result.ts';
import { workloads } from '../workloads/index.ts';
import { FIGURES, formatBytes, formatCount } from './format.ts';
import { rankingChart } from './ranking-chart.ts';
import { scalingChart } from './scaling-chart.ts';
import type { Entry } from './summary.ts';

export interface Chart {
	/** The name of its file. */
	readonly id: string;
	readonly workload: WorkloadId;
	readonly title: string;
	readonly svg: string;
}

interface Ranking {
	readonly workload: WorkloadId;
	readonly figure: FigureName;
	readonly slow?: boolean;
}

const RANKINGS: readonly Ranking[] = [
	{ workload: 'burst', figure: 'callsPerSecond' },
	{ workload: 'awaited', figure: 'callsPerSecond' },
	{ workload: 'awaited', figure: 'callsPerSecond', slow: true },
	{ workload: 'files', figure: 'callsPerSecond' },
	{ workload: 'files', figure: 'callsPerSecond', slow: true },
	{ workload: 'hot-20k', figure: 'stalenessP99Ms' },
	{ workload: 'hot-20k', figure: 'cpuSeconds' },
	{ workload: 'hot-20k', figure: 'syncs' },
	{ workload: 'hot-2k', figure: 'stalenessP99Ms' },
	{ workload: 'hot-2k', figure: 'latencyP99Ms' },
	{ workload: 'saturated', figure: 'callsPerSecond' },
	{ workload: 'rows', figure: 'callsPerSecond' },
	{ workload: 'rows', figure: 'peakMemoryBytes' },
	{ workload: 'dump', figure: 'bytesPerSecond' },
	{ workload: 'dump', figure: 'peakMemoryBytes' },
	{ workload: 'counter', figure: 'callsPerSecond' },
	{ workload: 'many-paths', figure: 'callsPerSecond' },
];

interface Scaling {
	readonly workload: WorkloadId;
	readonly figure: FigureName;
	readonly xLabel: string;
	readonly xFormat: (at: number) => string;
}

const SCALINGS: readonly Scaling[] = [
	{ workload: 'scale-size', figure: 'costMs', xLabel: 'size of the document', xFormat: formatBytes },
	{ workload: 'scale-size', figure: 'peakMemoryBytes', xLabel: 'size of the document', xFormat: formatBytes },
	{ workload: 'scale-paths', figure: 'costMs', xLabel: 'paths saved at once', xFormat: formatCount },
	{ workload: 'scale-rate', figure: 'stalenessP99Ms', xLabel: 'saves a second', xFormat: formatCount },
	{ workload: 'scale-rate', figure: 'cpuSeconds', xLabel: 'saves a second', xFormat: formatCount },
];

/** All charts that there are figures for, so many pixels wide. */
export function drawCharts(entries: readonly Entry[], slowSyncMs: number, width: number): Chart[] {
	return [
		...RANKINGS.flatMap((ranking) => drawRanking(entries, ranking, slowSyncMs, width)),
		...SCALINGS.flatMap((scaling) => drawScaling(entries, scaling, width)),
	];
}

function drawRanking(entries: readonly Entry[], ranking: Ranking, slowSyncMs: number, width: number): Chart[] {
	const { workload, figure, slow = false } = ranking;
	const own = entries.filter((entry) => entry.workload === workload && entry.slowSyncMs > 0 === slow);
	if (own.every(({ failure }) => failure !== undefined)) return [];
	const title = `${titleOf(workload)}: ${nameOf(workload, figure)}${slow ? `, every sync ${slowSyncMs} ms slower` : ''}`;
	const id = [idOf(workload, figure), ...(slow ? ['slow'] : [])].join('-');
	return [{ id, workload, title, svg: rankingChart(own, { title, figure, width }) }];
}

function drawScaling(
	entries: readonly Entry[],
	{ workload, figure, xLabel, xFormat }: Scaling,
	width: number,
): Chart[] {
	const own = entries.filter((entry) => entry.workload === workload);
	if (own.every(({ failure }) => failure !== undefined)) return [];
	const title = `${titleOf(workload)}: ${nameOf(workload, figure)}`;
	const height = Math.min(320, Math.round(width * 0.72));
	const svg = scalingChart(own, { title, figure, xLabel, xFormat, width, height });
	return [{ id: idOf(workload, figure), workload, title, svg }];
}

function titleOf(id: WorkloadId): string {
	return workloads.find((workload) => workload.id === id)?.title ?? id;
}

function nameOf(workload: WorkloadId, figure: FigureName): string {
	const { headline, unit } = workloads.find(({ id }) => id === workload) ?? {};
	if (unit !== undefined && figure === headline) return unit;
	return FIGURES[figure].name ?? FIGURES[figure].title;
}

function idOf(workload: WorkloadId, figure: FigureName): string {
	const name = nameOf(workload, figure).replaceAll('/s', ' per second');
	return `${workload} ${name}`.replaceAll(' ', '-').toLowerCase();
}
