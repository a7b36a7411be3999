import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { readdir, symlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
	coalesce,
	createWriter,
	debounce,
	immediate,
	openPendingFile,
	type PendingFile,
	type WriteReceipt,
	type WriterOptions,
} from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { runChild, startChild } from '../support/child.ts';
import { drive } from '../support/simulation.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const turns = async (count: number): Promise<void> => {
	for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Saves a burst, waits for a moment, and goes without waiting for anything. */
const leaver = `
const { createWriter, debounce } = await import(process.env.LIBRARY);
const [file, how, waitMs] = process.argv.slice(1);
const writer = createWriter(how === 'debounced' ? { strategy: debounce({ waitMs: 60_000 }) } : {});
process.once('SIGTERM', () => writer.close().then(() => process.exit()));
process.once('exit', () => writer.flushSync());
for (let i = 0; i <= 500; i++) writer.schedule(file, { i, padding: 'x'.repeat(2000) });
await new Promise((resolve) => setTimeout(resolve, Number(waitMs)));
writer.schedule(file, { i: 'last' });
if (how === 'exception') throw new Error('nobody catches it');
if (how === 'SIGTERM') {
	process.kill(process.pid, 'SIGTERM');
	setInterval(() => undefined, 1000);
} else if (how !== 'drained') process.exit(3);`;

describe('a process that ends', () => {
	it.each([
		['drained', 0],
		['exit', 3],
		['debounced', 3],
		['exception', 1],
		['SIGTERM', 0],
	])('by %s has saved its last value, and leaves nothing that stays', async (how, status) => {
		for (const waitMs of [0, 1, 2, 3, 5]) {
			const file = directory.file('state.json');
			const child = runChild(leaver, [file, String(how), String(waitMs)]);
			expect(child.status, child.stderr).toBe(status);
			expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ i: 'last' });
		}
		// A temporary file that was just being opened stays behind; the next start removes it.
		const file = directory.file('state.json');
		expect(runChild(leaver, [file, 'drained', '0']).status).toBe(0);
		expect(await readdir(directory.path)).toEqual(['state.json']);
	});

	it('does not end before what a strategy holds is durable', async () => {
		const script = `
const { createWriter, debounce } = await import(process.env.LIBRARY);
createWriter({ strategy: debounce({ waitMs: 200 }) }).schedule(process.argv[1], 'held');`;
		const child = startChild(script, [directory.file('a.json')]);
		await new Promise((resolve) => child.once('close', resolve));
		expect(await directory.json('a.json')).toBe('held');
	});
});

/** A pending file that a write has overtaken makes that durable, while flushSync removes it. */
const removedWhileAdopted = {
	turns: 29,
	jitterSeed: 1,
	strategy: coalesce,
	existing: false,
	before: ['pending file', 'other writer', 'write', 'pending file', 'other writer'],
	last: 'remove',
	semantics: 'win32',
};

