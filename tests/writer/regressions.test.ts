/** Orders of events that were once answered wrongly. */
import { mkdir, readFile, rename, stat, symlink, unlink, utimes, writeFile as writeRaw } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
	createWriter,
	createWriteStream,
	defaultWriter,
	type JsonWriter,
	openPendingFile,
	readJson,
	recover,
	stringifyChunks,
	writeFile,
	writeJson,
} from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { gatedFileSystem } from '../support/gated-file-system.ts';
import { PassingPort } from '../support/passing-port.ts';
import { RecordingFileSystem } from '../support/recording-file-system.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const writers: JsonWriter[] = [];
afterEach(async () => {
	for (const writer of writers.splice(0)) await writer.close().catch(() => undefined);
	// What the first commit into a directory begins in the background reads it: where a write is aborted, that is under way.
	await vi.waitFor(() => expect(openFilesIn(directory.path)).toEqual([]));
});

function open(fileSystem: FileSystem = nodeFileSystem): JsonWriter {
	const writer = createWriter({ fileSystem });
	writers.push(writer);
	return writer;
}

const nextTurns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Rows that end when they are released. */
function gated(): { rows: AsyncGenerator<number>; release: () => void; begun: Promise<void> } {
	let release = (): void => undefined;
	let begin = (): void => undefined;
	const gate = new Promise<void>((resolve) => {
		release = resolve;
	});
	const begun = new Promise<void>((resolve) => {
		begin = resolve;
	});
	async function* rows(): AsyncGenerator<number> {
		begin();
		yield 1;
		await gate;
	}
	return { rows: rows(), release, begun };
}

const systemError = (code: string): Error => Object.assign(new Error(`${code}: injected`), { code });

