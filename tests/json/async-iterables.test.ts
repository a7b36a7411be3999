import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MIN_BUFFER_BYTES } from '../../lib/json/byte-source.ts';
import { createJsonSource } from '../../lib/json/json-source.ts';
import type { JsonSourceOptions } from '../../lib/json/options.ts';
import { drain, drainSync, SMALL_ROOM } from './support.ts';

async function* items(...values: unknown[]): AsyncGenerator<unknown> {
	for (const value of values) {
		await Promise.resolve();
		yield value;
	}
}

function text(value: unknown, options: JsonSourceOptions = {}, rooms?: number[]): Promise<string> {
	return drain(createJsonSource(value, { finalNewline: false, ...options }), rooms);
}

/** An async iterator that writes down what is asked of it. */
function recorded(values: unknown[], log: string[], name = 'it'): AsyncIterable<unknown> {
	let index = 0;
	return {
		[Symbol.asyncIterator]: () => ({
			async next() {
				log.push(`${name} next`);
				const value = values[index++];
				return index > values.length ? { done: true, value: undefined } : { done: false, value };
			},
			async return() {
				log.push(`${name} return`);
				return { done: true, value: undefined };
			},
		}),
	};
}

describe('an object with Symbol.asyncIterator is written as an array', () => {
	it('at the root and at any depth, nested in itself too', async () => {
		expect(await text(items(1, 'two', null, { a: [3] }))).toBe('[1,"two",null,{"a":[3]}]');
		expect(await text({ a: [{ b: items(1, items(), items(items(2))) }, 3] })).toBe('{"a":[{"b":[1,[],[[2]]]},3]}');
		expect(await text(items())).toBe('[]');
		expect(await text({ empty: items() }, { space: 2 })).toBe('{\n  "empty": []\n}');
	});

	it('is indented like an array', async () => {
		for (const space of [2, '\t', '\ud83d', 'é']) {
			const wanted = Buffer.from(JSON.stringify({ a: [1, [2], {}, { b: 3 }] }, null, space)).toString();
			expect(await text({ a: items(1, [2], {}, { b: 3 }) }, { space })).toBe(wanted);
			expect(await text({ a: items(1, [2], {}, { b: 3 }) }, { space }, [SMALL_ROOM])).toBe(wanted);
		}
	});

	it('from streams of both kinds', async () => {
		expect(await text({ rows: Readable.from([1, { a: 2 }, 'x']) })).toBe('{"rows":[1,{"a":2},"x"]}');
		const web = new ReadableStream({
			start(controller) {
				controller.enqueue(1);
				controller.enqueue({ a: 2 });
				controller.close();
			},
		});
		expect(await text([web])).toBe('[[1,{"a":2}]]');
	});

	it('treats its elements as those of an array: toJSON, replacer, absent values', async () => {
		const calls: unknown[] = [];
		const iterable = items(undefined, new Date(0), () => 1, Object(5), 'drop');
		const value = { list: iterable };
		const got = await text(value, {
			replacer(this: unknown, key: string, item: unknown) {
				if (key !== '' && key !== 'list') calls.push([this === iterable, key]);
				return item === 'drop' ? undefined : item;
			},
		});
		expect(got).toBe('{"list":[null,"1970-01-01T00:00:00.000Z",null,5,null]}');
		expect(calls).toEqual(['0', '1', '2', '3', '4'].map((key) => [true, key]));
		expect(await text(items({ toJSON: (key: string) => `at ${key}` }))).toBe('["at 0"]');
	});

	it('where toJSON or the replacer gives it, and not where they replace it', async () => {
		expect(await text({ toJSON: () => items(1) })).toBe('[1]');
		expect(await text({ a: 0 }, { replacer: (key: string, value: unknown) => (key === 'a' ? items(2) : value) })).toBe(
			'{"a":[2]}',
		);
		const log: string[] = [];
		expect(await text(Object.assign(recorded([1], log), { toJSON: () => 'replaced' }))).toBe('"replaced"');
		expect(log).toEqual([]);
	});

	it('but never a proxy, nor one found through a proxy, and only where it can be called', async () => {
		const asked: PropertyKey[] = [];
		const handler: ProxyHandler<object> = {
			get(target, key, receiver) {
				asked.push(key);
				return Reflect.get(target, key, receiver);
			},
		};
		expect(await text(new Proxy(Object.assign(items(1), { a: 1 }), handler))).toBe('{"a":1}');
		expect(await text(Object.create(new Proxy(items(1), handler)))).toBe('{}');
		expect(asked).not.toContain(Symbol.asyncIterator);
		expect(await text({ [Symbol.asyncIterator]: 1, a: 2 })).toBe('{"a":2}');
		expect(await text([Object.assign([1], { [Symbol.asyncIterator]: () => items(2) })])).toBe('[[1]]');
	});
});

