/**
 * Draws the report of a benchmark again from its results.
 *
 *     node bench/start.js report bench/results/full.json [FOLDER]
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Results } from '../harness/result.ts';
import { writeReport } from './write-report.ts';

const [file, folder] = process.argv.slice(2);
if (file === undefined) {
	console.error('usage: node bench/start.js report <results.json> [folder]');
	process.exit(2);
}
const results = JSON.parse(readFileSync(file, 'utf8')) as Results;
console.log(await writeReport(results, folder ?? path.dirname(file)));
