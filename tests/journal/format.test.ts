import { readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DurableJsonError } from '../../lib/index.ts';
import {
	baseHead,
	type EncodedLine,
	encodeGroup,
	groupSeed,
	MAX_GROUP_BYTES,
	toTexts,
	trailer,
} from '../../lib/journal/record.ts';
import { JournalScanner, type ScannerOptions } from '../../lib/journal/scanner.ts';

const ID = '0123456789abcdef';

function encodeBase(id: string, sequence: number, state: unknown): EncodedLine {
	const body = `${baseHead(id, sequence)}${JSON.stringify(state)}`;
	return { bytes: Buffer.from(`${body}${trailer(crc32(body))}`), crc: crc32(body) };
}

function group(prev: number, sequence: number, entries: readonly unknown[], id = ID): EncodedLine {
	return encodeGroup(groupSeed(id), prev, sequence, toTexts(entries, 'j').texts);
}

/** A journal's bytes, and where each of its lines ends. */
function build(state: unknown, groups: readonly (readonly unknown[])[], sequence = 0, id = ID) {
	const lines: EncodedLine[] = [encodeBase(id, sequence, state)];
	let next = sequence + 1;
	for (const entries of groups) {
		lines.push(group(lines.at(-1)?.crc ?? 0, next, entries, id));
		next += entries.length;
	}
	let offset = 0;
	const ends = lines.map(({ bytes }) => {
		offset += bytes.length;
		return offset;
	});
	return { bytes: Buffer.concat(lines.map((line) => line.bytes)), ends, crc: lines.at(-1)?.crc ?? 0 };
}

interface Read {
	readonly state: unknown;
	readonly entries: readonly unknown[];
	readonly end: ReturnType<JournalScanner['end']>;
}

