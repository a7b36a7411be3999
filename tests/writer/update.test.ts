import { readFile, rm, symlink, writeFile as writeRaw } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
	createWriter,
	debounce,
	defaultWriter,
	immediate,
	type JsonWriter,
	withLock,
	writeJson,
} from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { drive } from '../support/simulation.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

interface Counter {
	count: number;
}

/** What `await` waits for, though it is no promise. */
function withThen(then: unknown): object {
	return Object.defineProperty({}, 'then', { value: then });
}

const increment = (state: Counter | undefined): Counter => ({ count: (state?.count ?? 0) + 1 });

describe('update', () => {
	it.each([undefined, 'file'] as const)(
		'50 tasks, 100 increments each: none is lost, few commits (lock: %s)',
		async (lock) => {
			const file = directory.file('a.json');
			const writer = createWriter({ lock });
			const task = async (): Promise<void> => {
				for (let i = 0; i < 100; i++) await writer.update(file, increment);
			};
			await Promise.all(Array.from({ length: 50 }, task));
			expect(await directory.json('a.json')).toEqual({ count: 5000 });
			expect(writer.stats()).toMatchObject({ calls: 5000, failures: 0, pending: 0, queuedValues: 0 });
			expect(writer.stats().commits).toBeLessThan(500);
			await writer.close();
		},
	);

	it('takes what is returned, what a promise gives, or the copy as it was changed', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { list: [1] });
		const changed = await defaultWriter.update<{ list: number[] }>(file, (state) => {
			state?.list.push(2);
			return undefined;
		});
		expect(changed).toEqual({ list: [1, 2] });
		expect(await defaultWriter.update<{ list: number[] }>(file, async () => ({ list: [3] }))).toEqual({ list: [3] });
		expect(await directory.json('a.json')).toEqual({ list: [3] });
	});

	it('waits for what has a method then, by whatever library it was made', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 1 });
		const thenable = (value: unknown): object =>
			withThen((resolve: (value: unknown) => void) => setTimeout(resolve, 1, value));
		const update = (fn: () => unknown): Promise<unknown> => defaultWriter.update(file, fn as () => Counter);
		expect(await update(() => thenable({ count: 2 }))).toEqual({ count: 2 });
		expect(await update(() => thenable(thenable({ count: 3 })))).toEqual({ count: 3 });
		class Lazy {
			// biome-ignore lint/suspicious/noThenProperty: query builders have one
			then(resolve: (value: Counter) => void): void {
				resolve({ count: 4 });
			}
		}
		expect(await update(() => new Lazy())).toEqual({ count: 4 });
		expect(await directory.json('a.json')).toEqual({ count: 4 });
	});

	it('one whose then throws, rejects or gives nothing of worth changes nothing', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 1 });
		const own = new Error('own');
		const fail = (): never => {
			throw own;
		};
		const odd: (() => unknown)[] = [
			() => withThen(fail),
			() => withThen((_: unknown, reject: (reason: unknown) => void) => reject(own)),
			() => Object.defineProperty({}, 'then', { get: fail }),
		];
		for (const fn of odd) await expect(defaultWriter.update(file, fn as () => Counter)).rejects.toBe(own);
		const stray = defaultWriter.update(file, (() => withThen((resolve: (n: number) => void) => resolve(5))) as never);
		await expect(stray).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		expect(await directory.json('a.json')).toEqual({ count: 1 });
	});

	it('each sees the one before it, and has a copy of its own', async () => {
		const file = directory.file('a.json');
		const results = await Promise.all(
			Array.from({ length: 5 }, (_, i) =>
				defaultWriter.update<number[]>(file, (list) => [...list, i], { initial: [] }),
			),
		);
		expect(results).toEqual([[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]);
		results[4]?.push(99);
		expect(await defaultWriter.update<number[]>(file, (list) => list)).toEqual([0, 1, 2, 3, 4]);
	});

	it('one that throws rejects alone, and nothing of it stays', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 1 });
		const own = new Error('own');
		const settled = await Promise.allSettled([
			defaultWriter.update(file, increment),
			defaultWriter.update<Counter>(file, (state) => {
				if (state) state.count = 100;
				throw own;
			}),
			defaultWriter.update<Counter>(file, async () => Promise.reject(own)),
			defaultWriter.update(file, () => ({ count: 10n }) as unknown as Counter),
			defaultWriter.update(file, increment),
		]);
		expect(settled).toMatchObject([
			{ value: { count: 2 } },
			{ reason: own },
			{ reason: own },
			{ reason: { code: 'ERR_NOT_SERIALIZABLE', jsonPath: '$.count' } },
			{ value: { count: 3 } },
		]);
		expect(await directory.json('a.json')).toEqual({ count: 3 });
		await directory.expectOnly('a.json');
	});

	it('all that fail leave the document as it is, without a commit', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const failing = (): never => {
			throw new Error('own');
		};
		await Promise.allSettled([writer.update(file, failing), writer.update(file, failing)]);
		expect(writer.stats().commits).toBe(0);
		await directory.expectOnly();
		await writer.close();
	});

	it('sees the writes before it that still wait, and those after it win', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 0);
		const writer = createWriter({ strategy: debounce({ waitMs: 20, maxWaitMs: 1000 }) });
		const [, seen, , last] = await Promise.all([
			writer.write(file, 10),
			writer.update<number>(file, (count = -1) => count + 1),
			writer.write(file, () => 20),
			writer.update<number>(file, (count = -1) => count + 1),
		]);
		expect([seen, last]).toEqual([11, 21]);
		expect(writer.stats().commits).toBe(1);
		const late = await Promise.all([writer.update<number>(file, (count) => count), writer.write(file, 'last')]);
		expect(late).toMatchObject([21, { superseded: false }]);
		expect(await directory.json('a.json')).toBe('last');
		await writer.close();
	});

	it('sees the writes before it that another writer, or another spelling, still holds', async () => {
		const file = directory.file('a.json');
		const link = directory.file('link.json');
		await symlink('a.json', link);
		const holding = createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		const plain = createWriter();
		for (const [by, at, through] of [
			[holding, file, plain],
			[holding, link, plain],
			[plain, file, holding],
			[holding, link, holding],
			[plain, file, createWriter()],
		] as const) {
			const write = by.write(at, { count: 10 });
			const update = through.update(file, increment);
			await through.flush();
			expect(await update).toEqual({ count: 11 });
			expect(await write).toMatchObject({ superseded: false });
			expect(await directory.json('a.json')).toEqual({ count: 11 });
		}
		await Promise.all([holding.close(), plain.close()]);
	});

	it('called while a write of the path waits for its commit slot is carried out after it', async () => {
		const clock = new ManualClock();
		for (let turns = 0; turns < 30; turns++) {
			const disk = new SimulatedDisk({ clock });
			disk.plantDirectory('/d');
			const writer = createWriter({ fileSystem: disk, clock });
			const run = async (): Promise<void> => {
				const others = Array.from({ length: 5 }, (_, i) => writer.write(`/d/${i}.json`, i));
				const write = writer.write('/d/a.json', { count: 1 });
				for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
				expect(await writer.update('/d/a.json', increment)).toEqual({ count: 2 });
				await Promise.all([...others, write]);
			};
			await drive(run(), { disk, clock });
		}
	});

	it('where the last two values before it come to nothing, those for which they stood in are told', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 10, maxWaitMs: 10 }) });
		const controller = new AbortController();
		const calls = [
			writer.write(file, { count: 10 }),
			writer.write(file, { count: 20 }, { signal: controller.signal }),
			writer.write(file, { count: 30n }),
			writer.update(file, increment),
		];
		controller.abort(new Error('away'));
		expect(await Promise.allSettled(calls)).toMatchObject([
			{ reason: { code: 'ERR_NOT_SERIALIZABLE', outcome: 'not_applied' } },
			{ reason: { message: 'away' } },
			{ reason: { code: 'ERR_NOT_SERIALIZABLE' } },
			{ value: { count: 1 } },
		]);
		expect(await directory.json('a.json')).toEqual({ count: 1 });
		await writer.close();
	});

	it('comes after a stream that waits, which is written first', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 10, maxWaitMs: 10 }) });
		async function* rows(): AsyncGenerator<number> {
			yield 1;
			yield 2;
		}
		const stream = writer.write(file, rows());
		expect(await writer.update<number[]>(file, (list = []) => [...list, 3])).toEqual([1, 2, 3]);
		await stream;
		await writer.close();
	});

	it('sees what others have written meanwhile, also with the same size', async () => {
		const file = directory.file('a.json');
		await defaultWriter.update<number>(file, () => 1);
		await writeJson(file, 5);
		expect(await defaultWriter.update<number>(file, (count = 0) => count + 1)).toBe(6);
		await writeRaw(file, '8');
		expect(await defaultWriter.update<number>(file, (count = 0) => count + 1)).toBe(9);
	});

	it('begins with what initial gives where there is no document', async () => {
		const file = directory.file('a.json');
		const initial = { count: 41 };
		expect(await defaultWriter.update<Counter>(file, ({ count }) => ({ count: count + 1 }), { initial })).toEqual({
			count: 42,
		});
		expect(initial).toEqual({ count: 41 });
		expect(
			await defaultWriter.update<number>(directory.file('b.json'), (current) => (current === undefined ? 1 : 2)),
		).toBe(1);
		const nothing = defaultWriter.update(directory.file('c.json'), () => undefined);
		await expect(nothing).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
	});

	it('is refused on a document that is no JSON, which stays; a write still works', async () => {
		const file = directory.file('a.json');
		await writeRaw(file, '{"count":');
		const writer = createWriter();
		const settled = await Promise.allSettled([
			writer.update(file, increment),
			writer.write(file, { count: 7 }),
			writer.update(file, increment),
		]);
		expect(settled).toMatchObject([{ reason: { code: 'ERR_CORRUPT', path: file } }, {}, { value: { count: 8 } }]);
		await writeRaw(file, '');
		await expect(writer.update(file, increment)).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
		expect(await directory.text('a.json')).toBe('');
		await writer.close();
	});

	it('reads a missing document from its newest good backup', async () => {
		const file = directory.file('a.json');
		for (const count of [1, 2]) await writeJson(file, { count }, { backups: 2 });
		await rm(file);
		expect(await defaultWriter.update(file, increment)).toEqual({ count: 2 });
	});

	it('rejects with the error of the disk where the document cannot be read', async () => {
		const fileSystem = {
			...nodeFileSystem,
			readFile: () => Promise.reject(Object.assign(new Error('EIO: bad disk'), { code: 'EIO' })),
		};
		const writer = createWriter({ fileSystem });
		await writeJson(directory.file('a.json'), 1);
		const update = writer.update(directory.file('a.json'), increment);
		await expect(update).rejects.toMatchObject({ code: 'ERR_READ_FAILED', cause: { code: 'EIO' } });
		expect(await directory.json('a.json')).toBe(1);
		await writer.close();
	});

	it('an abort before its function has run leaves it out; the others go on', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 20, maxWaitMs: 20 }) });
		const controller = new AbortController();
		let called = false;
		const aborted = writer.update<Counter>(
			file,
			() => {
				called = true;
				return { count: 9 };
			},
			{ signal: controller.signal },
		);
		const other = writer.update(file, increment);
		controller.abort(new Error('away'));
		await expect(aborted).rejects.toThrow('away');
		expect(await other).toEqual({ count: 1 });
		expect(called).toBe(false);
		await writer.close();
	});

	it('an abort while its function runs leaves its change out', async () => {
		const file = directory.file('a.json');
		const controller = new AbortController();
		const aborted = defaultWriter.update<Counter>(
			file,
			async () => {
				controller.abort(new Error('away'));
				await sleep(5);
				return { count: 9 };
			},
			{ signal: controller.signal },
		);
		const other = defaultWriter.update(file, increment);
		await expect(aborted).rejects.toThrow('away');
		expect(await other).toEqual({ count: 1 });
	});

	it.each([false, true])(
		'an abort at any moment of its commit leaves nothing open (beside one that fails: %s)',
		async (beside) => {
			const clock = new ManualClock();
			for (let moment = 0; moment < 30; moment++) {
				const disk = new SimulatedDisk({ clock });
				disk.plantFile('/d/a.json', '{"count":1}');
				const writer = createWriter({ fileSystem: disk, clock });
				const controller = new AbortController();
				const { signal } = controller;
				const run = async (): Promise<void> => {
					const update = writer.update('/d/a.json', increment, { signal });
					const failing = beside ? writer.update('/d/a.json', () => Promise.reject(new Error('own'))) : undefined;
					const settled = Promise.allSettled([update, failing]);
					for (let turn = 0; turn < moment; turn++) await new Promise((resolve) => setImmediate(resolve));
					controller.abort(new Error('away'));
					const [{ status }] = await settled;
					await writer.close();
					expect(disk.peekFile('/d/a.json')?.toString()).toBe(status === 'rejected' ? '{"count":1}' : '{"count":2}\n');
					expect(disk.openHandles()).toEqual([]);
					expect(disk.paths().filter((path) => path.includes('.dj1'))).toEqual([]);
				};
				await drive(run(), { disk, clock });
			}
		},
	);

	it('waits by the clock that it was given for a document that another program holds (Windows)', async () => {
		const clock = new ManualClock();
		const disk = new SimulatedDisk({ clock, semantics: 'win32' });
		disk.plantFile('/d/a.json', '{"count":1}');
		const writer = createWriter({ fileSystem: disk, clock });
		disk.fail('readFile', { code: 'EACCES', times: 3 });
		const run = async (): Promise<void> => {
			expect(await writer.update('/d/a.json', increment)).toEqual({ count: 2 });
			await writer.close();
		};
		await drive(run(), { disk, clock });
		expect(clock.monotonicMs()).toBeGreaterThan(0);
	});

	it('that would wait for itself is told so', async () => {
		const file = directory.file('a.json');
		const inside = (call: () => Promise<unknown>): Promise<unknown> =>
			defaultWriter.update(file, async () => {
				await sleep(1);
				await call();
				return 1;
			});
		const calls = [
			() => defaultWriter.update(file, increment),
			() => writeJson(file, 1),
			() => withLock(file, () => undefined),
		];
		for (const call of calls) await expect(inside(call)).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
		await inside(() => writeJson(directory.file('b.json'), 1));
		await directory.expectOnly('a.json', 'b.json');
	});

	it('writes as its options say, and what it has written is what the next one sees', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: immediate() });
		const hide = (key: string, value: unknown): unknown => (key === 'secret' ? undefined : value);
		await writer.update(file, () => ({ a: 1, secret: 2 }), { space: 2, replacer: hide, finalNewline: false });
		expect(await directory.text('a.json')).toBe('{\n  "a": 1\n}');
		expect(await writer.update<object>(file, (state) => ({ ...state, at: new Date(0) }))).toHaveProperty(
			'at',
			new Date(0),
		);
		expect(await writer.update<object>(file, (state) => state)).toEqual({ a: 1, at: '1970-01-01T00:00:00.000Z' });
		const strict = writer.update(file, () => ({ a: Number.NaN }), { strict: true });
		await expect(strict).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE', jsonPath: '$.a' });
		await writer.close();
	});

	it('a result by mistake, such as that of push, is not all that is left of the document', async () => {
		const file = directory.file('a.json');
		await writeJson(file, [1]);
		for (const stray of [(list: number[]) => list.push(2), () => 'text', () => null, () => true]) {
			const update = defaultWriter.update(file, stray as unknown as () => number[]);
			await expect(update).rejects.toMatchObject({
				code: 'ERR_INVALID_ARGUMENT',
				message: expect.stringContaining('fn'),
			});
		}
		expect(await directory.json('a.json')).toEqual([1]);
		expect(await defaultWriter.update<object>(file, () => ({ another: 'kind' }))).toEqual({ another: 'kind' });
	});

	it('is refused where nobody else is kept out, and without a function', async () => {
		const writer = createWriter({ lock: 'none' });
		const update = writer.update(directory.file('a.json'), increment);
		await expect(update).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		await writer.close();
		const without = defaultWriter.update(directory.file('a.json'), 5 as unknown as () => number);
		await expect(without).rejects.toThrow(/fn must be a function/);
		await directory.expectOnly();
	});
});

