/**
 * Values with hooks that log every call, built from a recipe, so that the same value can be built twice: once for
 * JSON.stringify and once for ours.
 */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';

/** What is generated. */
export type Recipe =
	| { kind: 'plain'; value: unknown }
	| { kind: 'array'; items: Recipe[]; holes: number[] }
	| { kind: 'object'; entries: Array<[string, Recipe, 'data' | 'getter' | 'hidden' | 'symbol']>; bare: boolean }
	| { kind: 'toJSON'; result: Recipe; mutation: Mutation }
	| { kind: 'proxy'; target: Recipe }
	| { kind: 'boxed'; of: number | string | boolean | bigint | symbol; expando: boolean; hook: boolean; bare: boolean }
	| { kind: 'special'; name: string }
	| { kind: 'up'; levels: number }
	| { kind: 'throw'; how: 'getter' | 'toJSON' };

type Mutation = 'none' | 'delete' | 'add' | 'hide' | 'shrink' | 'replace';

const keys = fc.oneof(
	{
		weight: 6,
		arbitrary: fc.constantFrom('a', 'b', 'c', 'name', 'temp', 'é', 'q"q', '', '__proto__', '1', '0', 'toString'),
	},
	{ weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
	{ weight: 1, arbitrary: fc.string({ minLength: 60, maxLength: 90 }) },
);

const strings = fc.oneof(
	fc.string({ maxLength: 20 }),
	fc.string({ unit: 'binary', maxLength: 100 }),
	fc
		.array(fc.constantFrom('\ud83d', '\ude00', 'a', '"', '\n', '\u007f', 'é', '€', '\u2028'), { maxLength: 40 })
		.map((units) => units.join('')),
	fc.integer({ min: 50, max: 20_000 }).map((length) => 'x\ud83d\ude00é\u0001'.repeat(length).slice(0, length)),
);

const numbers = fc.oneof(
	fc.integer(),
	fc.double(),
	fc.maxSafeInteger(),
	fc.tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 12 })).map(([digits, places]) => digits / 10 ** places),
	fc.constantFrom(
		0,
		-0,
		1e21,
		1e-7,
		5e-324,
		1.7976931348623157e308,
		2 ** 53,
		-(2 ** 31),
		999,
		1000,
		1e9,
		1e15,
		0.1 + 0.2,
	),
);

const plain = fc
	.oneof(
		strings,
		numbers,
		fc.boolean(),
		fc.constantFrom(null, undefined, Symbol('s'), () => 1, Number.NaN, Number.POSITIVE_INFINITY),
	)
	.map((value): Recipe => ({ kind: 'plain', value }));

const specials = fc
	.constantFrom(
		'date',
		'bad-date',
		'map',
		'set',
		'class',
		'buffer',
		'empty-buffer',
		'bytes',
		'floats',
		'regexp',
		'error',
		'function-toJSON',
		'raw',
		'fake-raw',
		'arguments',
		'bigint',
		'inherited',
		'own-undefined-toJSON',
		'array-toJSON',
	)
	.map((name): Recipe => ({ kind: 'special', name }));

const boxed = fc
	.record({
		of: fc.oneof(fc.integer(), fc.double(), strings, fc.boolean(), fc.constant(10n), fc.constant(Symbol('boxed'))),
		expando: fc.boolean(),
		hook: fc.boolean(),
		bare: fc.boolean(),
	})
	.map((parts): Recipe => ({ kind: 'boxed', ...parts }));