function read(bytes: Uint8Array, chunkBytes = bytes.length || 1, options: ScannerOptions = {}): Read {
	const scanner = new JournalScanner('j', options);
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

	it('is not taken for torn where a line is gone, out of order, or of another history', () => {
		const lines = SMALL.bytes.toString().trimEnd().split('\n');
		const [base = '', one = '', two = '', three = ''] = lines;
		const crc = Number.parseInt((JSON.parse(one) as { crc: string }).crc, 16);
		const text = (line: EncodedLine): string => Buffer.from(line.bytes).toString().trimEnd();
		const broken = [
			[base, two, three],
			[base, '', two],
			[base, '', one],
			[base, one, three, two],
			[base, one, text(group(crc, 44, [1]))],
			[base, one, text(group(crc + 1, 43, [1]))],
			[base, one, '\0'.repeat(two.length), three],
		];
		for (const file of broken) {
			const text = file.join('\n');
			expect(attempt(Buffer.from(`${text}\n`))).toMatchObject({ code: 'ERR_CORRUPT' });
			// Whether the last line is cut off at its newline or not.
			if (!file.includes(three) || file.at(-1) === three) continue;
			expect(attempt(Buffer.from(text))).toMatchObject({ code: 'ERR_CORRUPT' });
		}
	});

	it('is damaged where a line that lacks but its newline follows a bad one', () => {
		const [base = '', one = '', two = ''] = SMALL.bytes.toString().split('\n');
		const result = attempt(Buffer.from([base, one.replace('add', 'odd'), two].join('\n')));
		expect(result).toMatchObject({ code: 'ERR_CORRUPT', offset: base.length + 1 });
	});

	it('gives all entries where nothing but an earlier line, or one of another journal, comes again', () => {
		const lines = SMALL.bytes.toString().trimEnd().split('\n');
		const other = build({ count: 9 }, [[{ add: 1 }]], 141, 'fedcba9876543210')
			.bytes.toString()
			.split('\n');
		for (const again of [lines[1], other[0], other[1], `${other[1]}${other[1]}`]) {
			const result = read(Buffer.from(`${[...lines, again].join('\n')}\n`));
			expect(result.entries).toEqual(ALL);
			expect(result.end).toMatchObject({ offset: SMALL.bytes.length, torn: true });
		}
	});

	it('whose entries are lines of journals, torn in any block, gives all entries before', () => {
		const own = SMALL.bytes.toString().trimEnd().split('\n').slice(1);
		const foreign = build(0, [[1], [2]], 1000, 'fedcba9876543210')
			.bytes.toString()
			.trimEnd()
			.split('\n');
		const entries = [...own, ...foreign].map((line) => JSON.parse(line) as unknown);
		const line = Buffer.from(group(SMALL.crc, 47, entries).bytes);
		for (let length = 0; length < line.length - 1; length += 1) {
			for (const tail of ['', '\n\n\n']) {
				const result = read(Buffer.concat([SMALL.bytes, line.subarray(0, length), Buffer.from(tail)]));
				expect(result.entries).toEqual(ALL);
				// And the same bytes with all before them missing.
				const hole = Buffer.alloc(length, '\n');
				expect(read(Buffer.concat([SMALL.bytes, hole, line.subarray(length, -1)])).entries).toEqual(ALL);
			}
		}
	});

	it('with blocks of its last write missing in any combination, gives all entries before that write', () => {
		const block = 16;
		const start = SMALL.ends.at(-1) ?? 0;
		const line = Buffer.from(group(SMALL.crc, 47, ['x'.repeat(60), { prev: 'y', seq: 1 }]).bytes);
		const first = Math.floor(start / block);
		const blocks = Math.ceil((start + line.length) / block) - first;
		for (let mask = 0; mask < 2 ** blocks - 1; mask += 1) {
			const file = Buffer.concat([SMALL.bytes, Buffer.alloc(line.length, '\n')]);
			for (let index = 0; index < line.length; index += 1) {
				const bit = Math.floor((start + index) / block) - first;
				if ((mask >> bit) & 1) file[start + index] = line[index] ?? 0;
			}
			const result = attempt(file);
			if (result instanceof DurableJsonError) throw result;
			// The block that is missing may hold nothing but the final newline, which is there already.
			const whole = file.subarray(start).equals(line);
			expect(result.entries).toHaveLength(ALL.length + (whole ? 2 : 0));
			expect(result.end.offset).toBe(whole ? start + line.length : start);
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
		const limits = { maxGroupBytes: 100 };
		expect(read(Buffer.concat([SMALL.bytes, junk]), 64, limits)).toMatchObject({
			entries: ALL,
			end: { offset: SMALL.bytes.length, torn: true },
		});
		const inside = Buffer.concat([SMALL.bytes.subarray(0, base), junk, Buffer.from('\n'), SMALL.bytes.subarray(base)]);
		expect(() => read(inside, 64, limits)).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT', offset: base }));
	});

	it('does not take a line for whole that is longer than a line may be', () => {
		const [base = 0, one = 0] = SMALL.ends;
		for (const size of [7, 10_000]) {
			const fits = read(SMALL.bytes.subarray(0, one), size, { maxGroupBytes: one - base - 1 });
			expect(fits).toMatchObject({ entries: ALL.slice(0, 1), end: { torn: false } });
			expect(() => read(SMALL.bytes.subarray(0, one), size, { maxGroupBytes: one - base - 2 })).toThrow(
				expect.objectContaining({ code: 'ERR_CORRUPT', offset: base }),
			);
			expect(read(SMALL.bytes, size, { maxBaseBytes: base - 1 }).entries).toEqual(ALL);
			expect(() => read(SMALL.bytes, size, { maxBaseBytes: base - 2 })).toThrow(
				expect.objectContaining({ code: 'ERR_CORRUPT', offset: 0 }),
			);
		}
	});

	it('is damaged where newlines are, though the lines together are too long to be held', () => {
		const [, one = 0, two = 0, three = 0] = SMALL.ends;
		const maxGroupBytes = Math.max(two - one, three - two);
		for (const newlines of [[two - 1], [one - 1, two - 1]]) {
			const merged = Buffer.from(SMALL.bytes.subarray(0, three));
			for (const at of newlines) merged[at] = 0x20;
			for (const size of [1, 50, 1000]) {
				const offset = SMALL.ends[newlines.length === 1 ? 1 : 0];
				expect(() => read(merged, size, { maxGroupBytes })).toThrow(
					expect.objectContaining({ code: 'ERR_CORRUPT', offset }),
				);
			}
		}
	});

	it('gives every entry before the damage, and then says what is wrong', () => {
		const changed = Buffer.from(SMALL.bytes);
		const [, , two = 0] = SMALL.ends;
		changed[two + 40] = 0x21;
		for (const size of [1, 100, 10_000]) {
			const scanner = new JournalScanner('j');
			const entries: unknown[] = [];
			const scan = (): void => {
				for (let at = 0; at < changed.length; at += size) {
					for (const { entries: more } of scanner.push(changed.subarray(at, at + size))) entries.push(...more);
				}
				scanner.end();
			};
			expect(scan).toThrow(expect.objectContaining({ code: 'ERR_CORRUPT', offset: two }));
			expect(entries).toEqual(ALL.slice(0, 3));
		}
	});

	it('is read from any place between its lines', () => {
		const scanner = new JournalScanner('j');
		for (const [index, end] of SMALL.ends.entries()) {
			scanner.push(SMALL.bytes.subarray(SMALL.ends[index - 1] ?? 0, end));
			const from = scanner.position;
			const rest = read(SMALL.bytes.subarray(end), 10, { from });
			expect(rest.entries).toEqual(ALL.slice(entriesBefore(end)));
			expect(rest.end).toEqual(read(SMALL.bytes).end);
		}
	});

	it('costs little to read where much space is allocated ahead', () => {
		const padded = Buffer.concat([SMALL.bytes, Buffer.alloc(64 * 1024 * 1024, '\n')]);
		expect(read(padded, 64 * 1024).end).toEqual(read(SMALL.bytes).end);
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
			expect(() => toTexts([1, value], 'j')).toThrow(
				expect.objectContaining({ code: 'ERR_NOT_SERIALIZABLE', path: 'j', outcome: 'not_applied' }),
			);
		}
	});

	it('that does not fit into a line is refused with ERR_NOT_SERIALIZABLE, the largest that fits is read again', () => {
		const half = 'x'.repeat(MAX_GROUP_BYTES / 2 - 100);
		expect(() => toTexts([half, half, 'y'.repeat(200)], 'j')).toThrow(
			expect.objectContaining({ code: 'ERR_NOT_SERIALIZABLE', path: 'j', outcome: 'not_applied' }),
		);
		const largest = [half, half, 'y'.repeat(100)];
		const { bytes } = build(0, [largest]);
		expect(read(bytes, 256 * 1024).entries).toEqual(largest);
	});
});
