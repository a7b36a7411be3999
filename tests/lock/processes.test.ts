import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createWriter, withLock, writeJson } from '../../lib/index.ts';
import { LIBRARY, startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const LONG = process.env.MODE === 'crash';

/** Prints `locked` once it holds the lock of the document, and keeps it. */
const HOLDER = `
	const { withLock } = await import(process.env.LIBRARY);
	await withLock(process.argv[1], async () => {
		process.stdout.write('locked');
		await new Promise((resolve) => setTimeout(resolve, 60_000));
	});
`;

async function startHolder(file: string): Promise<ChildProcess> {
	const child = startChild(HOLDER, [file]);
	await new Promise((resolve) => child.stdout?.once('data', resolve));
	return child;
}

function ended(child: ChildProcess): Promise<unknown> {
	return new Promise((resolve) => child.once('exit', resolve));
}

describe('another process that holds the lock', () => {
	it('is named when one has waited in vain, and keeps writers with the same option out', async () => {
		const file = directory.file('a.json');
		const child = await startHolder(file);
		try {
			const locking = withLock(file, () => undefined, { timeoutMs: 30 });
			await expect(locking).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', step: 'lock', outcome: 'not_applied' });
			if (process.platform === 'linux') await expect(locking).rejects.toThrow(`process ${child.pid}`);
			const writer = createWriter({ lock: 'file', lockTimeoutMs: 30 });
			await expect(writer.write(file, 1)).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
			writer.schedule(file, 2);
			expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_TIMEOUT' }));
			await expect(writer.close()).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
			await directory.expectOnly('.dj1ln-a.json');
		} finally {
			child.kill('SIGKILL');
		}
	});

	it('leaves it behind at once when it is killed', async () => {
		const file = directory.file('a.json');
		const child = await startHolder(file);
		const waiting = withLock(file, () => performance.now());
		await sleep(100);
		const killed = performance.now();
		child.kill('SIGKILL');
		const took = (await waiting) - killed;
		// Not a figure of speed: a lock that is told by its age would take seconds.
		expect(took).toBeLessThan(2000);
	});

	it('keeps it while it is stopped, however long', async () => {
		const file = directory.file('a.json');
		const child = await startHolder(file);
		child.kill('SIGSTOP');
		await expect(withLock(file, () => undefined, { timeoutMs: 300 })).rejects.toMatchObject({
			code: 'ERR_LOCK_TIMEOUT',
		});
		child.kill('SIGCONT');
		child.kill('SIGKILL');
		await ended(child);
		expect(await withLock(file, () => 'free')).toBe('free');
	});
});

describe('in one process', () => {
	it('a second copy of the library keeps out, and is under the lock of the first', async () => {
		const file = directory.file('a.json');
		const copy = (await import(LIBRARY)) as typeof import('../../lib/index.ts');
		const log: string[] = [];
		await Promise.all([
			withLock(file, async () => {
				log.push('in');
				await sleep(10);
				await copy.writeJson(file, 'by the copy');
				await expect(copy.withLock(file, () => undefined)).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
				log.push('out');
			}),
			copy.withLock(file, () => log.push('copy')),
		]);
		expect(log).toEqual(['in', 'out', 'copy']);
		expect(await directory.json('a.json')).toBe('by the copy');
	});

	it('worker threads keep each other out', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 0);
		const script = `
			const { parentPort, workerData } = require('node:worker_threads');
			import(workerData.library).then(async ({ createWriter }) => {
				const writer = createWriter({ lock: 'file' });
				for (let i = 0; i < 50; i++) await writer.update(workerData.file, (count) => count + 1);
				await writer.close();
			});
		`;
		const workers = Array.from(
			{ length: 3 },
			() => new Worker(script, { eval: true, workerData: { library: LIBRARY, file } }),
		);
		await Promise.all(
			workers.map((worker) => new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))),
		);
		expect(await directory.json('a.json')).toBe(150);
	});
});

/** Increments, and appends each acknowledged result to a file of its own before the next. */
const INCREMENTER = `
	import { appendFileSync } from 'node:fs';
	const { createWriter } = await import(process.env.LIBRARY);
	const [file, ledger, times, id] = process.argv.slice(1);
	const writer = createWriter({ lock: 'file', lockTimeoutMs: 60_000 });
	for (let i = 0; i < Number(times); i++) {
		const operation = id + '-' + i;
		const state = await writer.update(file, (state) => {
			// A process that was killed between the rename and its ledger finds its operation done.
			if (state.done[id] >= i) return state;
			return { count: state.count + 1, done: { ...state.done, [id]: i } };
		});
		appendFileSync(ledger, i + '\\n');
	}
	await writer.close();
	process.stdout.write('finished');
`;

interface Tally {
	readonly count: number;
	readonly done: Readonly<Record<string, number>>;
}

/** Runs increments in many processes, each started again where it is killed; `disturb` is called now and then. */
async function runIncrementers(
	processes: number,
	times: number,
	disturb: (children: readonly ChildProcess[]) => void,
): Promise<{ tally: Tally; acknowledged: number; kills: number }> {
	const file = directory.file('a.json');
	await writeJson(file, { count: 0, done: {} });
	const running = new Set<ChildProcess>();
	let kills = 0;
	const run = async (index: number): Promise<void> => {
		for (;;) {
			const child = startChild(INCREMENTER, [file, directory.file(`ledger-${index}`), String(times), `p${index}`]);
			running.add(child);
			let output = '';
			child.stdout?.on('data', (data) => {
				output += String(data);
			});
			await ended(child);
			running.delete(child);
			if (output === 'finished') return;
			kills += 1;
		}
	};
	const disturber = setInterval(() => disturb([...running]), 150);
	const damaged: unknown[] = [];
	const reader = setInterval(() => {
		try {
			JSON.parse(readFileSync(file, 'utf8'));
		} catch (error) {
			damaged.push(error);
		}
	}, 5);
	try {
		await Promise.all(Array.from({ length: processes }, (_, index) => run(index)));
	} finally {
		clearInterval(disturber);
		clearInterval(reader);
	}
	expect(damaged).toEqual([]);
	let acknowledged = 0;
	for (let index = 0; index < processes; index++) {
		const lines = new Set(
			readFileSync(directory.file(`ledger-${index}`), 'utf8')
				.trim()
				.split('\n'),
		);
		acknowledged += lines.size;
	}
	return { tally: (await directory.json('a.json')) as Tally, acknowledged, kills };
}

function oneOf<T>(items: readonly T[]): T | undefined {
	return items[Math.floor(Math.random() * items.length)];
}

describe('processes that increment one document', () => {
	const [processes, times] = LONG ? [8, 200] : [4, 40];

	it('and are killed and started again lose nothing, and count nothing twice', async () => {
		let left = LONG ? 40 : 6;
		const { tally, acknowledged, kills } = await runIncrementers(processes, times, (children) => {
			if (left-- > 0) oneOf(children)?.kill('SIGKILL');
		});
		expect({ count: tally.count, acknowledged }).toEqual({ count: processes * times, acknowledged: processes * times });
		expect(kills).toBeGreaterThan(0);
	}, 240_000);

	it('and are stopped longer than any pause lose nothing either', async () => {
		let left = LONG ? 10 : 2;
		const { tally, acknowledged } = await runIncrementers(processes, times, (children) => {
			if (left-- <= 0) return;
			const child = oneOf(children);
			child?.kill('SIGSTOP');
			setTimeout(() => child?.kill('SIGCONT'), LONG ? 3500 : 700);
		});
		expect({ count: tally.count, acknowledged }).toEqual({ count: processes * times, acknowledged: processes * times });
	}, 240_000);
});
