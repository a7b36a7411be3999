import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

async function sha256(file: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
	return hash.digest('hex');
}

describe('a document beyond the longest string of V8', () => {
	it('goes out in bounded memory, with the bytes that the pieces of JSON.stringify give', {
		timeout: 120_000,
	}, async () => {
		const file = directory.file('large.json');
		// Objects that share substructure: 700 MB of text from 700 KB of memory.
		const build = `
			const record = (i) => ({ id: i, name: 'sensor ' + i, at: '2026-01-01T00:00:00.000Z', values: [i, i / 7, -i, null, true] });
			const block = Array.from({ length: 7000 }, (_, i) => record(i));
			const blockText = JSON.stringify(block);
			const repeats = Math.ceil(700e6 / blockText.length);`;
		const { stdout, stderr, status } = runChild(
			`${build}
			import { writeSync } from 'node:fs';
			const { writeJson } = await import(process.env.LIBRARY);
			const value = new Array(repeats).fill(block);
			await writeJson(process.argv[1] + '.warm', block);
			globalThis.gc();
			const before = process.memoryUsage.rss();
			let peak = before;
			let turns = 0;
			const timer = setInterval(() => { turns++; peak = Math.max(peak, process.memoryUsage.rss()); }, 5);
			const receipt = await writeJson(process.argv[1], value);
			clearInterval(timer);
			writeSync(1, JSON.stringify({ bytes: receipt.bytes, extra: peak - before, turns }));`,
			[file],
			{ nodeOptions: ['--expose-gc', '--max-old-space-size=256'] },
		);
		expect(status, stderr).toBe(0);
		const result = JSON.parse(stdout) as { bytes: number; extra: number; turns: number };
		expect(result.bytes).toBeGreaterThan(2 ** 29);
		expect(result.bytes).toBe((await stat(file)).size);
		expect(result.extra).toBeLessThan(64 * 1024 * 1024);
		expect(result.turns).toBeGreaterThan(20);

		const { blockText, repeats } = new Function(`${build}; return { blockText, repeats };`)() as {
			blockText: string;
			repeats: number;
		};
		const expected = createHash('sha256').update('[');
		for (let i = 0; i < repeats; i++) expected.update(i === 0 ? blockText : `,${blockText}`);
		expect(await sha256(file)).toBe(expected.update(']\n').digest('hex'));
	});

	it('takes rows from an async generator in bounded memory', { timeout: 60_000 }, () => {
		const { stdout, stderr, status } = runChild(
			`
			const { writeJsonLines } = await import(process.env.LIBRARY);
			async function* rows(count) {
				for (let i = 0; i < count; i++) yield { id: i, text: 'row ' + i };
			}
			await writeJsonLines(process.argv[1], rows(10_000));
			globalThis.gc();
			const before = process.memoryUsage.rss();
			let peak = before;
			const timer = setInterval(() => { peak = Math.max(peak, process.memoryUsage.rss()); }, 5);
			await writeJsonLines(process.argv[1], rows(1_000_000), {
				onProgress: ({ rows }) => { if (rows > 1e6) throw new Error('too many'); },
			});
			clearInterval(timer);
			console.log(peak - before);`,
			[directory.file('rows.jsonl')],
			{ nodeOptions: ['--expose-gc', '--max-old-space-size=128'] },
		);
		expect(status, stderr).toBe(0);
		expect(Number(stdout)).toBeLessThan(64 * 1024 * 1024);
	});
});

describe('many paths', () => {
	it('leave nothing behind after 100,000 of them', { timeout: 180_000 }, () => {
		const { stdout, stderr, status } = runChild(
			`
			import { readdirSync } from 'node:fs';
			const { createWriter } = await import(process.env.LIBRARY);
			const writer = createWriter();
			const write = (i) => writer.write(process.argv[1] + '/' + (i % 50) + '/' + i + '.json', i, { durability: 'none' });
			const writeMany = async (from, to) => {
				for (let start = from; start < to; start += 2000) {
					await Promise.all(Array.from({ length: 2000 }, (_, i) => write(start + i)));
				}
				await writer.flush();
				for (let i = 0; i < 3; i++) await new Promise(setImmediate);
				globalThis.gc();
				return { heap: process.memoryUsage().heapUsed, files: readdirSync('/proc/self/fd').length };
			};
			const before = await writeMany(0, 10_000);
			const after = await writeMany(10_000, 110_000);
			console.log(JSON.stringify({ heap: after.heap - before.heap, files: after.files - before.files, stats: writer.stats() }));`,
			[directory.path],
			{ nodeOptions: ['--expose-gc'] },
		);
		expect(status, stderr).toBe(0);
		const { heap, files, stats } = JSON.parse(stdout) as Record<string, unknown>;
		expect(stats).toMatchObject({ calls: 110_000, commits: 110_000, failures: 0, pending: 0, activePaths: 0 });
		expect(files).toBe(0);
		// Ten bytes a path would already be a megabyte.
		expect(heap).toBeLessThan(1_000_000);
	});
});
