import { rm, symlink, writeFile as writeRaw } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
	debounce,
	defaultWriter,
	type JsonFile,
	openJsonFile,
	type RecoveredDocument,
	withLock,
	writeJson,
} from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { seededRandom } from '../../lib/testing/seeded-random.ts';
import { startChild } from '../support/child.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const schema = z.object({ count: z.number() });

describe('openJsonFile', () => {
	it('writes initial where there is no document, and gives what stands there afterwards', async () => {
		const file = await openJsonFile(directory.file('a.json'), { initial: { count: 0 } });
		expect(file.value).toEqual({ count: 0 });
		expect(await directory.json('a.json')).toEqual({ count: 0 });
		expect(await file.update(({ count }) => ({ count: count + 1 }))).toEqual({ count: 1 });
		expect(file.value).toEqual({ count: 1 });
		await file.write({ count: 5 });
		expect(file.value).toEqual({ count: 5 });
		await file.write(() => ({ count: 6 }));
		expect(file.value).toEqual({ count: 6 });
		await file.close();
		const closed = { code: 'ERR_CLOSED', message: `the document ${file.path} was closed here: nothing was done` };
		await expect(file.write({ count: 7 })).rejects.toMatchObject(closed);
		await expect(file.update((value) => value)).rejects.toMatchObject(closed);
		await using again = await openJsonFile(directory.file('a.json'), { initial: { count: 0 } });
		expect(again.value).toEqual({ count: 6 });
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('without initial there may be no value', async () => {
		const file = await openJsonFile<{ count: number }>(directory.file('a.json'));
		expect(file.value).toBeUndefined();
		await directory.expectOnly();
		await file.update((state) => ({ count: (state?.count ?? 0) + 1 }));
		expect(file.value).toEqual({ count: 1 });
		await file.close();
	});

	it('is typed by its schema', async () => {
		const file = await openJsonFile(directory.file('a.json'), { schema, initial: { count: 1 } });
		expectTypeOf(file.value).toEqualTypeOf<{ count: number }>();
		const themed = z.object({ theme: z.enum(['light', 'dark']) });
		// What begins is of a wider type, and says nothing of what the document may be.
		await using exact = await openJsonFile(directory.file('c.json'), { schema: themed, initial: { theme: 'light' } });
		expectTypeOf(exact.value).toEqualTypeOf<{ theme: 'light' | 'dark' }>();
		const updated = await defaultWriter.update(directory.file('c.json'), (value) => value, {
			schema: themed,
			initial: { theme: 'light' },
		});
		expectTypeOf(updated).toEqualTypeOf<{ theme: 'light' | 'dark' }>();
		const optional = await openJsonFile(directory.file('b.json'), { schema });
		expectTypeOf(optional.value).toEqualTypeOf<{ count: number } | undefined>();
		await Promise.all([file.close(), optional.close()]);
	});

	it('an update begins with initial where somebody else has removed the document', async () => {
		const initial = { count: 10 };
		await using file = await openJsonFile(directory.file('a.json'), { initial });
		await file.update(({ count }) => ({ count: count + 1 }));
		await rm(directory.file('a.json'));
		expect(await file.update(({ count }) => ({ count: count + 1 }))).toEqual({ count: 11 });
		expect(await directory.json('a.json')).toEqual({ count: 11 });
		expect(initial).toEqual({ count: 10 });
	});

	it("with lock: 'none' it is written, and never updated", async () => {
		await using file = await openJsonFile(directory.file('a.json'), { initial: 1, lock: 'none' });
		await file.write(2);
		await expect(file.update(() => 3)).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
			message: expect.stringContaining('options.lock'),
		});
		expect(await directory.json('a.json')).toBe(2);
	});

	it('recovers first, and tells what it found', async () => {
		await writeJson(directory.file('a.json'), { count: 1 }, { backups: 1 });
		await writeJson(directory.file('a.json'), { count: 2 }, { backups: 1 });
		await writeRaw(directory.file('a.json'), '');
		const outcomes: string[] = [];
		const onRecovered = ({ outcome }: { outcome: string }): unknown => outcomes.push(outcome);
		const file = await openJsonFile(directory.file('a.json'), { initial: { count: 0 }, onRecovered });
		expect(file.value).toEqual({ count: 1 });
		expect(outcomes).toEqual(['restored']);
		await file.close();
	});

	it('read sees what others have written', async () => {
		const file = await openJsonFile(directory.file('a.json'), { schema, initial: { count: 0 } });
		await writeRaw(directory.file('a.json'), '{"count":9}');
		expect(file.value).toEqual({ count: 0 });
		expect(await file.read()).toEqual({ count: 9 });
		expect(file.value).toEqual({ count: 9 });
		await writeRaw(directory.file('a.json'), '{"count":"x"}');
		await expect(file.read()).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		await rm(directory.file('a.json'));
		await expect(file.read()).rejects.toMatchObject({ code: 'ERR_READ_FAILED' });
		expect(file.value).toEqual({ count: 9 });
		await file.close();
	});

	it('value is that of the newest that has landed, whatever fails', async () => {
		const file = await openJsonFile(directory.file('a.json'), { schema, initial: { count: 0 } });
		await expect(file.write({ count: 'x' } as never)).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		await expect(file.update(() => ({ count: 'x' }) as never)).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		expect(file.value).toEqual({ count: 0 });
		await Promise.all([
			file.write({ count: 1 }),
			file.write({ count: 2 }),
			file.update(({ count }) => ({ count: count + 1 })),
		]);
		expect(file.value).toEqual({ count: 3 });
		await file.close();
	});

	it('has flushSync for an exit handler', async () => {
		const strategy = debounce({ waitMs: 60_000, maxWaitMs: 60_000 });
		const file = await openJsonFile(directory.file('a.json'), { initial: 0, strategy, lock: 'file' });
		const write = file.write(1);
		file.flushSync();
		expect(file.value).toBe(1);
		expect(await directory.json('a.json')).toBe(1);
		await write;
		await file.close();
	});

	it('may be opened under a lock of the document', async () => {
		await withLock(directory.file('a.json'), async () => {
			const file = await openJsonFile(directory.file('a.json'), { initial: 1, lock: 'file' });
			await file.update((value) => value + 1);
			await file.close();
		});
		expect(await directory.json('a.json')).toBe(2);
	});

	it('opened by many processes at once, begins with initial once', async () => {
		const script = `
			const { openJsonFile } = await import(process.env.LIBRARY);
			const file = await openJsonFile(process.argv[1], { initial: { count: 0 }, lock: 'file' });
			for (let i = 0; i < 20; i++) await file.update(({ count }) => ({ count: count + 1 }));
			await file.close();
		`;
		const children = Array.from({ length: 4 }, () => startChild(script, [directory.file('a.json')]));
		await Promise.all(children.map((child) => new Promise((resolve) => child.on('exit', resolve))));
		expect(await directory.json('a.json')).toEqual({ count: 80 });
	});
});

