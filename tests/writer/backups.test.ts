import { writeFile as fsWriteFile, link, readFile, rm, stat } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import {
	createWriter,
	openPendingFile,
	readJson,
	recover,
	remove,
	writeFile,
	writeJson,
	writeJsonLines,
} from '../../lib/index.ts';
import { backupPath, DOCUMENT, good, scene, torn } from '../recover/support.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const backup = (number: number, name = 'state.json'): string => formatBackupName(name, number);

/** The values of the document's backups, newest first. */
async function backupValues(): Promise<unknown[]> {
	const names = (await directory.names()).filter((name) => name.startsWith('.dj1b'));
	return Promise.all(names.map((name) => directory.json(name)));
}

describe('backups: n', () => {
	it('keeps the last n generations, newest first, and nothing else', async () => {
		const file = directory.file('state.json');
		for (let value = 1; value <= 6; value++) await writeJson(file, value, { backups: 3 });
		expect(await directory.json('state.json')).toBe(6);
		expect(await backupValues()).toEqual([5, 4, 3]);
		await directory.expectOnly('state.json', backup(1), backup(2), backup(3));
	});

	it('keeps one, more when more are asked for, and fewer when fewer are', async () => {
		const file = directory.file('state.json');
		for (const [value, backups] of [1, 1, 1, 3, 3, 3, 2, 1, 1].entries()) await writeJson(file, value, { backups });
		expect(await backupValues()).toEqual([7]);
		await writeJson(file, 'x');
		expect(await backupValues()).toEqual([7]);
	});

	it('are made by link: the document is never copied, and never missing', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 1);
		const before = await stat(file, { bigint: true });
		await writeJson(file, 2, { backups: 1 });
		expect((await stat(directory.file(backup(1)), { bigint: true })).ino).toBe(before.ino);
	});

	it('goes with every kind of write, and merged writes keep the most that was asked for', async () => {
		const lines = directory.file('rows.jsonl');
		await writeJsonLines(lines, [1]);
		await writeJsonLines(lines, [2], { backups: 1 });
		expect(await directory.text(backup(1, 'rows.jsonl'))).toBe('1\n');
		const bytes = directory.file('bytes.bin');
		await writeFile(bytes, 'one');
		await writeFile(bytes, 'two', { backups: 1 });
		expect(await directory.text(backup(1, 'bytes.bin'))).toBe('one');
		const pending = await openPendingFile(bytes, { backups: 2 });
		await pending.write('three');
		await pending.commit();
		expect(await directory.text(backup(1, 'bytes.bin'))).toBe('two');
		const writer = createWriter();
		const file = directory.file('state.json');
		await writer.write(file, 0);
		await Promise.all([1, 2, 3].map((value) => writer.write(file, value, { backups: value === 2 ? 2 : 0 })));
		await writer.close();
		expect(await directory.json(backup(1))).toBe(0);
	});

	it('never makes a backup of a bad document, nor pushes a good one out for it', async () => {
		const file = directory.file('state.json');
		for (const value of [1, 2]) await writeJson(file, value, { backups: 2 });
		for (const bad of ['', '{"torn":', '\0\0\0\0']) {
			await fsWriteFile(file, bad);
			await writeJson(file, 'new', { backups: 2 });
			await fsWriteFile(file, bad);
			await writeJson(file, 'newer', { backups: 2 });
			expect((await backupValues()).at(0)).toBe(1);
			await writeJson(file, 'good again', { backups: 2 });
			expect(await backupValues()).toEqual(['newer', 1]);
			await rm(directory.file(backup(1)));
			await rm(directory.file(backup(2)));
			for (const value of [1, 2]) await writeJson(file, value, { backups: 2 });
			await rm(directory.file(backup(1)));
			await rm(directory.file(backup(2)));
			await fsWriteFile(directory.file(backup(1)), '1');
		}
	});

	it('takes bytes for no document because this process wrote them', async () => {
		const file = directory.file('state.json');
		await writeFile(file, '{"torn":', { backups: 1 });
		await writeJson(file, 'new', { backups: 1 });
		expect(await backupValues()).toEqual([]);
	});

	it('tolerates gaps in the numbers, and a document that is its own backup', async () => {
		const file = directory.file('state.json');
		for (let value = 1; value <= 5; value++) await writeJson(file, value, { backups: 4 });
		await rm(directory.file(backup(2)));
		await writeJson(file, 6, { backups: 4 });
		expect(await backupValues()).toEqual([5, 4, 2, 1]);
		await rm(directory.file(backup(1)));
		await link(file, directory.file(backup(1)));
		await writeJson(file, 7, { backups: 4 });
		expect(await backupValues()).toEqual([6, 4, 2, 1]);
		await rm(directory.file(backup(2)));
		await link(directory.file(backup(1)), directory.file(backup(2)));
		for (const value of [8, 9, 10]) await writeJson(file, value, { backups: 4 });
		expect(await backupValues()).toEqual([9, 8, 7, 6]);
	});

	it('rejects the write, and leaves the document, where a backup cannot be made', async () => {
		const { disk, clock } = scene({ [DOCUMENT]: good(1) });
		disk.fail('link', { code: 'ENOSPC' });
		const writer = createWriter({ fileSystem: disk, clock, recovery: 'off' });
		const write = writer.write(DOCUMENT, 2, { backups: 1 });
		await expect(write).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'backup', outcome: 'not_applied' });
		expect(disk.paths()).toEqual(['/data', DOCUMENT]);
		await writer.write(DOCUMENT, 2, { backups: 1 });
		expect(disk.peekFile(backupPath(1))?.toString()).toBe(good(1));
	});

	it('copies where there are no links', async () => {
		const { disk, clock } = scene({});
		disk.plantFile(DOCUMENT, good(1), { mode: 0o640, uid: 7, gid: 8 });
		disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY });
		const writer = createWriter({ fileSystem: disk, clock, recovery: 'off' });
		for (const value of [2, 3, 4]) await writer.write(DOCUMENT, value, { backups: 2 });
		expect([1, 2].map((number) => disk.peekFile(backupPath(number))?.toString())).toEqual(['3\n', '2\n']);
		expect(disk.paths()).toHaveLength(4);
		expect(await disk.stat(backupPath(1))).toMatchObject({ mode: 0o640, uid: 7, gid: 8 });
		expect(disk.openHandles()).toEqual([]);
	});

	it('holds for flushSync of what this process wrote', async () => {
		const file = directory.file('state.json');
		const writer = createWriter();
		await writer.write(file, 1, { backups: 2 });
		for (const value of [2, 3, 4]) {
			writer.schedule(file, value, { backups: 2 });
			writer.flushSync();
		}
		expect(await backupValues()).toEqual([3, 2]);
		await writer.close();
	});

	it('are gone with the document that is removed', async () => {
		const file = directory.file('state.json');
		for (const value of [1, 2, 3]) await writeJson(file, value, { backups: 2 });
		await writeJson(directory.file('other.json'), 1);
		await writeJson(directory.file('other.json'), 2, { backups: 1 });
		await remove(file);
		await directory.expectOnly('other.json', backup(1, 'other.json'));
		const writer = createWriter();
		for (const value of [1, 2, 3]) await writer.write(file, value, { backups: 2 });
		const removed = writer.remove(file);
		writer.flushSync();
		await removed;
		await directory.expectOnly('other.json', backup(1, 'other.json'));
	});

	it('are files of their own format: no document may have such a name, and a bad number is refused', async () => {
		await expect(writeJson(directory.file(backup(1)), 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		for (const backups of [-1, 1.5, 999, '1']) {
			await expect(writeJson(directory.file('x.json'), 1, { backups: backups as number })).rejects.toMatchObject({
				code: 'ERR_INVALID_ARGUMENT',
			});
		}
	});
});

