import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectSame, native, ours } from './support.ts';

describe('dates are written as their toJSON would', () => {
	it('every day and every millisecond of the day', () => {
		const days = Array.from({ length: 40_000 }, (_, index) => new Date(-2e12 + index * 86_400_000 + index * 7919));
		expect(ours(days)).toEqual(native(days));
		const all = fc.date({ noInvalidDate: false });
		const near = fc.date({ min: new Date('-000002-01-01'), max: new Date('+010002-01-01') });
		fc.assert(
			fc.property(fc.array(fc.oneof(all, near)), (dates) => {
				expect(ours(dates)).toEqual(native(dates));
			}),
			{ numRuns: 2000 },
		);
		const edges = [
			'0000-01-01',
			'-000001-12-31T23:59:59.999Z',
			'9999-12-31T23:59:59.999Z',
			'+010000-01-01',
			'2000-02-29',
			'1900-02-28',
			'1900-03-01',
			'2100-12-31',
			'0000-02-29',
		];
		expectSame(() => edges.map((text) => new Date(text)));
		expectSame(
			() => ({ at: new Date(0) }),
			undefined,
			() => 2,
		);
		expectSame(() => new Date(8.64e15));
	});

	it('unless something of theirs was replaced', () => {
		for (const name of ['toISOString', 'valueOf', 'toJSON'] as const) {
			expectSame(() => Object.assign(new Date(0), { [name]: () => 'own' }));
			const original = Object.getOwnPropertyDescriptor(Date.prototype, name) as PropertyDescriptor;
			Object.defineProperty(Date.prototype, name, { ...original, value: () => 'replaced' });
			try {
				expectSame(() => [new Date(0)]);
			} finally {
				Object.defineProperty(Date.prototype, name, original);
			}
		}
		expectSame(() => Object.defineProperty(new Date(0), Symbol.toPrimitive, { value: () => Number.NaN }));
		expectSame(
			() =>
				new (class Day extends Date {
					override toISOString() {
						return 'day';
					}
				})(0),
		);
		expectSame(() => ({ toJSON: Date.prototype.toJSON, toISOString: () => 'not a date' }));
		expectSame(
			() => [new Date(0)],
			() => (key, value) => `${key} ${String(value)}`,
		);
		expectSame(() => Object.assign(new Date(0), { extra: 1 }));
	});
});
