import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { READ_AT_ONCE_BYTES } from '../../lib/json/byte-source.ts';
import { createJsonSource } from '../../lib/json/json-source.ts';

const buffer = Buffer.alloc(262_144);

function fills(value: unknown): number[] {
	const source = createJsonSource(value);
	const times: number[] = [];
	while (!source.done) {
		const start = performance.now();
		source.fill(buffer, 0);
		times.push(performance.now() - start);
	}
	return times;
}

function busy(ms: number): void {
	const end = performance.now() + ms;
	while (performance.now() < end);
}

describe('one fill does a bounded amount of work', () => {
	it('where few bytes come out: a million undefined properties', () => {
		const value = Array.from({ length: 20_000 }, () =>
			Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, undefined])),
		);
		const times = fills([value, value, value]);
		expect(times.length).toBeGreaterThan(1);
	});

	it('where the hooks of the caller are slow', () => {
		const getter = {
			get slow() {
				busy(2);
				return 1;
			},
		};
		const hook = {
			toJSON: () => {
				busy(2);
				return 1;
			},
		};
		for (const slow of [getter, hook]) {
			const times = fills(['x'.repeat(READ_AT_ONCE_BYTES), Array(100).fill(slow)]);
			expect(times.length).toBeGreaterThan(10);
		}
	});
});

describe('consistency', () => {
	const slow = (length: number, ms: number) => ({
		toJSON: () => {
			busy(ms);
			return 'x'.repeat(length);
		},
	});

	it('what is less than 64 KiB of JSON is read in one fill, however long that takes', () => {
		const value = Array(16).fill(slow(4000, 15));
		expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(READ_AT_ONCE_BYTES);
		expect(fills(value)).toHaveLength(1);
	});

	it('what an array is too long for is not waited for', () => {
		const value = { rows: [...Array(50).fill(slow(1, 1)), ...Array(READ_AT_ONCE_BYTES / 2).fill(0)] };
		expect(fills(value).length).toBeGreaterThan(5);
	});

	it('beyond that even the first fill comes back when its time is up', () => {
		const value = Array(100).fill(slow(2575, 0.5));
		expect(Buffer.byteLength(JSON.stringify(value))).toBeLessThan(buffer.length - 2048);
		expect(fills(value).length).toBeGreaterThan(1);
	});
});
