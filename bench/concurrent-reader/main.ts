/**
 * 500 saves of 2 KB, one after the other, beside another process that opens the document: on Windows nothing can be
 * renamed over a file that is open. Elsewhere than on Windows this runs on a node.exe under Wine.
 *
 *     node bench/start.js concurrent-reader [--only durable-json] [--node 22]
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { candidates, type Save } from './candidate.ts';

const SAVES = 500;
/** A candidate that is slower is cut off. */
const MAX_MS = 15_000;

interface Reader {
	readonly name: string;
	readonly openMs: number;
	readonly pauseMs: number;
}

const readers: readonly (Reader | undefined)[] = [
	undefined,
	{ name: 'open for 1 ms in every 20', openMs: 1, pauseMs: 19 },
	{ name: 'open for 5 ms in every 10', openMs: 5, pauseMs: 5 },
	{ name: 'open again at once', openMs: 0, pauseMs: 0 },
];

const { values } = parseArgs({
	options: { only: { type: 'string', multiple: true }, node: { type: 'string', default: '22' } },
});

if (process.platform === 'win32') await main();
else startUnderWine();

function startUnderWine(): void {
	const start = fileURLToPath(new URL('../../../tests/windows/start.js', import.meta.url));
	const only = (values.only ?? []).flatMap((name) => ['--only', name]);
	const args = [start, '--node', values.node, '--run', fileURLToPath(import.meta.url), ...only];
	process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}

async function main(): Promise<void> {
	for (const reader of readers) {
		const rows: Record<string, object> = {};
		for (const [name, load] of Object.entries(candidates)) {
			if (values.only === undefined || values.only.includes(name)) rows[name] = await run(await load(), reader);
		}
		console.log(`\n${reader === undefined ? 'no reader' : `a reader: ${reader.name}`}, node ${process.version}`);
		console.table(rows);
	}
}

async function run(save: Save, reader: Reader | undefined): Promise<object> {
	const directory = mkdtempSync(path.join(tmpdir(), 'durable-json-bench-'));
	const file = path.join(directory, 'state.json');
	await save(file, 'first');
	const beside = reader && (await startReader(file, reader));
	const startMs = performance.now();
	const durations: number[] = [];
	let failed = 0;
	let slowest = 0;
	while (durations.length + failed < SAVES && performance.now() - startMs < MAX_MS) {
		const beganMs = performance.now();
		try {
			await save(file, { count: durations.length, text: 'x'.repeat(2000) });
			durations.push(performance.now() - beganMs);
		} catch {
			failed += 1;
		}
		slowest = Math.max(slowest, performance.now() - beganMs);
	}
	const seconds = (performance.now() - startMs) / 1000;
	const met = beside && (await stop(beside));
	const litter = readdirSync(directory).length - 1;
	rmSync(directory, { recursive: true, force: true });
	durations.sort((a, b) => a - b);
	const percentile = (share: number): number => round(durations[Math.floor(durations.length * share)] ?? Number.NaN);
	return {
		failed: `${failed} of ${durations.length + failed}`,
		'p50 ms': percentile(0.5),
		'p99 ms': percentile(0.99),
		'max ms': round(slowest),
		seconds: round(seconds),
		litter,
		...met,
	};
}

async function startReader(file: string, { openMs, pauseMs }: Reader): Promise<ChildProcess> {
	const program = fileURLToPath(new URL('./reader.js', import.meta.url));
	const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
	const child = fork(program, [file, String(openMs), String(pauseMs)], { stdio: [...stdio] });
	await new Promise((resolve) => child.once('message', resolve));
	return child;
}

/** @returns what the reader has met */
async function stop(reader: ChildProcess): Promise<object> {
	let output = '';
	reader.stdout?.on('data', (chunk: Buffer) => {
		output += chunk.toString();
	});
	const closed = new Promise((resolve) => reader.once('close', resolve));
	reader.send('stop');
	await closed;
	return JSON.parse(output) as object;
}

function round(value: number): number {
	return Math.round(value * 10) / 10;
}
