import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { seededRandom } from '../../lib/testing/seeded-random.ts';
import { drainSync } from './support.ts';

const COUNT = process.env['MODE'] === 'crash' ? 10_000_000 : 40_000;
const PIECE = 40_000;

const random = seededRandom(20_261_128);
const bits = new DataView(new ArrayBuffer(8));

/** A double of any sign, exponent and digits. */
function anyDouble(): number {
	bits.setUint32(0, random() * 2 ** 32);
	bits.setUint32(4, random() * 2 ** 32);
	return bits.getFloat64(0);
}

/** The double so many further. */
function beside(value: number, steps: number): number {
	bits.setFloat64(0, value);
	bits.setBigInt64(0, bits.getBigInt64(0) + BigInt(steps));
	return bits.getFloat64(0);
}

const upTo = (most: number): number => Math.floor(random() * most);
const near = (): number => upTo(7) - 3;

describe('numbers are written as JSON.stringify writes them', () => {
	it.each<[string, () => number]>([
		['of all kinds', anyDouble],
		['below 1', random],
		['as measurements are', () => 20 + 5 * Math.sin(upTo(1e9))],
		['large, with a fraction', () => random() * 10 ** upTo(17)],
		['small', () => random() / 10 ** upTo(12)],
		['of single precision', () => Math.fround((random() - 0.5) * 10 ** (upTo(6) - 3))],
		['decimals of up to 17 digits', () => upTo(10 ** (1 + upTo(17))) / 10 ** upTo(18)],
		['beside a short decimal', () => beside(upTo(1e6) / 10 ** upTo(9), near())],
		['beside a power of ten', () => beside(10 ** (upTo(24) - 8), near())],
		['beside a power of two', () => beside(2 ** (upTo(80) - 25), near())],
		['halves, quarters and so on, which lie between two decimals', () => (upTo(1e7) + 0.5) / 2 ** upTo(40)],
		['sums that are a little off', () => -(upTo(1e5) * 0.1 + 0.2)],
	])('%s', (_kind, make) => {
		for (let done = 0; done < COUNT; done += PIECE) {
			const values = Array.from({ length: PIECE }, make);
			const ours = drainSync(createJsonSource(values, { finalNewline: false }), [65_536]).toString();
			if (ours === JSON.stringify(values)) continue;
			const texts = ours.slice(1, -1).split(',');
			const wrong = values.findIndex((value, index) => JSON.stringify(value) !== texts[index]);
			expect(texts[wrong]).toBe(JSON.stringify(values[wrong]));
		}
	});
});