describe('async iterables are asked at the pace of the writer', () => {
	it('asks for one element at a time, and only when there is room', async () => {
		const log: string[] = [];
		const source = createJsonSource(recorded(['x'.repeat(12_000), 'y'.repeat(12_000), 'z'], log));
		const buffer = Buffer.alloc(MIN_BUFFER_BYTES);
		source.fill(buffer, 0);
		expect(source.waiting).toBeInstanceOf(Promise);
		expect(log).toEqual(['it next']);
		source.fill(buffer, 0);
		expect(log).toEqual(['it next']);
		await source.waiting;
		source.fill(buffer, 0);
		await source.waiting;
		source.fill(buffer, 12_003);
		expect(source.waiting).toBeUndefined();
		await sleep(1);
		expect(log).toEqual(['it next', 'it next']);
		await source.close();
		expect(log).toEqual(['it next', 'it next', 'it return']);
	});

	it('counts the rows of the outermost iterable', async () => {
		const source = createJsonSource({ a: items(items(1, 2, 3), 4, items(5, 6)) });
		await drain(source);
		expect(source.rows).toBe(3);
		const plain = createJsonSource([1, 2, 3]);
		drainSync(plain);
		expect(plain.rows).toBe(0);
	});
});

describe('what goes wrong in an async iterable is thrown by fill, and the path names the element', () => {
	async function failure(value: unknown): Promise<{ error: unknown; path: string }> {
		const source = createJsonSource(value);
		try {
			await drain(source);
		} catch (error) {
			await source.close();
			return { error, path: source.jsonPath() };
		}
		throw new Error('did not fail');
	}
	const boom = new RangeError('boom');

	it('a rejection, a throw, and an element that cannot be written', async () => {
		const rejects = {
			async *[Symbol.asyncIterator]() {
				yield 1;
				yield 2;
				throw boom;
			},
		};
		expect(await failure({ rows: rejects })).toEqual({ error: boom, path: '$.rows[2]' });
		const throws = {
			[Symbol.asyncIterator]: () => ({
				next: () => {
					throw boom;
				},
			}),
		};
		expect(await failure([throws])).toEqual({ error: boom, path: '$[0][0]' });
		expect(
			await failure({
				a: {
					[Symbol.asyncIterator]: () => {
						throw boom;
					},
				},
			}),
		).toEqual({ error: boom, path: '$.a' });
		expect((await failure(items(1, { a: [0, 1n] }))).path).toBe('$[1].a[1]');
		const broken = { [Symbol.asyncIterator]: () => ({ next: async () => 1 }) };
		expect((await failure(broken)).error).toBeInstanceOf(TypeError);
		const noIterator = { [Symbol.asyncIterator]: () => 1 };
		expect((await failure(noIterator)).error).toBeInstanceOf(TypeError);
	});

	it('an iterable that yields itself', async () => {
		const circular: { [Symbol.asyncIterator]?: unknown } = {};
		circular[Symbol.asyncIterator] = () => items(1, circular);
		const { error, path } = await failure({ list: circular });
		expect(String(error)).toMatch(/circular.*\n.*Object'\n.*index 1 closes the circle/);
		expect(path).toBe('$.list[1]');
	});

	it('the source is unusable after it, but closes what is open', async () => {
		const log: string[] = [];
		const source = createJsonSource(recorded([recorded([1n], log, 'inner')], log, 'outer'));
		await expect(drain(source)).rejects.toThrow(/BigInt/);
		expect(() => source.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0)).toThrow(/failed/);
		await source.close();
		await source.close();
		expect(log).toEqual(['outer next', 'inner next', 'inner return', 'outer return']);
		expect(source.jsonPath()).toBe('$[0][0]');
	});

	it('an iterator that failed or ended is not asked to return', async () => {
		const log: string[] = [];
		const failing = {
			[Symbol.asyncIterator]: () => ({ next: () => Promise.reject(boom), return: () => log.push('return') }),
		};
		await failure(failing);
		const done = createJsonSource(recorded([1], log));
		await drain(done);
		await done.close();
		expect(log).toEqual(['it next', 'it next']);
	});
});

describe('closing early', () => {
	it('does not wait for an iterator whose next() never settles, and takes a stalled stream down', async () => {
		const stalled = new Readable({ objectMode: true, read() {} });
		const source = createJsonSource({ a: stalled });
		source.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0);
		expect(source.waiting).toBeDefined();
		await source.close();
		expect(stalled.destroyed).toBe(true);
		expect(() => source.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0)).toThrow(/closed/);
	});

	it('waits for return(), and survives one that fails', async () => {
		let finished = false;
		const slow = async function* () {
			try {
				yield 1;
				yield 2;
			} finally {
				await sleep(5);
				finished = true;
			}
		};
		const source = createJsonSource(slow());
		source.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0);
		await source.waiting;
		await source.close();
		expect(finished).toBe(true);
		for (const fails of [
			() => Promise.reject(new Error('late')),
			() => {
				throw new Error('late');
			},
		]) {
			const failing = createJsonSource({
				[Symbol.asyncIterator]: () => ({ next: async () => ({ done: false, value: 1 }), return: fails }),
			});
			failing.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0);
			await failing.waiting;
			await failing.close();
		}
	});

	it('before the first fill runs nothing of the caller', async () => {
		const log: string[] = [];
		const source = createJsonSource(recorded([1], log));
		await source.close();
		expect(log).toEqual([]);
	});
});
