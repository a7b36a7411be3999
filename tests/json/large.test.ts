import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MIN_BUFFER_BYTES } from '../../lib/json/byte-source.ts';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { drainSync, expectSame, ours, SMALL_ROOM } from './support.ts';

describe('nesting has no limit', () => {
	it('200,000 levels of objects and arrays', () => {
		let value: unknown = 1;
		for (let level = 0; level < 100_000; level++) value = { a: [value] };
		const { text } = ours(value) as { text: string };
		expect(text).toBe(`${'{"a":['.repeat(100_000)}1${']}'.repeat(100_000)}`);
	});

	it('indentation beyond any buffer', () => {
		let value: unknown = 1;
		for (let level = 0; level < 3000; level++) value = [value];
		expectSame(
			() => value,
			undefined,
			() => '\t'.repeat(10),
		);
		expectSame(
			() => value,
			undefined,
			() => 'é',
		);
	});
});

describe('long strings are written in slices', () => {
	it('with surrogate pairs at every place where a slice or a buffer may end', () => {
		for (let shift = 0; shift < 6; shift++) {
			const value = 'x'.repeat(shift) + '😀'.repeat(10_000) + '\ud83d'.repeat(9000) + '\ude00é€"\n'.repeat(5000);
			expectSame(() => value, undefined, undefined, [MIN_BUFFER_BYTES - shift]);
			expectSame(
				() => ({ [value]: value }),
				undefined,
				() => 2,
				[SMALL_ROOM + shift],
			);
		}
	});

	it('escaping grows them sixfold, and no buffer overflows', () => {
		for (let length = 0; length < 700; length += 7) {
			expectSame(() => ['\u0001'.repeat(length), { ['\u0002'.repeat(length)]: '€'.repeat(length) }]);
		}
		expectSame(() => '\u0000'.repeat(100_000));
	});

	it('a string of 100 million characters without a second copy', () => {
		const unit = 'abcdefghij';
		const value = unit.repeat(10_000_000);
		const source = createJsonSource([value, value], { finalNewline: false });
		const buffer = Buffer.alloc(262_144);
		const hash = createHash('sha1');
		let bytes = 0;
		const before = process.memoryUsage().rss;
		let peak = before;
		while (!source.done) {
			const end = source.fill(buffer, 0);
			bytes += end;
			if (bytes < 50_000_000) hash.update(buffer.subarray(0, end));
			peak = Math.max(peak, process.memoryUsage.rss());
		}
		expect(bytes).toBe(200_000_007);
		// Flattening the rope is V8's: one copy.
		expect(peak - before).toBeLessThan(180_000_000);
	});
});

describe('binary data', () => {
	it('Buffers are written as their toJSON would, of every size and indentation', () => {
		for (const length of [0, 1, 2, 255, 256, 5000]) {
			const make = () => ({ b: Buffer.from(Array.from({ length }, (_, index) => index & 255)), after: 1 });
			for (const space of [undefined, 2, '\t', 'é', '\ud83d']) expectSame(make, undefined, () => space as string);
			expectSame(make, () => (_key, value) => value);
			expectSame(make, () => ['b', 'data', 'type']);
		}
		expectSame(() => Buffer.from('root'));
		expectSame(
			() => [[[Buffer.from('deep')]]],
			undefined,
			() => 'x'.repeat(10),
		);
	});

	it('a Buffer that differs from an ordinary one is asked as usual', () => {
		expectSame(() => Object.assign(Buffer.from('abc'), { toJSON: () => 'own' }));
		expectSame(() => Object.defineProperty(Buffer.from('abc'), 'length', { value: 2 }));
		expectSame(
			() =>
				new (class Sub extends Uint8Array {
					toJSON = Buffer.prototype.toJSON;
				})(3),
		);
		Object.defineProperty(Array.prototype, 'toJSON', { configurable: true, value: () => 'array' });
		try {
			expectSame(() => ({ b: Buffer.from('abc') }));
		} finally {
			Reflect.deleteProperty(Array.prototype, 'toJSON');
		}
	});

	it('typed arrays of every kind, large and small, with properties of their own or none', () => {
		for (const Kind of [
			Int8Array,
			Uint8Array,
			Uint8ClampedArray,
			Int16Array,
			Uint16Array,
			Int32Array,
			Uint32Array,
			Float32Array,
			Float64Array,
		]) {
			for (const length of [0, 3, 4096, 5001]) {
				const make = () => new Kind(Array.from({ length }, (_, index) => index * 1.1 - 7));
				expectSame(make);
				expectSame(
					() => ({ a: make() }),
					undefined,
					() => 2,
				);
				expectSame(() => Object.assign(make(), { extra: [1], toString: 1 }));
			}
		}
		expectSame(() => new Float64Array(5000).fill(Number.NaN));
		expectSame(() => new BigInt64Array(5000));
		expectSame(() => new DataView(new ArrayBuffer(8)));
		expectSame(() => new (class Sub extends Float64Array {})(5000));
		expectSame(() => Object.defineProperty(new Uint8Array(5000), 'hidden', { value: 1, enumerable: false }));
		expectSame(
			() => new Uint8Array(5000),
			() => (key, value) => (Number(key) % 3 === 0 ? { key } : value),
		);
		expectSame(
			() => new Uint8Array(5000),
			() => ['7', 'length'],
		);
		expectSame(
			() => ({ a: new Uint16Array(5000) }),
			undefined,
			() => 'é',
		);
	});
});

describe('wide containers', () => {
	it('objects with 100,000 keys', () => {
		const make = () =>
			Object.fromEntries(
				Array.from({ length: 100_000 }, (_, index) => [`key ${index}${index % 97 === 0 ? '"é' : ''}`, index]),
			);
		expectSame(make);
		expectSame(make, undefined, () => 1);
	});

	it('objects of many shapes, beyond what the key cache holds', () => {
		const make = () =>
			Array.from({ length: 3000 }, (_, index) => ({ [`k${index}`]: index, common: 1, [`k${index % 5}`]: { a: 1 } }));
		expectSame(make);
		expectSame(make, undefined, () => ' ');
	});
});

describe('a source in a source', () => {
	it('a toJSON that serialises something itself disturbs nothing', () => {
		const make = () =>
			Array.from({ length: 300 }, (_, index) => ({
				toJSON: () => ({ index, inner: drainSync(createJsonSource({ a: ['x'.repeat(index)], index })).toString() }),
			}));
		const wanted = JSON.stringify(make());
		expect(drainSync(createJsonSource(make(), { finalNewline: false })).toString()).toBe(wanted);
	});
});