describe('order', () => {
	it('never lands an older write over a newer one, though a link was moved while it waited', async () => {
		await writeRaw(directory.file('y.json'), '0');
		await symlink('x.json', directory.file('link.json'));
		const writer = open();
		const { rows, release, begun } = gated();
		const busy = writer.write(directory.file('x.json'), rows);
		await begun;
		const older = writer.write(directory.file('link.json'), 'older');
		await new Promise((resolve) => setTimeout(resolve, 20));
		await unlink(directory.file('link.json'));
		await symlink('y.json', directory.file('link.json'));
		await writer.write(directory.file('y.json'), 'newer');
		release();
		await busy;
		expect(await older).toMatchObject({ superseded: true });
		expect(await directory.json('y.json')).toBe('newer');
	});

	it('carries an update out on the document that it replaces, though its link is moved before that is read', async () => {
		const [link, x, y] = [directory.file('link.json'), directory.file('x.json'), directory.file('y.json')];
		await writeRaw(x, '["x"]');
		await writeRaw(y, '["y"]');
		await symlink('x.json', link);
		class Moving extends PassingPort {
			override async readFile(file: string): ReturnType<FileSystem['readFile']> {
				await symlink('y.json', directory.file('moved'));
				await rename(directory.file('moved'), link);
				return super.readFile(file);
			}
		}
		const updated = open(new Moving(nodeFileSystem)).update<string[]>(link, (list = []) => [...list, 'updated']);
		expect(await updated).toEqual(['x', 'updated']);
		expect([await readJson(x), await readJson(y)]).toEqual([['x', 'updated'], ['y']]);
	});

	/** A call by a link that leads to y.json when its turn comes: meanwhile y.json is written by its own name. */
	async function overtaken(
		call: (writer: JsonWriter, path: string) => Promise<unknown>,
		prepare: (disk: SimulatedDisk) => void,
	): Promise<{ older: unknown; newer: unknown; document: string | undefined }> {
		const disk = new SimulatedDisk();
		disk.plantFile('/data/y.json', '0');
		disk.plantSymlink('x.json', '/data/link.json');
		const writer = createWriter({ fileSystem: disk });
		const { rows, release, begun } = gated();
		const busy = writer.write('/data/x.json', rows);
		await begun;
		const older = call(writer, '/data/link.json');
		await nextTurns();
		disk.sync.unlink('/data/link.json');
		disk.plantSymlink('y.json', '/data/link.json');
		prepare(disk);
		const newer = await writer.write('/data/y.json', 'newer').catch((error: unknown) => error);
		release();
		await busy;
		const landed = { older: await older, newer, document: disk.peekFile('/data/y.json')?.toString() };
		await writer.close();
		return landed;
	}

	it('never lands an older write over a newer one whose directory could not be synced', async () => {
		const prepare = (disk: SimulatedDisk): void => disk.fail('syncDirectory', { code: 'EIO' });
		const { older, newer, document } = await overtaken((writer, path) => writer.write(path, 'older'), prepare);
		expect(newer).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'unknown' });
		expect(older).toMatchObject({ superseded: true });
		expect(document).toBe('"newer"\n');
	});

	it('never removes a document that was written after the call', async () => {
		const { document } = await overtaken(
			(writer, path) => writer.remove(path),
			() => {},
		);
		expect(document).toBe('"newer"\n');
	});

	it('never lands a first write that is aborted while its file is being named complete', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		const controller = new AbortController();
		disk.observe(({ name, to }, side) => {
			if (name === 'rename' && side === 'after' && to?.endsWith('.ready')) controller.abort(new Error('not wanted'));
		});
		const writer = createWriter({ fileSystem: disk });
		await expect(writer.write('/data/a.json', 1, { signal: controller.signal })).rejects.toThrow('not wanted');
		expect(disk.paths()).toEqual(['/data']);
		await writer.close();
	});

	it('keeps the permissions that a document got while it was written', async () => {
		const disk = new SimulatedDisk();
		disk.plantFile('/data/a.json', '0', { mode: 0o600 });
		const writer = createWriter({ fileSystem: disk });
		const { rows, release, begun } = gated();
		const writing = writer.write('/data/a.json', rows);
		await begun;
		await nextTurns();
		disk.plantFile('/data/a.json', '0', { mode: 0o640 });
		release();
		await writing;
		expect(await disk.stat('/data/a.json')).toMatchObject({ mode: 0o640 });
		await writer.close();
	});

	it('leaves nothing of a first write whose file could not be named complete, and was all the same', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		disk.fail('rename', { code: 'EIO', applied: true });
		const writer = createWriter({ fileSystem: disk });
		await expect(writer.write('/data/a.json', 1)).rejects.toMatchObject({ step: 'ready', outcome: 'not_applied' });
		expect(disk.paths()).toEqual(['/data']);
		await writer.close();
	});

	it('never brings a rejected first write back by a recovery that comes meanwhile', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		disk.fail('rename', { code: 'EIO', nth: 2 });
		disk.slow('unlink', { turns: 300 });
		const elsewhere = new PassingPort(disk, {});
		let recovered: Promise<unknown> | undefined;
		disk.observe(({ name, error }) => {
			if (name === 'rename' && error !== undefined) recovered ??= recover('/data', { fileSystem: elsewhere });
		});
		const writer = createWriter({ fileSystem: disk });
		await expect(writer.write('/data/a.json', 1)).rejects.toMatchObject({ step: 'rename', outcome: 'not_applied' });
		expect(await recovered).toMatchObject({ failures: [] });
		expect(disk.paths()).toEqual(['/data']);
		await writer.close();
	});

	it('never lands the value before a failed one over a newer one that came in between', async () => {
		const file = directory.file('a.json');
		const writer = open();
		for (let round = 0; round < 20; round++) {
			const pending = await openPendingFile(file);
			await pending.write('"pending"');
			const older = writer.write(file, 'older');
			const commit = pending.commit();
			const failing = writer.write(file, 1n);
			await expect(failing).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
			await Promise.all([older, commit]);
			expect(await directory.json('a.json')).toBe('pending');
		}
		expect(writer.stats()).toMatchObject({ pending: 0, failures: 20 });
	});

	it('removes a document though a write of it waits for its turn at the disk', async () => {
		const { fileSystem, letGo } = gatedFileSystem((path) => path.includes('slow.json'));
		const writer = createWriter({ concurrency: 1, recovery: 'off', fileSystem });
		writers.push(writer);
		await writer.write(directory.file('a.json'), 'old');
		const slow = writer.write(directory.file('slow.json'), 1);
		const write = writer.write(directory.file('a.json'), 'new');
		await new Promise((resolve) => setTimeout(resolve, 10));
		const removal = writer.remove(directory.file('a.json'));
		letGo();
		expect(await write).toMatchObject({ superseded: true });
		await Promise.all([removal, slow]);
		await directory.expectOnly('slow.json');
	});

	it('does not count a removal that failed as landed', async () => {
		await writeRaw(directory.file('y.json'), '"ancient"');
		await symlink('y.json', directory.file('link.json'));
		const writer = open({
			...nodeFileSystem,
			sync: {
				...nodeFileSystem.sync,
				rename: (from, to) => {
					if (from.endsWith('/y.json')) throw systemError('EPERM');
					nodeFileSystem.sync.rename(from, to);
				},
			},
		});
		const { rows, release, begun } = gated();
		const busy = writer.write(directory.file('link.json'), rows);
		await begun;
		const older = writer.write(directory.file('link.json'), 'older');
		const removal = writer.remove(directory.file('y.json'));
		release();
		await busy;
		await Promise.all([expect(removal).rejects.toMatchObject({ outcome: 'not_applied' }), older]);
		expect(await directory.json('y.json')).toBe('older');
		expect(await older).toMatchObject({ superseded: false });
	});

	it('keeps the permissions that another spelling gave the document a moment before', async () => {
		await symlink(directory.path, directory.file('self'));
		let resolved = (): void => undefined;
		const looked = new Promise<void>((resolve) => {
			resolved = resolve;
		});
		let letGo = (): void => undefined;
		const hold = new Promise<void>((resolve) => {
			letGo = resolve;
		});
		const writer = open({
			...nodeFileSystem,
			realpath: async (file) => {
				const real = await nodeFileSystem.realpath(file);
				if (!file.endsWith('/self')) return real;
				resolved();
				await hold;
				return real;
			},
		});
		const { rows, release, begun } = gated();
		const first = writer.write(directory.file('a.json'), rows, { mode: 0o600 });
		await begun;
		const second = writer.write(directory.file('self', 'a.json'), 2);
		await looked;
		release();
		await first;
		letGo();
		expect(await second).toMatchObject({ superseded: false });
		expect((await stat(directory.file('a.json'))).mode & 0o777).toBe(0o600);
	});

	it('means by .. what the file system means', async () => {
		await mkdir(directory.file('real', 'deep'), { recursive: true });
		await symlink(directory.file('real', 'deep'), directory.file('link'));
		await writeJson(`${directory.path}/link/../x.json`, 1);
		expect(await readFile(directory.file('real', 'x.json'), 'utf8')).toBe('1\n');
		await symlink('link/../y.json', directory.file('y-link.json'));
		await writeJson(directory.file('y-link.json'), 2);
		expect(await readFile(directory.file('real', 'y.json'), 'utf8')).toBe('2\n');
		expect(await directory.json('y-link.json')).toBe(2);
		await writeJson(directory.file('z.json'), 3, { mode: 0o600 });
		await writeJson(`${directory.path}/missing/../z.json`, 4);
		expect(await directory.json('z.json')).toBe(4);
		expect((await stat(directory.file('z.json'))).mode & 0o777).toBe(0o600);
	});
});

