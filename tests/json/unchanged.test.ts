import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { drainSync } from './support.ts';

setFlagsFromString('--allow-natives-syntax');
const hasDoubleElements = runInThisContext('(array) => %HasDoubleElements(array)') as (array: number[]) => boolean;

describe('serialising leaves the value as it was', () => {
	it("does not make V8 store the caller's arrays in another way", () => {
		const lists = Array.from({ length: 20_000 }, (_, index) => [index + 0.5, index, index / 10]);
		const mixed = Array.from({ length: 20_000 }, (_, index) => (index % 2 === 0 ? [1, 2, 3] : ['a', index]));
		const value = lists.map((list, index) => ({ list, other: mixed[index] }));
		for (let pass = 0; pass < 5; pass++) drainSync(createJsonSource(value));
		expect(lists.filter((list) => !hasDoubleElements(list))).toHaveLength(0);
	});
});
