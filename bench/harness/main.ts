/**
 * The benchmark that compares the strategies, the durabilities and the peers, each run in a process of its own.
 *
 *     npm run bench -- [options]      see USAGE
 *
 * `--quick` takes a few minutes, everything about an hour. Results go to bench/results/ (`--json`), after each run, so that
 * an interrupted benchmark is reported as far as it came; `--resume` goes on with it. The documents are written below
 * `--dir`, by default bench/results/: the disk is part of what is measured. `--slow-sync` is by how many milliseconds
 * every sync is slowed in the runs that show a slow disk (default 2, 0 leaves them out).
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeJson } from 'durable-json';
import { candidates } from '../candidates/index.ts';
import { compileSystemCalls } from '../measure/system-calls.ts';
import { printTables } from '../report/terminal.ts';
import { writeReport } from '../report/write-report.ts';
import { workloads } from '../workloads/index.ts';
import { readEnvironment } from './environment.ts';
import { keyOf, makePlan, type PlanOptions } from './plan.ts';
import { createProgress } from './progress.ts';
import type { Results, Run } from './result.ts';
import { runJob } from './run-job.ts';

const home = path.join(import.meta.dirname, '../../results');

const USAGE = `\
usage: npm run bench -- [--quick] [--only WORKLOAD]... [--candidate NAME]... [--rounds N] [--slow-sync MS] [--seed N]
                        [--dir DISK] [--json FILE] [--resume] [--report FOLDER] [--list]`;

const CONFIG = {
	options: {
		quick: { type: 'boolean', default: false },
		only: { type: 'string', multiple: true, default: [] as string[] },
		candidate: { type: 'string', multiple: true, default: [] as string[] },
		rounds: { type: 'string' },
		'slow-sync': { type: 'string', default: '2' },
		seed: { type: 'string' },
		dir: { type: 'string', default: home },
		json: { type: 'string' },
		resume: { type: 'boolean', default: false },
		report: { type: 'string', default: home },
		list: { type: 'boolean', default: false },
		help: { type: 'boolean', default: false },
	},
} as const;

const options = parseOptions();

function parseOptions() {
	try {
		return parseArgs(CONFIG).values;
	} catch (error) {
		console.error(`${(error as Error).message}\n${USAGE}`);
		return process.exit(2);
	}
}

if (options.help) {
	console.log(USAGE);
	process.exit();
}

if (options.list) {
	for (const { id, title } of workloads) console.log(id.padEnd(12), title);
	for (const { id, note } of candidates) console.log(id.padEnd(24), note);
	process.exit();
}

const list = (values: readonly string[]): string[] =>
	values.flatMap((value) => value.split(',').map((id) => id.trim()));
const file = options.json ?? path.join(home, options.quick ? 'quick.json' : 'full.json');
const earlier = options.resume && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : undefined;
const planOptions: PlanOptions = {
	quick: options.quick,
	seed: earlier?.seed ?? Number(options.seed ?? Date.now() % 1_000_000),
	only: list(options.only),
	candidates: options.candidate.map((id) => id.trim()),
	rounds: options.rounds === undefined ? undefined : Number(options.rounds),
	slowSyncMs: Number(options['slow-sync']),
};
checkNames(planOptions.only, workloads, 'workload');
checkNames(planOptions.candidates, candidates, 'candidate');

mkdirSync(home, { recursive: true });
mkdirSync(options.dir, { recursive: true });
const directory = mkdtempSync(path.join(options.dir, 'bench-'));
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

try {
	const results = await benchmark();
	printTables(results);
	console.log(`\n${path.relative('.', file)}\n${path.relative('.', await writeReport(results, options.report))}`);
} finally {
	rmSync(directory, { recursive: true, force: true });
}
if (interrupted.signal.aborted) process.exit(130);

async function benchmark(): Promise<Results> {
	const library = compileSystemCalls(directory);
	const environment = earlier?.environment ?? readEnvironment(directory, library !== undefined);
	const plan = makePlan(planOptions);
	const runs: Run[] = [...(earlier?.runs ?? [])];
	const done = new Set(runs.map(keyOf));
	const results = (complete: boolean): Results => ({
		quick: planOptions.quick,
		seed: planOptions.seed,
		slowSyncMs: planOptions.slowSyncMs,
		environment,
		loadAverageAtEnd: os.loadavg()[0] ?? 0,
		complete,
		candidates: candidates.map(({ id, kind, durability, atomic, note }) => ({ id, kind, durability, atomic, note })),
		runs,
	});
	const progress = createProgress(plan.length);
	try {
		for (const [index, job] of plan.entries()) {
			if (done.has(keyOf(job))) continue;
			progress.start(job, index);
			runs.push(await runJob(job, { directory, quick: planOptions.quick, library, signal: interrupted.signal }));
			await writeJson(file, results(false), { durability: 'none' });
		}
	} catch (error) {
		if (!interrupted.signal.aborted) throw error;
	} finally {
		progress.stop();
	}
	const complete = !interrupted.signal.aborted;
	await writeJson(file, results(complete), { space: '\t' });
	return results(complete);
}

function checkNames(wanted: readonly string[], known: ReadonlyArray<{ id: string }>, what: string): void {
	for (const name of wanted) {
		if (known.some(({ id }) => id === name)) continue;
		console.error(`no ${what} ${name}; there are: ${known.map(({ id }) => id).join(', ')}`);
		process.exit(2);
	}
}
