import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MIN_BUFFER_BYTES } from '../../lib/json/byte-source.ts';
import { createJsonLinesSource, type JsonLinesRows } from '../../lib/json/json-lines-source.ts';
import type { JsonLinesSourceOptions } from '../../lib/json/options.ts';
import { drain, drainSync, SMALL_ROOM } from './support.ts';

async function* later<T>(rows: Iterable<T>): AsyncGenerator<T> {
	yield* rows;
}

function lines(rows: JsonLinesRows, options?: JsonLinesSourceOptions): Promise<string> {
	return drain(createJsonLinesSource(rows, options));
}

describe('JSON Lines', () => {
	it('are one JSON text a line, from any kind of iterable', async () => {
		const rows = [{ a: 1 }, [2], 'x\ny', null, 3, true];
		const wanted = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
		expect(await lines(rows)).toBe(wanted);
		expect(await lines(new Set(rows))).toBe(wanted);
		expect(await lines(later(rows))).toBe(wanted);
		expect(await lines(Readable.from(rows.filter((row) => row !== null)))).toBe(wanted.replace('null\n', ''));
		expect(await lines(ReadableStream.from(rows))).toBe(wanted);
		expect(await lines(rows, { finalNewline: false })).toBe(wanted.slice(0, -1));
		expect(await lines([])).toBe('');
		expect(await lines([], { finalNewline: false })).toBe('');
	});

	it('are what JSON.stringify gives for each row, whatever the room', () => {
		const row = fc.jsonValue();
		fc.assert(
			fc.property(fc.array(row), fc.integer({ min: SMALL_ROOM, max: SMALL_ROOM + 40 }), (rows, room) => {
				const wanted = Buffer.from(rows.map((value) => `${JSON.stringify(value)}\n`).join('')).toString();
				expect(drainSync(createJsonLinesSource(rows), [room]).toString()).toBe(wanted);
			}),
			{ numRuns: 500 },
		);
	});

	it('give each row to the replacer as a value of its own', async () => {
		const calls: unknown[] = [];
		const replacer = function (this: unknown, key: string, value: unknown) {
			calls.push([this, key]);
			return value === 1 ? 'one' : value;
		};
		expect(await lines([1, { a: 1 }], { replacer })).toBe('"one"\n{"a":"one"}\n');
		expect(calls).toEqual([
			[{ '': 1 }, ''],
			[{ '': { a: 1 } }, ''],
			[{ a: 1 }, 'a'],
		]);
		expect(await lines([{ a: 1, b: 2 }], { replacer: ['b'] })).toBe('{"b":2}\n');
	});

	it('never wait for synchronous rows, and may repeat a row', () => {
		const row = { a: [1] };
		expect(drainSync(createJsonLinesSource([row, row])).toString()).toBe('{"a":[1]}\n{"a":[1]}\n');
	});

	it('count the rows', async () => {
		const source = createJsonLinesSource(later([1, [2, 3], later([4, 5])]));
		expect(source.rows).toBe(0);
		await drain(source);
		expect(source.rows).toBe(3);
	});

	it('refuse a row without JSON text, and say which', async () => {
		for (const absent of [undefined, () => 1, Symbol('s'), { toJSON: () => undefined }]) {
			const source = createJsonLinesSource([1, 2, absent, 3]);
			expect(() => drainSync(source)).toThrow(/^Row 2 has no JSON text/);
			expect(source.jsonPath()).toBe('$[2]');
		}
	});

	it('name the row and the place in it where something fails', async () => {
		const source = createJsonLinesSource(later([{}, {}, { a: { b: [0, 1n] } }]));
		await expect(drain(source)).rejects.toThrow(TypeError);
		expect(source.jsonPath()).toBe('$[2].a.b[1]');
	});

	it('refuse what is not rows', () => {
		for (const rows of ['text', 1, null, undefined, {}, Symbol('s')]) {
			expect(() => createJsonLinesSource(rows as never)).toThrow(TypeError);
		}
	});

	it('close a synchronous iterator that is left early', async () => {
		const log: string[] = [];
		const rows = {
			*[Symbol.iterator]() {
				try {
					for (;;) yield 'x'.repeat(5000);
				} finally {
					log.push('closed');
				}
			},
		};
		const source = createJsonLinesSource(rows);
		source.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0);
		await source.close();
		expect(log).toEqual(['closed']);
	});

	it('pass on what an iterator throws, without asking it to return', async () => {
		const log: string[] = [];
		const rows = {
			[Symbol.iterator]: () => ({
				next: () => {
					throw new RangeError('next');
				},
				return: () => {
					log.push('return');
					return { done: true as const, value: 0 };
				},
			}),
		};
		const source = createJsonLinesSource(rows as unknown as Iterable<unknown>);
		expect(() => drainSync(source)).toThrow(RangeError);
		await source.close();
		expect(log).toEqual([]);
	});
});
