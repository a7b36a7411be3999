import { describe, expect, it } from 'vitest';
import { SimulatedCrash } from '../../lib/testing/disk-calls.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';

const text = (value: string): Buffer => Buffer.from(value);

/** Creates a file through the port, without any sync. */
async function put(disk: SimulatedDisk, path: string, content: string): Promise<void> {
	const file = await disk.open(path, 'create-exclusive', 0o600);
	await file.write(text(content), 0, content.length, null);
	await file.close();
}

async function syncDirectory(disk: SimulatedDisk, path: string): Promise<void> {
	const directory = await disk.openDirectory(path);
	await directory.sync();
	await directory.close();
}

describe('files and names', () => {
	it('reads back what was written, at its position and at the end', async () => {
		const disk = new SimulatedDisk();
		const file = await disk.open('/a', 'create-exclusive');
		expect(await file.write(text('xxhello'), 2, 5, null)).toBe(5);
		expect(await file.write(text('!'), 0, 1, null)).toBe(1);
		await file.write(text('J'), 0, 1, 0);
		await file.write(text('.'), 0, 1, 8);
		const into = Buffer.alloc(4);
		expect(await file.read(into, 1, 3, 3)).toBe(3);
		expect(into.toString()).toBe('\0lo!');
		expect(await file.read(into, 0, 4, 9)).toBe(0);
		await file.truncate(3);
		await file.close();
		expect(Buffer.from(await disk.readFile('/a')).toString()).toBe('Jel');
	});

	it('keeps an open file alive through rename and unlink', async () => {
		const disk = new SimulatedDisk();
		const file = await disk.open('/a', 'create-exclusive');
		const before = await file.stat();
		await disk.rename('/a', '/b');
		await disk.unlink('/b');
		await file.write(text('still'), 0, 5, null);
		const after = await file.stat();
		expect(after).toMatchObject({ identity: before.identity, linkCount: 0, sizeBytes: 5 });
		expect(disk.paths()).toEqual([]);
	});

	it('counts the names of a file, and renaming one of them onto the other changes nothing', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '1');
		await disk.link('/a', '/b');
		await disk.rename('/a', '/b');
		expect((await disk.stat('/b')).linkCount).toBe(2);
		expect(disk.paths()).toEqual(['/a', '/b']);
		await disk.unlink('/a');
		expect((await disk.stat('/b')).linkCount).toBe(1);
	});

	it('appends wherever the position, when opened to append', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/log', 'ab');
		const log = await disk.open('/log', 'append-create');
		await log.write(text('c'), 0, 1, 0);
		expect(disk.peekFile('/log')?.toString()).toBe('abc');
	});

	it('reads the buffer when the write is carried out, as the thread pool does', async () => {
		const disk = new SimulatedDisk();
		const file = await disk.open('/a', 'create-exclusive');
		const buffer = text('old');
		const written = file.write(buffer, 0, 3, null);
		buffer.write('new');
		await written;
		expect(disk.peekFile('/a')?.toString()).toBe('new');
	});

	it('gives each failing call the code that POSIX gives it', async () => {
		const disk = new SimulatedDisk({ nameBytesMax: 10 });
		disk.plantFile('/dir/file', '1');
		disk.plantDirectory('/other/inner');
		disk.plantSymlink('loop', '/loop');
		const code = (value: string): object => ({ code: value });
		await expect(disk.open('/dir/file', 'create-exclusive')).rejects.toMatchObject(code('EEXIST'));
		await expect(disk.open('/none', 'read')).rejects.toMatchObject(code('ENOENT'));
		await expect(disk.open('/none/x', 'create-exclusive')).rejects.toMatchObject(code('ENOENT'));
		await expect(disk.open('/dir', 'update')).rejects.toMatchObject(code('EISDIR'));
		await expect(disk.readFile('/dir')).rejects.toMatchObject(code('EISDIR'));
		await expect(disk.lstat('/dir/file/x')).rejects.toMatchObject(code('ENOTDIR'));
		await expect(disk.openDirectory('/dir/file')).rejects.toMatchObject(code('ENOTDIR'));
		await expect(disk.ensureDirectory('/dir/file')).rejects.toMatchObject(code('EEXIST'));
		await expect(disk.ensureDirectory('/none/x')).rejects.toMatchObject(code('ENOENT'));
		await expect(disk.ensureDirectory('/dir/file/x')).rejects.toMatchObject(code('ENOTDIR'));
		await expect(disk.rename('/dir/file', '/other')).rejects.toMatchObject(code('EISDIR'));
		await expect(disk.rename('/other', '/dir/file')).rejects.toMatchObject(code('ENOTDIR'));
		await expect(disk.rename('/dir', '/other')).rejects.toMatchObject(code('ENOTEMPTY'));
		await expect(disk.link('/dir/file', '/other')).rejects.toMatchObject(code('EEXIST'));
		await expect(disk.unlink('/dir')).rejects.toMatchObject(code('EISDIR'));
		await expect(disk.stat('/loop')).rejects.toMatchObject(code('ELOOP'));
		await expect(disk.readlink('/dir')).rejects.toMatchObject(code('EINVAL'));
		await expect(disk.lstat('/12345678901')).rejects.toMatchObject(code('ENAMETOOLONG'));
		await expect(disk.lstat('/äöüäöü')).rejects.toMatchObject(code('ENAMETOOLONG'));
		expect(await disk.lstat('/none/x')).toBeUndefined();
	});

	it('follows links as a kernel does', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/real/dir/file', '1');
		disk.plantSymlink('real/dir', '/alias');
		disk.plantSymlink('../alias/file', '/real/link');
		disk.plantSymlink('/real/new', '/dangling');
		expect(await disk.realpath('/real/link')).toBe('/real/dir/file');
		expect(await disk.realpath('/alias/..')).toBe('/real');
		expect(await disk.readlink('/alias')).toBe('real/dir');
		expect((await disk.lstat('/alias'))?.kind).toBe('symlink');
		expect((await disk.stat('/alias')).kind).toBe('directory');
		await expect(disk.realpath('/dangling')).rejects.toMatchObject({ code: 'ENOENT' });
		await expect(disk.open('/dangling', 'create-exclusive')).rejects.toMatchObject({ code: 'EEXIST' });
		await (await disk.open('/dangling', 'append-create')).close();
		expect(disk.peekFile('/real/new')?.length).toBe(0);
		await disk.rename('/dangling', '/moved');
		expect((await disk.lstat('/moved'))?.kind).toBe('symlink');
	});

	it('applies the umask to new files and chmod as given', async () => {
		const disk = new SimulatedDisk({ umask: 0o027 });
		const file = await disk.open('/a', 'create-exclusive', 0o666);
		expect((await file.stat()).mode).toBe(0o640);
		await file.chmod(0o604);
		await file.chown(5, 6);
		expect(await disk.stat('/a')).toMatchObject({ mode: 0o604, uid: 5, gid: 6 });
	});

	it('cuts a write short where the disk fills up, then gives ENOSPC, and has room again after unlink', async () => {
		const disk = new SimulatedDisk({ capacityBytes: 10 });
		disk.plantFile('/full', '123456');
		const file = await disk.open('/a', 'create-exclusive');
		expect(await file.write(text('abcdef'), 0, 6, null)).toBe(4);
		await expect(file.write(text('ef'), 0, 2, null)).rejects.toMatchObject({ code: 'ENOSPC' });
		await disk.unlink('/full');
		expect(await file.write(text('ef'), 0, 2, null)).toBe(2);
	});

	it('has room again where its capacity grows', async () => {
		const disk = new SimulatedDisk({ capacityBytes: 0 });
		const file = await disk.open('/a', 'create-exclusive');
		await expect(file.write(text('ab'), 0, 2, null)).rejects.toMatchObject({ code: 'ENOSPC' });
		disk.setCapacity(2);
		expect(await file.write(text('ab'), 0, 2, null)).toBe(2);
	});

	it('cuts a write short at the limit of a file, then gives EFBIG', async () => {
		const disk = new SimulatedDisk({ fileSizeBytesMax: 3 });
		const file = await disk.open('/a', 'create-exclusive');
		expect(await file.write(text('abcd'), 0, 4, null)).toBe(3);
		await expect(file.write(text('d'), 0, 1, null)).rejects.toMatchObject({ code: 'EFBIG' });
		await expect(file.truncate(4)).rejects.toMatchObject({ code: 'EFBIG' });
	});

	it('opens so many files and no more', async () => {
		const disk = new SimulatedDisk({ openFilesMax: 1 });
		const file = await disk.open('/a', 'create-exclusive');
		await expect(disk.open('/b', 'create-exclusive')).rejects.toMatchObject({ code: 'EMFILE' });
		await expect(disk.openDirectory('/')).rejects.toMatchObject({ code: 'EMFILE' });
		await expect(disk.readFile('/a')).rejects.toMatchObject({ code: 'EMFILE' });
		expect((await disk.stat('/a')).sizeBytes).toBe(0);
		await file.close();
		await (await disk.openDirectory('/')).close();
		expect(disk.paths()).toEqual(['/a']);
	});

	it('gives names that are the same on each run and differ between a disk and what a crash makes of it', () => {
		const disk = new SimulatedDisk({ seed: 7 });
		const id = disk.uniqueId();
		expect(id).toMatch(/^[0-9a-f]{16}$/);
		expect(new SimulatedDisk({ seed: 7 }).uniqueId()).toBe(id);
		const ids = disk.crashStates().map((state) => state.disk.uniqueId());
		expect(new Set([id, disk.uniqueId(), disk.processCrashState().uniqueId(), ...ids]).size).toBe(3 + ids.length);
	});
});