describe('the type of the value', () => {
	it('is that of the schema', async () => {
		const file = directory.file('a.json');
		const schema = z.object({ count: z.number() });
		const writer = createWriter();
		const begun = writer.update(file, (state) => ({ count: (state?.count ?? 0) + 1 }), { schema });
		expectTypeOf(begun).resolves.toEqualTypeOf<{ count: number }>();
		const changed = writer.update(file, async ({ count }) => ({ count: count + 1 }), { schema, initial: { count: 0 } });
		expectTypeOf(changed).resolves.toEqualTypeOf<{ count: number }>();
		// @ts-expect-error It is not what the schema says.
		const wrong = writer.update(file, () => ({ count: 'x' }), { schema });
		await expect(wrong).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		expect(await changed).toEqual({ count: 2 });
		await begun;
	});
});

describe('flushSync with updates', () => {
	function waiting(): JsonWriter {
		return createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
	}

	it('carries them out in their order', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 1 });
		const writer = waiting();
		const results = Promise.all([writer.update(file, increment), writer.update(file, increment)]);
		writer.flushSync();
		expect(await directory.json('a.json')).toEqual({ count: 3 });
		expect(await results).toEqual([{ count: 2 }, { count: 3 }]);
		expect(writer.stats()).toMatchObject({ commits: 1, pending: 0 });
		await writer.close();
	});

	it('begins with what stands on the disk where the write before it fails', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 4 });
		const writer = waiting();
		const failed = writer.write(file, 1n);
		const update = writer.update(file, increment);
		const settled = Promise.allSettled([failed, update]);
		writer.flushSync();
		expect(await directory.json('a.json')).toEqual({ count: 5 });
		expect(await settled).toMatchObject([{ status: 'rejected' }, { value: { count: 5 } }]);
		await writer.close();
	});

	it('says so where the function is asynchronous, which is then run as usual', async () => {
		const file = directory.file('a.json');
		const writer = waiting();
		const update = writer.update<Counter>(file, async (state) => increment(state));
		expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', step: 'update' }));
		await writer.flush();
		expect(await update).toEqual({ count: 1 });
		await writer.close();
	});

	it('writes those of the commit under way and those that came after it', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const first = writer.update(file, increment);
		await sleep(0);
		const second = writer.update(file, increment);
		writer.flushSync();
		expect(await directory.json('a.json')).toEqual({ count: 2 });
		expect(await Promise.all([first, second])).toEqual([{ count: 1 }, { count: 2 }]);
		await writer.close();
		await directory.expectOnly('a.json');
	});

	it('carries them out while their document is being read for the commit under way', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { count: 1 });
		let goOn = (): void => undefined;
		const gate = new Promise<void>((resolve) => {
			goOn = resolve;
		});
		let reads = 0;
		const fileSystem: FileSystem = {
			...nodeFileSystem,
			async readFile(path, options) {
				reads += 1;
				await gate;
				return nodeFileSystem.readFile(path, options);
			},
		};
		const writer = createWriter({ fileSystem });
		let calls = 0;
		const update = writer.update<Counter>(file, (state) => {
			calls += 1;
			return increment(state);
		});
		while (reads === 0) await sleep(1);
		writer.flushSync();
		expect(await directory.json('a.json')).toEqual({ count: 2 });
		goOn();
		expect(await update).toEqual({ count: 2 });
		await writer.close();
		expect(await directory.json('a.json')).toEqual({ count: 2 });
		expect(calls).toBe(1);
		await directory.expectOnly('a.json');
	});

	it('does not begin anew in the place of a document that is missing but has a backup', async () => {
		const file = directory.file('a.json');
		for (const count of [1, 2]) await writeJson(file, { count }, { backups: 1 });
		await rm(file);
		const writer = waiting();
		const update = writer.update(file, increment);
		expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
		await writer.flush();
		expect(await update).toEqual({ count: 2 });
		await writer.close();
	});
});

