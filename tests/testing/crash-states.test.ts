import { describe, expect, it } from 'vitest';
import type { OpenFile } from '../../lib/ports/file-system.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';

const text = (value: string): Buffer => Buffer.from(value);

async function create(disk: SimulatedDisk, path: string, content: string): Promise<OpenFile> {
	const file = await disk.open(path, 'create-exclusive', 0o600);
	await file.write(text(content), 0, content.length, null);
	return file;
}

async function syncDirectory(disk: SimulatedDisk, path: string): Promise<void> {
	const directory = await disk.openDirectory(path);
	await directory.sync();
	await directory.close();
}

/** The states after a power cut, each as `path=content ...`. */
function states(disk: SimulatedDisk): string[] {
	return disk.crashStates().map(({ disk: after }) => {
		const entries = after.paths().map((path) => {
			const content = after.peekFile(path);
			return content === undefined ? path : `${path}=${content.toString().replaceAll('\0', '0')}`;
		});
		return entries.join(' ');
	});
}

describe('a power cut', () => {
	it('may take everything that was not synced: the name, the content, or part of it', async () => {
		const disk = new SimulatedDisk();
		await create(disk, '/a', 'abcd');
		expect(new Set(states(disk))).toEqual(
			new Set(['', '/a=', '/a=0000', '/a=ab', '/a=ab00', '/a=abcd', '/a=00cd', '/a=a0c0']),
		);
	});

	it('may take the name of a file that was synced', async () => {
		const disk = new SimulatedDisk();
		await (await create(disk, '/a', 'abcd')).sync();
		expect(new Set(states(disk))).toEqual(new Set(['', '/a=abcd']));
	});

	it('may take the content of a file whose directory was synced', async () => {
		const disk = new SimulatedDisk();
		const file = await create(disk, '/a', 'abcd');
		await syncDirectory(disk, '/');
		expect(states(disk)).toContain('/a=');
		expect(states(disk)).not.toContain('');
		await file.sync();
		expect(states(disk)).toEqual(['/a=abcd']);
	});

	it('leaves an overwritten file old, new or mixed', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', 'OLDOLD');
		const file = await disk.open('/a', 'update');
		await file.truncate(0);
		await file.write(text('new!'), 0, 4, 0);
		expect(new Set(states(disk))).toEqual(
			new Set(
				['OLDOLD', '', '0000', 'ne', 'new!', '00w!', 'ne00', 'n0w0', 'neDOLD', 'nLwO', 'new!LD'].map(
					(left) => `/a=${left}`,
				),
			),
		);
	});

	it('keeps what was synced when more was written since', async () => {
		const disk = new SimulatedDisk();
		const file = await create(disk, '/a', 'ab');
		await file.sync();
		await syncDirectory(disk, '/');
		await file.write(text('cd'), 0, 2, null);
		expect(states(disk)).toContain('/a=ab');
		await file.dataSync();
		expect(states(disk)).toEqual(['/a=abcd']);
	});

	it('loses nothing of what was synced and not written to since', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', 'ab....yz');
		const file = await disk.open('/a', 'update');
		await file.write(text('wxyz'), 0, 4, 2);
		// The last two are what stood there, or the second half of what was written: either way, they are there.
		const left = states(disk);
		expect(left).toEqual(expect.arrayContaining(['/a=abwxyzyz', '/a=abwx..yz', '/a=ab0000yz', '/a=ab....yz']));
		for (const state of left) expect(state).toMatch(/^\/a=ab[w.0][x.0][y.0][z.0]yz$/);
		await file.dataSync();
		await file.write(text('more'), 0, 4, null);
		for (const state of states(disk)) expect(state).toMatch(/^\/a=abwxyzyz/);
	});

	it('may lose what was cut off and written again', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', 'abcdef');
		const file = await disk.open('/a', 'update');
		await file.truncate(2);
		await file.write(text('cdef'), 0, 4, 2);
		expect(new Set(states(disk))).toContain('/a=ab');
		expect(new Set(states(disk))).toContain('/a=ab0000');
		await file.dataSync();
		expect(states(disk)).toEqual(['/a=abcdef']);
	});

	it('keeps what was synced of a file that is appended to, whatever becomes of the rest', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/log', 'one\n');
		const log = await disk.open('/log', 'append-create');
		await log.write(text('two\n'), 0, 4, null);
		await log.write(text('six\n'), 0, 4, null);
		const left = states(disk).map((state) => state.slice('/log='.length));
		expect(left).toEqual(
			expect.arrayContaining(['one\n', 'one\ntwo\n', 'one\ntwo\nsix\n', 'one\n0000six\n', 'one\n00000000']),
		);
		for (const content of left) expect(content).toMatch(/^one\n/);
	});

	it('keeps the bytes that an unsynced write in the middle did not touch', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', 'abcdefgh');
		const file = await disk.open('/a', 'update');
		await file.write(text('XYZ'), 0, 3, 2);
		for (const state of states(disk)) expect(state).toMatch(/^\/a=ab[cX0][dY0][eZ0]fgh$/);
		expect(new Set(states(disk)).size).toBeGreaterThan(3);
	});

	it('covers by a sync what was written before it was given, not what came during it', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '');
		const file = await disk.open('/a', 'update');
		await file.write(text('ab'), 0, 2, 0);
		const syncing = file.sync();
		await file.write(text('cd'), 0, 2, 2);
		await syncing;
		const left = states(disk);
		expect(left).toEqual(expect.arrayContaining(['/a=ab', '/a=abcd']));
		for (const state of left) expect(state).toMatch(/^\/a=ab/);
	});

	it('keeps metadata by sync, not by dataSync', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '1', { mode: 0o600 });
		const file = await disk.open('/a', 'update');
		await file.chmod(0o640);
		await file.dataSync();
		const modes = async (): Promise<number[]> =>
			Promise.all(disk.crashStates().map(async (state) => (await state.disk.stat('/a')).mode));
		expect(new Set(await modes())).toEqual(new Set([0o600, 0o640]));
		await file.sync();
		expect(await modes()).toEqual([0o640]);
	});

	it('undoes or keeps each unsynced change of a directory, in any combination', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', 'old');
		await (await create(disk, '/t', 'new')).sync();
		await disk.rename('/t', '/a');
		expect(new Set(states(disk))).toEqual(new Set(['/a=old', '/a=old /t=new', '/a=new', '/a=new']));
		await syncDirectory(disk, '/');
		expect(states(disk)).toEqual(['/a=new']);
	});

	it('does not keep one directory for the sake of another', async () => {
		const disk = new SimulatedDisk();
		await disk.ensureDirectory('/a');
		await disk.ensureDirectory('/a/b');
		await (await create(disk, '/a/b/c', '1')).sync();
		await syncDirectory(disk, '/a/b');
		await syncDirectory(disk, '/a');
		expect(new Set(states(disk))).toEqual(new Set(['', '/a /a/b /a/b/c=1']));
		await syncDirectory(disk, '/');
		expect(states(disk)).toEqual(['/a /a/b /a/b/c=1']);
	});

	it('may leave a file that was moved between directories in both or in neither', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a/x', '1');
		disk.plantDirectory('/b');
		await disk.rename('/a/x', '/b/x');
		expect(new Set(states(disk))).toEqual(new Set(['/a /b /a/x=1', '/a /b /b/x=1', '/a /b /b/x=1 /a/x=1', '/a /b']));
	});

	it('shows a sync that was made to fail for what it is: the next one on that file lies', async () => {
		const disk = new SimulatedDisk();
		const file = await create(disk, '/a', 'abcd');
		await syncDirectory(disk, '/');
		disk.fail('sync', { code: 'EIO' });
		await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
		await file.sync();
		expect(states(disk)).toContain('/a=');
	});

	it('does not count files that no power cut can bring back', async () => {
		const disk = new SimulatedDisk();
		for (let index = 0; index < 20; index++) {
			await (await create(disk, '/t', 'abcd')).close();
			await disk.unlink('/t');
		}
		await syncDirectory(disk, '/');
		expect(states(disk)).toEqual(['']);
	});

	it('gives states that are whole disks, apart from each other and from this one', async () => {
		const disk = new SimulatedDisk();
		const file = await create(disk, '/a', 'abcd');
		const [first, second] = disk.crashStates().filter((state) => state.disk.paths().length > 0);
		expect(first?.disk.scope).not.toBe(disk.scope);
		expect(first?.disk.openHandles()).toEqual([]);
		await first?.disk.unlink('/a');
		expect(second?.disk.paths()).toEqual(['/a']);
		expect(disk.peekFile('/a')?.toString()).toBe('abcd');
		expect((await file.stat()).linkCount).toBe(1);
	});

	it('tries no more states than allowed, the same ones for the same seed, both extremes among them', async () => {
		const disk = new SimulatedDisk();
		for (let index = 0; index < 6; index++) await create(disk, `/f${index}`, `${index}${index}`);
		const some = disk.crashStates({ statesMax: 100, seed: 3 }).map((state) => state.disk.fingerprint());
		expect(some.length).toBeGreaterThan(40);
		expect(some.length).toBeLessThanOrEqual(100);
		expect(disk.crashStates({ statesMax: 100, seed: 3 }).map((state) => state.disk.fingerprint())).toEqual(some);
		expect(disk.crashStates({ statesMax: 100, seed: 4 }).map((state) => state.disk.fingerprint())).not.toEqual(some);
		expect(some).toContain('');
		expect(some).toContain(disk.fingerprint());
	});
});