describe('handles', () => {
	it('fails with EBADF after close and where the mode forbids writing; a second close is harmless', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '1');
		const file = await disk.open('/a', 'read');
		await expect(file.write(text('x'), 0, 1, null)).rejects.toMatchObject({ code: 'EBADF' });
		expect(disk.openHandles()).toEqual(['/a']);
		await file.close();
		await file.close();
		await expect(file.stat()).rejects.toMatchObject({ code: 'EBADF' });
		expect(disk.openHandles()).toEqual([]);
	});

	it('gives a lock to one handle at a time, until it is closed', async () => {
		const disk = new SimulatedDisk();
		const first = await disk.open('/a', 'create-exclusive');
		const second = await disk.open('/a', 'update');
		expect(first.tryLock()).toBe('locked');
		expect(first.tryLock()).toBe('locked');
		expect(second.tryLock()).toBe('busy');
		await first.close();
		expect(second.tryLock()).toBe('locked');
		expect((await new SimulatedDisk({ locks: false }).open('/a', 'append-create')).tryLock()).toBe('unsupported');
	});

	it('gives back the handle of a close that failed, as Linux does', async () => {
		const disk = new SimulatedDisk();
		const file = await disk.open('/a', 'create-exclusive');
		disk.fail('close', { code: 'EIO' });
		await expect(file.close()).rejects.toMatchObject({ code: 'EIO' });
		expect(disk.openHandles()).toEqual([]);
	});
});