describe('read, while the document changes', () => {
	/** The real disk, on which what `stat` and `readFile` have found may come late. */
	function lateFileSystem(late: (call: 'stat' | 'readFile') => Promise<unknown>): FileSystem {
		return {
			...nodeFileSystem,
			async stat(path) {
				const found = await nodeFileSystem.stat(path);
				await late('stat');
				return found;
			},
			async readFile(path, options) {
				const found = await nodeFileSystem.readFile(path, options);
				await late('readFile');
				return found;
			},
		};
	}

	it.each([1, 2])('takes nothing older than a write that was acknowledged meanwhile: look %i', async (look) => {
		let looks = 0;
		let during = (): Promise<unknown> => Promise.resolve();
		const late = async (call: string): Promise<void> => {
			if (call === 'stat' && ++looks === look) await during();
		};
		const file = await openJsonFile(directory.file('a.json'), { initial: 0, fileSystem: lateFileSystem(late) });
		looks = 0;
		during = () => file.write(1);
		await file.read();
		expect(file.value).toBe(1);
		await file.write(2, { ifUnchanged: true });
		await file.close();
	});

	it('of two reads at once, the one that ends last but began first takes nothing older', async () => {
		let during = (): Promise<unknown> => Promise.resolve();
		let looks = 0;
		const late = async (call: string): Promise<void> => {
			if (call === 'stat' && ++looks === 2) await during();
		};
		const file = await openJsonFile(directory.file('a.json'), { initial: 0, fileSystem: lateFileSystem(late) });
		looks = 0;
		during = () => writeRaw(directory.file('a.json'), '500').then(() => file.read());
		await file.read();
		expect(file.value).toBe(500);
		await file.write(2, { ifUnchanged: true });
		await file.close();
	});

	it('value never falls behind what was acknowledged, and ifUnchanged knows what is its own', async () => {
		const random = seededRandom(7);
		const late = (): Promise<unknown> => sleep(random() < 0.5 ? 0 : random() * 4);
		const file = await openJsonFile(directory.file('a.json'), { initial: 0, fileSystem: lateFileSystem(late) });
		let writing = true;
		const reader = async (): Promise<void> => {
			while (writing) await file.read();
		};
		const readers = [reader(), reader(), reader()];
		for (let count = 1; count <= 150; count++) {
			await file.write(count, { ifUnchanged: true });
			expect(file.value).toBe(count);
			await sleep(random() * 2);
			expect(file.value).toBe(count);
		}
		writing = false;
		await Promise.all(readers);
		expect(file.value).toBe(150);
		await file.close();
	});
});