describe('any program of writes and updates', () => {
	const kinds = ['write', 'update', 'bad-write', 'bad-update', 'async-update', 'turn', 'flush-sync'] as const;
	const programs = fc.array(fc.constantFrom(...kinds), { maxLength: 20 });
	const strategies = fc.constantFrom(undefined, immediate(), debounce({ waitMs: 2, maxWaitMs: 5 }));

	it('ends as if each call had been carried out at once', async () => {
		await fc.assert(
			fc.asyncProperty(programs, strategies, async (program, strategy) => {
				const file = directory.file(`${nodeFileSystem.uniqueId()}.json`);
				const writer = createWriter({ strategy });
				let model: number[] | undefined;
				const settled: Promise<unknown>[] = [];
				let last: (typeof kinds)[number] | undefined;
				for (const [index, kind] of program.entries()) {
					// Of writes that wait the last two are kept: behind two bad ones nothing is left to fall back to.
					if (kind === 'bad-write' && last === 'bad-write') continue;
					if (kind !== 'turn' && kind !== 'flush-sync') last = kind;
					const { call, expected } = callsOf({ writer, file, index, model })[kind]();
					model = expected;
					if (call !== undefined) settled.push(call);
					if (kind === 'turn') await call;
				}
				await Promise.all(settled);
				await writer.close();
				if (model !== undefined) expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(model);
			}),
			{ numRuns: 150 },
		);
	});

	interface Run {
		readonly writer: JsonWriter;
		readonly file: string;
		readonly index: number;
		readonly model: number[] | undefined;
	}

	/** Makes a call, and says what the document is to be after it. */
	function callsOf({
		writer,
		file,
		index,
		model,
	}: Run): Record<(typeof kinds)[number], () => { call?: Promise<unknown>; expected: number[] | undefined }> {
		const append = (list: number[] | undefined): number[] => [...(list ?? []), index];
		const appended = append(model);
		const update = (fn: (list: number[] | undefined) => number[] | Promise<number[]>) => () => ({
			call: writer.update(file, fn).then((result) => expect(result).toEqual(appended)),
			expected: appended,
		});
		return {
			write: () => ({ call: writer.write(file, [1000 + index]), expected: [1000 + index] }),
			update: update(append),
			'async-update': update(async (list) => append(list)),
			'bad-write': () => ({ call: writer.write(file, [1n]).catch(() => undefined), expected: model }),
			'bad-update': () => ({
				call: writer
					.update<number[]>(file, (list) => {
						list?.push(99);
						throw new Error('own');
					})
					.catch(() => undefined),
				expected: model,
			}),
			turn: () => ({ call: sleep(index % 3), expected: model }),
			'flush-sync'() {
				tryFlushSync(writer);
				return { expected: model };
			},
		};
	}

	/** A path with a function that has to be waited for cannot be written in one go. */
	function tryFlushSync(writer: JsonWriter): void {
		try {
			writer.flushSync();
		} catch (error) {
			expect(error).toMatchObject({ code: expect.stringMatching(/ERR_UNSUPPORTED|ERR_NOT_SERIALIZABLE/) });
		}
	}
});