describe('calls', () => {
	it('carries them out one after the other in the order given, and records them', async () => {
		const disk = new SimulatedDisk();
		await Promise.all([put(disk, '/a', '1'), put(disk, '/b', '2')]);
		await disk.rename('/a', '/c');
		expect(disk.calls.map((call) => `${call.number} ${call.name} ${call.path} ${call.handle ?? ''}`)).toEqual([
			'1 open /a 1',
			'2 open /b 2',
			'3 write /a 1',
			'4 write /b 2',
			'5 close /a 1',
			'6 close /b 2',
			'7 rename /a ',
		]);
		expect(disk.calls.at(-1)?.to).toBe('/c');
	});

	it('fails the calls that it was told to fail, and no other', async () => {
		const disk = new SimulatedDisk();
		disk.fail('lstat', { code: 'EMFILE', nth: 2, times: 2 });
		const codes: unknown[] = [];
		for (let index = 0; index < 5; index++) {
			await disk.stat('/');
			codes.push(
				await disk.lstat('/').then(
					() => 'ok',
					(error: NodeJS.ErrnoException) => error.code,
				),
			);
		}
		expect(codes).toEqual(['ok', 'EMFILE', 'EMFILE', 'ok', 'ok']);
		expect(disk.calls.filter((call) => call.error !== undefined)).toHaveLength(2);
		disk.fail('*', { code: 'EIO', times: Number.POSITIVE_INFINITY });
		await expect(disk.stat('/')).rejects.toMatchObject({ code: 'EIO' });
		expect(() => disk.sync.lstat('/')).toThrow(/EIO/);
		disk.heal();
		await disk.stat('/');
	});

	it('carries a call out and fails it all the same, where it was told to', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '1');
		disk.fail('rename', { code: 'EIO', applied: true });
		await expect(disk.rename('/a', '/b')).rejects.toMatchObject({ code: 'EIO' });
		expect(disk.paths()).toEqual(['/b']);
	});

	it('takes longer for the calls that it was told to slow down', async () => {
		const disk = new SimulatedDisk();
		disk.slow('ensureDirectory', { turns: 5, nth: 2 });
		await Promise.all(['/a', '/b', '/c'].map((path) => disk.ensureDirectory(path)));
		expect(disk.calls.map(({ path }) => path)).toEqual(['/a', '/c', '/b']);
		disk.slow('*', { turns: 5, times: Number.POSITIVE_INFINITY });
		disk.heal();
		const pending = disk.stat('/');
		expect(disk.callsUnderWay).toBe(1);
		await new Promise((resolve) => setImmediate(resolve));
		await pending;
		expect(disk.callsUnderWay).toBe(0);
	});

	it('takes fewer bytes, or none, where it was told to', async () => {
		const disk = new SimulatedDisk();
		disk.shortWrite({ bytes: 2 });
		disk.shortWrite({ bytes: 0, nth: 2 });
		const file = await disk.open('/a', 'create-exclusive');
		const taken: number[] = [];
		for (let index = 0; index < 3; index++) taken.push(await file.write(text('abc'), 0, 3, null));
		expect(taken).toEqual([2, 0, 3]);
		expect(disk.peekFile('/a')?.toString()).toBe('ababc');
	});

	it('answers no call after the crash: promises stay pending, synchronous calls throw', async () => {
		const run = async (side: 'before' | 'after'): Promise<SimulatedDisk> => {
			const disk = new SimulatedDisk();
			disk.crashAt(2, side);
			let answered = 0;
			const count = (): void => {
				answered++;
			};
			const calls = [disk.ensureDirectory('/a'), disk.ensureDirectory('/b'), disk.ensureDirectory('/c')];
			for (const call of calls) call.then(count, count);
			await disk.whenCrashed;
			disk.stat('/').then(count, count);
			for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
			expect(answered).toBe(1);
			expect(disk.crashed).toBe(true);
			expect(() => disk.sync.lstat('/')).toThrow(SimulatedCrash);
			return disk.processCrashState();
		};
		expect((await run('before')).paths()).toEqual(['/a']);
		expect((await run('after')).paths()).toEqual(['/a', '/b']);
	});

	it('does the same by the synchronous half of the port', () => {
		const disk = new SimulatedDisk();
		disk.sync.ensureDirectory('/d');
		const file = disk.sync.open('/d/t', 'create-exclusive', 0o600);
		expect(file.write(text('abc'), 0, 3, null)).toBe(3);
		file.chmod(0o640);
		file.chown(1, 2);
		file.sync();
		expect(file.stat()).toMatchObject({ mode: 0o640, uid: 1, gid: 2, sizeBytes: 3 });
		expect(file.tryLock()).toBe('locked');
		file.close();
		file.close();
		disk.sync.rename('/d/t', '/d/a');
		disk.sync.link('/d/a', '/d/b');
		disk.sync.unlink('/d/b');
		disk.sync.syncDirectory('/d');
		disk.sync.syncDirectory('/');
		expect(disk.sync.realpath('/d/../d/a')).toBe('/d/a');
		expect(disk.sync.lstat('/d/none')).toBeUndefined();
		expect(disk.crashStates().map((state) => state.disk.paths())).toEqual([['/d', '/d/a']]);
		expect(disk.openHandles()).toEqual([]);
	});
});

describe('Windows rules', () => {
	it('refuses to replace an open file and to sync a directory, and knows one permission bit', async () => {
		const disk = new SimulatedDisk({ semantics: 'win32' });
		disk.plantFile('/a', 'old');
		await put(disk, '/t', 'new');
		const close = disk.openElsewhere('/a');
		await expect(disk.rename('/t', '/a')).rejects.toMatchObject({ code: 'EPERM' });
		expect(disk.openHandles()).toEqual([]);
		close();
		await disk.rename('/t', '/a');
		const file = await disk.open('/a', 'update');
		await file.chmod(0o604);
		expect((await file.stat()).mode).toBe(0o666);
		await disk.unlink('/a');
		await expect(syncDirectory(disk, '/')).rejects.toMatchObject({ code: 'EPERM' });
	});

	it('keeps the order of directory changes through a power cut, as a metadata journal does', async () => {
		const disk = new SimulatedDisk({ semantics: 'win32' });
		await disk.ensureDirectory('/a');
		await disk.ensureDirectory('/b');
		await disk.ensureDirectory('/a/c');
		const states = disk.crashStates().map((state) => state.disk.paths().join(' '));
		expect(states).toEqual(['/a /b /a/c', '/a /b', '/a', '']);
	});
});
