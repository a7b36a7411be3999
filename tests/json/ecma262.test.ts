/**
 * What ECMA-262 §25.5.2 says of JSON.stringify, clause by clause; each case that its conformance suite (test262,
 * built-ins/JSON/stringify) covers is here, rewritten, and held against the native implementation as well.
 */
import { describe, expect, it } from 'vitest';
import type { Replacer, Space } from '../../lib/types.ts';
import { expectSame, native, ours } from './support.ts';

interface Call {
	value: unknown;
	replacer?: unknown;
	space?: unknown;
}

/** Expects `text` of us and of JSON.stringify; `make` builds everything anew for each. */
function gives(make: () => Call, text: string | undefined): void {
	for (const serialise of [ours, native]) {
		const { value, replacer, space } = make();
		expect(serialise(value, replacer as Replacer, space as Space)).toEqual({ text });
	}
}

/** Expects both to throw the very same error. */
function throws(make: () => Call, pattern: RegExp): void {
	const [got, wanted] = [ours, native].map((serialise) => {
		const { value, replacer, space } = make();
		return serialise(value, replacer as Replacer, space as Space);
	});
	expect(got).toEqual(wanted);
	expect((got as { error: string }).error).toMatch(pattern);
}

class Abrupt extends Error {
	override name = 'Abrupt';
}

function abrupt(): never {
	throw new Abrupt('abrupt');
}

describe('top-level values', () => {
	const primitives: Array<[unknown, string | undefined]> = [
		[undefined, undefined],
		[null, 'null'],
		[true, 'true'],
		[false, 'false'],
		['a string', '"a string"'],
		['', '""'],
		[123, '123'],
		[0, '0'],
		[-1, '-1'],
		[1.1, '1.1'],
		[-0, '0'],
		[['-0', 0, -0], '["-0",0,0]'],
		[Number.NaN, 'null'],
		[Number.POSITIVE_INFINITY, 'null'],
		[Number.NEGATIVE_INFINITY, 'null'],
		[Symbol('desc'), undefined],
		[[Symbol()], '[null]'],
		[{ key: Symbol() }, '{}'],
		[() => undefined, undefined],
		[[() => undefined], '[null]'],
		[{ key: () => undefined }, '{}'],
		[{}, '{}'],
		[[], '[]'],
		[[undefined], '[null]'],
		[{ a: undefined }, '{}'],
	];
	it.each(primitives)('%o', (value, text) => gives(() => ({ value }), text));

	it('boxed primitives are unboxed through ToNumber and ToString, Booleans by their slot', () => {
		gives(() => ({ value: [Object(42), Object('wrapped'), Object(true), Object(false)] }), '[42,"wrapped",true,false]');
		gives(
			() => ({ value: { n: new Number(3.14), s: new String('s'), b: new Boolean(false) } }),
			'{"n":3.14,"s":"s","b":false}',
		);
		gives(() => ({ value: new Number(Number.NaN) }), 'null');
		const hooked = (object: object) => Object.assign(object, { toString: () => 'from toString', valueOf: () => 2 });
		gives(() => ({ value: [hooked(new Number(10)), hooked(new String('x'))] }), '[2,"from toString"]');
		const stubborn = (object: object) => Object.assign(object, { toString: null, valueOf: () => 'from valueOf' });
		gives(() => ({ value: stubborn(new String('x')) }), '"from valueOf"');
		gives(() => ({ value: Object.assign(new Boolean(true), { toString: abrupt, valueOf: abrupt }) }), 'true');
		throws(() => ({ value: Object.assign(new Number(1), { valueOf: abrupt }) }), /abrupt/);
		throws(() => ({ value: Object.assign(new String(''), { toString: abrupt }) }), /abrupt/);
		gives(() => ({ value: Object(Symbol('s')) }), '{}');
		throws(() => ({ value: Object.assign(new Number(1), { valueOf: () => 1n }) }), /BigInt/);
	});

	it('BigInts are refused, unless toJSON or the replacer replaces them', () => {
		throws(() => ({ value: 0n }), /^TypeError: Do not know how to serialize a BigInt/);
		throws(() => ({ value: Object(0n) }), /BigInt/);
		throws(() => ({ value: { x: 0n } }), /BigInt/);
		const replacer = (_key: string, value: unknown) => (value === 0n ? 'bigint' : value);
		gives(() => ({ value: 0n, replacer }), '"bigint"');
		gives(() => ({ value: { x: 0n }, replacer }), '{"x":"bigint"}');
	});

	it('BigInt.prototype.toJSON is called with the primitive as this, before the replacer', () => {
		const receivers: unknown[] = [];
		Object.defineProperty(BigInt.prototype, 'toJSON', {
			configurable: true,
			get(this: unknown) {
				receivers.push(typeof this);
				return function (this: unknown, key: string) {
					receivers.push(typeof this, key);
					return `${String(this)}n`;
				};
			},
		});
		try {
			gives(() => ({ value: { a: [1n] } }), '{"a":["1n"]}');
			gives(
				() => ({ value: 2n, replacer: (_key: string, value: unknown) => `${typeof value} ${value}` }),
				'"string 2n"',
			);
			expect(receivers.slice(0, 3)).toEqual(receivers.slice(3, 6));
		} finally {
			Reflect.deleteProperty(BigInt.prototype, 'toJSON');
		}
	});
});

