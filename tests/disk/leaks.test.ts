/**
 * What a process holds after many writes, failures and aborts: what it held before. 100,000 writes, 10,000 failures and 10,000
 * aborts, and ten times as many commits as otherwise, in `npm run test:crash`; `SOAK_MINUTES=10` makes the soak so long.
 */
import { expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const LONG = process.env['MODE'] === 'crash';
const SOAK_MS = Number(process.env['SOAK_MINUTES'] ?? 0) * 60_000 || 3_000;

/** What is looked at, in the child. */
const prelude = `
import { readdirSync } from 'node:fs';
import { getEventListeners } from 'node:events';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
const { createWriter, openJournal, openPendingFile } = await import(process.env.LIBRARY);
const [directory, size] = [process.argv[1], Number(process.argv[2])];

// Threads for syncs end by themselves, some seconds after they had something to do.
let threads = 0;
process.on('worker', (worker) => { threads += 1; worker.once('exit', () => { threads -= 1; }); });

async function held() {
	while (threads > 0) await sleep(100);
	for (let round = 0; round < 5; round++) {
		await sleep(20);
		globalThis.gc();
	}
	const { heapUsed, external, rss } = process.memoryUsage();
	return {
		files: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
		resources: process.getActiveResourcesInfo().filter((kind) => kind !== 'PipeWrap').sort(),
		listeners: process.eventNames().flatMap((name) => Array(process.listenerCount(name)).fill(String(name))).sort(),
		// Buffers lie outside of the heap.
		heapMB: (heapUsed + external) / 2 ** 20,
		rssMB: rss / 2 ** 20,
	};
}

const kept = new AbortController();
let next = 0;
async function writes(writer, count) {
	for (let done = 0; done < count; ) {
		const wave = [];
		for (; wave.length < 500 && done < count; done++, next++) {
			wave.push(writer.write(directory + '/' + (next % 7) + '.json', { next, text: 'x'.repeat(next % 100) }, { signal: kept.signal }));
		}
		await Promise.all(wave);
	}
}
async function failures(writer, count) {
	await writer.write(directory + '/solid.json', 1);
	for (let done = 0; done < count; done++) {
		const failing = [
			() => writer.write(directory + '/bad.json', 1n),
			() => writer.write(directory, { a: 'directory' }),
			() => writer.write(directory + '/solid.json/below.json', 1),
			() => writer.write(directory + '/thrown.json', () => { throw new Error('no'); }),
			() => writer.update(directory + '/solid.json', () => { throw new Error('no'); }),
			() => writer.writeLines(directory + '/rows.jsonl', (async function* () { yield 1; throw new Error('no'); })()),
		][done % 6];
		await failing().then(() => { throw new Error('it did not fail'); }, (error) => { if (error.message === 'it did not fail') throw error; });
	}
}
async function aborts(writer, count) {
	for (let done = 0; done < count; done++) {
		const controller = new AbortController();
		const value = done % 3 === 0 ? { rows: (async function* () { yield 1; await turn(); yield 2; })() } : { done };
		const write = writer.write(directory + '/' + (done % 7) + '.json', value, { signal: controller.signal });
		if (done % 2 === 0) await turn();
		controller.abort();
		await write.catch((error) => { if (error !== controller.signal.reason) throw error; });
		const left = getEventListeners(controller.signal, 'abort').length;
		if (left > 0) throw new Error(left + ' listeners are left on a signal');
	}
}
`;

interface Held {
	readonly files: number;
	readonly resources: readonly string[];
	readonly listeners: readonly string[];
	readonly heapMB: number;
	/** Told, not judged: the system's pages come and go. */
	readonly rssMB: number;
}

/** What must be equal before and after. */
function countable({ files, resources, listeners }: Held): Omit<Held, 'heapMB' | 'rssMB'> {
	return { files, resources, listeners };
}

function run<T>(script: string, size: number): T {
	const { status, stdout, stderr } = runChild(prelude + script, [directory.path, String(size)], {
		nodeOptions: ['--expose-gc', '--no-warnings'],
		timeoutMs: SOAK_MS + (LONG ? 1_500_000 : 240_000),
	});
	expect(status, stderr).toBe(0);
	return JSON.parse(stdout) as T;
}

it('holds no file, timer, listener or memory after many writes, failures and aborts', () => {
	const script = `
		const rates = { writes: 10, failures: 1, aborts: 1 };
		async function all(count) {
			const writer = createWriter();
			await writes(writer, rates.writes * count);
			await failures(writer, rates.failures * count);
			await aborts(writer, rates.aborts * count);
			await writer.close();
			const { pending, activePaths, queuedValues, queuedBytes } = writer.stats();
			return { pending, activePaths, queuedValues, queuedBytes };
		}
		await all(100); // what is made once: code, pools, threads
		const before = await held();
		const stats = await all(size);
		const after = await held();
		console.log(JSON.stringify({ before, after, stats, onSignal: getEventListeners(kept.signal, 'abort').length }));
		process.exit(); // What would keep it alive is told above.
	`;
	const { before, after, stats, onSignal } = run<{ before: Held; after: Held; stats: object; onSignal: number }>(
		script,
		LONG ? 10_000 : 1_000,
	);
	console.log(`heap ${before.heapMB.toFixed(2)} MB before, ${after.heapMB.toFixed(2)} MB after`);
	expect(countable(after)).toEqual(countable(before));
	expect(after.heapMB).toBeLessThan(before.heapMB + 2);
	expect(stats).toEqual({ pending: 0, activePaths: 0, queuedValues: 0, queuedBytes: 0 });
	expect(onSignal).toBe(0);
});

it('holds no file, timer, listener or memory after many journals were opened and closed', () => {
	const script = `
		const apply = (count, entry) => { if (entry < 0) throw new Error('no'); return count + 1; };
		async function all(count) {
			for (let done = 0; done < count; done++) {
				const journal = await openJournal(directory + '/' + (done % 3) + '.journal', { initial: 0, apply });
				await Promise.allSettled([journal.append(1), journal.append(-1), journal.appendAll([2, 3])]);
				for await (const _ of journal.entries()) break;
				if (done % 5 === 0) await journal.checkpoint();
				await journal.close();
			}
		}
		await all(50);
		const before = await held();
		await all(size);
		console.log(JSON.stringify({ before, after: await held(), names: readdirSync(directory) }));
	`;
	const { before, after, names } = run<{ before: Held; after: Held; names: string[] }>(script, LONG ? 10_000 : 1_000);
	expect(countable(after)).toEqual(countable(before));
	expect(after.heapMB).toBeLessThan(before.heapMB + 2);
	expect(names.sort()).toEqual(['0.journal', '1.journal', '2.journal']);
});

it(`holds no more at the end of a soak of ${SOAK_MS / 1000} s than at its start`, { timeout: SOAK_MS + 60_000 }, () => {
	const script = `
		const samples = [];
		const until = performance.now() + size;
		let random = 1;
		const dice = (sides) => (random = (random * 48271) % 2147483647) % sides;
		const writer = createWriter();
		let rounds = 0;
		for (let sampleAt = performance.now() + size / 10; performance.now() < until || rounds < 12; rounds++) {
			await [
				() => writes(writer, 1 + dice(2000)),
				() => failures(writer, 6),
				() => aborts(writer, 10),
				() => writer.update(directory + '/count.json', (found) => ({ count: (found?.count ?? 0) + 1 })),
				() => writer.remove(directory + '/' + dice(7) + '.json'),
				async () => { for (let i = 0; i < 50; i++) writer.schedule(directory + '/scheduled.json', { i, padding: 'p'.repeat(dice(200_000)) }); await writer.flush(); },
				async () => { const file = await openPendingFile(directory + '/pending.txt'); await file.write('text'); await file[dice(2) ? 'commit' : 'discard'](); },
				() => writer.write(directory + '/kept.json', { rounds }, { backups: 3 }),
			][dice(8)]();
			if (performance.now() < sampleAt) continue;
			sampleAt += size / 10;
			samples.push(await held());
		}
		await writer.close();
		samples.push(await held());
		console.log(JSON.stringify({ samples, rounds, names: readdirSync(directory) }));
		process.exit();
	`;
	const { samples, rounds, names } = run<{ samples: Held[]; rounds: number; names: string[] }>(script, SOAK_MS);
	expect(rounds).toBeGreaterThan(10);
	expect(samples.length).toBeGreaterThan(3);
	const [first, last] = [samples[Math.floor(samples.length / 3)] as Held, samples.at(-1) as Held];
	const told = (field: 'heapMB' | 'rssMB' | 'files'): string => samples.map((each) => each[field].toFixed(0)).join(' ');
	console.log(`${rounds} rounds, heap ${told('heapMB')} MB, RSS ${told('rssMB')} MB, files ${told('files')}`);
	expect(countable(last)).toEqual(countable(first));
	expect(last.heapMB).toBeLessThan(first.heapMB + 3);
	expect(names.filter((name) => name.includes('.dj1n') || name.includes('.dj1h'))).toEqual([]);
});
