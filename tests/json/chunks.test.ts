import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { stringifyChunks } from '../../lib/json/stringify-chunks.ts';

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
	const all: Uint8Array[] = [];
	for await (const chunk of chunks) all.push(chunk);
	return all;
}

describe('stringifyChunks', () => {
	it("gives the text of JSON.stringify and no newline, in chunks that are the consumer's own", async () => {
		const value = Array.from({ length: 20_000 }, (_, index) => ({ index, text: `é ${index}` }));
		for (const space of [undefined, 2]) {
			const chunks = await collect(stringifyChunks(value, null, space));
			expect(chunks.length).toBeGreaterThan(5);
			for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(65_536);
			expect(Buffer.concat(chunks).toString()).toBe(JSON.stringify(value, null, space));
		}
	});

	it('takes a replacer and a space as JSON.stringify does', async () => {
		const [chunk] = await collect(stringifyChunks({ a: 1, b: [2] }, ['b'], '\t'));
		expect(Buffer.from(chunk as Uint8Array).toString()).toBe('{\n\t"b": [\n\t\t2\n\t]\n}');
	});

	it('yields nothing where JSON.stringify gives undefined', async () => {
		expect(await collect(stringifyChunks(undefined))).toEqual([]);
		expect(await collect(stringifyChunks(() => 1))).toEqual([]);
	});

	it('throws what JSON.stringify throws, unwrapped', async () => {
		await expect(collect(stringifyChunks(1n))).rejects.toThrow(new TypeError('Do not know how to serialize a BigInt'));
		const own = new Error('own');
		await expect(
			collect(
				stringifyChunks({
					get a() {
						throw own;
					},
				}),
			),
		).rejects.toBe(own);
		await expect(collect(stringifyChunks({ a: undefined }, null, 0, { strict: true }))).rejects.toThrow(TypeError);
	});

	it('closes the iterators when the consumer leaves', async () => {
		let closed = false;
		const endless = async function* () {
			try {
				for (;;) yield 'x'.repeat(1000);
			} finally {
				closed = true;
			}
		};
		for await (const chunk of stringifyChunks({ rows: endless() })) {
			expect(chunk.length).toBeGreaterThan(0);
			break;
		}
		expect(closed).toBe(true);
	});

	it('hands out what there is while an iterable is slow', async () => {
		const slow = async function* () {
			yield 1;
			await sleep(20);
			yield 2;
		};
		const chunks = await collect(stringifyChunks(slow()));
		expect(chunks.map((chunk) => Buffer.from(chunk).toString())).toEqual(['[1', ',2]']);
	});

	it('ends with the reason of the signal', async () => {
		const reason = new Error('enough');
		await expect(collect(stringifyChunks(1, null, 0, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
		const controller = new AbortController();
		const stalled = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
		const reading = collect(stringifyChunks([1, stalled], null, 0, { signal: controller.signal }));
		await sleep(5);
		controller.abort(reason);
		await expect(reading).rejects.toBe(reason);
	});

	it('lets the event loop turn between chunks', async () => {
		let turns = 0;
		const timer = setInterval(() => turns++, 0);
		await collect(stringifyChunks('x'.repeat(50_000_000)));
		clearInterval(timer);
		expect(turns).toBeGreaterThan(3);
	});
});
