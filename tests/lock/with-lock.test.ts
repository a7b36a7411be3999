import { existsSync } from 'node:fs';
import { readFile, rename, rm, symlink, writeFile as writeRaw } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
	createWriter,
	createWriteStream,
	debounce,
	defaultWriter,
	immediate,
	openPendingFile,
	readJson,
	remove,
	withLock,
	writeJson,
} from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { OpenFile } from '../../lib/ports/file-system.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const LOCK_FILE = '.dj1ln-a.json';

describe('withLock', () => {
	it('lets one in after the other, in the order of the calls', async () => {
		const file = directory.file('a.json');
		const log: string[] = [];
		await Promise.all(
			Array.from({ length: 20 }, (_, i) =>
				withLock(file, async () => {
					log.push(`${i} in`);
					await sleep(i % 3);
					log.push(`${i} out`);
				}),
			),
		);
		expect(log).toEqual(Array.from({ length: 20 }, (_, i) => [`${i} in`, `${i} out`]).flat());
		expect(openFilesIn(directory.path)).toEqual([]);
		await directory.expectOnly(LOCK_FILE);
	});

	it('makes read, change and write back one step, by whatever function writes', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 0);
		const increment = (): Promise<void> =>
			withLock(file, async () => {
				const count = await readJson<number>(file);
				await sleep(1);
				await writeJson(file, count + 1);
			});
		await Promise.all(Array.from({ length: 30 }, increment));
		expect(await directory.json('a.json')).toBe(30);
	});

	it('gives back what the function gives, and its error', async () => {
		const file = directory.file('a.json');
		expect(await withLock(file, () => 'sync')).toBe('sync');
		await expect(withLock(file, () => Promise.reject(new Error('own')))).rejects.toThrow('own');
		expect(await withLock(file, () => 'free again')).toBe('free again');
	});

	it('keeps others out until what the function has written has settled, also where it does not wait for it', async () => {
		const file = directory.file('a.json');
		let write: Promise<unknown> = Promise.resolve();
		let settled = false;
		await withLock(file, () => {
			write = writeJson(file, 'x'.repeat(1e6)).then(() => {
				settled = true;
			});
		});
		expect(settled).toBe(true);
		await write;
	});

	it('holds back the writes of others, and their strategies hold back none under it', async () => {
		const file = directory.file('a.json');
		const slow = createWriter({ strategy: debounce({ waitMs: 10_000, maxWaitMs: 10_000 }) });
		let entered = (): void => undefined;
		const inside = new Promise<void>((resolve) => {
			entered = resolve;
		});
		const locked = withLock(file, async () => {
			entered();
			await sleep(30);
			expect(existsSync(file)).toBe(false);
			await slow.write(file, 'inside');
			expect(await directory.json('a.json')).toBe('inside');
			await sleep(5);
		});
		await inside;
		const outside = writeJson(file, 'outside');
		const update = defaultWriter.update<string[]>(directory.file('a.json'), (current) => [String(current), 'updated']);
		await locked;
		// Called before, the write is the older one.
		expect(await outside).toMatchObject({ superseded: true });
		expect(await update).toEqual(['inside', 'updated']);
		await slow.close();
	});

	it('covers pending files, streams, removals and other spellings of the path', async () => {
		const file = directory.file('a.json');
		await writeRaw(file, '0');
		await symlink(file, directory.file('link.json'));
		await withLock(directory.file('link.json'), async () => {
			await writeJson(file, 1);
			await writeJson(directory.file('link.json'), 2);
			const pending = await openPendingFile(file);
			await pending.write('3');
			await pending.commit();
			expect(await directory.text('a.json')).toBe('3');
			const stream = createWriteStream(file);
			await new Promise((resolve, reject) => stream.on('error', reject).end('4', () => resolve(undefined)));
			expect(await directory.text('a.json')).toBe('4');
			await remove(file);
			await writeJson(file, 5);
			await expect(withLock(file, () => undefined)).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
		});
		expect(await directory.json('a.json')).toBe(5);
	});

	it.each(['process', 'file'] as const)(
		"begins after the calls before it, of writers with lock: '%s', which it may wait for",
		async (lock) => {
			const file = directory.file('a.json');
			await writeRaw(file, '0');
			await symlink(file, directory.file('link.json'));
			await using slow = createWriter({ lock, strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
			await using quick = createWriter({ lock });
			const written = slow.write(directory.file('link.json'), 1);
			const updated = quick.update<number>(file, (count = 0) => count + 1);
			await withLock(file, async () => {
				const count = await readJson<number>(file);
				await Promise.all([written, updated]);
				await writeJson(file, count + 1);
			});
			expect(await directory.json('a.json')).toBe(3);
			const removed = slow.remove(file);
			await withLock(file, async () => {
				await removed;
				expect(existsSync(file)).toBe(false);
			});
		},
		5_000,
	);

	it('waits no longer than its timeout for a call before it, and not after its signal', async () => {
		const file = directory.file('a.json');
		let end = (): void => undefined;
		const ended = new Promise<void>((resolve) => {
			end = resolve;
		});
		async function* rows() {
			yield 1;
			await ended;
		}
		const before = writeJson(file, rows());
		const controller = new AbortController();
		const aborted = withLock(file, () => 'never', { signal: controller.signal });
		await expect(withLock(file, () => 'never', { timeoutMs: 20 })).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
		controller.abort(new Error('given up'));
		await expect(aborted).rejects.toThrow('given up');
		const after = withLock(file, () => readJson(file));
		end();
		await before;
		expect(await after).toEqual([1]);
	});

	it('may be taken by a validator of a value for the document, before which nobody waits for that', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 'before');
		const validate = async (value: unknown): Promise<{ value: unknown }> => {
			await sleep(1);
			return { value: await withLock(file, async () => [await readJson(file), value]) };
		};
		const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
		const written = writeJson(file, 1, { schema });
		await using other = createWriter();
		const updated = other.update<unknown[]>(file, (list = []) => [...list, 2]);
		await Promise.all([written, updated]);
		expect(await directory.json('a.json')).toEqual(['before', 1, 2]);
	}, 5_000);

	it('flushes what is under it without waiting for those who wait for it', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		let outside: Promise<unknown> = Promise.resolve();
		await withLock(file, async () => {
			outside = new Promise((resolve) => setImmediate(resolve));
			writer.schedule(file, 'inside');
			await writer.flush();
			await writer.flush(file);
			expect(await directory.json('a.json')).toBe('inside');
		});
		await outside;
		await writer.close();
	});

	it('does not wait for validators of calls outside of it, which may wait for the lock', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		let unlock = (): void => undefined;
		const unlocked = new Promise<void>((resolve) => {
			unlock = resolve;
		});
		const validate = async (value: unknown): Promise<{ value: unknown }> => {
			await unlocked;
			return { value };
		};
		const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
		const outside = writer.write(file, 'outside', { schema });
		const inside = await withLock(file, async () => {
			const updated = await writer.update(file, (old) => `inside, after ${String(old)}`);
			await writer.flush(file);
			return updated;
		});
		expect(inside).toBe('inside, after undefined');
		unlock();
		await outside;
		await writer.close();
	}, 5_000);

	it('refuses to be nested on one document, and may be nested on several', async () => {
		const [a, b] = [directory.file('a.json'), directory.file('b.json')];
		const nested = withLock(a, () => withLock(b, () => withLock(a, () => undefined)));
		await expect(nested).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT', path: a, step: 'lock' });
		await withLock(a, () => withLock(b, () => Promise.all([writeJson(a, 1), writeJson(b, 2)])));
		expect([await directory.json('a.json'), await directory.json('b.json')]).toEqual([1, 2]);
	});

	it('ends with its function: what that has left running is outside', async () => {
		const file = directory.file('a.json');
		let later: Promise<unknown> = Promise.resolve();
		await withLock(file, () => {
			later = sleep(20).then(() => withLock(file, () => writeJson(file, 'later')));
		});
		await later;
		expect(await directory.json('a.json')).toBe('later');
	});
});

