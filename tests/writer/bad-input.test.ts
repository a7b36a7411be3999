import { symlink, writeFile as writeRaw } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import {
	type DurableJsonError,
	defaultWriter,
	openJsonFile,
	writeFile,
	writeJson,
	writeJsonLines,
} from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
beforeEach(() => writeRaw(directory.file('a.json'), '"old"'));

/** The write fails as expected, nothing has changed, nothing is left, and the next write works. */
async function expectHarmless(write: Promise<unknown>, expected: Partial<DurableJsonError>): Promise<void> {
	await expect(write).rejects.toMatchObject(expected);
	expect(await directory.text('a.json')).toBe('"old"');
	await directory.expectOnly('a.json');
	expect(openFilesIn(directory.path)).toEqual([]);
	await writeJson(directory.file('a.json'), 'next');
	expect(await directory.json('a.json')).toBe('next');
}

const failing = {
	toJSON() {
		throw new RangeError('from toJSON');
	},
};
const cycle: { self?: unknown } = {};
cycle.self = { inner: cycle };

describe('a value that JSON cannot hold', () => {
	const values: [string, unknown, string][] = [
		['undefined', undefined, '$'],
		['a function for the value that gives a function', () => () => 1, '$'],
		['a symbol', Symbol('s'), '$'],
		['a cycle', { list: [1, cycle] }, '$.list[1].self.inner'],
		['a BigInt', { a: [{ b: 10n }] }, '$.a[0].b'],
		['a toJSON that throws', { deep: { x: failing } }, '$.deep.x'],
	];
	it.each(values)('rejects %s and leaves the document', async (_, value, jsonPath) => {
		await expectHarmless(writeJson(directory.file('a.json'), value), {
			code: 'ERR_NOT_SERIALIZABLE',
			step: 'serialize',
			outcome: 'not_applied',
			path: directory.file('a.json'),
			jsonPath,
		});
	});

	it('gives the error of JSON.stringify as the cause', async () => {
		let native: unknown;
		try {
			JSON.stringify(cycle);
		} catch (error) {
			native = error;
		}
		await expectHarmless(writeJson(directory.file('a.json'), cycle), { cause: native });
	});

	it('rejects after megabytes have gone to the temporary file, too', async () => {
		const large = Array.from({ length: 100_000 }, (_, i) => ({ i, text: 'abcdefghijklmnopqrstuvwxyz' }));
		await expectHarmless(writeJson(directory.file('a.json'), [...large, 1n]), {
			code: 'ERR_NOT_SERIALIZABLE',
			jsonPath: '$[100000]',
		});
	});

	it('rejects an iterable that throws midway, with what it threw', async () => {
		async function* rows(): AsyncGenerator<string> {
			yield 'x'.repeat(600_000);
			throw new Error('midway');
		}
		await expectHarmless(writeJson(directory.file('a.json'), rows()), {
			code: 'ERR_NOT_SERIALIZABLE',
			cause: new Error('midway'),
		});
	});

	it('rejects a promise, which JSON would write as {}', async () => {
		await expectHarmless(writeJson(directory.file('a.json'), Promise.resolve(1)), {
			name: 'TypeError',
			code: 'ERR_INVALID_ARGUMENT',
		} as never);
		await expect(writeJson(directory.file('a.json'), async () => 1)).rejects.toMatchObject({
			code: 'ERR_NOT_SERIALIZABLE',
		});
	});

	it('rejects rows that are promises', async () => {
		const rows = [1, 2].map(async (row) => row);
		await expectHarmless(writeJsonLines(directory.file('a.json'), rows), {
			code: 'ERR_NOT_SERIALIZABLE',
			jsonPath: '$[0]',
			cause: new TypeError('Row 0 is a promise, which is to be awaited first'),
		});
	});

	it('rejects an initial value that is a promise', async () => {
		const refused = { code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('options.initial') };
		const options = { initial: Promise.resolve({}) as object };
		await expect(openJsonFile(directory.file('a.json'), options)).rejects.toMatchObject(refused);
		await expectHarmless(
			defaultWriter.update(directory.file('a.json'), () => ({}), options),
			refused as never,
		);
	});

	it('names the row of JSON Lines', async () => {
		await expectHarmless(writeJsonLines(directory.file('a.json'), [1, { a: 2n }]), {
			code: 'ERR_NOT_SERIALIZABLE',
			jsonPath: '$[1].a',
		});
		await expect(writeJsonLines(directory.file('a.json'), [1, undefined])).rejects.toMatchObject({
			code: 'ERR_NOT_SERIALIZABLE',
			jsonPath: '$[1]',
		});
	});

	it('rejects pieces that are no bytes', async () => {
		await expectHarmless(writeFile(directory.file('a.json'), ['ok', 1 as never]), { code: 'ERR_NOT_SERIALIZABLE' });
	});
});

