import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurableJsonError } from '../../lib/index.ts';
import { type EncodedLine, encodeBase, encodeGroup, toText } from '../../lib/journal/record.ts';
import { type JournalEnd, JournalScanner } from '../../lib/journal/scanner.ts';

const ID = '0123456789abcdef';
const texts = (entries: readonly unknown[]) => entries.map((entry) => toText(entry, 'entry', 'j'));

/** A journal's bytes, and where each of its lines ends. */
function build(state: unknown, groups: readonly (readonly unknown[])[], sequence = 0) {
	const lines: EncodedLine[] = [encodeBase(ID, sequence, toText(state, 'state', 'j'))];
	let next = sequence + 1;
	for (const entries of groups) {
		lines.push(encodeGroup(lines.at(-1)?.crc ?? 0, next, texts(entries)));
		next += entries.length;
	}
	let offset = 0;
	const ends = lines.map(({ bytes }) => {
		offset += bytes.length;
		return offset;
	});
	return { bytes: Buffer.concat(lines.map((line) => line.bytes)), ends };
}

interface Read {
	readonly state: unknown;
	readonly entries: readonly unknown[];
	readonly end: JournalEnd;
}

function read(bytes: Uint8Array, chunkBytes = bytes.length || 1, maxLineBytes?: number): Read {
	const scanner = new JournalScanner('j', maxLineBytes);
	const entries: unknown[] = [];
	for (let at = 0; at < bytes.length; at += chunkBytes) {
		// A copy that is overwritten afterwards, as a reader's buffer is.
		const chunk = Uint8Array.from(bytes.subarray(at, at + chunkBytes));
		for (const group of scanner.push(chunk)) entries.push(...group.entries);
		chunk.fill(0x78);
	}
	const end = scanner.end();
	return { state: scanner.base?.state, entries, end };
}

/** What reading gives: the journal, or the error that it must fail with. */
function attempt(bytes: Uint8Array): Read | DurableJsonError {
	try {
		return read(bytes);
	} catch (error) {
		if (error instanceof DurableJsonError) return error;
		throw error;
	}
}

const groupsOfEntries = fc.array(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 4 }), { maxLength: 6 });
const SMALL = build({ count: 0 }, [[{ add: 1 }], [{ add: 2 }, { note: 'ü\n"' }], [3], [{ last: null }]], 41);
const PADDING = Buffer.alloc(40, '\n');

/** How many entries the lines hold that end at or before the offset. */
function entriesBefore(offset: number): number {
	const sizes = [0, 1, 2, 1, 1];
	return SMALL.ends.reduce((sum, end, index) => (end <= offset ? sum + (sizes[index] ?? 0) : sum), 0);
}
const ALL = read(SMALL.bytes).entries;

