/** All workloads, in the order of the report. */
import { append, append64, replay } from './appends.ts';
import { counter } from './counter.ts';
import { hot2k, hot20k, scaleRate } from './hot-path.ts';
import { dump, rows, scaleSize } from './large.ts';
import { manyPaths, scalePaths } from './many-paths.ts';
import { awaited, burst, files, saturated } from './saves.ts';
import type { Workload } from './workload.ts';

export const workloads: readonly Workload[] = [
	burst,
	awaited,
	files,
	hot20k,
	hot2k,
	saturated,
	rows,
	dump,
	counter,
	append,
	append64,
	replay,
	manyPaths,
	scaleSize,
	scalePaths,
	scaleRate,
];
