/** Figures as people read them. */
import type { FigureName } from '../harness/result.ts';

/** Three significant digits, thousands apart: 0.0123, 4.56, 78.9, 1,230, 45,600. */
export function formatNumber(value: number): string {
	if (!Number.isFinite(value)) return '–';
	if (value === 0) return '0';
	if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
	return Number(value.toPrecision(Math.abs(value) < 1 ? 2 : 3)).toLocaleString('en-US', { maximumFractionDigits: 4 });
}

export function formatMs(value: number): string {
	if (value >= 10_000) return `${formatNumber(value / 1000)} s`;
	return `${formatNumber(value)} ms`;
}

export function formatBytes(value: number): string {
	const size = Math.abs(value);
	if (size >= 1e9) return `${formatNumber(value / 1e9)} GB`;
	if (size >= 1e6) return `${formatNumber(value / 1e6)} MB`;
	if (size >= 1e3) return `${formatNumber(value / 1e3)} kB`;
	return `${formatNumber(value)} B`;
}

/** 10, 1k, 100k */
export function formatCount(value: number): string {
	return value >= 1000 ? `${formatNumber(value / 1000)}k` : formatNumber(value);
}

/** On an axis, where there is little room. */
export function formatTick(name: FigureName, value: number): string {
	if (name === 'bytesPerSecond') return FIGURES[name].format(value);
	if (name.endsWith('Ms') && value >= 1000) return `${formatCount(value / 1000)} s`;
	return /(Ms|Bytes|Seconds)$/.test(name) ? FIGURES[name].format(value) : formatCount(value);
}

interface FigureText {
	/** Above a column, beside others of its kind. */
	readonly title: string;
	/** By itself, where the title is not enough. */
	readonly name?: string;
	/** Is more better? Undefined: neither. */
	readonly more?: boolean;
	readonly format: (value: number) => string;
}

/** How each figure is called, and which way is better. */
export const FIGURES: Record<FigureName, FigureText> = {
	calls: { title: 'saves', format: formatNumber },
	callsPerSecond: { title: 'saves/s', more: true, format: formatNumber },
	commits: { title: 'commits', format: formatNumber },
	commitsPerSecond: { title: 'commits/s', format: formatNumber },
	syncs: { title: 'syncs', more: false, format: formatNumber },
	directorySyncs: { title: 'of directories', more: false, format: formatNumber },
	diskBytes: { title: 'to disk', more: false, format: formatBytes },
	documentBytes: { title: 'document', format: formatBytes },
	bytesPerSecond: { title: 'MB/s', more: true, format: (value) => formatNumber(value / 1e6) },
	latencyP50Ms: { title: 'latency p50', more: false, format: formatMs },
	latencyP99Ms: { name: 'latency p99', title: 'p99', more: false, format: formatMs },
	latencyMaxMs: { title: 'max', more: false, format: formatMs },
	stalenessP50Ms: { title: 'staleness p50', more: false, format: formatMs },
	stalenessP99Ms: { name: 'staleness p99', title: 'p99', more: false, format: formatMs },
	stalenessMaxMs: { title: 'max', more: false, format: formatMs },
	loopDelayP99Ms: { title: 'loop delay p99', more: false, format: formatMs },
	loopDelayMaxMs: { title: 'max', more: false, format: formatMs },
	wallMs: { title: 'time', more: false, format: formatMs },
	issueMs: { title: 'to issue', more: false, format: formatMs },
	drainMs: { title: 'to drain', more: false, format: formatMs },
	unsettled: { title: 'never done', more: false, format: formatNumber },
	cpuSeconds: { name: 'processor time', title: 'CPU', more: false, format: (value) => `${formatNumber(value)} s` },
	peakMemoryBytes: { title: 'peak memory', more: false, format: formatBytes },
	settledMemoryBytes: { title: 'memory after', more: false, format: formatBytes },
	openHandles: { title: 'open files after', more: false, format: formatNumber },
	costMs: { title: 'time for a save', more: false, format: formatMs },
	timesJsonParse: { title: 'x JSON.parse', more: false, format: (value) => `${formatNumber(value)}x` },
};

/** What a resolved save stands for, as it is shown. */
export const DURABILITY = {
	full: 'file and directory synced',
	db: 'synced by the database',
	file: 'file synced',
	none: 'nothing synced',
} as const;