describe('ifUnchanged', () => {
	it('refuses to write over what somebody else has changed, until it has been read', async () => {
		const file = await openJsonFile(directory.file('a.json'), { initial: { count: 0 }, ifUnchanged: true });
		await file.write({ count: 1 });
		await Promise.all([file.write({ count: 2 }), file.write({ count: 3 })]);
		await writeJson(directory.file('a.json'), { count: 50 });
		await expect(file.write({ count: 4 })).rejects.toMatchObject({ code: 'ERR_CONFLICT', outcome: 'not_applied' });
		expect(await directory.json('a.json')).toEqual({ count: 50 });
		await file.write({ count: 5 }, { ifUnchanged: false });
		await writeRaw(directory.file('a.json'), '{"count":60}');
		await expect(file.write({ count: 6 })).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
		expect(await file.read()).toEqual({ count: 60 });
		await file.write({ count: 7 });
		await rm(directory.file('a.json'));
		await expect(file.write({ count: 8 })).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
		expect(await file.update((state) => ({ count: state.count + 1 }))).toEqual({ count: 1 });
		await file.write({ count: 9 });
		expect(await directory.json('a.json')).toEqual({ count: 9 });
		await file.close();
		await directory.expectOnly('a.json');
	});

	it('of calls that share a commit, each gets the answer of its own', async () => {
		const strategy = debounce({ waitMs: 10, maxWaitMs: 50 });
		const path = directory.file('a.json');
		const file = await openJsonFile<number>(path, { initial: 0, strategy });
		const conflict = { reason: { code: 'ERR_CONFLICT', outcome: 'not_applied' } };
		const ifUnchanged = true;
		await writeRaw(path, '50');
		expect(await Promise.allSettled([file.write(1, { ifUnchanged }), file.write(2)])).toMatchObject([conflict, {}]);
		expect(await directory.json('a.json')).toBe(2);
		await writeRaw(path, '60');
		expect(
			await Promise.allSettled([file.write(3), file.write(4, { ifUnchanged }), file.write(5, { ifUnchanged })]),
		).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }, { status: 'fulfilled' }]);
		expect(await directory.json('a.json')).toBe(5);
		await writeRaw(path, '70');
		const mixed = [file.write(6, { ifUnchanged }), file.update((n = 0) => n + 1), file.write(7, { ifUnchanged })];
		expect(await Promise.allSettled(mixed)).toMatchObject([conflict, { value: 71 }, conflict]);
		expect(await directory.json('a.json')).toBe(71);
		await writeRaw(path, '80');
		expect(await Promise.allSettled([file.write(8, { ifUnchanged }), file.write(9, { ifUnchanged })])).toMatchObject([
			conflict,
			conflict,
		]);
		expect(await directory.json('a.json')).toBe(80);
		await file.close();
	});

	it('asks for the document that was known at the call', async () => {
		const path = directory.file('a.json');
		const file = await openJsonFile<number>(path, { initial: 0, strategy: debounce({ waitMs: 50, maxWaitMs: 50 }) });
		await writeRaw(path, '50');
		const write = file.write(1, { ifUnchanged: true });
		const rejected = expect(write).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
		expect(await file.read()).toBe(50);
		await rejected;
		expect(await directory.json('a.json')).toBe(50);
		await file.write(2, { ifUnchanged: true });
		await file.close();
	});

	it('is no answer where the value of another writer has landed', async () => {
		const path = directory.file('a.json');
		const file = await openJsonFile<number>(path, { initial: 0, strategy: debounce({ waitMs: 20, maxWaitMs: 20 }) });
		const write = file.write(1, { ifUnchanged: true });
		const rejected = expect(write).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
		await writeJson(path, 2);
		await rejected;
		expect(await directory.json('a.json')).toBe(2);
		await file.close();
	});

	it('knows its own where flushSync has failed after the rename under way was made', async () => {
		const path = directory.file('a.json');
		let during: (() => void) | undefined;
		let fails = false;
		const fileSystem: FileSystem = {
			...nodeFileSystem,
			async rename(...args) {
				await nodeFileSystem.rename(...args);
				during?.();
			},
			sync: {
				...nodeFileSystem.sync,
				rename(from, to) {
					if (fails) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
					nodeFileSystem.sync.rename(from, to);
				},
			},
		};
		const file = await openJsonFile<number>(path, { initial: 0, fileSystem });
		during = () => {
			during = undefined;
			fails = true;
			expect(() => file.flushSync()).toThrow('EIO');
			fails = false;
		};
		await file.write(1);
		expect(during).toBeUndefined();
		expect(await directory.json('a.json')).toBe(1);
		expect(file.value).toBe(1);
		await file.write(2, { ifUnchanged: true });
		// And where it has not failed, what was displaced is not known for what stands.
		during = () => {
			during = undefined;
			file.flushSync();
		};
		await file.write(3);
		expect(file.value).toBe(3);
		await file.write(4, { ifUnchanged: true });
		expect(await directory.json('a.json')).toBe(4);
		await file.close();
	});

	it('holds for flushSync, too', async () => {
		const strategy = debounce({ waitMs: 60_000, maxWaitMs: 60_000 });
		const file = await openJsonFile(directory.file('a.json'), { initial: 0, strategy });
		await writeRaw(directory.file('a.json'), '500');
		const write = file.write(1, { ifUnchanged: true });
		const rejected = expect(write).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
		expect(() => file.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_CONFLICT' }));
		await rejected;
		expect(await directory.json('a.json')).toBe(500);
		await file.close();
	});
});

