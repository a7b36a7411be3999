import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { writeShortest } from '../../lib/json/shortest.ts';
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
		['below 1', () => random() + random() / 2 ** 32],
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
			expect(texts).toHaveLength(PIECE);
			const wrong = values.findIndex((value, index) => JSON.stringify(value) !== texts[index]);
			expect([wrong, texts[wrong]]).toEqual([wrong, JSON.stringify(values[wrong])]);
			expect(wrong, 'a difference around the numbers').toBeGreaterThanOrEqual(0);
		}
	});
});

describe('doubles that need many digits', () => {
	const buffer = Buffer.alloc(64);
	const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);

	it.each([
		0.1234567890123456,
		0.30000000000000004,
		12.345678901234567,
		98765.43210987654,
		1 / 3,
		123456789012.3456,
		0.000001234567890123,
		99999.99999999999,
		9.999999999999998,
		100.00000000000001,
	])('such as %d are not left to JSON.stringify', (value) => {
		const end = writeShortest(buffer, view, 0, value);
		expect(buffer.toString('latin1', 0, Math.max(0, end))).toBe(JSON.stringify(value));
	});

	it.each([2 ** -10, 600_000_000_000_000.25, 1e-7 / 3])('such as %d, of which it is not certain, are', (value) => {
		expect(writeShortest(buffer, view, 0, value)).toBe(-1);
	});
});