describe('readJson', () => {
	it.each([
		['missing', undefined, 'ERR_READ_FAILED'],
		['empty', '', 'ERR_CORRUPT'],
		['NUL', '\0\0\0', 'ERR_CORRUPT'],
		['torn', '{"a":', 'ERR_CORRUPT'],
	])('gives the newest good backup where the document is %s, and says so', async (_name, content, code) => {
		const file = directory.file('state.json');
		if (content !== undefined) await fsWriteFile(file, content);
		await fsWriteFile(directory.file(backup(1)), '{"bad":');
		await fsWriteFile(directory.file(backup(2)), '{"version":2}');
		await fsWriteFile(directory.file(backup(3)), '{"version":1}');
		const told: unknown[] = [];
		const value = await readJson(file, { fallback: 'unused', onFallback: (reason) => told.push(reason) });
		expect(value).toEqual({ version: 2 });
		expect(told).toMatchObject([{ path: file, reason: 'backup', source: directory.file(backup(2)), error: { code } }]);
		const report = await recover(file);
		expect(report.documents[0]).toMatchObject({
			outcome: 'restored',
			rolledBack: true,
			source: directory.file(backup(2)),
		});
		expect(await readFile(file, 'utf8')).toBe('{"version":2}');
	});

	it('rejects with what is wrong with the document where no backup is good', async () => {
		const file = directory.file('state.json');
		await fsWriteFile(file, torn(3));
		await fsWriteFile(directory.file(backup(1)), '');
		await expect(readJson(file)).rejects.toMatchObject({ code: 'ERR_CORRUPT', path: file });
	});
});