describe('an invalid document', () => {
	const cases = [
		['no JSON', '{"count":', 'ERR_CORRUPT'],
		['not what the schema asks for', '{"count":"x"}', 'ERR_VALIDATION'],
	] as const;

	it.each(cases)('%s: opening rejects, and leaves it', async (_, text, code) => {
		await writeRaw(directory.file('a.json'), text);
		const open = openJsonFile(directory.file('a.json'), { schema, initial: { count: 0 } });
		await expect(open).rejects.toMatchObject({ code });
		expect(await directory.text('a.json')).toBe(text);
		await directory.expectOnly('a.json');
	});

	it.each(cases)('%s: quarantine keeps it, and begins anew', async (_, text) => {
		await writeRaw(directory.file('a.json'), text);
		await using file = await openJsonFile(directory.file('a.json'), {
			schema,
			initial: { count: 0 },
			onInvalid: 'quarantine',
			backups: 2,
		});
		expect(file.value).toEqual({ count: 0 });
		const [kept = ''] = (await directory.names()).filter((name) => name !== 'a.json');
		expect(kept).toMatch(/^\.dj1qn-/);
		expect(await directory.text(kept)).toBe(text);
	});

	it('restore goes back to the newest backup that passes', async () => {
		const path = directory.file('a.json');
		for (const count of [1, 'x', 'y']) await writeJson(path, { count }, { backups: 3 });
		await using file = await openJsonFile(path, { schema, onInvalid: 'restore', backups: 3 });
		expect(file.value).toEqual({ count: 1 });
		expect(await directory.json('a.json')).toEqual({ count: 1 });
		expect((await directory.names()).filter((name) => name.startsWith('.dj1qn-'))).toHaveLength(1);
	});

	it('tells what was put in the place of the invalid one, and where that is kept', async () => {
		const path = directory.file('a.json');
		for (const count of [1, 'x', 'y']) await writeJson(path, { count }, { backups: 3 });
		const told: RecoveredDocument[] = [];
		const onRecovered = (found: RecoveredDocument): unknown => told.push(found);
		await (await openJsonFile(path, { schema, onInvalid: 'restore', onRecovered })).close();
		const quarantined = (): Promise<string[]> =>
			directory.names().then((all) => all.filter((name) => name.startsWith('.dj1qn-')));
		const [first = ''] = await quarantined();
		expect(told).toMatchObject([
			{ found: 'good', outcome: 'kept' },
			{
				...{ path, found: 'good', outcome: 'restored', rolledBack: true },
				source: directory.file('.dj1bn-002-a.json'),
				quarantined: directory.file(first),
				error: { code: 'ERR_VALIDATION' },
				why: expect.stringMatching(/002-a\.json is the newest backup that passes$/),
			},
		]);
		told.length = 0;
		await writeRaw(directory.file('b.json'), '{"cou');
		const options = { schema, onInvalid: 'quarantine', initial: { count: 0 }, onRecovered } as const;
		await (await openJsonFile(directory.file('b.json'), options)).close();
		const second = (await quarantined()).find((name) => name.endsWith('-b.json')) ?? '';
		expect(told).toMatchObject([
			{ found: 'torn', outcome: 'lost' },
			{
				found: 'torn',
				outcome: 'lost',
				rolledBack: true,
				quarantined: directory.file(second),
				error: { code: 'ERR_CORRUPT' },
			},
		]);
		expect(told[1]).not.toHaveProperty('source');
	});

	it('restore rejects where no backup passes, and leaves it', async () => {
		const path = directory.file('a.json');
		for (const count of ['x', 'y']) await writeJson(path, { count }, { backups: 3 });
		await expect(openJsonFile(path, { schema, onInvalid: 'restore' })).rejects.toMatchObject({
			code: 'ERR_VALIDATION',
		});
		expect(await directory.json('a.json')).toEqual({ count: 'y' });
	});
});

