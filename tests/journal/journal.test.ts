import { appendFile, open as openFile, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { DurableJsonError, type Journal, type JournalOptions, openJournal } from '../../lib/index.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { LIBRARY, startChild } from '../support/child.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';
import { all, apply, coded, type List, type Options, openList } from './support.ts';

const directory = useTempDirectory();
const path = (): string => directory.file('a.journal');
const open = (options?: Options, at: string | URL = path()): Promise<Journal<List, unknown>> => openList(at, options);

/** The lines of the file, each parsed. */
async function lines(at = path()): Promise<Array<Record<string, unknown>>> {
	const text = await readFile(at, 'utf8');
	return text
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A validator whose verdict comes after `delayMs`. */
function schema<T>(
	check: (value: unknown) => T,
	delayMs: (value: unknown) => number = () => 0,
): StandardSchemaV1<unknown, T> {
	return {
		'~standard': {
			version: 1,
			vendor: 'test',
			async validate(value) {
				await new Promise((resolve) => setTimeout(resolve, delayMs(value)));
				try {
					return { value: check(value) };
				} catch (error) {
					return { issues: [{ message: (error as Error).message }] };
				}
			},
		},
	};
}

describe('a journal', () => {
	it('is made with its directories, appended to, and has the same state when it is opened again', async () => {
		const file = directory.file('new', 'deep', 'a.journal');
		const first = await open({ initial: ['begin'] }, pathToFileURL(file));
		expect(first.opening).toMatchObject({ created: true, replayedEntries: 0, cutBytes: 0 });
		expect([first.path, first.state, first.sequence]).toEqual([file, ['begin'], 0]);
		expect(await first.append({ a: 1 })).toEqual({ sequence: 1, firstSequence: 1, durability: 'full' });
		expect(await first.appendAll(new Set([2, 3]))).toEqual({ sequence: 3, firstSequence: 2, durability: 'full' });
		expect(await first.appendAll([])).toMatchObject({ sequence: 3 });
		expect(first.state).toEqual(['begin', { a: 1 }, 2, 3]);
		await first.close();
		const second = await open({ initial: ['another'] }, file);
		expect(second.opening).toMatchObject({ created: false, replayedEntries: 3, cutBytes: 0 });
		expect([second.state, second.sequence]).toEqual([['begin', { a: 1 }, 2, 3], 3]);
		expect(await second.append(4)).toMatchObject({ sequence: 4 });
		expect((await lines(file)).map(({ seq, state, entries }) => state ?? [seq, entries])).toEqual([
			['begin'],
			[1, [{ a: 1 }]],
			[2, [2, 3]],
			[4, [4]],
		]);
	});

	it('begins with the initial state as JSON gives it back, and shares nothing with the caller', async () => {
		const initial = [new Date(0), undefined];
		const journal = await open({ initial });
		expect(journal.state).toEqual(['1970-01-01T00:00:00.000Z', null]);
		initial.length = 0;
		const entry = { count: 1 };
		const appended = journal.append(entry);
		entry.count = 2;
		await appended;
		expect(journal.state.at(-1)).toEqual({ count: 1 });
	});

	it('applies what a replay will see', async () => {
		const journal = await open();
		await journal.append({ at: new Date(0), none: undefined, nan: Number.NaN });
		expect(journal.state).toStrictEqual([{ at: '1970-01-01T00:00:00.000Z', nan: null }]);
	});

	it('writes what is appended in one turn as one group, in the order of the calls', async () => {
		const journal = await open();
		const numbers = Array.from({ length: 100 }, (_, index) => index);
		const later = Promise.resolve().then(() => Promise.all([journal.append('later'), journal.append('last')]));
		const receipts = await Promise.all(numbers.map((number) => journal.append(number)));
		await later;
		expect(receipts.map(({ sequence }) => sequence)).toEqual(numbers.map((number) => number + 1));
		expect((await lines()).slice(1).map(({ entries }) => entries)).toEqual([[...numbers, 'later', 'last']]);
	});

	it('gathers what is appended while a sync is under way into the next group', async () => {
		const journal = await open();
		const groups = 20;
		const tasks = Array.from({ length: 10 }, async (_, task) => {
			for (let time = 0; time < groups; time++) await journal.append([task, time]);
		});
		await Promise.all(tasks);
		const written = (await lines()).slice(1);
		expect(written.map(({ entries }) => (entries as unknown[]).length)).toEqual(Array(groups).fill(10));
		expect(await all(journal.entries())).toHaveLength(10 * groups);
	});

	it('divides what waits into groups of bounded size, but no append', async () => {
		const journal = await open();
		const kilobyte = 'x'.repeat(1024);
		await Promise.all(Array.from({ length: 3000 }, () => journal.append(kilobyte)));
		await journal.appendAll(Array(3000).fill(kilobyte));
		await Promise.all(Array.from({ length: 5000 }, (_, index) => journal.append(index)));
		const sizes = (await lines()).slice(1).map(({ entries }) => (entries as unknown[]).length);
		expect(sizes).toEqual([1021, 1021, 958, 3000, 4096, 904]);
	});

	it('shows a state when it is durable, not before', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		const journal = await open({ fileSystem: disk }, '/data/a');
		const seen: unknown[] = [];
		disk.observe((call, side) => {
			if (call.name === 'dataSync') seen.push([side, journal.state.length, journal.sequence]);
		});
		await journal.append(1);
		expect(seen).toEqual([
			['before', 0, 0],
			['after', 0, 0],
		]);
		expect([journal.state, journal.sequence]).toEqual([[1], 1]);
	});

	it('is found behind a symbolic link, which stays', async () => {
		await symlink('real.journal', path());
		const journal = await open();
		await journal.append(1);
		await journal.checkpoint();
		await journal.append(2);
		await journal.close();
		expect((await lines(directory.file('real.journal'))).at(-1)).toMatchObject({ entries: [2] });
		expect((await open()).state).toEqual([1, 2]);
		await directory.expectOnly('a.journal', 'real.journal');
	});

	it('is closed after what was appended before, once, and takes nothing afterwards', async () => {
		let kept: Journal<List, unknown>;
		{
			await using journal = await open();
			kept = journal;
			const appended = journal.append(1);
			const closed = journal.close();
			expect(journal.close()).toBe(closed);
			await expect(journal.append(2)).rejects.toEqual(coded('ERR_CLOSED', { path: path() }));
			await expect(journal.appendAll([2])).rejects.toEqual(coded('ERR_CLOSED'));
			await expect(journal.checkpoint()).rejects.toEqual(coded('ERR_CLOSED'));
			await expect(all(journal.entries())).rejects.toEqual(coded('ERR_CLOSED'));
			expect(await appended).toMatchObject({ sequence: 1 });
		}
		expect(kept.state).toEqual([1]);
		expect(openFilesIn(directory.path)).toEqual([]);
		expect((await readFile(path(), 'utf8')).endsWith('}\n')).toBe(true);
		await directory.expectOnly('a.journal');
	});

	it('has a mode of its own, which checkpoints keep', async () => {
		const journal = await open({ mode: 0o640 });
		expect((await stat(path())).mode & 0o777).toBe(0o640);
		await journal.checkpoint();
		expect((await stat(path())).mode & 0o777).toBe(0o640);
	});
});

describe('apply', () => {
	const odd = (list: List, entry: unknown): List => {
		if ((entry as number) % 2 === 0) throw new Error(`${String(entry)} is even`);
		return [...list, entry];
	};

	it('that throws rejects its own append, and nothing of it is logged', async () => {
		const journal = await open({ apply: odd });
		const results = await Promise.allSettled([
			journal.append(1),
			journal.append(2),
			journal.appendAll([3, 4, 5]),
			journal.append(7),
		]);
		expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
		expect(results[1]).toMatchObject({ reason: new Error('2 is even') });
		expect(journal.state).toEqual([1, 7]);
		expect(await all(journal.entries())).toEqual([
			{ sequence: 1, entry: 1 },
			{ sequence: 2, entry: 7 },
		]);
	});

	it.each([
		['nothing', undefined],
		['a function', () => []],
	])('that returns %s is told so', async (_what, returned) => {
		const journal = await open({ apply: (() => returned) as never });
		await expect(journal.append(1)).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		expect(journal.state).toEqual([]);
	});

	it('that throws in a replay says at which entry, and the journal is let go unchanged', async () => {
		const journal = await open();
		await journal.appendAll([1, 2]);
		await journal.close();
		const before = await readFile(path());
		await expect(open({ apply: odd })).rejects.toEqual(
			coded('ERR_READ_FAILED', { step: 'replay', cause: new Error('2 is even'), path: path() }),
		);
		expect(openFilesIn(directory.path)).toEqual([]);
		expect(await readFile(path())).toEqual(before);
		expect((await open()).state).toEqual([1, 2]);
	});

	it('may append again', async () => {
		let journal: Journal<List, unknown> | undefined;
		let inner: Promise<unknown> | undefined;
		journal = await open({
			apply(list, entry) {
				if (entry === 1) inner ??= journal?.append(2);
				return [...list, entry];
			},
		});
		await journal.append(1);
		await inner;
		expect(journal.state).toEqual([1, 2]);
	});
});

describe('validation', () => {
	const positive = (value: unknown): number => {
		if (typeof value !== 'number' || value <= 0) throw new Error('not positive');
		return value * 10;
	};

	it('lets entries through in the order of the calls, as the validator gives them, and rejects bad ones alone', async () => {
		const entrySchema = schema(positive, (value) => (value === 1 ? 30 : 0));
		const journal = await open({ entrySchema });
		const results = await Promise.allSettled([journal.append(1), journal.append(-1), journal.append(2)]);
		expect(results[1]).toMatchObject({ reason: { code: 'ERR_VALIDATION', issues: [{ message: 'not positive' }] } });
		await expect(journal.appendAll([3, -3])).rejects.toEqual(coded('ERR_VALIDATION'));
		await journal.append(4);
		expect(journal.state).toEqual([10, 20, 40]);
		expect(await all(journal.entries())).toEqual([
			{ sequence: 1, entry: 10 },
			{ sequence: 2, entry: 20 },
			{ sequence: 3, entry: 40 },
		]);
		await journal.close();
		// What is in the file is what was appended; the validator is asked again.
		expect((await lines()).slice(1).flatMap(({ entries }) => entries)).toEqual([1, 2, 4]);
		expect((await open({ entrySchema })).state).toEqual([10, 20, 40]);
	});

	it('gives state and entries their types', async () => {
		const journal = await openJournal(path(), {
			initial: { theme: 'light' },
			schema: z.object({ theme: z.enum(['light', 'dark']) }),
			entrySchema: z.object({ to: z.enum(['light', 'dark']) }),
			apply: (state, { to }) => ({ ...state, theme: to }),
		});
		expectTypeOf(journal.state).toEqualTypeOf<{ theme: 'light' | 'dark' }>();
		expectTypeOf(journal.append).parameter(0).toEqualTypeOf<{ to: 'light' | 'dark' }>();
		await journal.append({ to: 'dark' });
		expect(journal.state).toEqual({ theme: 'dark' });
		await journal.close();
	});

	it('waits in close for what is under way', async () => {
		const journal = await open({ entrySchema: schema(positive, () => 20) });
		const appended = journal.append(1);
		await journal.close();
		await appended;
		expect((await lines()).at(-1)).toMatchObject({ entries: [1] });
	});

	it.each(['entrySchema', 'schema'])(
		'by %s refuses calls of the validator that would wait for it',
		async (asked) => {
			let journal: Journal<List, unknown> | undefined;
			const refused: unknown[] = [];
			const validate = async (value: unknown): Promise<{ value: unknown }> => {
				await new Promise(setImmediate);
				const calls = [
					journal?.append('inner'),
					journal?.appendAll(['inner']),
					journal?.checkpoint(),
					journal?.close(),
				];
				const settled = await Promise.allSettled(journal === undefined ? [] : calls);
				for (const each of settled) refused.push(each.status === 'rejected' && each.reason);
				return { value };
			};
			journal = await open({ [asked]: { '~standard': { version: 1, vendor: 'test', validate } } });
			await journal.append('outer');
			await journal.checkpoint();
			const told = coded('ERR_LOCK_REENTRANT', { path: path(), step: 'lock', outcome: 'not_applied' });
			expect(refused).toEqual([told, told, told, told]);
			expect(journal.state).toEqual(['outer']);
		},
		5_000,
	);

	it('is asked for every entry of a replay, and for the state', async () => {
		const first = await open();
		await first.appendAll([1, -1]);
		await first.close();
		await expect(open({ entrySchema: schema(positive) })).rejects.toEqual(
			coded('ERR_VALIDATION', { message: expect.stringContaining('entry 2') }),
		);
		const short = schema((value) => {
			if ((value as List).length > 1) throw new Error('too long');
			return value as List;
		});
		expect((await open({ schema: short })).state).toHaveLength(2);
	});

	it('refuses an initial state before there is a file, and one that is in the file', async () => {
		const never = schema<List>(() => {
			throw new Error('never');
		});
		await expect(open({ schema: never })).rejects.toEqual(coded('ERR_VALIDATION'));
		await directory.expectOnly();
		await (await open()).close();
		await expect(open({ schema: never })).rejects.toEqual(coded('ERR_VALIDATION'));
	});

	it('gives the state that the validator makes of it', async () => {
		const dates: Partial<JournalOptions<{ at: Date }, number>> = {
			schema: schema((value) => ({ at: new Date((value as { at: string }).at) })),
			apply: (_state, entry) => ({ at: new Date(entry) }),
		};
		const options = { initial: { at: new Date(0) }, ...dates } as JournalOptions<{ at: Date }, number>;
		const first = await openJournal(path(), options);
		expect(first.state).toEqual({ at: new Date(0) });
		await first.append(5);
		await first.checkpoint();
		await first.close();
		const second = await openJournal(path(), options);
		expect(second.state).toEqual({ at: new Date(5) });
		await second.close();
	});
});

describe('a checkpoint', () => {
	it('has all that was appended before it, and the journal goes on behind it', async () => {
		const journal = await open();
		const first = journal.appendAll([1, 2]);
		const checkpointed = journal.checkpoint();
		const second = journal.append(3);
		expect(await checkpointed).toMatchObject({
			path: path(),
			sequence: 2,
			durability: 'full',
			directorySynced: true,
			bytes: expect.any(Number),
			durationMs: expect.any(Number),
		});
		await Promise.all([first, second]);
		expect(await lines()).toMatchObject([
			{ seq: 2, state: [1, 2] },
			{ seq: 3, entries: [3] },
		]);
		await journal.close();
		const again = await open();
		expect([again.state, again.sequence]).toEqual([[1, 2, 3], 3]);
		expect(again.opening.replayedEntries).toBe(1);
		await directory.expectOnly('a.journal');
	});

	it('of a large state leaves the event loop its turns', async () => {
		const initial = Array.from({ length: 300_000 }, (_, id) => ({ id, name: `item ${id}` }));
		const journal = await open({ initial });
		await journal.append('x');
		let turns = 0;
		const timer = setInterval(() => turns++, 0);
		await journal.checkpoint();
		clearInterval(timer);
		expect(turns).toBeGreaterThan(20);
		await journal.close();
		expect((await open()).state).toEqual([...initial, 'x']);
	});

	it.each<[string, Options, number[]]>([
		['count', { checkpoint: { maxEntries: 3 } }, [1, 2, 0, 1, 2, 0, 1]],
		['size', { checkpoint: { maxBytes: 150 } }, [1, 2, 0, 1, 2, 0, 1]],
		['nothing', { checkpoint: false }, [1, 2, 3, 4, 5, 6, 7]],
		['default', {}, [1, 2, 3, 4, 5, 6, 7]],
	])('comes by itself: by %s', async (_name, options, entriesInFile) => {
		const journal = await open(options);
		for (const expected of entriesInFile) {
			await journal.append(1);
			// What is made after a group is there when the next thing is.
			await journal.appendAll([]);
			expect(await all(journal.entries())).toHaveLength(expected);
		}
	});

	it('comes by itself: by age, with the next append', async () => {
		let nowMs = 0;
		const clock = {
			epochMs: () => nowMs,
			monotonicMs: () => nowMs,
			schedule: () => () => {},
		};
		const journal = await open({ clock, checkpoint: { maxAgeMs: 1000 } });
		// What leaves nothing in the file has no age.
		await journal.appendAll([]);
		nowMs = 500;
		await journal.append(1);
		nowMs = 1499;
		await journal.append(2);
		await journal.appendAll([]);
		expect(await all(journal.entries())).toHaveLength(2);
		nowMs = 1500;
		await journal.append(3);
		await journal.appendAll([]);
		expect(await all(journal.entries())).toHaveLength(0);
		nowMs = 2499;
		await journal.append(4);
		await journal.appendAll([]);
		expect(await all(journal.entries())).toHaveLength(1);
	});

	it('that cannot be made leaves the journal as it was; onError is told of one that nobody asked for', async () => {
		const errors: unknown[] = [];
		const journal = await open({
			checkpoint: { maxEntries: 2 },
			onError(error) {
				errors.push(error);
				throw new Error('onError throws');
			},
			apply: (list, entry) => [...list, entry === 'bad' ? 1n : entry],
		});
		await journal.append('bad');
		await expect(journal.checkpoint()).rejects.toEqual(
			coded('ERR_NOT_SERIALIZABLE', { outcome: 'not_applied', jsonPath: '$[0]' }),
		);
		await journal.append(2);
		expect(await journal.append(3)).toMatchObject({ sequence: 3 });
		expect(errors).toEqual([coded('ERR_NOT_SERIALIZABLE')]);
		expect(await all(journal.entries())).toHaveLength(3);
		await directory.expectOnly('a.journal');
	});
});

describe('entries', () => {
	it('are those in the file, from any of them on', async () => {
		const journal = await open();
		await journal.appendAll(['a', 'b']);
		await journal.checkpoint();
		await journal.appendAll(['c', 'd']);
		await journal.append('e');
		const from = async (sequence?: number): Promise<unknown[]> =>
			(await all(journal.entries(sequence))).map(({ entry }) => entry);
		expect(await from()).toEqual(['c', 'd', 'e']);
		expect(await from(3)).toEqual(['c', 'd', 'e']);
		expect(await from(4)).toEqual(['d', 'e']);
		expect(await from(6)).toEqual([]);
		await expect(from(2)).rejects.toThrow(RangeError);
		for (const bad of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
			await expect(from(bad)).rejects.toThrow(
				expect.objectContaining({ name: 'RangeError', code: 'ERR_INVALID_ARGUMENT' }),
			);
		}
		await expect(from('1' as never)).rejects.toThrow(TypeError);
	});

	it('are those that were there when the reading began, whatever is appended or checkpointed meanwhile', async () => {
		const journal = await open();
		await journal.appendAll([1, 2, 3]);
		const seen: unknown[] = [];
		for await (const { entry } of journal.entries()) {
			seen.push(entry);
			await journal.append(4);
			await journal.checkpoint();
		}
		expect(seen).toEqual([1, 2, 3]);
		expect(journal.state).toEqual([1, 2, 3, 4, 4, 4]);
		for await (const _ of journal.entries()) break;
		await journal.close();
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it.each(['posix', 'win32'] as const)(
		'are read beside a checkpoint, whichever call it is at: %s',
		async (semantics) => {
			const disk = new SimulatedDisk({ semantics });
			disk.plantDirectory('/data');
			const journal = await open({ fileSystem: disk }, '/data/a');
			await journal.appendAll([1, 2, 3]);
			const readings: Array<Promise<unknown[]>> = [];
			const calls = new Set(['open', 'write', 'sync', 'rename', 'link', 'unlink', 'openDirectory', 'syncDirectory']);
			let checkpointing = true;
			disk.observe(({ name }) => {
				// A reading opens files, too.
				if (!calls.delete(name)) return;
				queueMicrotask(() => checkpointing && readings.push(all(journal.entries())));
				if (name !== 'open') calls.add(name);
			});
			await journal.checkpoint();
			checkpointing = false;
			const read = (await Promise.all(readings)).map((entries) => entries.length);
			expect(new Set(read)).toEqual(new Set([3, 0]));
		},
	);

	it('of a file that somebody has put in its place are not taken for its own', async () => {
		const journal = await open();
		await journal.appendAll([1, 2]);
		await writeFile(directory.file('other'), await readFile(path()));
		await rename(directory.file('other'), path());
		await expect(all(journal.entries())).rejects.toEqual(coded('ERR_READ_FAILED', { step: 'open', path: path() }));
		await journal.close();
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('of a file that somebody has written to are told as far as they are whole, then ERR_CORRUPT', async () => {
		const journal = await open();
		for (const entry of ['one', 'two', 'three']) await journal.append(entry);
		const text = await readFile(path(), 'utf8');
		const offset = text.indexOf('{"prev"', text.indexOf('one'));
		for (const [at, written] of [
			[text.indexOf('three'), 'THREE'],
			[offset, '\n'],
			[offset, ' '.repeat(text.trimEnd().length - offset)],
		] as const) {
			const file = await openFile(path(), 'r+');
			await file.write(written, at);
			await file.close();
			const told: unknown[] = [];
			const reading = (async () => {
				for await (const { entry } of journal.entries()) told.push(entry);
			})();
			await expect(reading).rejects.toEqual(coded('ERR_CORRUPT', { path: path(), offset: expect.any(Number) }));
			expect(told).toEqual(['one', 'two'].slice(0, written === 'THREE' ? 2 : 1));
		}
	});
});

describe('one writer at a time', () => {
	it('has the journal open in this process, by any path', async () => {
		const journal = await open();
		await symlink('a.journal', directory.file('link'));
		for (const at of [path(), directory.file('link')]) {
			const message = expect.stringContaining('is open already, in this process');
			await expect(open({}, at)).rejects.toEqual(coded('ERR_LOCK_TIMEOUT', { step: 'lock', path: at, message }));
		}
		await journal.checkpoint();
		await expect(open()).rejects.toEqual(coded('ERR_LOCK_TIMEOUT'));
		const waiting = open({ lockTimeoutMs: 10_000 });
		await journal.append(1);
		await journal.close();
		expect((await waiting).state).toEqual([1]);
	});

	it('makes it, where two begin at once', async () => {
		const results = await Promise.allSettled(Array.from({ length: 8 }, () => open()));
		expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
		for (const result of results) {
			if (result.status === 'rejected') expect(result.reason).toEqual(coded('ERR_LOCK_TIMEOUT'));
		}
	});

	it('has the journal open in another thread', async () => {
		const program = `
			const { parentPort, workerData } = require('node:worker_threads');
			import(workerData.library).then(async ({ openJournal }) => {
				const journal = await openJournal(workerData.path, { initial: 0, apply: (count) => count + 1 });
				parentPort.on('message', () => journal.close().then(() => parentPort.close()));
				parentPort.postMessage('open');
			});
		`;
		const worker = new Worker(program, { eval: true, workerData: { library: LIBRARY, path: path() } });
		await new Promise((resolve) => worker.once('message', resolve));
		const holder = process.platform === 'linux' ? 'this process' : 'another process';
		const message = expect.stringContaining(`is open already, in ${holder} `);
		await expect(open()).rejects.toEqual(coded('ERR_LOCK_TIMEOUT', { message }));
		const waiting = open({ lockTimeoutMs: 10_000 });
		worker.postMessage('close');
		expect((await waiting).sequence).toBe(0);
	});

	it('has the journal open in another process, until that is gone', async () => {
		const program = `
			const { openJournal } = await import(process.env.LIBRARY);
			const apply = (list, entry) => [...list, entry];
			const journal = await openJournal(process.argv[1], { initial: [], apply });
			await journal.append('child');
			await journal.checkpoint();
			console.log('open');
			setInterval(() => {}, 1000);
		`;
		const child = startChild(program, [path()]);
		await new Promise((resolve) => child.stdout?.once('data', resolve));
		const holder = process.platform === 'linux' ? `process ${child.pid}` : 'another process';
		const message = expect.stringContaining(`is open already, in ${holder} `);
		await expect(open()).rejects.toEqual(coded('ERR_LOCK_TIMEOUT', { outcome: 'not_applied', message }));
		const waiting = open({ lockTimeoutMs: 10_000 });
		child.kill('SIGKILL');
		expect((await waiting).state).toEqual(['child']);
	});

	it('is kept from other processes only where the system has locks, unless the caller does without', async () => {
		const disk = new SimulatedDisk({ locks: false });
		disk.plantDirectory('/data');
		await expect(open({ fileSystem: disk }, '/data/a')).rejects.toEqual(coded('ERR_UNSUPPORTED', { step: 'lock' }));
		expect(disk.paths()).toEqual(['/data']);
		const journal = await open({ fileSystem: disk, lock: 'process' }, '/data/a');
		await journal.append(1);
		await expect(open({ fileSystem: disk, lock: 'process' }, '/data/a')).rejects.toEqual(coded('ERR_LOCK_TIMEOUT'));
		await journal.close();
		await expect(open({ fileSystem: disk }, '/data/a')).rejects.toEqual(coded('ERR_UNSUPPORTED'));
		expect((await open({ fileSystem: disk, lock: 'process' }, '/data/a')).state).toEqual([1]);
	});
});

describe('a journal that is found', () => {
	it('torn goes on where it was whole, and says what was cut off', async () => {
		const first = await open();
		await first.append(1);
		await first.close();
		const whole = await readFile(path());
		for (const torn of ['{"prev":"0123', '\0'.repeat(5000), '\n\n{"prev":']) {
			await appendFile(path(), torn);
			const journal = await open();
			expect(journal.opening).toMatchObject({ replayedEntries: 1, cutBytes: torn.length });
			expect(await readFile(path())).toEqual(whole);
			await journal.close();
		}
		expect(await readFile(path())).toEqual(whole);
	});

	it('damaged is an error with the offset, and stays as it is', async () => {
		const first = await open();
		for (const entry of ['one', 'two', 'three']) await first.append(entry);
		await first.close();
		const text = await readFile(path(), 'utf8');
		const bad = text.replace('two', 'TWO');
		await writeFile(path(), bad);
		await expect(open()).rejects.toEqual(
			coded('ERR_CORRUPT', { offset: text.split('\n').slice(0, 2).join('\n').length + 1, path: path(), step: 'parse' }),
		);
		expect(await readFile(path(), 'utf8')).toBe(bad);
		expect(openFilesIn(directory.path)).toEqual([]);
		await writeFile(path(), '');
		await expect(open()).rejects.toEqual(coded('ERR_CORRUPT', { offset: 0 }));
		await writeFile(path(), '{"count":1}\n');
		await expect(open()).rejects.toEqual(coded('ERR_CORRUPT', { offset: 0 }));
	});

	it('with every prefix and every byte changed gives all entries up to the damage, or ERR_CORRUPT', async () => {
		const first = await open();
		for (const entry of [1, 2, 3]) await first.append(entry);
		await first.close();
		const bytes = await readFile(path());
		const ends = [...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([at]) => at + 1);
		const wholeBefore = (at: number): number => ends.filter((end) => end <= at).length;
		const attempt = (): Promise<List | DurableJsonError> =>
			openJournal<List, unknown>(path(), { initial: [], apply }).then(
				async (journal) => {
					await journal.close();
					return journal.state;
				},
				(error: DurableJsonError) => error,
			);
		for (let length = 0; length < bytes.length; length++) {
			await writeFile(path(), bytes.subarray(0, length));
			const result = await attempt();
			if (wholeBefore(length) === 0) expect(result).toMatchObject({ code: 'ERR_CORRUPT', offset: 0 });
			else expect(result).toEqual([1, 2, 3].slice(0, wholeBefore(length) - 1));
		}
		for (let at = 0; at < bytes.length; at++) {
			const changed = Buffer.from(bytes);
			changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
			await writeFile(path(), changed);
			const result = await attempt();
			const intact = wholeBefore(at);
			if (intact < 3) expect(result).toMatchObject({ code: 'ERR_CORRUPT', offset: ends[intact - 1] ?? 0 });
			else expect(result).toEqual([1, 2]);
		}
	});

	it('under a path where none can be is an error', async () => {
		await expect(open({}, directory.path)).rejects.toEqual(coded('ERR_WRITE_FAILED', { step: 'resolve' }));
		await writeFile(directory.file('file'), '');
		await expect(open({}, directory.file('file', 'a'))).rejects.toThrow(DurableJsonError);
	});
});

describe('too much', () => {
	it('that waits is refused, what is taken is written', async () => {
		const journal = await open({ maxQueuedEntries: 3 });
		const results = await Promise.allSettled([1, 2, 3, 4].map((entry) => journal.append(entry)));
		expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
		expect(results[3]).toMatchObject({ reason: { code: 'ERR_QUEUE_FULL' } });
		expect(await journal.appendAll([5, 6, 7, 8])).toMatchObject({ sequence: 7 });
		await journal.close();
		const small = await open({ maxQueuedBytes: 10 });
		const large = small.append('x'.repeat(100));
		await expect(small.append(1)).rejects.toEqual(coded('ERR_QUEUE_FULL', { outcome: 'not_applied' }));
		await large;
	});
});

describe('bad input', () => {
	it.each<[string, unknown]>([
		['initial', { initial: undefined }],
		['apply', { apply: undefined }],
		['apply', { apply: 1 }],
		['schema', { schema: {} }],
		['entrySchema', { entrySchema: () => true }],
		['checkpoint', { checkpoint: true }],
		['checkpoint.maxBytes', { checkpoint: { maxBytes: 0 } }],
		['checkpoint.maxEntries', { checkpoint: { maxEntries: '3' } }],
		['checkpoint.maxAgeMs', { checkpoint: { maxAgeMs: Number.NaN } }],
		['lock', { lock: 'none' }],
		['lockTimeoutMs', { lockTimeoutMs: -1 }],
		['mode', { mode: 0o7777 }],
		['maxQueuedEntries', { maxQueuedEntries: 0 }],
		['maxQueuedEntries', { maxQueuedEntries: 1.5 }],
		['maxQueuedBytes', { maxQueuedBytes: '1' }],
		['onError', { onError: 'log' }],
	])('as options.%s is refused by name: %o', async (name, options) => {
		const opening = open(options as Options);
		await expect(opening).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		await expect(opening).rejects.toThrow(`options.${name} must be`);
		await directory.expectOnly();
	});

	it('as a path or as options is refused', async () => {
		await expect(open({}, '')).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		await expect(openJournal(path(), undefined as never)).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		await expect(openJournal(path(), null as never)).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
	});

	it('as a state or an entry is refused, and nothing is left or logged', async () => {
		for (const initial of [1n, Symbol('s'), () => 1]) {
			await expect(openJournal(path(), { initial, apply: (state) => state })).rejects.toEqual(
				coded('ERR_NOT_SERIALIZABLE', { outcome: 'not_applied' }),
			);
		}
		const promised = openJournal(path(), { initial: Promise.resolve(1) as unknown, apply: (state) => state });
		await expect(promised).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		await directory.expectOnly();
		const journal = await open();
		for (const entry of [Promise.resolve(1), undefined, 1n, () => 1]) {
			const code = entry instanceof Promise ? 'ERR_INVALID_ARGUMENT' : 'ERR_NOT_SERIALIZABLE';
			await expect(journal.append(entry)).rejects.toEqual(coded(code));
			await expect(journal.appendAll([1, entry])).rejects.toEqual(coded(code));
		}
		await expect(journal.append(1n)).rejects.toEqual(coded('ERR_NOT_SERIALIZABLE', { path: path() }));
		for (const entries of [undefined, 1, 'text', {}]) {
			await expect(journal.appendAll(entries as never)).rejects.toEqual(coded('ERR_INVALID_ARGUMENT'));
		}
		expect(journal.sequence).toBe(0);
		expect(await all(journal.entries())).toEqual([]);
	});
});

describe('a state that could not be read again', () => {
	it.each(['with', 'without'])('is refused where JSON cannot hold it, %s a schema', async (how) => {
		const anything = {
			'~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) },
		} as const;
		const journal = await openJournal<unknown, number>(directory.file('a.journal'), {
			initial: 0,
			apply: (_, entry) => BigInt(entry),
			schema: how === 'with' ? anything : undefined,
		});
		await journal.append(1);
		await expect(journal.checkpoint()).rejects.toEqual(coded('ERR_NOT_SERIALIZABLE', { path: path() }));
		await journal.close();
	});

	it('is refused where apply is asynchronous', async () => {
		const apply = async (state: number): Promise<number> => state + 1;
		const journal = await openJournal<number, number>(directory.file('a.journal'), {
			initial: 0,
			apply: apply as unknown as (state: number) => number,
		});
		await expect(journal.append(1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		expect(journal.state).toBe(0);
		await journal.close();
	});

	it('takes the place of no entries: a checkpoint asks the schema', async () => {
		const schema = z.number().max(5);
		const options = { initial: 0, apply: (state: number, by: number) => state + by, schema };
		const journal = await openJournal<number, number>(directory.file('a.journal'), options);
		await journal.append(50);
		await expect(journal.checkpoint()).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		await journal.append(-48);
		await journal.checkpoint();
		await journal.close();
		const again = await openJournal<number, number>(directory.file('a.journal'), options);
		expect(again.state).toBe(2);
		await again.close();
	});
});
