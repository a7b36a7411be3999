import { rm, writeFile as writeRaw } from 'node:fs/promises';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readJson, readJsonLines, writeJson, writeJsonLines } from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** A validator as Standard Schema describes it: numbers only, handed out doubled. */
const doubled = {
	'~standard': {
		version: 1,
		vendor: 'test',
		validate: (value: unknown) =>
			typeof value === 'number'
				? { value: value * 2 }
				: { issues: [{ message: 'not a number', path: [{ key: 'a' }, 0] }] },
	},
} as const;

describe('readJson', () => {
	it('reads what was written, with or without a byte order mark', async () => {
		await writeJson(directory.file('a.json'), { ä: [1] });
		expect(await readJson(directory.file('a.json'))).toEqual({ ä: [1] });
		await writeRaw(directory.file('b.json'), '\uFEFF{"b":1}');
		expect(await readJson(directory.file('b.json'))).toEqual({ b: 1 });
	});

	it('rejects a missing document with ERR_READ_FAILED, unless there is a fallback', async () => {
		const file = directory.file('missing.json');
		await expect(readJson(file)).rejects.toMatchObject({
			code: 'ERR_READ_FAILED',
			step: 'read',
			outcome: 'not_applied',
			path: file,
			cause: { code: 'ENOENT' },
		});
		const told: unknown[] = [];
		expect(await readJson(file, { fallback: 7, onFallback: (reason) => told.push(reason) })).toBe(7);
		expect(told).toEqual([
			{ path: file, reason: 'missing', error: expect.objectContaining({ code: 'ERR_READ_FAILED' }) },
		]);
		await expect(readJson(file, { fallback: undefined })).rejects.toMatchObject({ code: 'ERR_READ_FAILED' });
	});

	it.each([
		['empty', ''],
		['torn', '{"a":1'],
		['all NUL', '\0\0\0\0'],
		['two values', '1 2'],
	])('never takes the fallback for a document that is there but %s: ERR_CORRUPT', async (_, content) => {
		await writeRaw(directory.file('a.json'), content);
		await expect(readJson(directory.file('a.json'), { fallback: 1 })).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
	});

	it('quotes what is no JSON without its control characters', async () => {
		const controls = '\0\u0007\u001b[2J\u0085\u200e\u202e\u2028';
		const check = (error: unknown): void => {
			expect(error).toMatchObject({ code: 'ERR_CORRUPT', cause: expect.any(SyntaxError) });
			expect(inspect(error).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
			expect(String(error)).toContain('\\u0000\\u0007\\u001b[2J');
		};
		for (const name of ['a.json', 'a.jsonl']) await writeRaw(directory.file(name), `${controls}\n`);
		await readJson(directory.file('a.json')).then(() => expect.unreachable(), check);
		await readJsonLines(directory.file('a.jsonl'))
			.next()
			.then(() => expect.unreachable(), check);
	});

	it('rejects bytes that are not UTF-8 as corrupt, instead of changing them', async () => {
		await writeRaw(directory.file('a.json'), Buffer.from([0x22, 0xc3, 0x28, 0x22]));
		await expect(readJson(directory.file('a.json'))).rejects.toMatchObject({ code: 'ERR_CORRUPT', step: 'parse' });
	});

	it('names the backup where that is what the schema refuses', async () => {
		for (const value of ['x', 1]) await writeJson(directory.file('a.json'), value, { backups: 1 });
		await rm(directory.file('a.json'));
		const path = directory.file('.dj1bn-001-a.json');
		await expect(readJson(directory.file('a.json'), { schema: doubled })).rejects.toMatchObject({
			code: 'ERR_VALIDATION',
			path,
			message: expect.stringContaining(path),
		});
	});

	it('hands out what a Standard Schema validator makes of the value', async () => {
		await writeJson(directory.file('a.json'), 21);
		const value: number = await readJson(directory.file('a.json'), { schema: doubled });
		expect(value).toBe(42);
		await writeJson(directory.file('a.json'), 'x');
		await expect(readJson(directory.file('a.json'), { schema: doubled })).rejects.toMatchObject({
			code: 'ERR_VALIDATION',
			message: expect.stringContaining('not a number (at $.a[0])'),
			issues: [{ message: 'not a number', path: ['a', 0] }],
		});
	});

	it('rejects with the reason of an aborted signal, and on bad arguments', async () => {
		const reason = new Error('no');
		await expect(readJson(directory.file('a.json'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
		await expect(readJson('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		for (const schema of [(value: unknown) => value, {}]) {
			await expect(readJson('a.json', { schema: schema as never })).rejects.toMatchObject({
				code: 'ERR_INVALID_ARGUMENT',
				message: expect.stringContaining('options.schema'),
			});
		}
	});
});

describe('readJsonLines', () => {
	async function collect(file: string): Promise<unknown[]> {
		const rows: unknown[] = [];
		for await (const row of readJsonLines(file)) rows.push(row);
		return rows;
	}

	it('reads rows of any length, in order, across the edges of its buffer', async () => {
		const rows = Array.from({ length: 3000 }, (_, i) => ({
			i,
			text: 'ü'.repeat(i % 97),
			long: i === 1500 ? 'x'.repeat(300_000) : '',
		}));
		await writeJsonLines(directory.file('a.jsonl'), rows);
		expect(await collect(directory.file('a.jsonl'))).toEqual(rows);
	});

	it('takes CRLF, empty lines and a last line without an end', async () => {
		await writeRaw(directory.file('a.jsonl'), '1\r\n\n\r\n"two"\n[3]');
		expect(await collect(directory.file('a.jsonl'))).toEqual([1, 'two', [3]]);
	});

	it('rejects a torn row, naming its line', async () => {
		await writeRaw(directory.file('a.jsonl'), '1\n{"a":\n3\n');
		await expect(collect(directory.file('a.jsonl'))).rejects.toMatchObject({
			code: 'ERR_CORRUPT',
			message: expect.stringContaining('line 2'),
		});
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('closes the file when the loop is left early', async () => {
		await writeJsonLines(
			directory.file('a.jsonl'),
			Array.from({ length: 10_000 }, (_, i) => i),
		);
		for await (const row of readJsonLines(directory.file('a.jsonl'))) if (row === 3) break;
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('rejects where there is no file', async () => {
		await expect(collect(directory.file('missing'))).rejects.toMatchObject({ code: 'ERR_READ_FAILED' });
	});
});