describe('strings', () => {
	it('escapes control characters, quotes and backslashes, and nothing else in ASCII', () => {
		const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
		gives(() => ({ value: all }), JSON.stringify(all));
		for (const character of all)
			gives(() => ({ value: { [character]: character } }), JSON.stringify({ [character]: character }));
		gives(() => ({ value: '\b\t\n\f\r"\\/\u007f\u0000\u001f' }), '"\\b\\t\\n\\f\\r\\"\\\\/\u007f\\u0000\\u001f"');
	});

	it('escapes lone surrogates and keeps pairs', () => {
		gives(() => ({ value: '\ud834' }), '"\\ud834"');
		gives(() => ({ value: '\udf06' }), '"\\udf06"');
		gives(() => ({ value: '\ud834\udf06' }), '"𝌆"');
		gives(() => ({ value: '\ud834\ud834\udf06\ud834' }), '"\\ud834𝌆\\ud834"');
		gives(() => ({ value: '\udf06\udf06\ud834\udf06\udf06' }), '"\\udf06\\udf06𝌆\\udf06"');
		gives(() => ({ value: { '\udf06\ud834': 1 } }), '{"\\udf06\\ud834":1}');
	});
});

describe('objects', () => {
	it('writes own enumerable string keys, integers first and ascending', () => {
		gives(
			() => ({ value: { p1: 'p1', p2: 'p2', 10: 1, 2: 2, [Symbol('s')]: 3, '-1': 4 } }),
			'{"2":2,"10":1,"p1":"p1","p2":"p2","-1":4}',
		);
		gives(
			() => ({ value: Object.create({ inherited: 1 }, { hidden: { value: 1 }, own: { value: 2, enumerable: true } }) }),
			'{"own":2}',
		);
	});

	it('keeps the keys it found at entry and reads the values late', () => {
		const make = (change: (object: Record<string, unknown>) => void) => () => ({
			value: {
				get first(): number {
					change(this as unknown as Record<string, unknown>);
					return 1;
				},
				second: 2,
				third: 3,
			},
		});
		gives(
			make((object) => Reflect.deleteProperty(object, 'second')),
			'{"first":1,"third":3}',
		);
		gives(
			make((object) => void (object['added'] = 4)),
			'{"first":1,"second":2,"third":3}',
		);
		gives(
			make((object) => void (object['third'] = 'changed')),
			'{"first":1,"second":2,"third":"changed"}',
		);
		gives(
			make((object) => Object.defineProperty(object, 'third', { enumerable: false })),
			'{"first":1,"second":2,"third":3}',
		);
	});

	it('passes on what a getter throws', () => {
		throws(
			() => ({
				value: {
					get key() {
						return abrupt();
					},
				},
			}),
			/Abrupt/,
		);
	});

	it('reads proxies through their traps', () => {
		gives(() => ({ value: new Proxy({ a: 1, b: 2 }, { ownKeys: () => ['b', 'a'] }) }), '{"b":2,"a":1}');
		gives(
			() => ({
				value: new Proxy(
					{},
					{
						ownKeys: () => ['a', 'b', 'c'],
						getOwnPropertyDescriptor: (_target, key) => ({ value: 1, configurable: true, enumerable: key !== 'b' }),
						get: (_target, key) => (key === 'toJSON' ? undefined : 1),
					},
				),
			}),
			'{"a":1,"c":1}',
		);
		throws(() => ({ value: new Proxy({}, { ownKeys: abrupt }) }), /Abrupt/);
		throws(() => ({ value: { key: new Proxy({ a: 1 }, { getOwnPropertyDescriptor: abrupt }) } }), /Abrupt/);
		throws(() => ({ value: new Proxy({ a: 1 }, { get: abrupt }) }), /Abrupt/);
		gives(() => ({ value: new Proxy({ a: [new Proxy({}, {})] }, {}) }), '{"a":[{}]}');
		gives(() => ({ value: [new Proxy(() => undefined, {})] }), '[null]');
	});

	it('refuses revoked proxies', () => {
		const revoked = (target: object) => {
			const { proxy, revoke } = Proxy.revocable(target, {});
			revoke();
			return proxy;
		};
		throws(() => ({ value: revoked({}) }), /TypeError.*revoked/);
		throws(() => ({ value: [revoked([])] }), /TypeError.*revoked/);
		const replaced = () => ({
			value: {},
			replacer: (_key: string, value: unknown) => (value === null ? value : revoked([])),
		});
		throws(replaced, /TypeError.*'IsArray'.*revoked/);
	});
});

