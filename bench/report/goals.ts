/** What the library is meant to reach, and what was measured: ratios within one benchmark. */

import type { WorkloadId } from '../candidates/candidate.ts';
import { ADAPTIVE_BOUND_MS } from '../candidates/durable-json.ts';
import type { FigureName } from '../harness/result.ts';
import { formatBytes, formatMs, formatNumber } from './format.ts';
import { type Entry, find, median } from './summary.ts';

export interface Goal {
	readonly text: string;
	readonly wanted: string;
	readonly measured: string;
	readonly verdict: 'met' | 'missed' | 'not measured';
}

const OURS = 'durable-json';
/** Memory that may be left after many paths, and that rows may take: caches and buffers, not data. */
const LEFT_BYTES = 5e6;
const FLAT_BYTES = 150e6;
const LOOP_DELAY_MS = 2;

export function measureGoals(entries: readonly Entry[], slowSyncMs: number): Goal[] {
	return [
		...speedGoals(entries, slowSyncMs),
		...updateGoals(entries),
		...telemetryGoals(entries),
		...largeGoals(entries),
	];
}

function speedGoals(entries: readonly Entry[], slowSyncMs: number): Goal[] {
	const faster = (text: string, workload: WorkloadId, peer: string, atLeast: number, slow = 0): Goal =>
		ratioGoal(text, rate(entries, workload, OURS, slow) / rate(entries, workload, peer, slow), atLeast);
	const files = find(entries, 'files', OURS);
	const slow = `Every sync ${slowSyncMs} ms slower`;
	return [
		faster('Burst of 10,000 saves against write-file-atomic', 'burst', 'write-file-atomic', 200),
		faster('Burst against atomically', 'burst', 'atomically', 200),
		faster('Burst against steno, which syncs nothing', 'burst', 'steno', 2),
		faster('Awaited one by one, two syncs, against atomically with one', 'awaited', 'atomically', 1.4),
		faster('Awaited against write-file-atomic with one', 'awaited', 'write-file-atomic', 2),
		faster('Awaited against the same calls made synchronously', 'awaited', 'six calls, synchronous', 0.75),
		faster('200 files against write-file-atomic, which syncs no directory', 'files', 'write-file-atomic', 2),
		faster('200 files against atomically, which syncs no directory', 'files', 'atomically', 1.6),
		goal('200 files: directory syncs for each commit', '0.1 at most', quotient(files, 'directorySyncs', 'commits'), {
			met: (value) => value <= 0.1,
			format: formatNumber,
		}),
		faster('Log entries awaited one by one against better-sqlite3', 'append', 'better-sqlite3', 1.3),
		faster('Log entries awaited against classic-level', 'append', 'classic-level', 1.3),
		faster('Log entries of 64 tasks against better-sqlite3', 'append-64', 'better-sqlite3', 20),
		faster('Log entries of 64 tasks against classic-level', 'append-64', 'classic-level', 8),
		faster('Log entries of 64 tasks against lmdb', 'append-64', 'lmdb', 0.7),
		faster(`${slow}: 200 files against a directory sync for each file`, 'files', 'by hand', 1.3, slowSyncMs),
	];
}

/** Of updates by 50 tasks of one document. */
function updateGoals(entries: readonly Entry[]): Goal[] {
	const ours = rate(entries, 'counter', OURS, 0);
	const against = (text: string, peer: string, atLeast: number): Goal =>
		ratioGoal(`Updates by 50 tasks against ${text}`, ours / rate(entries, 'counter', peer, 0), atLeast);
	return [
		against('write-file-atomic, one by one', 'write-file-atomic', 20),
		against('async-mutex and atomically', 'async-mutex + atomically', 20),
		against('proper-lockfile and write-file-atomic', 'proper-lockfile + write-file-atomic', 20),
		against('better-sqlite3', 'better-sqlite3', 3),
		against('lowdb, which syncs nothing', 'lowdb', 1),
	];
}