describe('a journal', () => {
	it('gives back state, entries and sequences, however it is cut into chunks', () => {
		fc.assert(
			fc.property(
				fc.jsonValue(),
				groupsOfEntries,
				fc.nat(1e9),
				fc.integer({ min: 1, max: 300 }),
				(state, groups, seq, size) => {
					const { bytes } = build(state, groups, seq);
					const result = read(Buffer.concat([bytes, PADDING]), size);
					const entries = groups.flat();
					expect(JSON.stringify([result.state, result.entries])).toBe(JSON.stringify([state, entries]));
					expect(result.end).toMatchObject({ offset: bytes.length, sequence: seq + entries.length, torn: false });
				},
			),
		);
	});

	it('is text, a line a group', () => {
		const lines = SMALL.bytes.toString().trimEnd().split('\n');
		expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
			{ journal: 'durable-json', version: 1, id: ID, seq: 41, state: { count: 0 } },
			{ seq: 42, entries: [{ add: 1 }] },
			{ seq: 43, entries: [{ add: 2 }, { note: 'ü\n"' }] },
			{ seq: 45, entries: [3] },
			{ seq: 46, entries: [{ last: null }] },
		]);
	});

	it('is what its page shows', async () => {
		const page = await readFile(new URL('../../docs/formats/journal.md', import.meta.url), 'utf8');
		const example = /```jsonl\n([^`]*)```/.exec(page)?.[1] ?? '';
		expect(read(Buffer.from(example))).toMatchObject({
			state: { balance: 100 },
			entries: [{ deposit: 20 }, { deposit: 5 }, { withdraw: 40 }],
			end: { sequence: 10, torn: false, offset: example.length },
		});
	});
});

describe('a damaged journal', () => {
	it('cut at any byte, gives every entry of the lines before, or ERR_CORRUPT where the first is cut', () => {
		for (const tail of [Buffer.alloc(0), PADDING, Buffer.alloc(40)]) {
			for (let length = 0; length < SMALL.bytes.length; length += 1) {
				const result = attempt(Buffer.concat([SMALL.bytes.subarray(0, length), tail]));
				const first = SMALL.ends[0] ?? 0;
				// The newline that was cut off may be the first one of the padding.
				const restored = tail === PADDING ? length + 1 : length;
				if (restored < first) {
					expect(result, `${length}`).toMatchObject({ code: 'ERR_CORRUPT', offset: 0 });
				} else {
					if (result instanceof DurableJsonError) throw result;
					expect(result.entries, `${length}`).toEqual(ALL.slice(0, entriesBefore(restored)));
				}
			}
		}
	});

	it('with any byte changed to any other, gives every entry before it or ERR_CORRUPT with its offset', () => {
		const last = SMALL.ends.at(-2) ?? 0;
		const file = Buffer.concat([SMALL.bytes, PADDING.subarray(0, 3)]);
		for (let at = 0; at < file.length; at += 1) {
			const start = SMALL.ends.findLast((end) => end <= at) ?? 0;
			for (let value = 0; value < 256; value += 1) {
				if (value === file[at]) continue;
				const changed = Buffer.from(file);
				changed[at] = value;
				const result = attempt(changed);
				if (at < last) {
					if (!(result instanceof DurableJsonError)) throw new Error(`byte ${at} as ${value} goes unnoticed`);
					expect([result.code, result.offset]).toEqual(['ERR_CORRUPT', start]);
				} else {
					if (result instanceof DurableJsonError) throw result;
					// A last line that is damaged looks like one that was never wholly written.
					expect(result.end).toMatchObject({ offset: start, torn: true });
					expect(result.entries).toHaveLength(entriesBefore(at));
				}
			}
		}
	}, 60_000);

	it("is not taken for torn where a line is gone, doubled, out of order, or another journal's", () => {
		const lines = SMALL.bytes.toString().trimEnd().split('\n');
		const other = build({ count: 9 }, [[{ add: 1 }]], 41)
			.bytes.toString()
			.trimEnd()
			.split('\n');
		const [base = '', one = '', two = '', three = ''] = lines;
		const crc = Number.parseInt((JSON.parse(one) as { crc: string }).crc, 16);
		const gap = Buffer.from(encodeGroup(crc, 44, ['1']).bytes)
			.toString()
			.trimEnd();
		const broken = [
			[base, two, three],
			[base, '', two],
			[base, one, one],
			[base, one, three, two],
			[base, other[1] ?? ''],
			[base, one, gap],
			[base, one, '\0'.repeat(two.length), three],
		];
		for (const file of broken)
			expect(attempt(Buffer.from(`${file.join('\n')}\n`))).toMatchObject({ code: 'ERR_CORRUPT' });
	});

	it('with blocks of its last write missing in any combination, gives all entries before that write', () => {
		const block = 16;
		const start = SMALL.ends.at(-1) ?? 0;
		const { crc } = read(SMALL.bytes).end;
		const group = Buffer.from(encodeGroup(crc, 47, texts(['x'.repeat(60), { prev: 'y', seq: 1 }])).bytes);
		const first = Math.floor(start / block);
		const blocks = Math.ceil((start + group.length) / block) - first;
		for (let mask = 0; mask < 2 ** blocks - 1; mask += 1) {
			const file = Buffer.concat([SMALL.bytes, Buffer.alloc(group.length, '\n')]);
			for (let index = 0; index < group.length; index += 1) {
				const bit = Math.floor((start + index) / block) - first;
				if ((mask >> bit) & 1) file[start + index] = group[index] ?? 0;
			}
			const result = attempt(file);
			if (result instanceof DurableJsonError) throw result;
			// The block that is missing may hold nothing but the final newline, which is there already.
			const whole = file.subarray(start).equals(group);
			expect(result.entries).toHaveLength(ALL.length + (whole ? 2 : 0));
			expect(result.end.offset).toBe(whole ? start + group.length : start);
		}
	});

	it('that is empty, no journal, or of another version is refused', () => {
		expect(attempt(Buffer.alloc(0))).toMatchObject({ code: 'ERR_CORRUPT', offset: 0 });
		expect(attempt(Buffer.from('{"count":1}\n'))).toMatchObject({ code: 'ERR_CORRUPT', offset: 0 });
		// The checksum of the bytes before it, by hand: this is what a later version may look like.
		const later = '{"journal":"durable-json","version":2,"anything":[]';
		expect(attempt(Buffer.from(`${later},"crc":"15438492"}\n`))).toMatchObject({ code: 'ERR_UNSUPPORTED' });
	});

	it('holds no more than a line, and passes over what is too long to be one', () => {
		const base = SMALL.ends[0] ?? 0;
		const junk = Buffer.alloc(10_000, 'x');
		const limit = 200;
		expect(read(Buffer.concat([SMALL.bytes, junk]), 64, limit)).toMatchObject({
			entries: ALL,
			end: { offset: SMALL.bytes.length, torn: true },
		});
		const inside = Buffer.concat([SMALL.bytes.subarray(0, base), junk, Buffer.from('\n'), SMALL.bytes.subarray(base)]);
		expect(() => read(inside, 64, limit)).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT', offset: base }));
	});
});

describe('an entry', () => {
	it('that has no JSON text is refused with ERR_NOT_SERIALIZABLE', () => {
		const circle: unknown[] = [];
		circle.push(circle);
		const throwing = {
			toJSON() {
				throw new Error('no');
			},
		};
		for (const value of [undefined, () => 1, Symbol('s'), 1n, circle, throwing]) {
			expect(() => toText(value, 'entry', 'j')).toThrow(
				expect.objectContaining({ code: 'ERR_NOT_SERIALIZABLE', path: 'j', outcome: 'not_applied' }),
			);
		}
	});
});