describe('flushSync', () => {
	it('leaves the newest value, durable, at any moment of whatever is under way', async () => {
		const moments = fc.record({
			turns: fc.integer({ min: 0, max: 60 }),
			jitterSeed: fc.integer({ min: 1, max: 1_000_000 }),
			strategy: fc.constantFrom(coalesce, immediate, () => debounce({ waitMs: 50 })),
			existing: fc.boolean(),
			before: fc.array(fc.constantFrom('write', 'remove', 'other spelling', 'other writer', 'pending file'), {
				maxLength: 5,
			}),
			last: fc.constantFrom('write', 'remove'),
			semantics: fc.constantFrom('posix', 'win32'),
		});
		await fc.assert(
			fc.asyncProperty(moments, async (moment) => {
				const clock = new ManualClock();
				const { jitterSeed, semantics } = moment;
				const disk = new SimulatedDisk({ jitterSeed, clock, semantics: semantics as 'posix' | 'win32' });
				if (moment.existing) disk.plantFile('/d/a.json', '"ancient"\n');
				else disk.plantFile('/d/b.json', '1');
				const ports = { fileSystem: disk, clock };
				const writer = createWriter({ ...ports, strategy: moment.strategy() });
				const other = createWriter(ports);
				const settled: Promise<unknown>[] = [];
				const run = async (): Promise<void> => {
					const files = await Promise.all(moment.before.map(() => openPendingFile('/d/a.json', ports)));
					await Promise.all(files.map((file, i) => file.write(`{"file":${i}}`)));
					for (const [i, act] of moment.before.entries()) {
						if (act === 'write') settled.push(writer.write('/d/a.json', { i }));
						if (act === 'remove') settled.push(writer.remove('/d/a.json'));
						if (act === 'other spelling') settled.push(writer.write('/d/../d/a.json', { i }));
						if (act === 'other writer') settled.push(other.write('/d/a.json', { i }));
						if (act === 'pending file') settled.push((files[i] as PendingFile).commit());
						await turns(i);
					}
					if (moment.last === 'write') settled.push(writer.write('/d/a.json', 'last'));
					else settled.push(writer.remove('/d/a.json'));
					await turns(moment.turns);
					writer.flushSync();
					const wanted = moment.last === 'write' ? '"last"\n' : undefined;
					expect(disk.peekFile('/d/a.json')?.toString()).toBe(wanted);
					if (semantics === 'posix') {
						for (const state of disk.crashStates({ statesMax: 20 })) {
							expect(state.disk.peekFile('/d/a.json')?.toString()).toBe(wanted);
						}
					}
					await Promise.all([writer.close(), other.close(), ...settled]);
					await Promise.all(files.map((file) => file.discard()));
					expect(disk.peekFile('/d/a.json')?.toString()).toBe(wanted);
				};
				await drive(run(), { disk, clock });
				expect(disk.paths().filter((path) => path.includes('.dj1'))).toEqual([]);
			}),
			{ numRuns: Number(process.env['RUNS'] ?? 300), examples: [[removedWhileAdopted]] },
		);
	});

	it('answers the calls that it served: newest and superseded', async () => {
		const writer = createWriter();
		const first = writer.write(directory.file('a.json'), 1);
		const last = writer.write(directory.file('a.json'), 2);
		writer.flushSync();
		expect(await first).toMatchObject({ superseded: true, durability: 'full', bytes: 2 });
		expect(await last).toMatchObject({ superseded: false, durability: 'full', directorySynced: true, bytes: 2 });
		expect(writer.stats()).toMatchObject({ commits: 1, pending: 0, queuedValues: 0 });
		await writer.close();
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('makes missing directories, and keeps mode and content rules', async () => {
		const writer = createWriter();
		writer.schedule(directory.file('x', 'y', 'a.json'), { a: [1] }, { space: 2, mode: 0o600 });
		writer.schedule(directory.file('lines.jsonl'), 1, { finalNewline: false });
		writer.flushSync();
		expect(readFileSync(directory.file('x', 'y', 'a.json'), 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
		expect(readFileSync(directory.file('lines.jsonl'), 'utf8')).toBe('1');
		await writer.close();
	});

	it.each(['synchronously', 'asynchronously'])(
		'is refused by a toJSON that it calls itself, of a document written %s; others are written',
		async (how) => {
			const writer = createWriter({ strategy: how === 'synchronously' ? debounce({ waitMs: 60_000 }) : immediate() });
			const refusals: unknown[] = [];
			const value = {
				toJSON(): string {
					try {
						writer.flushSync();
					} catch (error) {
						refusals.push(error);
					}
					return 'whole';
				},
			};
			const writes = [writer.write(directory.file('other.json'), 1), writer.write(directory.file('a.json'), value)];
			if (how === 'synchronously') writer.flushSync();
			await Promise.all(writes);
			const refusal = { code: 'ERR_UNSUPPORTED', path: directory.file('a.json'), outcome: 'not_applied' };
			expect(refusals).toEqual([expect.objectContaining(refusal)]);
			expect([await directory.json('a.json'), await directory.json('other.json')]).toEqual(['whole', 1]);
			await writer.close();
		},
	);

	it.each(['another spelling', 'another writer'])(
		'is refused by a toJSON that it calls itself, for %s of the document',
		async (by) => {
			const writer = createWriter({ strategy: debounce({ waitMs: 60_000 }) });
			const other = by === 'another writer' ? createWriter({ strategy: debounce({ waitMs: 60_000 }) }) : writer;
			const file = directory.file('a.json');
			await symlink('a.json', directory.file('link.json'));
			const older = other.write(by === 'another writer' ? file : directory.file('link.json'), 'older');
			let refusal: unknown;
			const newer = writer.write(file, {
				toJSON(): string {
					refusal ??= catchError(() => other.flushSync());
					return 'newer';
				},
			});
			writer.flushSync();
			await Promise.all([other.close(), writer.close()]);
			const refusals = refusal instanceof AggregateError ? refusal.errors : [refusal];
			expect(refusals).toContainEqual(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
			expect([(await older).superseded, (await newer).superseded]).toEqual([true, false]);
			expect(await directory.json('a.json')).toBe('newer');
		},
	);

	it.each<[string, WriterOptions]>([
		['is written at once', {}],
		['is held by its strategy', { strategy: debounce({ waitMs: 10 }) }],
	])('does not answer a call that the value itself makes of its path, where that %s', async (_how, options) => {
		const writer = createWriter(options);
		const file = directory.file('a.json');
		let later: Promise<WriteReceipt> | undefined;
		const earlier = writer.write(file, {
			toJSON(): string {
				later ??= writer.write(file, 'later');
				return 'earlier';
			},
		});
		writer.flushSync();
		expect(await directory.json('a.json')).toBe('earlier');
		const [first, second] = [await earlier, await later];
		expect(second?.sequence).toBeGreaterThan(first.sequence);
		expect([first.superseded, second?.superseded]).toEqual([false, false]);
		expect(await directory.json('a.json')).toBe('later');
		await writer.close();
	});

	it('called by a toJSON that lets its error through makes the value one that cannot be serialised', async () => {
		const writer = createWriter();
		const write = writer.write(directory.file('a.json'), { toJSON: () => writer.flushSync() });
		await expect(write).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
		await writer.close();
		expect(await readdir(directory.path)).toEqual([]);
	});

	it('tells what cannot be read synchronously after all else is written, and leaves it to be written later', async () => {
		const writer = createWriter();
		const stream = writer.write(directory.file('stream.json'), Readable.from([1, 2]));
		const nested = writer.write(directory.file('nested.json'), {
			rows: { [Symbol.asyncIterator]: () => Readable.from([3]).iterator() },
		});
		writer.schedule(directory.file('a.json'), 'written');
		const error = catchError(() => writer.flushSync());
		expect(await directory.json('a.json')).toBe('written');
		expect(error).toBeInstanceOf(AggregateError);
		expect((error as AggregateError).errors).toEqual(
			expect.arrayContaining([
				expect.objectContaining({ code: 'ERR_UNSUPPORTED', path: directory.file('stream.json') }),
				expect.objectContaining({
					code: 'ERR_UNSUPPORTED',
					path: directory.file('nested.json'),
					jsonPath: '$.rows',
				}),
			]),
		);
		await stream;
		await nested;
		expect(await directory.json('stream.json')).toEqual([1, 2]);
		expect(await directory.json('nested.json')).toEqual({ rows: [3] });
		await writer.close();
	});

	it('falls back to the value before one that fails, whose caller is told', async () => {
		const writer = createWriter();
		const good = writer.write(directory.file('a.json'), 'good');
		const bad = writer.write(directory.file('a.json'), { n: 1n });
		const told = expect(bad).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE', jsonPath: '$.n' });
		writer.flushSync();
		await told;
		expect(await directory.json('a.json')).toBe('good');
		expect(await good).toMatchObject({ superseded: false });
		await writer.close();
	});

	it.each([['open'], ['write'], ['sync'], ['rename']])(
		'throws what the disk answers, keeps the old document, and the write is still to come (%s)',
		async (call) => {
			const clock = new ManualClock();
			const disk = new SimulatedDisk({ clock });
			disk.plantFile('/d/a.json', '"old"\n');
			const writer = createWriter({ fileSystem: disk, clock });
			const write = writer.write('/d/a.json', 'new');
			disk.fail(call as 'open', { code: 'EIO' });
			expect(() => writer.flushSync()).toThrow(
				expect.objectContaining({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' }),
			);
			expect(disk.peekFile('/d/a.json')?.toString()).toBe('"old"\n');
			await drive(
				write.then(() => writer.close()),
				{ disk, clock },
			);
			expect(disk.paths().filter((path) => path.endsWith('json'))).toEqual(['/d/a.json']);
			expect(disk.peekFile('/d/a.json')?.toString()).toBe('"new"\n');
		},
	);

	it.each(['process', 'file'] as const)(
		'which has written and could not sync leaves open what stands there, whatever fails after it (lock %s)',
		async (lock) => {
			const clock = new ManualClock();
			const disk = new SimulatedDisk({ clock });
			disk.plantFile('/d/a.json', '"old"\n');
			const writer = createWriter({ fileSystem: disk, clock, lock });
			const told = writer.write('/d/a.json', 'new').catch((error: unknown) => error);
			disk.fail('syncDirectory', { code: 'EIO' });
			expect(() => writer.flushSync()).toThrow('EIO');
			for (const call of ['open', 'openDirectory', 'realpath', 'lstat'] as const) {
				disk.fail(call, { code: 'EIO', times: Number.POSITIVE_INFINITY });
			}
			await drive(
				told.then(() => undefined),
				{ disk, clock },
			);
			disk.heal();
			expect(disk.peekFile('/d/a.json')?.toString()).toBe('"new"\n');
			expect(await told).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'unknown', path: '/d/a.json' });
			await drive(writer.close(), { disk, clock });
		},
	);

	it.each([0, 1, 2, 5, 9, 14, 20])(
		'leaves alone what can be read only once, at any depth: it is written as a whole by the commit (%i turns later)',
		async (count) => {
			let tried = (): void => undefined;
			const flushed = new Promise<void>((resolve) => {
				tried = resolve;
			});
			const rows = async function* (): AsyncGenerator<number> {
				for (let row = 1; row <= 4; row++) {
					await turns(2);
					// However many turns the machine takes for the others: it is still being read then.
					if (row === 4) await flushed;
					yield row;
				}
			};
			const writer = createWriter();
			const file = directory.file('a.json');
			const written = writer.write(file, { all: [{ rows: rows() }] });
			await turns(count);
			expect(() => writer.flushSync()).toThrow(
				expect.objectContaining({ code: 'ERR_UNSUPPORTED', jsonPath: '$.all[0].rows' }),
			);
			tried();
			expect(await written).toMatchObject({ durability: 'full' });
			expect(await directory.json('a.json')).toEqual({ all: [{ rows: [1, 2, 3, 4] }] });
			await writer.close();
		},
	);

	it('carries an update out where the directory is missing', async () => {
		const writer = createWriter();
		const updated = writer.update<{ count: number }>(
			directory.file('new', 'a.json'),
			({ count }) => ({ count: count + 1 }),
			{
				initial: { count: 0 },
			},
		);
		writer.flushSync();
		expect(await updated).toEqual({ count: 1 });
		expect(await directory.json('new/a.json')).toEqual({ count: 1 });
		await writer.close();
	});

	it.each([true, false])('tells what a rename has done that reported an error (done: %s)', async (applied) => {
		const disk = new SimulatedDisk();
		disk.plantFile('/d/a.json', '"old"\n');
		const clock = new ManualClock();
		const writer = createWriter({ fileSystem: disk, clock, strategy: debounce({ waitMs: 60_000 }) });
		const told = writer.update('/d/a.json', () => 'new').catch((error: unknown) => error);
		disk.fail('rename', { code: 'EIO', applied });
		if (applied) writer.flushSync();
		else expect(() => writer.flushSync()).toThrow(/EIO/);
		if (applied) expect(await told).toBe('new');
		else expect(await told).toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'rename', outcome: 'not_applied' });
		expect(disk.peekFile('/d/a.json')?.toString()).toBe(applied ? '"new"\n' : '"old"\n');
		await drive(writer.close(), { disk, clock });
	});

	it('is counted and told as any commit is', async () => {
		const writer = createWriter();
		const events: unknown[] = [];
		const listen = (event: unknown): number => events.push(event);
		subscribe('durable-json:commit', listen);
		const file = directory.file('a.json');
		for (let value = 1; value <= 3; value++) writer.schedule(file, value);
		writer.flushSync();
		unsubscribe('durable-json:commit', listen);
		expect(events).toEqual([
			expect.objectContaining({ path: file, carried: 3, removed: false, bytes: 2, durability: 'full' }),
		]);
		const { commits, commitDuration, staleness } = writer.stats();
		expect([commits, commitDuration.count, staleness.count]).toEqual([1, 1, 1]);
		await writer.close();
	});

	it('brings home any number of calls that do not merge', async () => {
		const writer = createWriter({ maxQueuedValues: Number.POSITIVE_INFINITY });
		const file = directory.file('a.json');
		const removals = Array.from({ length: 150_000 }, () => writer.remove(file));
		const last = writer.write(file, 'last');
		writer.flushSync();
		expect(readFileSync(file, 'utf8')).toBe('"last"\n');
		await Promise.all([...removals, last]);
		await writer.close();
		expect(await directory.json('a.json')).toBe('last');
	});

	it('does nothing where nothing waits, and may be called after close', async () => {
		const writer = createWriter();
		writer.flushSync();
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
		writer.flushSync();
		expect(writer.stats().commits).toBe(1);
	});
});

function catchError(action: () => void): unknown {
	try {
		action();
	} catch (error) {
		return error;
	}
	return undefined;
}
