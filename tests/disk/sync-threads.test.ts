/** Threads for syncs: those of the pool, and where they are too few and the event loop is idle, some of the library's own. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { longCalls } from '../../lib/platform/long-calls.ts';
import { SyncThread } from '../../lib/platform/sync-thread.ts';
import { MAX_SYNC_THREADS } from '../../lib/platform/sync-threads.ts';
import { capacityOf } from '../../lib/shared-state.ts';
import { LIBRARY, runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/**
 * A disk whose syncs are slow. `saves` many documents at a time for a while; `workers` are the
 * threads that were started.
 */
const prelude = `
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
const workers = [];
let delayMs = 15;
let posted = 0;
process.on('worker', (worker) => {
	workers.push(worker);
	const { postMessage } = worker;
	worker.postMessage = (call) => {
		posted += 1;
		setTimeout(() => postMessage.call(worker, call), delayMs);
	};
});
const { fsync } = fs;
fs.fsync = (fd, callback) => setTimeout(fsync, delayMs, fd, callback);
const { createWriter } = await import(process.env.LIBRARY);
const directory = process.argv[1];
let round = 0;
async function saves(writer, documents, forMs) {
	const untilMs = performance.now() + forMs;
	const rejected = [];
	while (performance.now() < untilMs) {
		round += 1;
		const all = Array.from({ length: documents }, (_, index) => writer.write(directory + '/' + index + '.json', { round }));
		for (const { reason } of await Promise.allSettled(all)) if (reason !== undefined) rejected.push(reason);
	}
	return rejected;
}
`;

function run<T>(script: string, nodeOptions: readonly string[] = []): T {
	const { status, stdout, stderr } = runChild(prelude + script, [directory.path], { nodeOptions });
	expect(status, stderr).toBe(0);
	return JSON.parse(stdout) as T;
}

describe('long calls', () => {
	it('leave a thread of the pool to the rest of the process, and begin in their order', async () => {
		const { longCalls: most } = capacityOf({});
		expect(most).toBe(Math.max(1, Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) - 1));
		const begun: number[] = [];
		const ends: (() => void)[] = [];
		const calls = Array.from({ length: most + 3 }, (_, call) => {
			return new Promise<void>((resolve) => {
				const begin = (end: (error: null) => void): void => {
					begun.push(call);
					ends.push(() => end(null));
				};
				longCalls.inPool(begin, () => resolve());
			});
		});
		for (let under = most; under < calls.length; under++) {
			expect(begun).toEqual(Array.from({ length: under }, (_, call) => call));
			ends.shift()?.();
		}
		for (const end of ends) end();
		await Promise.all(calls);
		expect(begun).toHaveLength(calls.length);
	});
});

describe('a thread for syncs', () => {
	async function started(): Promise<{ thread: SyncThread; lost: Promise<void> }> {
		let onLost = (): void => undefined;
		const lost = new Promise<void>((resolve) => {
			onLost = resolve;
		});
		const thread = await new Promise<SyncThread>((resolve) => {
			const made = new SyncThread({ onReady: () => resolve(made), onLost });
		});
		return { thread, lost };
	}

	it('answers with the error of the system', async () => {
		const { thread } = await started();
		const sync = (fd: number): Promise<Error | null> => new Promise((resolve) => thread.sync('fsync', fd, resolve));
		const file = openSync(directory.file('a'), 'w');
		const device = openSync('/dev/null', 'w');
		expect(await sync(file)).toBeNull();
		expect(await sync(device)).toMatchObject({ code: 'EINVAL', syscall: 'fsync', errno: -22 });
		closeSync(file);
		closeSync(device);
		expect(await sync(2 ** 30)).toMatchObject({ code: 'EBADF', message: expect.stringContaining('EBADF') as string });
		thread.stop();
	});

	it('that ends under way answers with an error: nobody knows what the disk has said', async () => {
		let worker: import('node:worker_threads').Worker | undefined;
		process.once('worker', (made) => {
			worker = made;
		});
		const { thread, lost } = await started();
		const file = openSync(directory.file('a'), 'w');
		const answer = new Promise((resolve) => thread.sync('fdatasync', file, resolve));
		void worker?.terminate();
		await lost;
		expect(thread.hasEnded).toBe(true);
		// It may have been through before it ended.
		const error = await answer;
		if (error !== null) expect(error).toMatchObject({ message: expect.stringContaining('ended') as string });
		closeSync(file);
	});
});