/** Recipes of values; `wild` ones may throw or contain themselves. */
export function recipes(wild: boolean): fc.Arbitrary<Recipe> {
	return fc.letrec<{ node: Recipe; array: Recipe; object: Recipe; hooked: Recipe; proxy: Recipe }>((tie) => ({
		array: fc
			.record({ items: fc.array(tie('node'), { maxLength: 8 }), holes: fc.array(fc.nat(9), { maxLength: 2 }) })
			.map((parts): Recipe => ({ kind: 'array', ...parts })),
		object: fc
			.record({
				entries: fc.array(
					fc.tuple(
						keys,
						tie('node'),
						fc.oneof(
							{ weight: 8, arbitrary: fc.constant('data' as const) },
							{ weight: 2, arbitrary: fc.constantFrom('getter' as const, 'hidden' as const, 'symbol' as const) },
						),
					),
					{ maxLength: 8 },
				),
				bare: fc.boolean(),
			})
			.map((parts): Recipe => ({ kind: 'object', ...parts })),
		hooked: fc
			.record({
				result: tie('node'),
				mutation: fc.constantFrom<Mutation>('none', 'none', 'delete', 'add', 'hide', 'shrink', 'replace'),
			})
			.map((parts): Recipe => ({ kind: 'toJSON', ...parts })),
		proxy: fc.oneof(tie('array'), tie('object'), tie('hooked')).map((target): Recipe => ({ kind: 'proxy', target })),
		node: fc.oneof(
			{ depthSize: 'small', withCrossShrink: true },
			{ weight: 6, arbitrary: plain },
			{ weight: 1, arbitrary: specials.filter((recipe) => wild || (recipe as { name: string }).name !== 'bigint') },
			{ weight: 1, arbitrary: boxed.filter((recipe) => wild || typeof (recipe as { of: unknown }).of !== 'bigint') },
			{ weight: 4, arbitrary: tie('object') },
			{ weight: 3, arbitrary: tie('array') },
			{ weight: 2, arbitrary: tie('hooked') },
			{ weight: 1, arbitrary: tie('proxy') },
			...(wild
				? [
						{ weight: 1, arbitrary: fc.nat(6).map((levels): Recipe => ({ kind: 'up', levels })) },
						{
							weight: 1,
							arbitrary: fc
								.constantFrom('getter', 'toJSON')
								.map((how): Recipe => ({ kind: 'throw', how: how as 'getter' })),
						},
					]
				: []),
		),
	})).node;
}

/** Writes down who was called, with what `this` and which key. */
export class CallLog {
	readonly calls: string[] = [];
	readonly #names = new WeakMap<object, string>();
	#count = 0;

	/** A name for a value that is the same on both sides. */
	name(value: unknown): string {
		if (typeof value !== 'object' || value === null) return typeof value === 'function' ? 'fn' : String(value);
		const known = this.#names.get(value);
		if (known !== undefined) return known;
		const name = `#${this.#count++}`;
		this.#names.set(value, name);
		return name;
	}

	add(...parts: unknown[]): void {
		this.calls.push(parts.map((part) => this.name(part)).join(' '));
	}
}

/** Builds the value of a recipe. */
export function build(recipe: Recipe, log: CallLog): unknown {
	return construct(recipe, log, []);
}

class Point {
	x = 1;
	y = [2];
	get computed(): number {
		return 3;
	}
}

const { rawJSON } = JSON as { rawJSON?: (text: string) => object };

function special(name: string, log: CallLog): unknown {
	switch (name) {
		case 'date':
			return new Date(1e12);
		case 'bad-date':
			return new Date(Number.NaN);
		case 'map':
			return Object.assign(new Map([[1, 2]]), { extra: 1 });
		case 'set':
			return new Set([1]);
		case 'class':
			return new Point();
		case 'buffer':
			return Buffer.from([0, 9, 10, 99, 100, 255]);
		case 'empty-buffer':
			return Buffer.alloc(0);
		case 'bytes':
			return Object.assign(new Uint8Array([1, 2, 3]), { extra: [1] });
		case 'floats':
			return new Float64Array([0.1, Number.NaN, -0]);
		case 'regexp':
			return /x/g;
		case 'error':
			return Object.assign(new Error('message'), { code: 'E' });
		case 'function-toJSON':
			return Object.assign(() => 1, { toJSON: (key: string) => `fn ${key}` });
		case 'raw':
			return rawJSON === undefined ? 'raw' : rawJSON('1.000');
		case 'fake-raw':
			return { rawJSON: '1.000' };
		case 'arguments':
			return (
				function () {
					// biome-ignore lint/complexity/noArguments: the object under test
					return arguments;
				} as (...values: unknown[]) => unknown
			)(1, 'two');
		case 'bigint':
			return 12n;
		case 'inherited':
			return Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } });
		case 'own-undefined-toJSON':
			return { toJSON: undefined, a: 1 };
		default:
			return Object.assign([1, 2], {
				toJSON(this: unknown, key: string) {
					log.add('toJSON of array', this, key);
					return { was: 'array' };
				},
			});
	}
}