describe('who waits for a lock', () => {
	it('gives up after its timeout, and the next one still gets it', async () => {
		const file = directory.file('a.json');
		let letGo = (): void => undefined;
		const held = withLock(file, () => new Promise<void>((resolve) => (letGo = resolve)));
		await sleep(10);
		const start = performance.now();
		const late = withLock(file, () => 'late', { timeoutMs: 50 });
		await expect(late).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', outcome: 'not_applied', path: file });
		expect(performance.now() - start).toBeGreaterThan(45);
		await expect(withLock(file, () => 'at once', { timeoutMs: 0 })).rejects.toThrow('another call of this process');
		const next = withLock(file, () => 'next');
		letGo();
		await held;
		expect(await next).toBe('next');
	});

	it('gives up when its signal is aborted', async () => {
		const file = directory.file('a.json');
		let letGo = (): void => undefined;
		let held: Promise<void> = Promise.resolve();
		await new Promise<void>((entered) => {
			held = withLock(file, () => {
				entered();
				return new Promise<void>((resolve) => (letGo = resolve));
			});
		});
		const controller = new AbortController();
		const waiting = withLock(file, () => 'never', { signal: controller.signal });
		const reason = new Error('not any more');
		controller.abort(reason);
		await expect(waiting).rejects.toBe(reason);
		letGo();
		await held;
		await expect(withLock(file, () => 'never', { signal: controller.signal })).rejects.toBe(reason);
	});

	it('may be one of a thousand without holding up other file work', async () => {
		const file = directory.file('a.json');
		let letGo = (): void => undefined;
		const held = withLock(file, () => new Promise<void>((resolve) => (letGo = resolve)));
		let entered = 0;
		const waiting = Array.from({ length: 1000 }, () => withLock(file, () => (entered += 1)));
		await writeJson(directory.file('other.json'), 'written');
		expect(await directory.json('other.json')).toBe('written');
		expect(entered).toBe(0);
		letGo();
		await held;
		await Promise.all(waiting);
		expect(entered).toBe(1000);
	});
});