describe('migrate', () => {
	const path = (): string => directory.file('a.json');
	const current = z.object({ version: z.number(), names: z.array(z.string()) });
	const migrate = (value: unknown, fromVersion: number): unknown => {
		const { name, names } = value as { name?: string; names?: string[] };
		return { version: 3, names: names ?? [name], was: fromVersion };
	};

	it('brings an older document to this version, and keeps the old one as a backup', async () => {
		await writeJson(path(), { name: 'a' });
		const file = await openJsonFile(path(), { schema: current, version: 3, migrate });
		expect(file.value).toEqual({ version: 3, names: ['a'] });
		expect(await directory.json('a.json')).toEqual({ version: 3, names: ['a'] });
		expect(await directory.json('.dj1bn-001-a.json')).toEqual({ name: 'a' });
		await file.close();
		const never = (): never => {
			throw new Error('called again');
		};
		await (await openJsonFile(path(), { schema: current, version: 3, migrate: never })).close();
	});

	describe('an older document that an open one comes upon', () => {
		const options = { schema: current, version: 3, migrate, backups: 2 };
		const older = { version: 2, name: 'older' };

		/** It stands in its backup alone, of an older version. */
		async function openAndRemove(settings: object = options): Promise<JsonFile<z.infer<typeof current>>> {
			await writeJson(path(), older);
			const file = await openJsonFile(path(), { ...options, initial: { version: 3, names: [] } });
			await file.close();
			await rm(path());
			await writeJson(path(), { version: 3, names: ['b'] });
			const again = await openJsonFile(path(), { ...options, ...settings, initial: { version: 3, names: [] } });
			await rm(path());
			return again;
		}

		it('is migrated by read', async () => {
			await using file = await openAndRemove();
			expect(await file.read()).toEqual({ version: 3, names: ['older'] });
			expect(file.value).toEqual({ version: 3, names: ['older'] });
			// Nothing is changed on the disk.
			await directory.expectOnly('.dj1bn-001-a.json');
		});

		it('is migrated before an update', async () => {
			await using file = await openAndRemove();
			const push = (value: { names: string[] }): void => void value.names.push('new');
			await Promise.all([file.update(push as never), file.update(push as never)]);
			expect(file.value).toMatchObject({ version: 3, names: ['older', 'new', 'new'] });
			expect(await directory.json('.dj1bn-001-a.json')).toEqual(older);
		});

		it('is migrated before an update where another program has written it, and kept as a backup', async () => {
			await using file = await openJsonFile(path(), { ...options, backups: 0, initial: { version: 3, names: [] } });
			await writeRaw(path(), JSON.stringify({ version: 1, name: 'theirs' }));
			await expect(
				file.update(() => {
					throw new Error('no');
				}),
			).rejects.toThrow('no');
			expect(await directory.json('a.json')).toEqual({ version: 1, name: 'theirs' });
			await file.update(({ names }) => ({ version: 3, names: [...names, 'ours'] }));
			expect(await directory.json('a.json')).toEqual({ version: 3, names: ['theirs', 'ours'] });
			expect(await directory.json('.dj1bn-001-a.json')).toEqual({ version: 1, name: 'theirs' });
		});

		it('is the one that is kept where the link to it is moved meanwhile', async () => {
			const link = directory.file('link.json');
			await writeRaw(path(), JSON.stringify({ version: 3, names: [] }));
			await writeRaw(directory.file('b.json'), JSON.stringify({ version: 2, name: 'another' }));
			await symlink(path(), link);
			const moving = async (value: unknown, from: number): Promise<unknown> => {
				await rm(link);
				await symlink(directory.file('b.json'), link);
				return migrate(value, from);
			};
			await using file = await openJsonFile(link, { ...options, initial: { version: 3, names: [] }, migrate: moving });
			await writeRaw(path(), JSON.stringify(older));
			await file.update(({ names }) => ({ version: 3, names: [...names, 'new'] }));
			expect(await directory.json('a.json')).toEqual({ version: 3, names: ['older', 'new'] });
			expect(await directory.json('.dj1bn-001-a.json')).toEqual(older);
			await directory.expectOnly('a.json', 'b.json', 'link.json', '.dj1bn-001-a.json');
		});

		it('rejects where migrate throws, and says why', async () => {
			const failing = (): never => {
				throw new Error('away');
			};
			await using file = await openAndRemove({ migrate: failing });
			const rejection = { code: 'ERR_VALIDATION', step: 'migrate', message: expect.stringContaining('away') };
			await expect(file.read()).rejects.toMatchObject(rejection);
			await expect(file.update((value) => value)).rejects.toMatchObject(rejection);
			await directory.expectOnly('.dj1bn-001-a.json');
		});

		it('is refused where it is of a newer version', async () => {
			await using file = await openJsonFile(path(), { ...options, initial: { version: 3, names: [] } });
			await writeRaw(path(), JSON.stringify({ version: 4, names: ['theirs'] }));
			const refusal = { code: 'ERR_UNSUPPORTED', step: 'migrate' };
			await expect(file.read()).rejects.toMatchObject(refusal);
			await expect(file.update(() => ({ version: 3, names: [] }))).rejects.toMatchObject(refusal);
			expect(await directory.json('a.json')).toEqual({ version: 4, names: ['theirs'] });
		});
	});

	it('may change what it is given and return that', async () => {
		await writeJson(path(), { version: 1, name: 'a' });
		const inPlace = (value: unknown): unknown => Object.assign(value as object, { version: 2 });
		await (await openJsonFile(path(), { version: 2, migrate: inPlace })).close();
		expect(await directory.json('a.json')).toEqual({ version: 2, name: 'a' });
		expect(await directory.json('.dj1bn-001-a.json')).toEqual({ version: 1, name: 'a' });
	});

	it('is told the version, may be asynchronous, and leaves the document where it fails', async () => {
		await writeJson(path(), { version: 2, name: 'a' });
		const failing = async (_value: unknown, fromVersion: number): Promise<never> => {
			throw new Error(`from ${fromVersion}`);
		};
		const thrown = expect.objectContaining({ message: 'from 2' }) as unknown;
		for (const onInvalid of ['throw', 'quarantine', 'restore'] as const) {
			const failed = openJsonFile(path(), { version: 3, migrate: failing, onInvalid, initial: {} });
			await expect(failed).rejects.toMatchObject({
				code: 'ERR_VALIDATION',
				step: 'migrate',
				cause: thrown,
				path: path(),
			});
		}
		const invalid = openJsonFile(path(), { schema: current, version: 3, migrate: () => ({ version: 3 }) });
		await expect(invalid).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		const unversioned = openJsonFile(path(), { version: 3, migrate: () => ({ names: [] }) });
		await expect(unversioned).rejects.toMatchObject({ code: 'ERR_VALIDATION', issues: [{ path: ['version'] }] });
		expect(await directory.json('a.json')).toEqual({ version: 2, name: 'a' });
		await directory.expectOnly('a.json');
	});

	it.each(['throw', 'restore'] as const)('%s leaves it where nothing that it makes is valid', async (onInvalid) => {
		await writeJson(path(), { version: 1, names: ['older'] }, { backups: 2 });
		await writeJson(path(), { version: 2, names: ['a'] }, { backups: 2 });
		const before = await directory.names();
		const migrate = (): unknown => ({ version: 3, names: 'a' });
		const opening = openJsonFile(path(), { schema: current, version: 3, onInvalid, migrate });
		await expect(opening).rejects.toMatchObject({ code: 'ERR_VALIDATION', path: path(), outcome: 'not_applied' });
		await expect(opening).rejects.toThrow('as migrated from version 2, is not valid');
		expect(await directory.json('a.json')).toEqual({ version: 2, names: ['a'] });
		expect(await directory.names()).toEqual(before);
	});

	const quarantined = async (): Promise<string[]> =>
		(await directory.names()).filter((name) => name.startsWith('.dj1qn-'));

	it('quarantine keeps a document of which it makes nothing valid, and begins anew', async () => {
		await writeJson(path(), { version: 2, names: 'a' });
		const initial = { version: 3, names: [] };
		const asIs = (value: unknown): unknown => value;
		const options = { schema: current, version: 3, migrate: asIs, onInvalid: 'quarantine', initial } as const;
		await using file = await openJsonFile(path(), options);
		expect(file.value).toEqual(initial);
		const [kept = ''] = await quarantined();
		expect(await directory.json(kept)).toEqual({ version: 2, names: 'a' });
	});

	it('restore migrates the newest backup of which something valid comes', async () => {
		for (const names of [['older'], ['a'], 'b', 'c']) await writeJson(path(), { version: 2, names }, { backups: 3 });
		await using file = await openJsonFile(path(), { schema: current, version: 3, migrate, onInvalid: 'restore' });
		expect(file.value).toEqual({ version: 3, names: ['a'] });
		expect(await directory.json('a.json')).toMatchObject({ version: 3, names: ['a'] });
		expect(await quarantined()).toHaveLength(1);
	});

	const empty = ['null', '{}', '[]'].flatMap((text) => [
		[text, 'throws', migrate] as const,
		[text, 'returns it', (value: unknown) => value] as const,
		[text, 'is not given', undefined] as const,
	]);
	const throwing = (value: unknown, fromVersion: number): unknown => {
		if (fromVersion > 0) return migrate(value, fromVersion);
		throw new TypeError('nothing in it');
	};

	it.each(empty)('%s, where it %s, is invalid: onInvalid decides', async (text, how, given) => {
		const options = { schema: current, version: 3, migrate: how === 'throws' ? throwing : given };
		await writeJson(path(), { version: 3, names: ['a'] }, { backups: 2 });
		await writeJson(path(), JSON.parse(text), { backups: 2 });
		await expect(openJsonFile(path(), options)).rejects.toMatchObject({ code: 'ERR_VALIDATION', path: path() });
		expect(await directory.json('a.json')).toEqual(JSON.parse(text));
		const restored = await openJsonFile(path(), { ...options, onInvalid: 'restore' });
		expect(restored.value).toEqual({ version: 3, names: ['a'] });
		await restored.close();
		await writeRaw(path(), text);
		const initial = { version: 3, names: ['new'] };
		const begun = await openJsonFile(path(), { ...options, onInvalid: 'quarantine', initial });
		expect(begun.value).toEqual(initial);
		await begun.close();
		expect(await Promise.all((await quarantined()).map((name) => directory.text(name)))).toEqual([
			expect.stringContaining(text),
			text,
		]);
	});

	it('what it takes out of a document before it throws is no sign that there was nothing in it', async () => {
		await writeJson(path(), { name: 'a' });
		const taking = (value: unknown): never => {
			delete (value as { name?: string }).name;
			throw new Error('away');
		};
		const initial = { version: 3 };
		const opening = openJsonFile(path(), { version: 3, migrate: taking, onInvalid: 'quarantine', initial });
		await expect(opening).rejects.toMatchObject({ code: 'ERR_VALIDATION', step: 'migrate' });
		expect(await directory.json('a.json')).toEqual({ name: 'a' });
	});

	it('rejects with the reason of a signal that is aborted meanwhile', async () => {
		await writeJson(path(), {});
		const controller = new AbortController();
		const waiting = async (): Promise<never> => {
			controller.abort(new Error('away'));
			throw new Error('interrupted');
		};
		const initial = { version: 3 };
		const { signal } = controller;
		const opening = openJsonFile(path(), { version: 3, migrate: waiting, onInvalid: 'quarantine', initial, signal });
		await expect(opening).rejects.toThrow('away');
		expect(await directory.json('a.json')).toEqual({});
	});

	it('validates once: what a validator puts out may be of another type than what it takes', async () => {
		const dated = z.object({ version: z.number(), at: z.string().transform((text) => ({ year: Number(text) })) });
		await writeJson(path(), { at: '2025' });
		const file = await openJsonFile(path(), {
			schema: dated,
			version: 1,
			migrate: (old) => ({ ...(old as object), version: 1 }),
		});
		expect(file.value).toEqual({ version: 1, at: { year: 2025 } });
		await file.close();
	});

	it('a newer document, or an older one without migrate, is not touched', async () => {
		await writeJson(path(), { version: 4 });
		const newer = openJsonFile(path(), { version: 3, migrate, initial: {}, onInvalid: 'quarantine' });
		await expect(newer).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED', step: 'migrate' });
		await expect(openJsonFile(path(), { version: 5 })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		expect(await directory.json('a.json')).toEqual({ version: 4 });
		await directory.expectOnly('a.json');
	});

	it('waits for a validator whose answer has a method then, by whatever library it was made', async () => {
		const validate = (value: unknown): object =>
			Object.defineProperty({}, 'then', { value: (resolve: (result: unknown) => void) => resolve({ value }) });
		const schema = { '~standard': { version: 1, vendor: 'test', validate } } as unknown as StandardSchemaV1<
			unknown,
			object
		>;
		await using file = await openJsonFile(path(), { version: 1, schema, initial: { version: 1, names: [] } });
		expect(file.value).toEqual({ version: 1, names: [] });
	});

	it('no value without the version is written', async () => {
		await using file = await openJsonFile<{ version?: number }>(path(), { version: 1, initial: { version: 1 } });
		await expect(file.write({})).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		await expect(file.update(() => ({}))).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		expect(await directory.json('a.json')).toEqual({ version: 1 });
	});
});

describe('bad options', () => {
	it.each([
		['onInvalid', { onInvalid: 'ignore' }],
		['initial', { onInvalid: 'quarantine' }],
		['ifUnchanged', { ifUnchanged: 1 }],
		['version', { version: 0 }],
		['version', { version: 1.5 }],
		['version', { migrate: () => 1 }],
		['migrate', { version: 1, migrate: 'x' }],
		['schema', { schema: {} }],
		['lock', { lock: 'global' }],
		['lockTimeoutMs', { lockTimeoutMs: -1 }],
		['strategy', { strategy: 5 }],
		['backups', { backups: -1 }],
		['signal', { signal: 5 }],
		['onRecovered', { onRecovered: 5 }],
	])('names %s', async (name, options) => {
		await expect(openJsonFile(directory.file('a.json'), options as object)).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
			message: expect.stringContaining(name),
		});
		await directory.expectOnly();
	});

	it('a signal that is aborted ends the opening', async () => {
		const signal = AbortSignal.abort(new Error('away'));
		await expect(openJsonFile(directory.file('a.json'), { initial: 1, signal })).rejects.toThrow('away');
		await directory.expectOnly();
	});
});