describe('a medium that reuses freed blocks at once', () => {
	/** Replaces a document, and writes another file before the rename is durable. */
	async function replace(disk: SimulatedDisk, hold: boolean): Promise<string[]> {
		disk.plantFile('/a', 'oldold');
		const held = hold ? await disk.open('/a', 'read') : undefined;
		await (await create(disk, '/t', 'newnew')).sync();
		await disk.rename('/t', '/a');
		await create(disk, '/other', 'XYZ');
		const left = states(disk);
		await held?.close();
		return left;
	}

	it('may show a replaced document with the bytes of another file, which POSIX media do not', async () => {
		const torn = /\/a=XYZold/;
		expect((await replace(new SimulatedDisk({ reusesFreedBlocks: true }), false)).join()).toMatch(torn);
		expect((await replace(new SimulatedDisk({ reusesFreedBlocks: true }), true)).join()).not.toMatch(torn);
		expect((await replace(new SimulatedDisk(), false)).join()).not.toMatch(torn);
	});

	it('shows nothing of it once the rename is durable', async () => {
		const disk = new SimulatedDisk({ reusesFreedBlocks: true });
		await replace(disk, false);
		await syncDirectory(disk, '/');
		for (const state of states(disk)) expect(state).toMatch(/^\/a=newnew /);
	});
});

describe('the death of the process', () => {
	it('keeps every change, frees handles and locks, and leaves syncs owed', async () => {
		const disk = new SimulatedDisk();
		const file = await create(disk, '/a', 'abcd');
		expect(file.tryLock()).toBe('locked');
		const after = disk.processCrashState();
		expect(after.peekFile('/a')?.toString()).toBe('abcd');
		expect(after.openHandles()).toEqual([]);
		expect(states(after)).toContain('');
		expect((await after.open('/a', 'update')).tryLock()).toBe('locked');
	});
});