describe('a lock that is lost', () => {
	it('makes a write under it fail before the rename', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 'old');
		const work = withLock(file, async (lock) => {
			lock.assertHeld();
			await rename(directory.file(LOCK_FILE), directory.file('elsewhere'));
			await writeRaw(directory.file(LOCK_FILE), '');
			await expect(writeJson(file, 'new')).rejects.toMatchObject({ code: 'ERR_LOCK_LOST', outcome: 'not_applied' });
			lock.assertHeld();
		});
		await expect(work).rejects.toMatchObject({ code: 'ERR_LOCK_LOST' });
		expect(await directory.json('a.json')).toBe('old');
		await directory.expectOnly('a.json', 'elsewhere', LOCK_FILE);
	});

	it('is also one of a link that leads to another document by now: others may hold that', async () => {
		const link = directory.file('link.json');
		await Promise.all(['a', 'b'].map((name) => writeJson(directory.file(`${name}.json`), name)));
		await symlink('a.json', link);
		const lost = { code: 'ERR_LOCK_LOST', outcome: 'not_applied', path: link };
		await withLock(link, async () => {
			await writeJson(link, 'a1');
			await rm(link);
			await symlink('b.json', link);
			await expect(writeJson(link, 'b1')).rejects.toMatchObject(lost);
			await expect(defaultWriter.update(link, () => 'b1')).rejects.toMatchObject(lost);
			await expect(remove(link)).rejects.toMatchObject(lost);
			const writer = createWriter();
			const late = writer.write(link, 'b1');
			expect(() => writer.flushSync()).toThrow(expect.objectContaining(lost));
			await expect(late).rejects.toMatchObject(lost);
			await writeJson(directory.file('a.json'), 'a2');
		});
		expect(await directory.json('a.json')).toBe('a2');
		expect(await directory.json('b.json')).toBe('b');
		await writeJson(link, 'b2');
		expect(await directory.json('b.json')).toBe('b2');
	});

	it('is another one for whoever comes next', async () => {
		const file = directory.file('a.json');
		await withLock(file, () => rm(directory.file(LOCK_FILE)));
		await withLock(file, () => writeJson(file, 1));
		expect(await directory.json('a.json')).toBe(1);
	});
});

describe('the lock file', () => {
	it('makes the directory that it lies in', async () => {
		const file = directory.file('deep', 'er', 'a.json');
		await withLock(file, () => writeJson(file, 1));
		expect(await readFile(file, 'utf8')).toBe('1\n');
	});

	it('must be a file: what a link would lead to is not touched', async () => {
		await symlink(directory.file('victim'), directory.file(LOCK_FILE));
		const locking = withLock(directory.file('a.json'), () => undefined);
		await expect(locking).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'lock', outcome: 'not_applied' });
		expect(existsSync(directory.file('victim'))).toBe(false);
	});

	it.runIf(existsSync('/proc/self'))('that can never be made is an error, not a wait without end', async () => {
		const locking = withLock('/proc/a.json', () => undefined, { timeoutMs: 100 });
		await expect(locking).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'lock' });
	});

	it('is no document, and is not removed with one', async () => {
		const file = directory.file('a.json');
		await withLock(file, () => writeJson(file, 1));
		await expect(writeJson(directory.file(LOCK_FILE), 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		await remove(file);
		await directory.expectOnly(LOCK_FILE);
	});

	it('has the name of a hash where the document has a long one', async () => {
		const name = `${'n'.repeat(140)}.json`;
		await withLock(directory.file(name), () => writeJson(directory.file(name), 1));
		const [lockFile] = (await directory.names()).filter((file) => file !== name);
		expect(lockFile).toMatch(/^\.dj1lh-[0-9a-f]{32}$/);
	});
});

