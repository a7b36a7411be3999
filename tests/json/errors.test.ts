import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { drainSync, expectSame } from './support.ts';

function pathOf(value: unknown, replacer?: (key: string, value: unknown) => unknown): string {
	const source = createJsonSource(value, { replacer });
	expect(() => drainSync(source)).toThrow();
	return source.jsonPath();
}

describe("a circle is reported in V8's words", () => {
	class Foo {
		next: unknown;
	}
	const chain = (length: number, make: () => Record<string, unknown>) => {
		const first = make();
		let last = first;
		for (let index = 1; index < length; index++) {
			const following = make();
			last[`p${index}`] = following;
			last = following;
		}
		last['back'] = first;
		return first;
	};
	const circular = <T extends object>(value: T, key: PropertyKey = 'self'): T => {
		Reflect.set(value, key, value);
		return value;
	};
	const cases: Record<string, () => unknown> = {
		'of one': () => circular({}),
		'of two': () => chain(2, () => ({})),
		'of three': () => chain(3, () => ({})),
		'of four': () => chain(4, () => ({})),
		'of fifty': () => chain(50, () => ({})),
		'below the root': () => ({ a: [0, { b: chain(3, () => ({})) }] }),
		'in arrays': () => circular([[]], 0),
		'through an array': () => {
			const a: Record<string, unknown> = {};
			a['list'] = [1, a];
			return a;
		},
		'of class instances': () => circular(new Foo(), 'next'),
		'of anonymous class instances': () => circular(new (class {})()),
		'of objects without prototype': () => circular(Object.create(null) as object),
		'with an empty key': () => circular({}, ''),
		'with a quote in the key': () => circular({}, "it's"),
		'with an integer key': () => chain(1, () => ({ 1: 0 })),
		'of a Map': () => circular(new Map()),
		'of an Error': () => circular(new RangeError('x')),
		'of a tagged object': () => circular({ [Symbol.toStringTag]: 'Tag' }),
		'of a proxy': () => circular(new Proxy({}, {})),
		'of a proxy of an array': () => circular(new Proxy([], {}), 0),
		'of an inheriting object': () => circular(Object.create(Foo.prototype) as object),
		'of one with a constructor property': () => circular({ constructor: Foo }),
		'of a subclass': () => circular(new (class Bar extends Foo {})()),
		'of a typed array': () => circular(new Uint8Array(1), 'x'),
		'beyond the depth that is scanned': () => {
			let value: unknown = chain(5, () => ({}));
			for (let depth = 0; depth < 60; depth++) value = [value];
			return value;
		},
		'a long way round': () => {
			const a: unknown[] = [];
			let inner = a;
			for (let depth = 0; depth < 100; depth++) {
				const next: unknown[] = [];
				inner.push(next);
				inner = next;
			}
			inner.push(a);
			return a;
		},
	};
	it.each(Object.keys(cases))('%s', (name) => expectSame(cases[name] as () => unknown));

	it('and a value that is only repeated is no circle, at any depth', () => {
		const shared = { list: [{}] };
		let value: unknown = [shared, shared, { shared, again: shared }];
		for (let depth = 0; depth < 200; depth++) value = depth % 2 === 0 ? [value, shared] : { value, shared };
		expectSame(() => value);
	});
});

describe('jsonPath names the offender', () => {
	const circle: Record<string, unknown> = { a: [{}] };
	(circle['a'] as object[])[0] = { b: circle };
	const boom = (): never => {
		throw new Error('boom');
	};
	const cases: Array<[string, unknown, string]> = [
		['a BigInt at the root', 1n, '$'],
		['a BigInt inside', { sensors: [0, 1, 2, { temp: 1n }] }, '$.sensors[3].temp'],
		['a circle', circle, '$.a[0].b'],
		[
			'a getter',
			{
				ok: 1,
				list: [
					{
						get x() {
							return boom();
						},
					},
				],
			},
			'$.list[0].x',
		],
		['a toJSON', [1, { toJSON: boom }], '$[1]'],
		['a toJSON at the root', { toJSON: boom }, '$'],
		['a proxy', { p: new Proxy({}, { ownKeys: boom }) }, '$.p'],
		['a key that is no identifier', { 'a b': { é: { '': { '1x': 1n } } } }, '$["a b"].é[""]["1x"]'],
		['a boxed number', { n: Object.assign(new Number(1), { valueOf: boom }) }, '$.n'],
	];
	it.each(cases)('%s', (_name, value, path) => expect(pathOf(value)).toBe(path));

	it('a replacer', () => {
		expect(pathOf({ a: [1, 2] }, (key, value) => (key === '1' ? boom() : value))).toBe('$.a[1]');
	});

	it('after the source is closed too, and beyond any depth', async () => {
		let deep: unknown = 1n;
		for (let depth = 0; depth < 50_000; depth++) deep = [deep];
		const source = createJsonSource(deep);
		expect(() => drainSync(source)).toThrow(/BigInt/);
		await source.close();
		expect(source.jsonPath()).toBe(`$${'[0]'.repeat(50_000)}`);
	});
});