function telemetryGoals(entries: readonly Entry[]): Goal[] {
	const of = (candidate: string, name: FigureName): number => median(find(entries, 'hot-20k', candidate), name);
	const most = (text: string, value: number, atMost: number): Goal =>
		goal(text, `${formatNumber(atMost)}x at most`, value, { met: (value) => value <= atMost, format: times });
	const coalesce = (name: FigureName): number => of(OURS, name);
	const adaptive = (name: FigureName): number => of(`${OURS} adaptive`, name);
	return [
		most("Telemetry, staleness p99 against steno's", coalesce('stalenessP99Ms') / of('steno', 'stalenessP99Ms'), 1.5),
		most("Telemetry, syncs of adaptive against coalesce's", adaptive('syncs') / coalesce('syncs'), 0.2),
		most("Telemetry, CPU of adaptive against coalesce's", adaptive('cpuSeconds') / coalesce('cpuSeconds'), 0.5),
		goal('Telemetry, staleness of adaptive, worst', `under ${ADAPTIVE_BOUND_MS} ms`, adaptive('stalenessMaxMs'), {
			met: (value) => value < ADAPTIVE_BOUND_MS,
			format: formatMs,
		}),
		goal(
			'Telemetry, event-loop delay p99 over an idle loop',
			`${LOOP_DELAY_MS} ms at most`,
			coalesce('loopDelayP99Ms') - of('idle', 'loopDelayP99Ms'),
			{ met: (value) => value <= LOOP_DELAY_MS, format: formatMs },
		),
	];
}

function largeGoals(entries: readonly Entry[]): Goal[] {
	const rows = entries.filter(({ workload, label }) => workload === 'rows' && label.kind === 'peer');
	const best = rows.reduce<Entry | undefined>(
		(best, entry) => (median(entry, 'callsPerSecond') > (best ? median(best, 'callsPerSecond') : 0) ? entry : best),
		undefined,
	);
	const ours = find(entries, 'rows', OURS);
	const paths = find(entries, 'many-paths', OURS);
	return [
		ratioGoal(
			`Rows from a generator against the best peer (${best?.label.id ?? 'none'})`,
			median(ours, 'callsPerSecond') / median(best, 'callsPerSecond'),
			1.5,
		),
		goal('Rows: peak memory over the start', `${formatBytes(FLAT_BYTES)} at most`, median(ours, 'peakMemoryBytes'), {
			met: (value) => value <= FLAT_BYTES,
			format: formatBytes,
		}),
		goal('Many paths: memory left', `${formatBytes(LEFT_BYTES)} at most`, median(paths, 'settledMemoryBytes'), {
			met: (value) => value <= LEFT_BYTES,
			format: formatBytes,
		}),
		goal('Many paths: open files left', 'none', median(paths, 'openHandles'), {
			met: (value) => value <= 0,
			format: formatNumber,
		}),
	];
}

function rate(entries: readonly Entry[], workload: WorkloadId, candidate: string, slowSyncMs: number): number {
	return median(find(entries, workload, candidate, slowSyncMs), 'callsPerSecond');
}

function quotient(entry: Entry | undefined, of: FigureName, by: FigureName): number {
	return median(entry, of) / median(entry, by);
}

const times = (value: number): string => `${formatNumber(value)}x`;

function ratioGoal(text: string, value: number, atLeast: number): Goal {
	return goal(text, `${times(atLeast)} at least`, value, { met: (value) => value >= atLeast, format: times });
}

interface Judge {
	readonly met: (value: number) => boolean;
	readonly format: (value: number) => string;
}

function goal(text: string, wanted: string, value: number, { met, format }: Judge): Goal {
	if (!Number.isFinite(value)) return { text, wanted, measured: '–', verdict: 'not measured' };
	return { text, wanted, measured: format(value), verdict: met(value) ? 'met' : 'missed' };
}