describe('arrays', () => {
	it('reads holes, inherited elements and absent values', () => {
		// biome-ignore lint/suspicious/noSparseArray: the array under test
		gives(() => ({ value: [1, , undefined, 3] }), '[1,null,null,3]');
		gives(() => ({ value: Object.assign([1], { extra: 1 }) }), '[1]');
	});

	it('reads the length once, the elements late', () => {
		const value = () => {
			const array: unknown[] = [
				{
					toJSON: () => {
						array.length = 1;
						array.push('new', 'newer', 'newest');
						return 0;
					},
				},
				1,
				2,
			];
			return { value: array };
		};
		gives(value, '[0,"new","newer"]');
	});

	it('sees arrays through proxies', () => {
		gives(() => ({ value: new Proxy([1, [2]], {}) }), '[1,[2]]');
		gives(() => ({ value: new Proxy(new Proxy([], {}), {}) }), '[]');
		const lengths: Array<[unknown, string]> = [
			[2, '[0,0]'],
			['1', '[0]'],
			[-3, '[]'],
			[Number.NaN, '[]'],
			[1.9, '[0]'],
			[null, '[]'],
			[{ valueOf: () => 1 }, '[0]'],
		];
		for (const [length, text] of lengths) {
			gives(
				() => ({
					value: new Proxy([], {
						get: (_target, key) => (key === 'length' ? length : key === 'toJSON' ? undefined : 0),
					}),
				}),
				text,
			);
		}
		throws(
			() => ({ value: new Proxy([], { get: (_target, key) => (key === 'length' ? abrupt() : undefined) }) }),
			/Abrupt/,
		);
		throws(
			() => ({ value: new Proxy([], { get: (_target, key) => (key === 'length' ? Symbol() : undefined) }) }),
			/TypeError/,
		);
		throws(
			() => ({ value: new Proxy([0], { get: (target, key) => (key === '0' ? abrupt() : Reflect.get(target, key)) }) }),
			/Abrupt/,
		);
	});
});