function construct(recipe: Recipe, log: CallLog, above: object[]): unknown {
	switch (recipe.kind) {
		case 'plain':
			return recipe.value;
		case 'special':
			return special(recipe.name, log);
		case 'up':
			return above.at(-1 - recipe.levels) ?? 'nothing above';
		case 'throw':
			return recipe.how === 'getter'
				? Object.defineProperty({ before: 1 }, 'fails', {
						enumerable: true,
						get: () => {
							throw new RangeError('from a getter');
						},
					})
				: {
						toJSON() {
							throw new SyntaxError('from toJSON');
						},
					};
		case 'array': {
			const array: unknown[] = [];
			log.name(array);
			for (const item of recipe.items) array.push(construct(item, log, [...above, array]));
			for (const hole of recipe.holes) delete array[hole];
			return array;
		}
		case 'object':
			return constructObject(recipe, log, above);
		case 'toJSON':
			return constructHook(recipe, log, above);
		case 'boxed':
			return constructBoxed(recipe, log);
		case 'proxy':
			return constructProxy(construct(recipe.target, log, above) as object, log);
	}
}

function constructObject(recipe: Recipe & { kind: 'object' }, log: CallLog, above: object[]): object {
	const object: object = recipe.bare ? Object.create(null) : {};
	log.name(object);
	for (const [key, item, how] of recipe.entries) {
		const value = construct(item, log, [...above, object]);
		const common = { configurable: true, enumerable: how !== 'hidden' };
		if (how === 'getter') {
			Object.defineProperty(object, key, {
				...common,
				get(this: unknown) {
					log.add('get', this, key);
					return value;
				},
			});
		} else {
			Object.defineProperty(object, how === 'symbol' ? Symbol.for(key) : key, { ...common, value, writable: true });
		}
	}
	return object;
}

function constructHook(recipe: Recipe & { kind: 'toJSON' }, log: CallLog, above: object[]): object {
	const parent = above.at(-1);
	const hooked = {
		unseen: 1,
		toJSON(this: unknown, ...args: unknown[]) {
			log.add('toJSON', this, ...args, args.length);
			if (parent !== undefined) mutate(parent, recipe.mutation);
			return result;
		},
	};
	log.name(hooked);
	const result = construct(recipe.result, log, [...above, hooked]);
	return hooked;
}

function mutate(parent: object, mutation: Mutation): void {
	const keysNow = Object.keys(parent);
	const last = keysNow.at(-1);
	if (mutation === 'add') Reflect.set(parent, 'added', 'late');
	if (mutation === 'shrink' && Array.isArray(parent)) parent.length = Math.max(0, parent.length - 1);
	if (last === undefined) return;
	// Not the only one: of an object that is emptied while it is open, and comes again, some versions of V8 write {}.
	if (mutation === 'delete' && keysNow.length > 1) Reflect.deleteProperty(parent, last);
	if (mutation === 'replace') Reflect.set(parent, last, { replaced: [1] });
	if (mutation === 'hide') Reflect.defineProperty(parent, last, { enumerable: false });
}

function constructBoxed(recipe: Recipe & { kind: 'boxed' }, log: CallLog): object {
	const object = Object(recipe.of) as object;
	log.name(object);
	if (recipe.expando) Object.assign(object, { expando: 1 });
	if (recipe.hook) {
		for (const method of ['valueOf', 'toString']) {
			Object.defineProperty(object, method, {
				value(this: unknown) {
					log.add(method, this);
					return '7';
				},
			});
		}
	}
	if (recipe.bare) Object.setPrototypeOf(object, recipe.hook ? null : Object.prototype);
	return object;
}

function constructProxy(target: object, log: CallLog): object {
	const handler: Record<string, unknown> = {};
	for (const trap of Reflect.ownKeys(Reflect)) {
		if (typeof trap !== 'string') continue;
		handler[trap] = (...args: unknown[]) => {
			log.add('trap', trap, typeof args[1] === 'symbol' ? String(args[1]) : args[1]);
			return (Reflect as unknown as Record<string, (...args: unknown[]) => unknown>)[trap]?.(...args);
		};
	}
	const proxy = new Proxy(target, handler);
	log.name(proxy);
	return proxy;
}
