/** Locks among processes where paths, names and directories are not what one expects. */
import type { ChildProcess } from 'node:child_process';
import { existsSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createWriter, withLock, writeJson } from '../../lib/index.ts';
import { documentRegistry } from '../../lib/lock/document-registry.ts';
import { runChild, startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

const INCREMENTER = `
	const { createWriter } = await import(process.env.LIBRARY);
	const [file, times] = process.argv.slice(1);
	const writer = createWriter({ lock: 'file', lockTimeoutMs: 120_000 });
	for (let i = 0; i < Number(times); i++) await writer.update(file, (count) => (count ?? 0) + 1);
	await writer.close();
`;

function succeeded(child: ChildProcess): Promise<void> {
	return new Promise((resolve, reject) => {
		child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the child ended with ${code}`))));
	});
}

/** Increments from several processes at once, each by its own path. */
async function increment(paths: readonly string[], times: number): Promise<void> {
	await Promise.all(paths.map((file) => succeeded(startChild(INCREMENTER, [file, String(times)]))));
}

describe('processes that lock one document', () => {
	it('by two spellings, through links to it and to its directory, have one lock', async () => {
		await mkdir(directory.file('real'));
		await symlink(directory.file('real'), directory.file('alias'));
		await symlink(path.join('real', 'a.json'), directory.file('link.json'));
		const spellings = [['real', 'a.json'], ['alias', 'a.json'], ['link.json'], ['alias', '..', 'link.json']];
		await increment(
			spellings.map((names) => directory.path + path.sep + names.join(path.sep)),
			40,
		);
		expect(await directory.json(path.join('real', 'a.json'))).toBe(160);
		await directory.expectOnly('real', 'alias', 'link.json');
		expect(existsSync(directory.file('real', '.dj1ln-a.json'))).toBe(true);
	}, 60_000);

	it('whose name is as long as a name may be', async () => {
		const file = directory.file(`${'n'.repeat(250)}.json`);
		await increment([file, file, file], 40);
		expect(await directory.json(path.basename(file))).toBe(120);
	}, 60_000);

	it('fifty at once, each for one update', async () => {
		await increment(
			Array.from({ length: 50 }, () => directory.file('a.json')),
			1,
		);
		expect(await directory.json('a.json')).toBe(50);
		await directory.expectOnly('a.json', '.dj1ln-a.json');
	}, 120_000);
});

describe('a lock file that somebody takes away while it is held', () => {
	const lockFile = (): string => directory.file('.dj1ln-a.json');
	it.each([
		['removed', () => unlinkSync(lockFile())],
		[
			'replaced',
			() => {
				writeFileSync(directory.file('other'), '');
				renameSync(directory.file('other'), lockFile());
			},
		],
	])('%s: nothing is written any more, by whatever call', async (_, takeAway) => {
		const file = directory.file('a.json');
		await writeJson(file, 'old');
		const writer = createWriter({ lock: 'file' });
		const lost = { code: 'ERR_LOCK_LOST', path: file, step: 'lock', outcome: 'not_applied' };
		await withLock(file, async (lock) => {
			lock.assertHeld();
			takeAway();
			expect(() => lock.assertHeld()).toThrow(expect.objectContaining(lost));
			await expect(writeJson(file, 'new')).rejects.toMatchObject(lost);
			await expect(writer.update(file, () => 'new')).rejects.toMatchObject(lost);
			writer.schedule(file, 'new');
			expect(() => writer.flushSync()).toThrow(expect.objectContaining(lost));
			await expect(writer.flush()).rejects.toMatchObject(lost);
		});
		expect(await directory.json('a.json')).toBe('old');
		await writer.update(file, () => 'after it');
		expect(await directory.json('a.json')).toBe('after it');
		await writer.close();
	});
});

describe('DocumentRegistry.exclusive', () => {
	it('lets in one after the other, in order, also after one that fails, and forgets', async () => {
		const registry = documentRegistry({});
		const log: number[] = [];
		let inside = 0;
		const work = async (number: number): Promise<void> => {
			expect(++inside).toBe(1);
			await new Promise((resolve) => setImmediate(resolve));
			log.push(number);
			inside -= 1;
			if (number % 3 === 0) throw new Error('own');
		};
		for (let round = 0; round < 2; round++) {
			const calls = [1, 2, 3, 4, 5, 6].map((number) => registry.exclusive('key', () => work(number)));
			const settled = await Promise.allSettled(calls);
			expect(settled.map(({ status }) => status === 'rejected')).toEqual([false, false, true, false, false, true]);
		}
		expect(log).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
	});
});

it.skipIf(process.platform === 'win32')(
	'a directory in which nothing can be made: says so, and what the lock file is',
	() => {
		const asNobody = process.getuid?.() === 0 ? 'process.setgid(65534); process.setuid(65534);' : '';
		const { status, stdout, stderr } = runChild(
			`
		import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
		const { createWriter, openJsonFile, withLock } = await import(process.env.LIBRARY);
		const place = process.argv[1] + '/readable';
		const file = place + '/a.json';
		mkdirSync(place);
		writeFileSync(file, '1');
		chmodSync(process.argv[1], 0o755);
		chmodSync(place, 0o555);
		${asNobody}
		const writer = createWriter({ lock: 'file' });
		const calls = [
			() => withLock(file, () => 'entered'),
			() => writer.update(file, (n) => n + 1),
			() => writer.write(file, 2),
			() => openJsonFile(file, { lock: 'file' }),
		];
		for (const call of calls) {
			const { name, code, step, outcome, path, cause, message } = await call().catch((error) => error);
			const names = [path === file, message.includes(place + '/.dj1ln-a.json')];
			console.log(name, code, step, outcome, cause?.code, ...names);
		}
		console.log(readdirSync(place).join());
		`,
			[directory.path],
		);
		expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
		const refused = 'DurableJsonError ERR_WRITE_FAILED lock not_applied EACCES true true\n';
		expect(stdout).toBe(`${refused.repeat(4)}a.json\n`);
	},
);
