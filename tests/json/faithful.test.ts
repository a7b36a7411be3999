import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MIN_BUFFER_BYTES } from '../../lib/json/byte-source.ts';
import type { Replacer, Space } from '../../lib/types.ts';
import { build, CallLog, type Recipe, recipes } from './generated.ts';
import { native, type Outcome, ours, SMALL_ROOM } from './support.ts';

const spaces = fc.oneof(
	{ weight: 3, arbitrary: fc.constant(undefined) },
	{
		weight: 2,
		arbitrary: fc.constantFrom<Space>(
			1,
			2,
			4,
			10,
			11,
			0,
			-1,
			2.9,
			'\t',
			'--',
			'          x',
			'\ud83d',
			'\ude00',
			'\n,"',
			'é',
		),
	},
);

const rooms = fc.array(fc.oneof(fc.integer({ min: SMALL_ROOM, max: SMALL_ROOM + 64 }), fc.constant(MIN_BUFFER_BYTES)), {
	minLength: 1,
	maxLength: 6,
});

const replacers = fc.oneof(
	{ weight: 4, arbitrary: fc.constant('none' as const) },
	{ weight: 2, arbitrary: fc.constantFrom('same' as const, 'drop' as const, 'wrap' as const) },
	{ weight: 1, arbitrary: fc.constant('names' as const) },
);

function makeReplacer(kind: string, log: CallLog): Replacer | undefined {
	if (kind === 'none') return undefined;
	if (kind === 'names') return ['b', 'a', 1, 'a', 'toString', 'name', 'added', 'length', 'expando', '__proto__'];
	return function (this: unknown, key: string, value: unknown) {
		log.add('replacer', this, key, value);
		if (kind === 'drop' && key === 'b') return undefined;
		if (kind === 'wrap' && typeof value === 'number') return { wrapped: String(value) };
		return value;
	};
}

function observe(recipe: Recipe, replacer: string, serialise: (value: unknown, replacer?: Replacer) => Outcome) {
	const log = new CallLog();
	const value = build(recipe, log);
	const outcome = serialise(value, makeReplacer(replacer, log));
	return { outcome, calls: log.calls };
}

describe('the serializer does exactly what JSON.stringify does', () => {
	for (const wild of [false, true]) {
		it(`gives the same bytes after the same calls${wild ? ', or the same error' : ''}`, () => {
			fc.assert(
				fc.property(recipes(wild), replacers, spaces, rooms, (recipe, replacer, space, sizes) => {
					const wanted = observe(recipe, replacer, (value, call) => native(value, call, space));
					const got = observe(recipe, replacer, (value, call) => ours(value, call, space, sizes));
					expect(got).toEqual(wanted);
				}),
				{ numRuns: 4000 },
			);
		}, 60_000);
	}

	it('for any JSON value, whatever the size of the buffers', () => {
		fc.assert(
			fc.property(fc.jsonValue({ maxDepth: 6 }), spaces, rooms, (value, space, sizes) => {
				expect(ours(value, null, space, sizes)).toEqual(native(value, null, space));
			}),
			{ numRuns: 2000 },
		);
	}, 60_000);
});