describe('toJSON', () => {
	it('gets the key as a string and the value as this, once', () => {
		const calls: unknown[] = [];
		const hooked = {
			toJSON(this: unknown, ...args: unknown[]) {
				calls.push(this === hooked, ...args, args.length);
				return 'hooked';
			},
		};
		gives(() => ({ value: hooked }), '"hooked"');
		gives(() => ({ value: [0, hooked] }), '[0,"hooked"]');
		gives(() => ({ value: { '': { key: hooked } } }), '{"":{"key":"hooked"}}');
		expect(calls).toEqual(['', '', '1', '1', 'key', 'key'].flatMap((key) => [true, key, 1]));
	});

	it('is ignored where it is not callable, and its result is not asked again', () => {
		for (const toJSON of [null, false, true, '', 'text', {}, [], 0, /re/]) {
			gives(() => ({ value: { toJSON } }), JSON.stringify({ toJSON }));
		}
		gives(() => ({ value: { toJSON: () => ({ toJSON: () => 'twice', a: 1 }) } }), '{"a":1}');
		gives(() => ({ value: { toJSON: () => undefined } }), undefined);
		gives(() => ({ value: [{ toJSON: () => undefined }] }), '[null]');
		gives(() => ({ value: { key: { toJSON: () => () => 1 } } }), '{}');
		gives(() => ({ value: { toJSON: () => [false, null] } }), '[false,null]');
		gives(
			() => ({ value: { a: { toJSON: () => Object('boxed') }, b: { toJSON: () => Object(1) } } }),
			'{"a":"boxed","b":1}',
		);
	});

	it('is asked of functions and inherited, and may throw', () => {
		gives(() => ({ value: Object.assign(() => 1, { toJSON: () => 'function' }) }), '"function"');
		gives(() => ({ value: [Object.assign(() => 1, { toJSON: () => 'function' })] }), '["function"]');
		throws(
			() => ({
				value: {
					get toJSON() {
						return abrupt();
					},
				},
			}),
			/Abrupt/,
		);
		throws(() => ({ value: { toJSON: abrupt } }), /Abrupt/);
	});

	it('may empty the array that it stands in, and give it back', () => {
		const make = (): unknown[] => {
			const emptied: unknown[] = [];
			emptied.push({
				toJSON: () => {
					emptied.length = 0;
					return emptied;
				},
			});
			return [emptied];
		};
		for (const space of ['', 1]) expectSame(make, undefined, () => space);
		expectSame(make, () => (_key, value) => value);
	});

	it('finds the circle that its results make', () => {
		const array: unknown[] = [];
		const circular = { prop: { toJSON: () => circular } };
		throws(() => ({ value: circular }), /TypeError: Converting circular structure to JSON/);
		const inArray: unknown[] = [{ toJSON: () => inArray }];
		throws(() => ({ value: inArray }), /circular/);
		const endless = { toJSON: () => ({ next: array }) };
		array.push(endless);
		throws(() => ({ value: array }), /circular/);
	});

	it('is not asked of strings, numbers and booleans', () => {
		for (const prototype of [String.prototype, Number.prototype, Boolean.prototype]) {
			Object.defineProperty(prototype, 'toJSON', { configurable: true, get: abrupt });
		}
		try {
			gives(() => ({ value: ['s', 1, true] }), '["s",1,true]');
			throws(() => ({ value: [Object('s')] }), /Abrupt/);
		} finally {
			for (const prototype of [String.prototype, Number.prototype, Boolean.prototype]) {
				Reflect.deleteProperty(prototype, 'toJSON');
			}
		}
	});
});

describe('replacer functions', () => {
	it('see the holder, the key and the value, in order, the root under an empty key', () => {
		const calls: unknown[] = [];
		const value = { b: [1, { c: 2 }], a: 'x' };
		gives(
			() => ({
				value,
				replacer(this: unknown, ...args: unknown[]) {
					calls.push([JSON.stringify(this), ...args]);
					return args[1];
				},
			}),
			JSON.stringify(value),
		);
		expect(calls.slice(0, calls.length / 2)).toEqual(calls.slice(calls.length / 2));
		expect(calls[0]).toEqual(['{"":{"b":[1,{"c":2}],"a":"x"}}', '', value]);
	});

	it('get a fresh root holder, an ordinary object with one own property', () => {
		const holders: Array<Record<string, unknown>> = [];
		Object.defineProperty(Object.prototype, '', { configurable: true, set: abrupt });
		try {
			gives(
				() => ({
					value: 1,
					replacer(this: Record<string, unknown>) {
						holders.push(this);
						return 2;
					},
				}),
				'2',
			);
		} finally {
			Reflect.deleteProperty(Object.prototype, '');
		}
		for (const holder of holders) {
			expect(Object.getPrototypeOf(holder)).toBe(Object.prototype);
			expect(Object.getOwnPropertyDescriptors(holder)).toEqual({
				'': { value: 1, writable: true, enumerable: true, configurable: true },
			});
		}
	});

	it('decide about everything', () => {
		gives(() => ({ value: { a: 1 }, replacer: () => undefined }), undefined);
		gives(() => ({ value: undefined, replacer: () => 'now there' }), '"now there"');
		gives(
			() => ({ value: [1, 2], replacer: (key: string, value: unknown) => (key === '0' ? undefined : value) }),
			'[null,2]',
		);
		gives(
			() => ({ value: { a: 1, b: 2 }, replacer: (key: string, value: unknown) => (key === 'a' ? undefined : value) }),
			'{"b":2}',
		);
		gives(
			() => ({ value: { a: { b: 1 } }, replacer: (key: string, value: unknown) => (key === 'a' ? { c: 2 } : value) }),
			'{"a":{"c":2}}',
		);
		gives(
			() => ({
				value: [() => 1, Symbol('s')],
				replacer: (key: string, value: unknown) => (key === '' ? value : typeof value),
			}),
			'["function","symbol"]',
		);
		gives(() => ({ value: 1, replacer: () => Object(2) }), '2');
		gives(() => ({ value: 1, replacer: () => Object('two') }), '"two"');
		gives(() => ({ value: 1, replacer: () => Symbol() }), undefined);
		throws(() => ({ value: 1, replacer: () => 1n }), /BigInt/);
		throws(() => ({ value: [1], replacer: abrupt }), /Abrupt/);
	});

	it('run after toJSON, are asked for deleted properties, and are not asked for added ones', () => {
		gives(
			() => ({
				value: { a: { toJSON: () => 'json' } },
				replacer: (_key: string, value: unknown) => (value === 'json' ? 'seen' : value),
			}),
			'{"a":"seen"}',
		);
		const value = () => ({
			value: {
				get a() {
					Reflect.deleteProperty(this, 'b');
					Reflect.set(this, 'c', 1);
					return 1;
				},
				b: 2,
			},
			replacer: (key: string, item: unknown) => (key === 'b' ? String(item) : item),
		});
		gives(value, '{"a":1,"b":"undefined"}');
	});

	it('are taken where they are proxies of functions', () => {
		gives(() => ({ value: { a: 1 }, replacer: new Proxy((_key: string, value: unknown) => value, {}) }), '{"a":1}');
	});

	it('make circles that are found', () => {
		const circular = { key: {} };
		throws(() => ({ value: circular, replacer: () => circular }), /circular/);
		const array: unknown[] = [{}];
		throws(() => ({ value: array, replacer: () => array }), /circular/);
	});
});

