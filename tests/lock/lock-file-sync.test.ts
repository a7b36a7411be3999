/** The lock that `flushSync` takes: whatever is wrong with its file is told, and what waits is written later. */
import { existsSync, unlinkSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWriter, debounce } from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem, SyncFileSystem } from '../../lib/ports/file-system.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const LOCK_FILE = '.dj1ln-a.json';
const strategy = debounce({ waitMs: 60_000, maxWaitMs: 60_000 });

/** The real disk, with other synchronous calls. */
function withSync(calls: Partial<SyncFileSystem>): FileSystem {
	return { ...nodeFileSystem, sync: { ...nodeFileSystem.sync, ...calls } };
}

function flushing(fileSystem: FileSystem, file = directory.file('a.json')) {
	const writer = createWriter({ lock: 'file', strategy, fileSystem });
	writer.schedule(file, 'scheduled');
	let error: unknown;
	try {
		writer.flushSync();
	} catch (thrown) {
		error = thrown;
	}
	return { error, writer };
}

describe('flushSync, where the lock file', () => {
	it.each(['EACCES', 'ENOENT', 'ENOTDIR', 'EISDIR', 'EROFS', 'ENOSPC', 'EMFILE', 'EIO'])(
		'cannot be opened: %s is the cause of a typed error',
		async (code) => {
			let fails = true;
			const cause = Object.assign(new Error(`${code}: no`), { code });
			const fileSystem = withSync({
				open(file, mode, permissions) {
					if (fails && path.basename(file) === LOCK_FILE) throw cause;
					return nodeFileSystem.sync.open(file, mode, permissions);
				},
			});
			const { error, writer } = flushing(fileSystem);
			const typed = { code: 'ERR_WRITE_FAILED', path: directory.file('a.json'), step: 'lock', outcome: 'not_applied' };
			expect(error).toMatchObject({ ...typed, cause });
			await directory.expectOnly();
			fails = false;
			await writer.close();
			expect(await directory.json('a.json')).toBe('scheduled');
			expect(openFilesIn(directory.path)).toEqual([]);
		},
	);

	it.each(['directory', 'link'])('is none, but a %s', async (kind) => {
		if (kind === 'link') await symlink(directory.file('victim'), directory.file(LOCK_FILE));
		else await mkdir(directory.file(LOCK_FILE));
		const { error, writer } = flushing(nodeFileSystem);
		expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', path: directory.file('a.json'), step: 'lock' });
		expect(existsSync(directory.file('victim'))).toBe(false);
		await expect(writer.close()).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'lock' });
	});

	it('lies below a file', async () => {
		await createWriter().write(directory.file('solid'), 1);
		const { error, writer } = flushing(nodeFileSystem, directory.file('solid', 'a.json'));
		expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
		await expect(writer.close()).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED' });
	});

	it('is made by another process at that moment, or loses its name: another is opened', async () => {
		const lockPath = directory.file(LOCK_FILE);
		const disturbances = [() => nodeFileSystem.sync.open(lockPath, 'create-exclusive', 0o666).close()];
		let opened = 0;
		const fileSystem = withSync({
			open(file, mode, permissions) {
				if (file !== lockPath) return nodeFileSystem.sync.open(file, mode, permissions);
				disturbances.shift()?.();
				const lockFile = nodeFileSystem.sync.open(file, mode, permissions);
				opened += 1;
				if (opened === 1) unlinkSync(lockPath);
				return lockFile;
			},
		});
		const { error, writer } = flushing(fileSystem);
		expect(error).toBeUndefined();
		expect(opened).toBe(2);
		expect(await directory.json('a.json')).toBe('scheduled');
		await writer.close();
		await directory.expectOnly('a.json', LOCK_FILE);
		expect(openFilesIn(directory.path)).toEqual([]);
	});
});