describe('without kernel locks', () => {
	const fileSystem = {
		...nodeFileSystem,
		open: async (...args: Parameters<typeof nodeFileSystem.open>) => {
			const file = await nodeFileSystem.open(...args);
			if (path.basename(args[0]) !== LOCK_FILE) return file;
			return {
				tryLock: () => 'unsupported' as const,
				statSync: () => file.statSync(),
				close: () => file.close(),
			} as OpenFile;
		},
	};

	it('locking says what is missing, and what to do', async () => {
		const locking = withLock(directory.file('a.json'), () => undefined, { fileSystem });
		await expect(locking).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', step: 'lock' });
		await expect(locking).rejects.toThrow(/musl|fs-native-extensions/);
		expect(openFilesIn(directory.path)).toEqual([]);
		const writer = createWriter({ fileSystem, lock: 'file' });
		await expect(writer.write(directory.file('a.json'), 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		await writer.close();
	});
});

describe('bad arguments', () => {
	it.each([
		['fn', 'nothing', {}],
		['timeoutMs', () => undefined, { timeoutMs: -1 }],
		['timeoutMs', () => undefined, { timeoutMs: Number.NaN }],
		['timeoutMs', () => undefined, { timeoutMs: '5' }],
		['signal', () => undefined, { signal: {} }],
		['options', () => undefined, null],
	])('names %s', async (name, fn, options) => {
		const locking = withLock(directory.file('a.json'), fn as () => undefined, options as object);
		await expect(locking).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
			message: expect.stringContaining(name),
		});
		await directory.expectOnly();
	});
});

describe("a writer's lock option", () => {
	it.each(['file', 'none'] as const)('%s must be that of every writer of the document', async (lock) => {
		const file = directory.file('a.json');
		const first = createWriter({ lock });
		await first.write(file, 1);
		const second = createWriter();
		await expect(second.write(file, 2)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', step: 'lock' });
		expect(await directory.json('a.json')).toBe(1);
		await first.close();
		await second.write(file, 3);
		await second.close();
	});

	it('says nothing where the writer has not written', async () => {
		const file = directory.file('a.json');
		const controller = new AbortController();
		const first = createWriter({ lock: 'none' });
		const aborted = first.write(file, 1, { signal: controller.signal });
		controller.abort(new Error('away'));
		await expect(aborted).rejects.toThrow('away');
		await expect(first.write(file, { n: 1n })).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
		await writeJson(file, 2);
		await first.close();
	});

	it('is remembered of the documents written last, and of no others', async () => {
		const fileSystem = new SimulatedDisk();
		const first = createWriter({ fileSystem, lock: 'none', strategy: immediate() });
		const second = createWriter({ fileSystem });
		const options = { durability: 'none' } as const;
		for (let from = 0; from < 10_100; from += 100) {
			await Promise.all(Array.from({ length: 100 }, (_, i) => first.write(`/${from + i}.json`, i, options)));
		}
		await second.write('/0.json', 'forgotten', options);
		await expect(second.write('/10099.json', 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', step: 'lock' });
		await first.close();
		await second.write('/10099.json', 1, options);
		await second.close();
	});

	it('holds for flushSync, too', async () => {
		const file = directory.file('a.json');
		const first = createWriter({ lock: 'none' });
		await first.write(file, 1);
		const second = createWriter();
		const write = second.write(file, 2);
		const rejected = expect(write).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', step: 'lock' });
		expect(() => second.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', step: 'lock' }));
		await rejected;
		expect(await directory.json('a.json')).toBe(1);
		await Promise.all([first.close(), second.close()]);
	});

	it('must be one that there is', () => {
		expect(() => createWriter({ lock: 'global' as 'file' })).toThrow(/options.lock must be/);
		expect(() => createWriter({ lockTimeoutMs: -1 })).toThrow(/options.lockTimeoutMs must be/);
	});

	it('file: flushSync takes the lock, unless this process holds it', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ lock: 'file', strategy: debounce({ waitMs: 1000, maxWaitMs: 1000 }) });
		const first = writer.write(file, 1);
		writer.flushSync();
		expect(await directory.json('a.json')).toBe(1);
		await first;
		await withLock(file, () => {
			writer.schedule(file, 2);
			writer.flushSync();
		});
		expect(await directory.json('a.json')).toBe(2);
		await writer.close();
		expect(openFilesIn(directory.path)).toEqual([]);
	});
});