describe('replacer arrays', () => {
	const value = { 1: 1, a: 'a', b: { a: 'ba', c: 'bc' }, c: [{ a: 'ca', b: 1, d: 2 }] };

	it('name the properties to write, in their order, at every level', () => {
		gives(() => ({ value, replacer: ['c', 'a', 'b'] }), '{"c":[{"a":"ca","b":1}],"a":"a","b":{"c":"bc","a":"ba"}}');
		gives(() => ({ value, replacer: [] }), '{}');
		gives(() => ({ value: [value], replacer: [] }), '[{}]');
		gives(() => ({ value, replacer: ['a', 'a', new String('a')] }), '{"a":"a"}');
		gives(() => ({ value, replacer: [1, Object(1), '1'] }), '{"1":1}');
		gives(() => ({ value: { '-0': 1, 0: 2, '-1': 3 }, replacer: [-0, -1] }), '{"0":2,"-1":3}');
		gives(
			() => ({ value: { NaN: 1, Infinity: 2, '0.1': 3 }, replacer: [Number.NaN, Number.POSITIVE_INFINITY, 0.1] }),
			'{"NaN":1,"Infinity":2,"0.1":3}',
		);
	});

	it('ignore what is neither a string nor a number', () => {
		const odd = [undefined, null, true, false, {}, [], Symbol('a'), Object(true), Object(Symbol('a')), () => 1, 1n];
		gives(() => ({ value: { undefined: 1, null: 2, true: 3, '': 4, '[object Object]': 5 }, replacer: odd }), '{}');
		// biome-ignore lint/suspicious/noSparseArray: the array under test
		gives(() => ({ value: { a: 1, undefined: 2 }, replacer: [, 'a'] }), '{"a":1}');
	});

	it('use toString of boxed strings and numbers', () => {
		const hooked = (object: object) => Object.assign(object, { toString: () => 'toString', valueOf: abrupt });
		gives(
			() => ({ value: { toString: 1, 10: 2 }, replacer: [hooked(new Number(10)), hooked(new String('x'))] }),
			'{"toString":1}',
		);
		throws(() => ({ value: {}, replacer: [Object.assign(new String('x'), { toString: abrupt })] }), /Abrupt/);
	});

	it('find inherited and hidden properties, and write absent ones not at all', () => {
		gives(
			() => ({
				value: Object.create({ inherited: 1 }, { hidden: { value: 2 } }),
				replacer: ['hidden', 'inherited', 'missing'],
			}),
			'{"hidden":2,"inherited":1}',
		);
	});

	it('leave arrays alone', () => {
		gives(() => ({ value: [1, 2, { length: 3, 0: 4 }], replacer: ['length'] }), '[1,2,{"length":3}]');
	});

	it('are read through proxies, once, before anything else', () => {
		const log: string[] = [];
		const make = () => ({
			value: {
				a: 1,
				get b() {
					log.push('value');
					return 2;
				},
			},
			replacer: new Proxy(['b', 'a'], {
				get(target, key, receiver) {
					log.push(String(key));
					return Reflect.get(target, key, receiver);
				},
			}),
		});
		gives(make, '{"b":2,"a":1}');
		expect(log.slice(0, log.length / 2)).toEqual(log.slice(log.length / 2));
		gives(() => ({ value: { a: 1 }, replacer: new Proxy(new Proxy(['a'], {}), {}) }), '{"a":1}');
		throws(() => {
			const { proxy, revoke } = Proxy.revocable([], {});
			revoke();
			return { value: {}, replacer: proxy };
		}, /TypeError.*revoked/);
		throws(() => ({ value: {}, replacer: new Proxy([], { get: abrupt }) }), /Abrupt/);
		throws(() => ({ value: {}, replacer: Object.defineProperty([1], 0, { get: abrupt }) }), /Abrupt/);
	});
});

