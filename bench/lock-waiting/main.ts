/**
 * How long a lock whose holder was killed is still waited for, and what a thousand waiters do to other file work of their
 * process.
 *
 *     node bench/start.js lock-waiting
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { withLock } from 'durable-json';
import { percentile } from '../measure/statistics.ts';

const KILLS = 20;
const WAITERS = 1000;
const STATS = 2000;
/** Long enough for a waiter to have come to its longest pause. */
const SETTLE_MS = 500;

const holderScript = fileURLToPath(new URL('./holder.js', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'durable-json-bench-'));
try {
	const freed: number[] = [];
	for (let i = 0; i < KILLS; i++) freed.push(await freedAfterMs(path.join(directory, `killed-${i}.json`)));
	console.log(`the lock is taken after SIGKILL of its holder, of ${KILLS}:`);
	console.table([{ 'median ms': round(percentile(freed, 50)), 'worst ms': Math.max(...freed) }]);

	const one = Array.from({ length: WAITERS }, () => path.join(directory, 'one.json'));
	const many = Array.from({ length: WAITERS }, (_, i) => path.join(directory, `many-${i}.json`));
	console.log(`fs.stat, one after the other, ${STATS} times, beside withLock calls that wait for another process:`);
	console.table([
		{ waiters: 'none', ...(await statTimes()) },
		{ waiters: `${WAITERS} for one document`, ...(await besideWaiters(one)) },
		{ waiters: `${WAITERS} for as many documents`, ...(await besideWaiters(many)) },
	]);
} finally {
	rmSync(directory, { recursive: true, force: true });
}

async function hold(files: readonly string[]): Promise<ChildProcess> {
	const holder = spawn(process.execPath, [holderScript, ...files], { stdio: ['ignore', 'pipe', 'inherit'] });
	await once(holder.stdout, 'data');
	return holder;
}

async function freedAfterMs(file: string): Promise<number> {
	const holder = await hold([file]);
	let takenMs = 0;
	const taken = withLock(file, () => {
		takenMs = performance.now();
	});
	// Not in step with the pauses.
	await sleep(SETTLE_MS + Math.random() * 50);
	const killedMs = performance.now();
	holder.kill('SIGKILL');
	await taken;
	return round(takenMs - killedMs);
}

async function besideWaiters(files: readonly string[]): Promise<Record<string, number>> {
	const holder = await hold([...new Set(files)]);
	const waiting = files.map((file) => withLock(file, () => undefined));
	await sleep(SETTLE_MS);
	const times = await statTimes();
	holder.kill('SIGKILL');
	await Promise.all(waiting);
	return times;
}

async function statTimes(): Promise<Record<string, number>> {
	const times: number[] = [];
	for (let i = 0; i < STATS; i++) {
		const startMs = performance.now();
		await stat(directory);
		times.push(performance.now() - startMs);
	}
	return {
		'p50 ms': round(percentile(times, 50)),
		'p99 ms': round(percentile(times, 99)),
		'worst ms': round(Math.max(...times)),
	};
}

function round(ms: number): number {
	return Math.round(ms * 1000) / 1000;
}