describe('strict', () => {
	it('rejects what JSON would silently change', async () => {
		await expectHarmless(
			writeJson(directory.file('a.json'), { sensors: [{}, { temp: Number.NaN }] }, { strict: true }),
			{
				code: 'ERR_NOT_SERIALIZABLE',
				jsonPath: '$.sensors[1].temp',
			},
		);
	});
});

describe('a target that cannot be written', () => {
	const writeFailed = { code: 'ERR_WRITE_FAILED', outcome: 'not_applied' } as const;

	it('rejects a directory before anything is written', async () => {
		await expect(writeJson(directory.path, 1)).rejects.toMatchObject({
			...writeFailed,
			step: 'resolve',
			cause: { code: 'EISDIR' },
		});
	});

	it('rejects a name that is too long, instead of choosing another', async () => {
		await expectHarmless(writeJson(directory.file('n'.repeat(300)), 1), {
			...writeFailed,
			cause: expect.objectContaining({ code: 'ENAMETOOLONG' }),
		});
		await writeJson(directory.file('n'.repeat(255)), 1);
		await directory.expectOnly('a.json', 'n'.repeat(255));
	});

	it('rejects a loop of symbolic links', async () => {
		await symlink('two', directory.file('one'));
		await symlink('one', directory.file('two'));
		await expect(writeJson(directory.file('one'), 1)).rejects.toMatchObject({
			...writeFailed,
			cause: { code: 'ELOOP' },
		});
	});

	it('rejects a path through a file', async () => {
		await expectHarmless(writeJson(directory.file('a.json', 'b.json'), 1), {
			...writeFailed,
			cause: expect.objectContaining({ code: 'ENOTDIR' }),
		});
	});

	it('rejects a device', async () => {
		await expect(writeJson('/dev/null', 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
	});
});

describe('bad arguments', () => {
	const cases: [string, () => Promise<unknown>, string][] = [
		['a path that is no path', () => writeJson(7 as never, 1), 'path must be'],
		['an empty path', () => writeJson('', 1), 'path must be'],
		['a path with NUL', () => writeJson('a\0b', 1), 'path must be'],
		['a path of a directory', () => writeJson('data/', 1), 'path must be'],
		['an http URL', () => writeJson(new URL('http://localhost/a'), 1), 'path must be'],
		['options that are no object', () => writeJson('a', 1, 2 as never), 'options must be'],
		['an unknown durability', () => writeJson('a', 1, { durability: 'total' as never }), "got 'total'"],
		['a file: URL as a string', () => writeJson('file:///tmp/a.json', 1), 'a URL object'],
		['a mode that was meant to be octal', () => writeJson('a', 1, { mode: 600 }), 'such as 0o600'],
		['a mode out of range', () => writeJson('a', 1, { mode: -1 }), 'options.mode must be'],
		['a signal that is none', () => writeJson('a', 1, { signal: {} as never }), 'options.signal must be'],
		['a progress that is no function', () => writeJson('a', 1, { onProgress: 1 as never }), 'options.onProgress'],
		['rows that are no rows', () => writeJsonLines('a', 'text' as never), 'rows must be'],
		['data that is no data', () => writeFile('a', 1 as never), 'data must be'],
	];
	it.each(cases)('rejects %s with ERR_INVALID_ARGUMENT, naming it', async (_, call, message) => {
		await expect(call()).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
			message: expect.stringContaining(message),
		});
	});
});

describe('an aborted signal', () => {
	it('rejects before anything is done', async () => {
		const reason = new Error('before');
		await expectHarmless(writeJson(directory.file('a.json'), 1, { signal: AbortSignal.abort(reason) }), reason);
	});
});

describe('onProgress', () => {
	it('is told bytes, rows and time, and may cancel by throwing', async () => {
		const seen: number[] = [];
		const rows = Array.from({ length: 1000 }, () => 'x'.repeat(1000));
		await writeJsonLines(directory.file('b.jsonl'), rows, {
			onProgress: ({ bytes, rows: count, elapsedMs }) => {
				seen.push(bytes);
				expect(count).toBeGreaterThan(0);
				expect(elapsedMs).toBeGreaterThanOrEqual(0);
			},
		});
		expect(seen.length).toBeGreaterThan(2);
		expect(seen.at(-1)).toBe(1003 * 1000);
		const reason = new Error('enough');
		const write = writeJsonLines(directory.file('b.jsonl'), rows, {
			onProgress: () => {
				throw reason;
			},
		});
		await expect(write).rejects.toBe(reason);
		await directory.expectOnly('a.json', 'b.jsonl');
	});
});
