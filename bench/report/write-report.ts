/** Writes the report: a page, and charts for other pages. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { writeFile } from 'durable-json';
import type { Results } from '../harness/result.ts';
import { drawCharts } from './charts.ts';
import { renderPage } from './page.ts';
import { summarise } from './summary.ts';
import { standalone } from './svg.ts';

/** Those that other pages may show. */
const AS_FILES = [
	'burst-saves-per-second',
	'awaited-saves-per-second',
	'awaited-saves-per-second-slow',
	'files-saves-per-second',
	'hot-20k-staleness-p99',
	'rows-rows-per-second',
	'scale-size-time-for-a-save',
	'scale-size-peak-memory',
];
const WIDTH = 640;

/** @returns the page's path */
export async function writeReport(results: Results, folder: string): Promise<string> {
	mkdirSync(folder, { recursive: true });
	for (const { id, title, svg } of drawCharts(summarise(results), results.slowSyncMs, WIDTH)) {
		if (AS_FILES.includes(id)) await writeFile(path.join(folder, `${id}.svg`), standalone(svg, title));
	}
	const page = path.join(folder, 'report.html');
	await writeFile(page, renderPage(results));
	return page;
}
