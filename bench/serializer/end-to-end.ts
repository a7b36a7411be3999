/**
 * The serializer from value to file against `fs.promises.writeFile(path, JSON.stringify(value))` and streaming packages.
 * Each run is a process of its own; the candidates take turns; medians.
 *
 *     node bench/serializer/end-to-end.ts [--node PATH]... [--data NAME]... [--candidate NAME]... [--runs 3] [--scale 1]
 *         [--directory DIR]
 *
 * `--node` names other Node binaries to measure with; the first candidate that succeeds is the one compared with.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Measurement } from './candidate.ts';
import { WORKLOADS } from './data.ts';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
// Inside the repository, so that the library's dependencies are found; older Node versions cannot run TypeScript.
const build = path.join(root, `node_modules/.cache/serializer-bench-${process.pid}`);

const { values: options } = parseArgs({
	options: {
		node: { type: 'string', multiple: true, default: [process.execPath] },
		data: { type: 'string', multiple: true, default: Object.keys(WORKLOADS) },
		candidate: { type: 'string', multiple: true, default: ['native', 'writeJson', 'source'] },
		runs: { type: 'string', default: '3' },
		scale: { type: 'string', default: '1' },
		directory: { type: 'string', default: os.tmpdir() },
		packages: { type: 'string', default: path.join(here, '../package.json') },
	},
});

function compile(): void {
	const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
	const compiled = spawnSync(process.execPath, [tsc, '-p', path.join(here, 'tsconfig.json'), '--outDir', build], {
		encoding: 'utf8',
	});
	if (compiled.status !== 0) console.error(compiled.stdout);
	fs.mkdirSync(build, { recursive: true });
	fs.writeFileSync(path.join(build, 'package.json'), '{"type":"module"}');
}

function measure(node: string, candidate: string, data: string, file: string): Measurement | undefined {
	const script = path.join(build, 'bench/serializer/candidate.js');
	const flags = ['--expose-gc', '--max-old-space-size=6000'];
	const args = [...flags, script, candidate, data, options.scale, file, options.packages];
	const run = spawnSync(node, args, { encoding: 'utf8', timeout: 300_000 });
	try {
		return JSON.parse(run.stdout) as Measurement;
	} catch {
		console.error(`${candidate} failed on ${data}: ${run.stderr.slice(0, 500)}`);
		return undefined;
	}
}

function median(numbers: readonly number[]): number {
	return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

function report(data: string, results: Map<string, Measurement[]>): void {
	let reference: number | undefined;
	for (const [candidate, runs] of results) {
		if (runs.length === 0) continue;
		const wall = median(runs.map(({ wallMs }) => wallMs));
		reference ??= wall;
		const bytes = runs[0]?.bytes ?? 0;
		const columns = [
			data.padEnd(24),
			candidate.padEnd(22),
			`${(bytes / 1e6).toFixed(1)} MB`.padStart(9),
			`${wall.toFixed(0)} ms`.padStart(9),
			`x${(reference / wall).toFixed(2)}`.padStart(6),
			`cpu ${median(runs.map(({ cpuMs }) => cpuMs)).toFixed(0)} ms`.padStart(13),
			`rss +${(median(runs.map(({ extraRss }) => extraRss)) / 1e6).toFixed(0)} MB`.padStart(12),
		];
		const holds = runs.flatMap((run) => run.holds ?? []);
		if (holds.length > 0) {
			const worst = (pick: (hold: (typeof holds)[number]) => number) => Math.max(...holds.map(pick)).toFixed(1);
			columns.push(
				`  holds net p99.9 ${worst((hold) => hold.p999NetMs)} max ${worst((hold) => hold.maxNetMs)}`,
				`(after the first ${worst((hold) => hold.maxNetWarmMs)}) gross ${worst((hold) => hold.maxMs)} ms`,
			);
		}
		console.log(columns.join(' '));
	}
}

compile();
const file = path.join(fs.mkdtempSync(path.join(options.directory, 'serializer-bench-')), 'out.json');
try {
	for (const node of options.node) {
		console.log(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim());
		for (const data of options.data) {
			const results = new Map(options.candidate.map((candidate) => [candidate, [] as Measurement[]]));
			for (let run = 0; run < Number(options.runs); run++) {
				for (const [candidate, runs] of results) {
					const measured = measure(node, candidate, data, file);
					if (measured !== undefined) runs.push(measured);
				}
			}
			report(data, results);
		}
	}
} finally {
	fs.rmSync(path.dirname(file), { recursive: true });
	fs.rmSync(build, { recursive: true, force: true });
}