describe('settling', () => {
	it('sees an abort that comes from inside the source, and goes on with the path', async () => {
		const controller = new AbortController();
		let steps = 0;
		const stalled: AsyncIterable<number> = {
			[Symbol.asyncIterator]: () => ({
				async next() {
					if (++steps === 1) return { done: false, value: 1 };
					controller.abort('inside');
					return new Promise(() => undefined);
				},
			}),
		};
		await expect(writeJson(directory.file('a.json'), stalled, { signal: controller.signal })).rejects.toBe('inside');
		await writeJson(directory.file('a.json'), 'next');
		const consumer = new AbortController();
		const read = async (): Promise<void> => {
			async function* rows(): AsyncGenerator<string> {
				yield 'x'.repeat(100_000);
				await new Promise(() => undefined);
			}
			for await (const _ of stringifyChunks(rows(), null, 0, { signal: consumer.signal })) consumer.abort('consumer');
		};
		await expect(read()).rejects.toBe('consumer');
	});

	it('tells a failure that is known though the source stalls', async () => {
		const reason = new Error('progress');
		async function* rows(): AsyncGenerator<string> {
			yield 'x'.repeat(300_000);
			await new Promise(() => undefined);
		}
		const write = writeJson(directory.file('a.json'), rows(), {
			onProgress: () => {
				throw reason;
			},
		});
		await expect(write).rejects.toBe(reason);
		await directory.expectOnly();
	});

	it('keeps a value that throws something unprintable from its neighbours', async () => {
		const unprintable = [
			Object.create(null),
			Object.assign(new Error(), { message: Symbol('no text') }),
			{
				toString() {
					throw new Error('toString');
				},
			},
		];
		for (const thrown of unprintable) {
			const bad = {
				toJSON() {
					throw thrown;
				},
			};
			const writer = open();
			const [good, failed] = await Promise.allSettled([
				writer.write(directory.file('a.json'), 'good'),
				writer.write(directory.file('a.json'), bad),
			]);
			expect(good).toMatchObject({ status: 'fulfilled' });
			expect(failed).toMatchObject({ reason: { code: 'ERR_NOT_SERIALIZABLE' } });
		}
	});

	it('tells the cause of a failure, not that of the clean-up after it', async () => {
		const fileSystem: FileSystem = {
			...nodeFileSystem,
			unlink: async () => {
				throw systemError('EROFS');
			},
		};
		const large = Array.from({ length: 60_000 }, (_, i) => `row ${i}`);
		const writer = createWriter({ fileSystem, recovery: 'off' });
		const [good, bad] = await Promise.allSettled([
			writer.write(directory.file('a.json'), 'good'),
			writer.write(directory.file('a.json'), [...large, 1n]),
		]);
		expect(good).toMatchObject({ status: 'fulfilled' });
		expect(bad).toMatchObject({ reason: { code: 'ERR_NOT_SERIALIZABLE', jsonPath: '$[60000]' } });
	});

	it('lets a value land for others when all newer callers have aborted', async () => {
		const writer = open();
		const file = directory.file('a.json');
		const { rows, release, begun } = gated();
		const busy = writer.write(file, rows);
		await begun;
		const [b, c] = [new AbortController(), new AbortController()];
		const first = writer.write(file, 'a');
		const rest = Promise.allSettled([
			writer.write(file, 'b', { signal: b.signal }),
			writer.write(
				file,
				() => {
					c.abort();
					b.abort();
					return 'c';
				},
				{ signal: c.signal },
			),
		]);
		release();
		await busy;
		await rest;
		expect(await first).toMatchObject({ superseded: true });
		expect(await directory.json('a.json')).toBe('c');
	});

	it('rejects at once where a directory cannot be made', async () => {
		await expect(writeJson('/proc/durable-json/a.json', 1)).rejects.toMatchObject({
			code: 'ERR_WRITE_FAILED',
			step: 'mkdir',
		});
	});

	it('leaves the default writer open when somebody closes it', async () => {
		await defaultWriter.close();
		await writeJson(directory.file('a.json'), 1);
	});

	it('lets nothing land when every caller has aborted', async () => {
		const writer = open();
		const file = directory.file('a.json');
		await writer.write(file, 'old');
		const [a, b] = [new AbortController(), new AbortController()];
		const { rows, release, begun } = gated();
		const outcomes = Promise.allSettled([
			writer.write(file, Readable.from(['unread']), { signal: a.signal }),
			writer.write(file, rows, { signal: b.signal }),
		]);
		await begun;
		b.abort();
		a.abort();
		release();
		for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected' });
		await writer.flush();
		expect(await directory.json('a.json')).toBe('old');
		expect(writer.stats()).toMatchObject({ pending: 0, failures: 2 });
	});

	it('does not end the process for an asynchronous function that fails', async () => {
		const failing = async (): Promise<never> => {
			throw new Error('nobody listens');
		};
		await expect(writeJson(directory.file('a.json'), failing)).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
	});

	it('tells flush(path) of that path alone', async () => {
		const writer = createWriter({ onError: () => undefined });
		writer.schedule(directory.file('a.json'), 1n);
		writer.schedule(directory.file('b.json'), 1);
		await writer.flush(directory.file('b.json'));
		await expect(writer.flush(directory.file('a.json'))).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
		await writer.close();
	});
});

