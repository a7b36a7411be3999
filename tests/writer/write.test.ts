import { chmod, link, mkdir, readFile, stat, symlink, writeFile as writeRaw } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createWriter, defaultWriter, remove, writeFile, writeJson, writeJsonLines } from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const value = { name: 'émile', list: [1, 2.5, null, true], nested: { deep: ['\u2028', '😀'] } };

describe('writeJson', () => {
	it('writes the bytes of JSON.stringify and a final newline', async () => {
		await writeJson(directory.file('a.json'), value);
		expect(await directory.text('a.json')).toBe(`${JSON.stringify(value)}\n`);
		await directory.expectOnly('a.json');
	});

	it('passes replacer and space on, and leaves the newline off where asked to', async () => {
		await writeJson(directory.file('a.json'), value, { space: '\t', replacer: ['list', 'name'], finalNewline: false });
		expect(await directory.text('a.json')).toBe(JSON.stringify(value, ['list', 'name'], '\t'));
	});

	it('gives a receipt of what was achieved', async () => {
		const receipt = await writeJson(directory.file('a.json'), [1]);
		expect(receipt).toEqual({
			path: directory.file('a.json'),
			bytes: 4,
			sequence: expect.any(Number),
			superseded: false,
			durability: 'full',
			directorySynced: true,
			durationMs: expect.any(Number),
		});
		const later = await writeJson(directory.file('a.json'), [2]);
		expect(later.sequence).toBeGreaterThan(receipt.sequence);
		expect(await writeJson(directory.file('a.json'), 1, { durability: 'file' })).toMatchObject({
			durability: 'file',
			directorySynced: false,
		});
		expect(await writeJson(directory.file('a.json'), 1, { durability: 'none' })).toMatchObject({
			durability: 'none',
			directorySynced: false,
		});
	});

	it('takes file URLs and relative paths', async () => {
		await writeJson(pathToFileURL(directory.file('url.json')), 1);
		const cwd = process.cwd();
		try {
			process.chdir(directory.path);
			const receipt = await writeJson('relative.json', 2);
			expect(receipt.path).toBe(directory.file('relative.json'));
		} finally {
			process.chdir(cwd);
		}
		await directory.expectOnly('url.json', 'relative.json');
	});

	it('calls a function for the value when the commit starts, not before', async () => {
		let calls = 0;
		const promise = writeJson(directory.file('a.json'), () => ({ calls: ++calls }));
		expect(calls).toBe(0);
		await promise;
		expect(await directory.json('a.json')).toEqual({ calls: 1 });
	});

	it('makes missing directories', async () => {
		await writeJson(directory.file('x', 'y', 'z.json'), 1);
		expect(await readFile(directory.file('x', 'y', 'z.json'), 'utf8')).toBe('1\n');
	});

	it('writes async iterables at any depth as arrays', async () => {
		async function* rows(): AsyncGenerator<unknown> {
			yield { id: 1 };
			yield undefined;
			yield [2];
		}
		await writeJson(directory.file('a.json'), { rows: rows(), end: true });
		expect(await directory.json('a.json')).toEqual({ rows: [{ id: 1 }, null, [2]], end: true });
	});
});

describe('mode and owner', () => {
	it('keeps the permissions of an existing document', async () => {
		await writeRaw(directory.file('a.json'), '0');
		await chmod(directory.file('a.json'), 0o640);
		await writeJson(directory.file('a.json'), 1, { mode: 0o600 });
		expect((await stat(directory.file('a.json'))).mode & 0o7777).toBe(0o640);
	});

	it('gives a new document the mode that was asked for, else what the umask leaves', async () => {
		await writeJson(directory.file('a.json'), 1, { mode: 0o604 });
		expect((await stat(directory.file('a.json'))).mode & 0o7777).toBe(0o604);
		await writeRaw(directory.file('plain'), '');
		await writeJson(directory.file('b.json'), 1);
		expect((await stat(directory.file('b.json'))).mode).toBe((await stat(directory.file('plain'))).mode);
	});

	it('does not change the options that it is given', async () => {
		const options = Object.freeze({ space: 2 });
		await writeJson(directory.file('a.json'), 1, options);
		await writeJson(directory.file('b.json'), 1, options);
	});
});

describe('links', () => {
	it('writes through a symbolic link and leaves it a link', async () => {
		await mkdir(directory.file('real'));
		await writeRaw(directory.file('real', 'a.json'), '0');
		await symlink(directory.file('real', 'a.json'), directory.file('link.json'));
		await writeJson(directory.file('link.json'), 1);
		expect(await readFile(directory.file('real', 'a.json'), 'utf8')).toBe('1\n');
		await writeJson(directory.file('real', 'a.json'), 2);
		expect(await directory.json('link.json')).toBe(2);
	});

	it('creates the target of a link that leads nowhere', async () => {
		await symlink('later.json', directory.file('link.json'));
		await writeJson(directory.file('link.json'), 1);
		expect(await directory.json('later.json')).toBe(1);
		expect((await stat(directory.file('later.json'))).isFile()).toBe(true);
	});

	it('replaces one name of a hard-linked file and leaves the others as they are', async () => {
		await writeRaw(directory.file('a.json'), '0');
		await link(directory.file('a.json'), directory.file('b.json'));
		await writeJson(directory.file('a.json'), 1);
		expect(await directory.text('b.json')).toBe('0');
	});
});

