/** The part of node:fs/promises that is simulated does what Node does: each program runs on both, with the same outcome. */

import * as nodeFs from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FsPromises, fsPromisesOf, SimulatedDisk } from '../../lib/testing/index.ts';

let directory = '';
beforeAll(async () => {
	directory = await mkdtemp(path.join(tmpdir(), 'durable-json-fs-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const codeOf = (call: Promise<unknown>): Promise<string> =>
	call.then(
		() => 'resolved',
		(error: NodeJS.ErrnoException) => error.code ?? error.message,
	);

/** What a program makes of a file system: anything that can be compared. */
type Program = (fs: FsPromises, at: (name: string) => string) => Promise<unknown>;

const programs: Record<string, Program> = {
	'writeFile and readFile': async (fs, at) => {
		await fs.writeFile(at('a'), 'one');
		await fs.writeFile(at('a'), Buffer.from('twö'), { flush: true });
		await fs.appendFile(at('a'), ' three');
		await fs.writeFile(at('b'), new Uint16Array([0x4142, 0x4344]).subarray(1));
		return [await fs.readFile(at('a'), 'utf8'), await fs.readFile(at('b')), (await fs.readdir(at('.'))).sort()];
	},
	flags: async (fs, at) => {
		await fs.writeFile(at('a'), 'one');
		const exclusive = await codeOf(fs.writeFile(at('a'), 'two', { flag: 'wx' }));
		await fs.writeFile(at('a'), 'T', { flag: 'r+' });
		await fs.writeFile(at('a'), '!', { flag: 'a' });
		return [exclusive, await codeOf(fs.open(at('none'), 'r+')), await fs.readFile(at('a'), { encoding: 'utf8' })];
	},
	'a handle and its position': async (fs, at) => {
		const file = await fs.open(at('a'), 'w+', 0o600);
		const { bytesWritten } = await file.write('hello');
		await file.write(Buffer.from('xx world'), 2);
		await file.write('J', 0);
		await file.write(Buffer.from('??'), 0, 1, 10);
		const into = Buffer.alloc(4);
		const { bytesRead } = await file.read(into, 0, 4, 4);
		await file.truncate(11);
		await file.sync();
		await file.datasync();
		await file.chmod(0o640);
		const { mode, size } = await file.stat();
		await file.close();
		return [bytesWritten, bytesRead, into.toString(), mode & 0o777, size, await fs.readFile(at('a'), 'utf8')];
	},
	'encodings, and pieces of buffers': async (fs, at) => {
		await fs.writeFile(at('a'), '6869', 'hex');
		await fs.appendFile(at('a'), 'IQ==', { encoding: 'base64' });
		const file = await fs.open(at('b'), 'w+');
		await file.write('AAE=', 2, 'base64');
		const bytes = Buffer.from('abcdef');
		const tooMuch = [
			await codeOf(file.write(bytes, 2, 5)),
			await codeOf(file.write(bytes, 7)),
			await codeOf(file.write(bytes, -1)),
			await codeOf(file.read(bytes, 0, 7, 0)),
		].map((code) => code !== 'resolved');
		await file.write(bytes, 4, null, 6);
		const into = new Uint16Array(2);
		await file.read(into, 0, null, 0);
		await file.close();
		return [await fs.readFile(at('a'), null), await fs.readFile(at('b')), tooMuch, [...into]];
	},
	'a directory that is missing': async (fs, at) => [
		await codeOf(fs.writeFile(at('none/a'), 'text')),
		await codeOf(fs.appendFile(at('none/a'), 'text')),
		await codeOf(fs.open(at('none/a'), 'w+')),
		await codeOf(fs.copyFile(at('none/a'), at('b'))),
	],
	'writeFile to a handle': async (fs, at) => {
		const file = await fs.open(at('a'), 'a+');
		await fs.writeFile(file, 'one');
		await file.appendFile('two');
		const read = await fs.open(at('a'));
		const text = await read.readFile('utf8');
		await read.close();
		await file.close();
		return text;
	},
	names: async (fs, at) => {
		await fs.mkdir(at('x/y'), { recursive: true });
		const exists = await codeOf(fs.mkdir(at('x')));
		const orphan = await codeOf(fs.mkdir(at('p/q')));
		await fs.writeFile(at('x/y/a'), '1');
		await fs.copyFile(at('x/y/a'), at('x/b'));
		await fs.link(at('x/b'), at('x/c'));
		await fs.rename(at('x/c'), at('x/d'));
		await fs.truncate(at('x/y/a'), 0);
		await fs.rm(at('x/y/a'));
		await fs.rm(at('x/y/a'), { force: true });
		const stat = await fs.lstat(at('x/d'));
		return [
			exists,
			orphan,
			[stat.isFile(), stat.isDirectory(), stat.isSymbolicLink(), stat.size, stat.nlink],
			(await fs.stat(at('x'))).isDirectory(),
			await codeOf(fs.access(at('x/y/a'))),
			await codeOf(fs.lstat(at('x/y/a'))),
			await codeOf(fs.unlink(at('none'))),
			await codeOf(fs.rm(at('none'))),
			await fs.readFile(at('x/b'), 'utf8'),
		];
	},
	'a directory that is synced': async (fs, at) => {
		const handle = await fs.open(at('.'));
		await handle.sync();
		const { isDirectory } = { isDirectory: (await handle.stat()).isDirectory() };
		await handle.close();
		return isDirectory;
	},
};

describe.runIf(process.platform !== 'win32')('node:fs/promises on a simulated disk', () => {
	it.each(Object.entries(programs))('does the same as on a real one: %s', async (name, program) => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		const real = path.join(directory, name);
		await nodeFs.mkdir(real);
		const onDisk = await program(nodeFs, (file) => path.join(real, file));
		const simulated = await program(fsPromisesOf(disk), (file) => path.posix.join('/data', file));
		expect(simulated).toEqual(onDisk);
		expect(disk.openHandles()).toEqual([]);
	});

	it('takes short writes for what they are, and closes the file of a write that fails', async () => {
		const disk = new SimulatedDisk();
		const fs = fsPromisesOf(disk);
		disk.shortWrite({ bytes: 1 });
		await fs.writeFile('/a', 'whole');
		expect(disk.peekFile('/a')?.toString()).toBe('whole');
		disk.fail('write', { code: 'EIO' });
		await expect(fs.writeFile('/a', 'whole')).rejects.toMatchObject({ code: 'EIO' });
		disk.fail('truncate', { code: 'EIO' });
		await expect(fs.open('/a', 'w')).rejects.toMatchObject({ code: 'EIO' });
		expect(disk.openHandles()).toEqual([]);
	});

	it('writes through a link that leads to what is not there yet', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		disk.plantSymlink('data/a', '/link');
		await fsPromisesOf(disk).writeFile('/link', 'text');
		expect(disk.peekFile('/data/a')?.toString()).toBe('text');
		expect(disk.openHandles()).toEqual([]);
	});

	it('refuses what it does not simulate', async () => {
		const fs = fsPromisesOf(new SimulatedDisk());
		await expect(fs.open('/a', 'rs+')).rejects.toThrow(/flag must be .*not simulated; got 'rs\+'/);
		await expect(fs.writeFile('/a', (async function* () {})() as never)).rejects.toThrow(/not simulated/);
		await expect(fs.readdir('/', { recursive: true })).rejects.toThrow(/not simulated/);
		await expect(fs.rm('/', { recursive: true })).rejects.toThrow(/not simulated/);
		await expect(fs.open('/a', 'toString')).rejects.toThrow(/not simulated/);
		const { signal } = new AbortController();
		await expect(fs.readFile('/a', { signal })).rejects.toThrow(/^options\.signal must be .*not simulated/);
		await expect(fs.copyFile('/a', '/b', 1)).rejects.toThrow(/^mode must be .*not simulated/);
	});

	it.each<[string, (fs: FsPromises) => Promise<unknown>]>([
		['readFile', (fs) => fs.readFile('a')],
		['mkdir', (fs) => fs.mkdir(undefined as never)],
		['rename', (fs) => fs.rename('/a', 'b')],
		['unlink', (fs) => fs.unlink(Buffer.from('/a'))],
	])('refuses a path that is not absolute: %s', async (_name, call) => {
		const fs = fsPromisesOf(new SimulatedDisk());
		await fs.writeFile('/a', '');
		await expect(call(fs)).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
			message: expect.stringMatching(/^path must be an absolute path/) as unknown,
		});
	});
});