describe('streams', () => {
	it('never finish when they were aborted, whatever the reason', async () => {
		await writeRaw(directory.file('a.json'), 'old');
		for (const reason of [null, 0, '', new Error('x')]) {
			const controller = new AbortController();
			const stream = createWriteStream(directory.file('a.json'), { signal: controller.signal });
			controller.abort(reason);
			const outcome = await new Promise((resolve) => {
				stream.on('finish', () => resolve('finish')).on('error', () => resolve('error'));
				stream.end('new');
			});
			expect(outcome).toBe('error');
		}
		expect(await directory.text('a.json')).toBe('old');
		await directory.expectOnly('a.json');
	});

	it('notice their signal while nothing comes in', async () => {
		const controller = new AbortController();
		const stalled = new Readable({ read: () => undefined });
		const piping = pipeline(stalled, createWriteStream(directory.file('a.json'), { signal: controller.signal }));
		setTimeout(() => controller.abort(new Error('stop')), 20);
		await expect(piping).rejects.toThrow('stop');
		await expect.poll(() => directory.names()).toEqual([]);
	});

	it('leave the document when they are destroyed before they finish', async () => {
		await writeRaw(directory.file('a.json'), 'old');
		const stream = createWriteStream(directory.file('a.json'));
		await new Promise((resolve) => stream.write('new', resolve));
		stream.end();
		stream.destroy();
		await new Promise((resolve) => stream.once('close', resolve));
		expect(await directory.text('a.json')).toBe('old');
		await directory.expectOnly('a.json');
	});

	it('are closed when a write that reads them is aborted', async () => {
		const controller = new AbortController();
		const stalled = new Readable({ read: () => undefined });
		const write = writeFile(directory.file('a.bin'), stalled, { signal: controller.signal });
		setTimeout(() => controller.abort('stop'), 20);
		await expect(write).rejects.toBe('stop');
		expect(stalled.destroyed).toBe(true);
	});
});