describe('writeJsonLines and writeFile', () => {
	it('writes a JSON text a line from arrays, generators and async generators', async () => {
		function* sync(): Generator<unknown> {
			yield { a: 1 };
			yield 'two\n';
		}
		async function* asynchronous(): AsyncGenerator<unknown> {
			yield* sync();
		}
		for (const rows of [[{ a: 1 }, 'two\n'], sync(), asynchronous(), new Set([{ a: 1 }, 'two\n'])]) {
			await writeJsonLines(directory.file('a.jsonl'), rows);
			expect(await directory.text('a.jsonl')).toBe('{"a":1}\n"two\\n"\n');
		}
		await writeJsonLines(directory.file('a.jsonl'), []);
		expect(await directory.text('a.jsonl')).toBe('');
	});

	it('writes strings, views and streams of them byte for byte', async () => {
		const text = `${'häuser 😀 '.repeat(60_000)}\ud800!`;
		await writeFile(directory.file('a.txt'), text);
		expect(await readFile(directory.file('a.txt'))).toEqual(Buffer.from(text));
		await writeFile(directory.file('a.bin'), new Uint32Array([1, 2, 3, 4]));
		expect((await readFile(directory.file('a.bin'))).length).toBe(16);
		async function* pieces(): AsyncGenerator<string | Uint8Array> {
			yield 'a';
			yield Buffer.alloc(700_000, 'b');
			yield '';
			yield new Uint8Array([99]);
		}
		await writeFile(directory.file('p.bin'), pieces());
		expect(await directory.text('p.bin')).toBe(`a${'b'.repeat(700_000)}c`);
		const web = new Blob(['x'.repeat(300_000)]).stream();
		await writeFile(directory.file('w.bin'), web);
		expect((await stat(directory.file('w.bin'))).size).toBe(300_000);
	});
});

describe('the first commit into a directory', () => {
	it('removes what crashes have left beside documents, not beside a link or a directory of the name', async () => {
		const ready = (name: string): string => `.dj1nl-000000000000001-0123456789abcdef-${name}.ready`;
		for (const name of ['file.json', 'link.json', 'directory.json']) await writeRaw(directory.file(ready(name)), '0');
		await writeRaw(directory.file('file.json'), '1');
		await symlink('nowhere.json', directory.file('link.json'));
		await mkdir(directory.file('directory.json'));
		const writer = createWriter();
		await writer.write(directory.file('other.json'), 1);
		await writer.close();
		const documents = ['file.json', 'link.json', 'directory.json', 'other.json'];
		await directory.expectOnly(...documents, ready('link.json'), ready('directory.json'));
	});
});

describe('remove', () => {
	it('removes the document and its dead temporary files; a missing one is fine', async () => {
		await writeJson(directory.file('a.json'), 1);
		await writeRaw(directory.file('.dj1nl-000000000000001-0123456789abcdef-a.json.ready'), '0');
		await writeRaw(directory.file('.dj1nl-000000000000001-0123456789abcdef-b.json.ready'), '0');
		await remove(directory.file('a.json'));
		await directory.expectOnly('.dj1nl-000000000000001-0123456789abcdef-b.json.ready');
		await remove(directory.file('a.json'));
	});

	it('keeps its place between writes', async () => {
		const file = directory.file('a.json');
		const [first, , last] = await Promise.all([writeJson(file, 1), remove(file), writeJson(file, 2)]);
		expect(first).toMatchObject({ superseded: true });
		expect(last).toMatchObject({ superseded: false });
		expect(await directory.json('a.json')).toBe(2);
		await Promise.all([writeJson(file, 3), remove(file)]);
		await directory.expectOnly();
	});
});

describe('a writer', () => {
	it('leaves no handle open and forgets idle paths', async () => {
		const writer = createWriter();
		await Promise.all(Array.from({ length: 50 }, (_, i) => writer.write(directory.file(`${i}.json`), i)));
		await new Promise(setImmediate);
		expect(writer.stats()).toMatchObject({ calls: 50, commits: 50, pending: 0, activePaths: 0, failures: 0 });
		expect(openFilesIn(directory.path)).toEqual([]);
		await writer.close();
	});

	it('flushes on close, then refuses', async () => {
		const writer = createWriter();
		writer.schedule(directory.file('a.json'), 1);
		await writer.close();
		expect(await directory.json('a.json')).toBe(1);
		await expect(writer.write(directory.file('a.json'), 2)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
		expect(() => writer.schedule(directory.file('a.json'), 2)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
		await writer.close();
	});

	it('tells failures of scheduled writes to onError and to the next flush, once', async () => {
		const errors: unknown[] = [];
		const writer = createWriter({ onError: (error) => errors.push(error) });
		writer.schedule(directory.path, 1);
		await expect(writer.flush()).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'resolve' });
		expect(errors).toHaveLength(1);
		await writer.flush();
		writer.schedule(directory.path, 1);
		writer.schedule(`${directory.path}/missing\u0001/${'n'.repeat(300)}`, 1);
		await expect(writer.flush()).rejects.toBeInstanceOf(AggregateError);
	});

	it('is what the functions use by default', async () => {
		const before = defaultWriter.stats().calls;
		await writeJson(directory.file('a.json'), 1);
		expect(defaultWriter.stats().calls).toBe(before + 1);
	});
});
