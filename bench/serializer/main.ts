/**
 * The serializer from value to file (`writeJson`, durability 'none') against
 * `fs.promises.writeFile(path, JSON.stringify(value))`, and on one data set against streaming packages.
 *
 *     node bench/start.js serializer [--quick] [--data NAME]... [--node PATH] [--runs 2] [--scale 1] [--json FILE]
 *
 * Each run is a process of its own that writes six times: cold, when nothing of it is compiled yet, and five times warm.
 * The candidates take turns; medians. Holds of the event loop are watched in runs of their own, over all six writes; of two
 * such runs the worse counts. `--quick` takes smaller data and one run. `--node` is another Node binary to measure with.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Holds, Measurement, Times } from './candidate.ts';
import { WORKLOADS } from './data.ts';

const script = fileURLToPath(new URL('./candidate.js', import.meta.url));

/** Where the streaming packages, which are many times slower, are measured too; a fraction of the telemetry. */
const PEERS_ON = 'telemetry, peers';
const PEERS = ['@discoveryjs/json-ext', 'json-stream-stringify'];

const { values: options } = parseArgs({
	options: {
		node: { type: 'string', default: process.execPath },
		data: { type: 'string', multiple: true, default: Object.keys(WORKLOADS) },
		runs: { type: 'string' },
		scale: { type: 'string' },
		quick: { type: 'boolean', default: false },
		json: { type: 'string' },
	},
});
const runs = Number(options.runs ?? (options.quick ? 1 : 2));
const scale = options.scale ?? (options.quick ? '0.1' : '1');

/** What the candidates came to on one data set; times in milliseconds, memory in bytes. */
interface Summary {
	readonly data: string;
	readonly candidate: string;
	readonly bytes: number;
	/** Medians of the first write of a process and of those that follow. */
	readonly cold: Times;
	readonly warm: Times;
	/** Throughput in native's; by the clock, and by the processor time of all threads. */
	readonly coldRatio: Times;
	readonly warmRatio: Times;
	readonly extraRss: number;
	readonly holds: Holds | undefined;
}

function measure(candidate: string, data: string, file: string, mode: string): Measurement {
	const flags = ['--expose-gc', '--max-old-space-size=6000'];
	const run = spawnSync(options.node, [...flags, script, candidate, data, scale, file, mode], {
		encoding: 'utf8',
		timeout: 300_000,
	});
	if (run.status !== 0) throw new Error(`${candidate} failed on ${data}: ${run.stderr.slice(0, 1000)}`);
	return JSON.parse(run.stdout) as Measurement;
}

function median(numbers: readonly number[]): number {
	const sorted = [...numbers].sort((a, b) => a - b);
	return sorted[sorted.length >> 1] ?? Number.NaN;
}

function worst(all: readonly Holds[]): Holds {
	const most = (pick: (holds: Holds) => number) => Math.max(...all.map(pick));
	return {
		count: most(({ count }) => count),
		maxMs: most(({ maxMs }) => maxMs),
		maxNetMs: most(({ maxNetMs }) => maxNetMs),
		p999NetMs: most(({ p999NetMs }) => p999NetMs),
		maxCpuMs: most(({ maxCpuMs }) => maxCpuMs),
		p999CpuMs: most(({ p999CpuMs }) => p999CpuMs),
	};
}

function compare(data: string, file: string): Summary[] {
	const peers = data === PEERS_ON ? PEERS : [];
	const results = new Map(['native', 'durable-json', ...peers].map((name) => [name, [] as Measurement[]]));
	const holds = new Map<string, Holds[]>();
	for (let run = 0; run < runs; run++) {
		for (const [candidate, measured] of results) {
			if (run > 0 && peers.includes(candidate)) continue;
			measured.push(measure(candidate, data, file, 'times'));
		}
	}
	for (const candidate of results.keys()) {
		const times = candidate === 'durable-json' && !options.quick ? 2 : 1;
		for (let run = 0; run < times; run++) {
			const watched = measure(candidate, data, file, 'holds').holds;
			if (watched !== undefined) holds.set(candidate, [...(holds.get(candidate) ?? []), watched]);
		}
	}
	const native = results.get('native') ?? [];
	return [...results].map(([candidate, measured]) => ({
		data,
		candidate,
		bytes: measured[0]?.bytes ?? 0,
		cold: medians(measured, 'cold'),
		warm: medians(measured, 'warm'),
		coldRatio: ratio(medians(native, 'cold'), medians(measured, 'cold')),
		warmRatio: ratio(medians(native, 'warm'), medians(measured, 'warm')),
		extraRss: median(measured.map(({ extraRss }) => extraRss)),
		holds: worst(holds.get(candidate) ?? []),
	}));
}

function medians(measured: readonly Measurement[], which: 'cold' | 'warm'): Times {
	const times = measured.map((measurement) => measurement[which]);
	return { wallMs: median(times.map(({ wallMs }) => wallMs)), cpuMs: median(times.map(({ cpuMs }) => cpuMs)) };
}

function ratio(native: Times, ours: Times): Times {
	return { wallMs: native.wallMs / ours.wallMs, cpuMs: native.cpuMs / ours.cpuMs };
}

const COLUMNS = [
	'data set',
	'candidate',
	'MB',
	'wall',
	'cpu',
	'cold wall',
	'cold cpu',
	'RSS MB',
	'on cpu',
	'p99.9',
	'net',
	'p99.9',
	'gross',
];

function format(cells: readonly string[]): string {
	return cells.map((cell, index) => (index < 2 ? cell.padEnd(24) : cell.padStart(index < 8 ? 10 : 8))).join('');
}

function row({ data, candidate, bytes, coldRatio, warmRatio, extraRss, holds }: Summary): string {
	const ms = (value: number | undefined) => (value ?? Number.NaN).toFixed(1);
	return format([
		data,
		candidate,
		(bytes / 1e6).toFixed(1),
		...[warmRatio, coldRatio].flatMap(({ wallMs, cpuMs }) => [`x${wallMs.toFixed(2)}`, `x${cpuMs.toFixed(2)}`]),
		`+${(extraRss / 1e6).toFixed(0)}`,
		ms(holds?.maxCpuMs),
		ms(holds?.p999CpuMs),
		ms(holds?.maxNetMs),
		ms(holds?.p999NetMs),
		ms(holds?.maxMs),
	]);
}

function environment(): Record<string, string> {
	return {
		node: spawnSync(options.node, ['--version'], { encoding: 'utf8' }).stdout.trim(),
		cpu: `${os.cpus().length} x ${os.cpus()[0]?.model.trim() ?? 'unknown'}`,
		kernel: `${os.type()} ${os.release()} ${os.arch()}`,
	};
}

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'durable-json-bench-'));
const summaries: Summary[] = [];
try {
	console.log(Object.values(environment()).join(', '));
	console.log(
		'ratios: throughput in native writeFile(JSON.stringify(value)), more is better; the first write of a process is cold; holds in ms: longest\nand p99.9 net of garbage collection, without and with waits for a processor; longest gross\n',
	);
	console.log(format(COLUMNS));
	for (const data of options.data) {
		console.error(`${data} ...`);
		const compared = compare(data, path.join(directory, 'out.json'));
		for (const summary of compared) console.log(row(summary));
		summaries.push(...compared);
	}
} finally {
	fs.rmSync(directory, { recursive: true });
}
if (options.json !== undefined) {
	fs.writeFileSync(
		options.json,
		`${JSON.stringify({ environment: environment(), runs, scale, summaries }, null, 2)}\n`,
	);
}