describe('leftovers', () => {
	it('of a writer without locks are told by their age, also by one that has them', async () => {
		const old = '.dj1na-000000000000001-0123456789abcdef-a.json.part';
		const young = '.dj1na-000000000000001-0123456789abcdee-a.json.part';
		await writeRaw(directory.file(old), '');
		await utimes(directory.file(old), new Date(), new Date(Date.now() - 2 * 3600 * 1000));
		await writeRaw(directory.file(young), '');
		const writer = open();
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
		await directory.expectOnly('a.json', young);
	});

	it('that only bear our name, as links and directories do, are left alone', async () => {
		const name = (digit: number): string => `.dj1nl-00000000000000${digit}-0123456789abcdef-a.json.part`;
		await mkdir(directory.file(name(1)));
		await symlink('a.json', directory.file(name(2)));
		const writer = open();
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
		await directory.expectOnly('a.json', name(1), name(2));
	});

	it('whose document has a long name are removed as well', async () => {
		const long = 'n'.repeat(200);
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		await writer.write(directory.file(long), 1);
		const ready = recording.calls.find(({ name, path: from }) => name === 'rename' && from.endsWith('.ready'))?.path;
		await writer.close();
		await writeRaw(String(ready), '');
		const next = open();
		await next.write(directory.file('b.json'), 1);
		await next.close();
		await directory.expectOnly('b.json', long);
	});

	it('cannot be confused with a document: such a name is refused', async () => {
		const name = '.dj1nl-000000000000000-0000000000000000-x.json.part';
		await expect(writeJson(directory.file(name), 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
	});
});

describe('durability', () => {
	it('of a directory ends with it: one that takes its place is synced anew', async () => {
		const recording = new RecordingFileSystem();
		const writer = open(recording.fileSystem);
		await writer.write(directory.file('d', 'a.json'), 1);
		await rename(directory.file('d'), directory.file('old'));
		await mkdir(directory.file('d'));
		recording.calls.length = 0;
		await writer.write(directory.file('d', 'a.json'), 2);
		expect(recording.ended).toContain(`syncDirectory ${directory.path}`);
	});

	it('on Windows: a document that was moved aside is read from there until another lands', async () => {
		const disk = new SimulatedDisk({ semantics: 'win32' });
		disk.plantDirectory('/data');
		disk.plantFile('/data/.dj1nl-000000000000001-0123456789abcdef-a.json.aside', '"acknowledged"');
		const reasons: unknown[] = [];
		const options = {
			fallback: 'none',
			fileSystem: disk,
			onFallback: ({ reason }: { reason: string }) => reasons.push(reason),
		};
		expect(await readJson('/data/a.json', options)).toBe('acknowledged');
		expect(reasons).toEqual(['aside']);
		const writer = createWriter({ fileSystem: disk, clock: new ManualClock() });
		await writer.write('/data/a.json', 'next');
		await writer.close();
		expect(disk.paths().filter((name) => path.basename(name).startsWith('.dj1'))).toEqual([]);
		expect(await readJson('/data/a.json', options)).toBe('next');
	});
});

describe('bounds', () => {
	it('hold for sources that wait: no more of them write at a time than may', async () => {
		let writing = 0;
		let mostWriting = 0;
		const writer = createWriter({
			concurrency: 2,
			fileSystem: {
				...nodeFileSystem,
				open: async (file, mode, permissions) => {
					const handle = await nodeFileSystem.open(file, mode, permissions);
					const write = handle.write.bind(handle);
					handle.write = async (...args) => {
						writing += 1;
						mostWriting = Math.max(mostWriting, writing);
						try {
							return await write(...args);
						} finally {
							writing -= 1;
						}
					};
					return handle;
				},
			},
			recovery: 'off',
		});
		async function* rows(): AsyncGenerator<string> {
			yield 'x'.repeat(200_000);
			await new Promise(setImmediate);
			yield 'y'.repeat(200_000);
		}
		await Promise.all(Array.from({ length: 100 }, (_, i) => writer.write(directory.file(`${i}.json`), rows())));
		await writer.close();
		expect(mostWriting).toBeLessThanOrEqual(2);
	});
});
