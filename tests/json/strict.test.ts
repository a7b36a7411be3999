import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import type { Replacer } from '../../lib/types.ts';
import { drain } from './support.ts';

async function refusal(value: unknown, replacer?: Replacer): Promise<string> {
	const source = createJsonSource(value, { strict: true, replacer });
	try {
		await drain(source);
	} catch (error) {
		expect(error).toBeInstanceOf(TypeError);
		return `${source.jsonPath()} ${(error as Error).message}`;
	}
	return 'taken';
}

class Point {
	x = 1;
}

class Model {
	x = 1;
	toJSON(): this {
		return this;
	}
}

describe('strict mode', () => {
	const refused: Array<[string, unknown, RegExp]> = [
		['NaN', { a: [1, Number.NaN] }, /^\$\.a\[1\] NaN/],
		['Infinity', [Number.POSITIVE_INFINITY], /^\$\[0\] Infinity/],
		['a boxed NaN', { 'a b': Object(Number.NaN) }, /^\$\["a b"\] NaN/],
		['undefined', { a: { b: undefined } }, /^\$\.a\.b undefined/],
		['undefined in an array', [undefined], /^\$\[0\] undefined/],
		['undefined at the root', undefined, /^\$ undefined/],
		['a function', { f: () => 1 }, /^\$\.f A function/],
		['a symbol', [[Symbol('s')]], /^\$\[0\]\[0\] A symbol/],
		// biome-ignore lint/suspicious/noSparseArray: the array under test
		['a hole', { a: [1, , 2] }, /^\$\.a\[1\] A hole/],
		['an invalid Date', { at: new Date(Number.NaN) }, /^\$\.at An invalid Date/],
		['a Map', { m: new Map() }, /^\$\.m .*Map/],
		['a Set', [new Set()], /^\$\[0\] .*Set/],
		['a class instance', { p: new Point() }, /^\$\.p .*Point/],
		['a RegExp', { r: /x/ }, /^\$\.r .*RegExp/],
		['an Error', { e: new Error('x') }, /^\$\.e .*Error/],
		['a typed array', { t: new Uint8Array(2) }, /^\$\.t .*Uint8Array/],
		['a large typed array', { t: new Float64Array(10_000) }, /^\$\.t .*Float64Array/],
		['a promise', { p: Promise.resolve(1) }, /^\$\.p A promise/],
		['what toJSON gives', { toJSON: () => ({ a: Number.NaN }) }, /^\$\.a NaN/],
		['a Map that toJSON gives', { a: { toJSON: () => new Map() } }, /^\$\.a .*Map/],
		[
			'an element of an async iterable',
			(async function* () {
				yield 1;
				yield undefined;
			})(),
			/^\$\[1\] undefined/,
		],
	];
	it.each(refused)('refuses %s, and says where', async (_name, value, message) => {
		expect(await refusal(value)).toMatch(message);
	});

	const taken: Array<[string, unknown]> = [
		['plain values', { a: [1, 'x', null, true, { b: {} }], c: -0 }],
		['boxed primitives', [Object(1), Object('s'), Object(true)]],
		['objects without a prototype', Object.assign(Object.create(null), { a: 1 })],
		['valid Dates', [new Date()]],
		['Buffers', { b: Buffer.from('x') }],
		['URLs', new URL('https://example.org')],
		['instances whose toJSON returns themselves', new Model()],
		['proxies', new Proxy({ a: 1 }, {})],
		[
			'async iterables',
			{
				rows: (async function* () {
					yield 1;
				})(),
			},
		],
		['subclasses of Array', new (class List extends Array<number> {})(1, 2).fill(1)],
	];
	it.each(taken)('takes %s', async (_name, value) => {
		expect(await refusal(value)).toBe('taken');
	});

	it('judges what the replacer gives, not what it got', async () => {
		expect(
			await refusal({ a: Number.NaN, b: new Map() }, (_key, value) =>
				value instanceof Map ? 'map' : Number.isNaN(value) ? 'nan' : value,
			),
		).toBe('taken');
		expect(await refusal({ a: 1 }, (key, value) => (key === 'a' ? undefined : value))).toMatch(/^\$\.a undefined/);
	});

	it('is off by default', () => {
		const source = createJsonSource({ a: Number.NaN, b: new Map(), c: undefined });
		expect(source.fill(Buffer.alloc(16_384), 0)).toBe('{"a":null,"b":{}}\n'.length);
	});
});