describe('other replacers', () => {
	it.each([null, undefined, '', 'a', 0, 1, true, {}, { length: 1, 0: 'b' }, Symbol('a'), Object('a'), Object(1)])(
		'%o is ignored',
		(replacer) => {
			gives(() => ({ value: { a: 1, b: 2 }, replacer }), '{"a":1,"b":2}');
		},
	);
});

describe('space', () => {
	const value = {
		a1: { b1: [1, 2, 3, 4], b2: { c1: 1, c2: 2 } },
		a2: 'a2',
		a3: [],
		a4: {},
		a5: [{}, [[]], { x: undefined }],
	};
	const spaces = [
		0,
		1,
		2,
		10,
		11,
		99,
		-5,
		5.99999,
		0.9,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		Number.NEGATIVE_INFINITY,
		'',
		' ',
		'\t',
		'ab',
		'0123456789',
		'0123456789xyz',
		'\ud83d\ude00',
		'\ud83d',
		'\n',
		'"',
		'é'.repeat(12),
		null,
		undefined,
		true,
		false,
		{},
		[],
		Symbol('x'),
		() => 2,
		1n,
		Object(3),
		Object('ab'),
		Object(true),
		Object('0123456789xyz'),
	];
	it.each(spaces)('%o is taken as JSON.stringify takes it', (space) => {
		const text = Buffer.from(JSON.stringify(value, null, space as never)).toString();
		gives(() => ({ value, space }), text);
	});

	it('is read through valueOf and toString of boxed ones, after the replacer', () => {
		const log: string[] = [];
		const box = (object: object, result: unknown) =>
			Object.assign(object, {
				toString: () => {
					log.push('toString');
					return result;
				},
				valueOf: () => {
					log.push('valueOf');
					return result;
				},
			});
		gives(() => ({ value: [1], space: box(new Number(1), 3) }), '[\n   1\n]');
		gives(() => ({ value: [1], space: box(new String(''), '--') }), '[\n--1\n]');
		expect(log).toEqual(['valueOf', 'valueOf', 'toString', 'toString']);
		throws(() => ({ value: [1], space: Object.assign(new Number(1), { valueOf: abrupt }) }), /Abrupt/);
		throws(() => ({ value: [1], space: Object.assign(new String(1), { toString: abrupt }) }), /Abrupt/);
		throws(
			() => ({
				value: [1],
				replacer: new Proxy([], { get: abrupt }),
				space: Object.assign(new Number(1), {
					valueOf: () => {
						throw new RangeError('too late');
					},
				}),
			}),
			/Abrupt/,
		);
	});
});

describe('circles', () => {
	it('are refused, repetition is not', () => {
		const shared = { s: 1 };
		gives(() => ({ value: [shared, shared, { a: shared, b: shared }] }), '[{"s":1},{"s":1},{"a":{"s":1},"b":{"s":1}}]');
		const direct: Record<string, unknown> = {};
		direct['self'] = direct;
		throws(() => ({ value: direct }), /circular/);
		throws(() => ({ value: { a: [direct] } }), /circular/);
		const far: Record<string, unknown> = {};
		far['p1'] = {
			p2: {
				get p3() {
					return far;
				},
			},
		};
		throws(() => ({ value: far }), /circular/);
		const array: unknown[] = [];
		array.push([array]);
		throws(() => ({ value: array }), /circular/);
	});
});