describe('threads of our own', () => {
	it('are started where many syncs wait and the event loop does not work, and stopped when there is nothing to do', () => {
		const told = run<{ most: number; rejected: unknown[]; alive: string[]; left: number; round: number }>(`
			const writer = createWriter();
			const rejected = await saves(writer, 60, 2500);
			const most = workers.length;
			const alive = process.getActiveResourcesInfo().filter((kind) => /Worker|MessagePort|Timeout/.test(kind));
			await Promise.all(workers.map((worker) => worker.threadId === -1 || new Promise((resolve) => worker.once('exit', resolve).ref())));
			const left = workers.filter(({ threadId }) => threadId !== -1).length;
			await saves(writer, 60, 1);
			await writer.close();
			console.log(JSON.stringify({ most, rejected, alive, left, round }));
		`);
		expect(told.most).toBeGreaterThan(1);
		expect(told.most).toBeLessThanOrEqual(MAX_SYNC_THREADS);
		expect(told).toMatchObject({ rejected: [], alive: [], left: 0 });
		const names = readdirSync(directory.path).filter((name) => name.endsWith('.json'));
		expect(names).toHaveLength(60);
		for (const name of names)
			expect(JSON.parse(readFileSync(directory.file(name), 'utf8'))).toEqual({ round: told.round });
	});

	it('keep the process alive while they sync, and no longer', () => {
		const told = run<{ error: unknown; worker: number }>(`
			const { SyncThread } = await import(new URL('platform/sync-thread.js', process.env.LIBRARY));
			const waiting = setInterval(() => undefined, 1000);
			const thread = await new Promise((resolve) => {
				const made = new SyncThread({ onReady: () => resolve(made), onLost: () => undefined });
			});
			clearInterval(waiting);
			thread.sync('fsync', fs.openSync(directory + '/a', 'w'), (error) => {
				console.log(JSON.stringify({ error, worker: workers[0].threadId }));
			});
		`);
		expect(told).toEqual({ error: null, worker: expect.any(Number) as number });
	});

	it('that nobody has needed yet does not keep it alive either', () => {
		const told = run<{ resources: string[] }>(`
			const { SyncThread } = await import(new URL('platform/sync-thread.js', process.env.LIBRARY));
			const waiting = setInterval(() => undefined, 1000);
			await new Promise((onReady) => new SyncThread({ onReady, onLost: () => undefined }));
			clearInterval(waiting);
			console.log(JSON.stringify({ resources: process.getActiveResourcesInfo().filter((kind) => kind === 'MessagePort') }));
		`);
		expect(told).toEqual({ resources: [] });
	});

	it.each([
		['few documents are saved', 'const rejected = await saves(createWriter(), 3, 1000);'],
		['they are saved one by one', 'const rejected = await saves(createWriter(), 1, 1000);'],
		[
			'the event loop has enough to do',
			`const busy = setInterval(() => { for (const untilMs = performance.now() + 20; performance.now() < untilMs; ); });
			const rejected = await saves(createWriter(), 60, 1500);
			clearInterval(busy);`,
		],
	])('are not started where %s', (_, script) => {
		const told = run<object>(`${script} console.log(JSON.stringify({ rejected, workers: workers.length }));`);
		expect(told).toEqual({ rejected: [], workers: 0 });
	});

	it('that may not be started are done without', () => {
		const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
		const told = run<object>(
			`const rejected = await saves(createWriter(), 60, 1000);
			console.log(JSON.stringify({ rejected, workers: workers.length, allowed: process.permission.has('worker') }));`,
			[flag, '--allow-fs-read=*', '--allow-fs-write=*'],
		);
		expect(told).toEqual({ rejected: [], workers: 0, allowed: false });
	});

	it('that end by themselves fail the syncs that they make, and are not started again', () => {
		const told = run<{ rejected: object[]; names: string[] }>(`
			const writer = createWriter();
			while (workers.length < 3) await saves(writer, 60, 100);
			delayMs = 100;
			const postedBefore = posted;
			const saving = saves(writer, 60, 1);
			while (posted === postedBefore) await sleep(1);
			await Promise.all(workers.map((worker) => worker.terminate()));
			const most = workers.length;
			const rejected = (await saving).map(({ code, step, outcome }) => ({ code, step, outcome }));
			const later = await saves(writer, 60, 500);
			await writer.close();
			const names = fs.readdirSync(directory);
			const whole = names.every((name) => JSON.parse(fs.readFileSync(directory + '/' + name)).round === round);
			console.log(JSON.stringify({ rejected, later, names, whole, again: workers.length - most }));
		`);
		expect(told).toMatchObject({ later: [], whole: true, again: 0 });
		expect(told.names.filter((name) => !/^\d+\.json$/.test(name))).toEqual([]);
		expect(told.rejected.length).toBeGreaterThan(0);
		for (const error of told.rejected) {
			expect(error).toEqual({ code: 'ERR_WRITE_FAILED', step: 'sync', outcome: 'not_applied' });
		}
	});
});

const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
if (!canTrace) console.warn('strace is missing or not allowed: the syncs of the threads are not seen');

it.runIf(canTrace)('each document is synced before it is renamed, whichever thread does it', () => {
	const log = directory.file('strace.log');
	const script = `${prelude} while (workers.length < 2) await saves(createWriter(), 40, 200); await saves(createWriter(), 40, 200); console.log(posted);`;
	const node = [process.execPath, '--input-type=module', '-e', script, directory.file('data')];
	const { status, stdout, stderr } = spawnSync(
		'strace',
		['-f', '-y', '-o', log, '-e', 'trace=fsync,rename,renameat,renameat2', ...node],
		{ encoding: 'utf8', timeout: 120_000, env: { ...process.env, LIBRARY } },
	);
	expect(status, stderr).toBe(0);
	expect(Number(stdout)).toBeGreaterThan(0);
	const synced = new Set<string>();
	const syncing = new Map<string, string>();
	let renames = 0;
	for (const line of readFileSync(log, 'utf8').split('\n')) {
		const thread = /^\d+/.exec(line)?.[0] ?? '';
		const begun = /fsync\(\d+<([^>]+\.part)>(.*)/.exec(line);
		if (begun !== null) {
			const [, file = '', rest = ''] = begun;
			if (rest.includes('= 0')) synced.add(file);
			else syncing.set(thread, file);
		}
		if (/fsync resumed.*= 0/.test(line)) synced.add(syncing.get(thread) ?? '');
		const renamed = /rename[^"]*"([^"]+\.part)"/.exec(line);
		if (renamed === null) continue;
		renames += 1;
		expect([...synced].some((file) => file.endsWith(renamed[1] ?? '-'))).toBe(true);
	}
	expect(renames).toBeGreaterThan(40);
});
