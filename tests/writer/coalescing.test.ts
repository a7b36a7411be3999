import { symlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWriter, type JsonWriter, openPendingFile, writeJson } from '../../lib/index.ts';
import { RecordingFileSystem } from '../support/recording-file-system.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
let writer: JsonWriter;
let recording: RecordingFileSystem;
beforeEach(() => {
	recording = new RecordingFileSystem();
	writer = createWriter({ fileSystem: recording.fileSystem });
});
afterEach(async () => {
	await writer.close();
	expect(openFilesIn(directory.path)).toEqual([]);
});

/** Keeps the lane of `path` busy with a commit that has begun to read its value, until `release` is called. */
async function occupy(path: string): Promise<{ release: () => void; done: Promise<unknown> }> {
	let release = (): void => undefined;
	const gate = new Promise<void>((resolve) => {
		release = resolve;
	});
	let begin = (): void => undefined;
	const begun = new Promise<void>((resolve) => {
		begin = resolve;
	});
	async function* rows(): AsyncGenerator<number> {
		begin();
		yield 0;
		await gate;
	}
	const done = writer.write(path, rows());
	await begun;
	return { done, release };
}

/** Long enough for a commit that has started to have read its value. */
const started = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

class Failing {
	toJSON(): never {
		throw new Error('own fault');
	}
}

describe('a burst of writes to one path', () => {
	it('ends in a handful of commits with the last value, and a right receipt for each of 10,000 calls', async () => {
		const file = directory.file('a.json');
		const receipts = await Promise.all(Array.from({ length: 10_000 }, (_, i) => writer.write(file, { i })));
		expect(await directory.json('a.json')).toEqual({ i: 9999 });
		expect(recording.count('rename')).toBeLessThanOrEqual(6);
		expect(writer.stats()).toMatchObject({ calls: 10_000, pending: 0, failures: 0 });
		expect(writer.stats().commits).toBeLessThanOrEqual(5);
		for (const [i, receipt] of receipts.entries()) {
			expect(receipt.sequence).toBeGreaterThan(receipts[i - 1]?.sequence ?? 0);
		}
		const last = receipts[9999];
		expect(last).toMatchObject({ superseded: false, bytes: 11, durability: 'full', directorySynced: true });
		expect(receipts.filter(({ superseded }) => !superseded)).toHaveLength(writer.stats().commits);
		expect(writer.stats().superseded).toBe(10_000 - writer.stats().commits);
	});

	it('calls a function for the value once for each commit', async () => {
		let calls = 0;
		const file = directory.file('a.json');
		await Promise.all(Array.from({ length: 1000 }, () => writer.write(file, () => ++calls)));
		expect(calls).toBe(writer.stats().commits);
		expect(await directory.json('a.json')).toBe(calls);
	});

	it('starves nobody in a steady stream: each write settles with the commit after the one in flight', async () => {
		const file = directory.file('a.json');
		let settled = 0;
		let worst = 0;
		const stop = Date.now() + 300;
		const all: Promise<unknown>[] = [];
		for (let i = 0; Date.now() < stop; i++) {
			const commitsAtCall = writer.stats().commits;
			all.push(
				writer.write(file, i).then(() => {
					settled += 1;
					worst = Math.max(worst, writer.stats().commits - commitsAtCall);
				}),
			);
			await new Promise(setImmediate);
		}
		await Promise.all(all);
		expect(settled).toBe(all.length);
		expect(worst).toBeLessThanOrEqual(2);
	});

	it('lets flush settle while writes keep coming', async () => {
		const file = directory.file('a.json');
		let going = true;
		const stream = (async () => {
			const all: Promise<unknown>[] = [];
			for (let i = 0; going; i++) {
				all.push(writer.write(file, i));
				await new Promise(setImmediate);
			}
			await Promise.all(all);
		})();
		await started();
		await writer.flush();
		await writer.flush(file);
		going = false;
		await stream;
	});
});

describe('merging', () => {
	it('rejects the caller of a newest value that fails, alone, and writes the one before it', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const [good, bad] = [writer.write(file, 'good'), writer.write(file, new Failing())];
		busy.release();
		await expect(bad).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE', outcome: 'not_applied', jsonPath: '$' });
		expect(await good).toMatchObject({ superseded: false });
		expect(await directory.json('a.json')).toBe('good');
		await directory.expectOnly('a.json');
	});

	it('tells a caller whose value was dropped when all that stood in for it fail', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const outcomes = Promise.allSettled([
			writer.write(file, 'dropped'),
			writer.write(file, new Failing()),
			writer.write(file, new Failing()),
		]);
		busy.release();
		const [dropped, ...failing] = await outcomes;
		expect(dropped).toMatchObject({ reason: { code: 'ERR_NOT_SERIALIZABLE', outcome: 'not_applied' } });
		for (const { reason } of failing as PromiseRejectedResult[]) expect(reason.cause.message).toBe('own fault');
		await directory.expectOnly('a.json');
	});

	it('takes the highest durability that a carried call asked for', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const both = Promise.all([
			writer.write(file, 1, { durability: 'full' }),
			writer.write(file, 2, { durability: 'none' }),
		]);
		busy.release();
		for (const receipt of await both) expect(receipt).toMatchObject({ durability: 'full', directorySynced: true });
		expect(await directory.json('a.json')).toBe(2);
	});

	it('closes a superseded stream or generator without reading it', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const readable = Readable.from([1]);
		let read = false;
		let closed = false;
		const iterator: AsyncIterableIterator<number> = {
			next: async () => {
				read = true;
				return { done: true, value: undefined };
			},
			return: async () => {
				closed = true;
				return { done: true, value: undefined };
			},
			[Symbol.asyncIterator]: () => iterator,
		};
		const writes = [writer.write(file, readable), writer.write(file, iterator), writer.write(file, 'newest')];
		expect(readable.destroyed).toBe(true);
		expect(closed).toBe(true);
		busy.release();
		const receipts = await Promise.all(writes);
		expect(receipts.map(({ superseded }) => superseded)).toEqual([true, true, false]);
		expect(read).toBe(false);
		expect(await directory.json('a.json')).toBe('newest');
	});

	it('survives a stream that fails while it waits for its turn', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const broken = Readable.from([1]);
		const write = writer.write(file, broken);
		broken.destroy(new Error('gone'));
		await started();
		busy.release();
		await expect(write).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE', cause: { message: 'gone' } });
		expect(await directory.json('a.json')).toEqual([0]);
	});

	it('rejects all that a commit carried when the disk fails, and tries later writes afresh', async () => {
		const file = directory.file('a.json');
		const first = await writer.write(file, 'first');
		const failing = createWriter({
			fileSystem: {
				...recording.fileSystem,
				rename: async () => {
					throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
				},
			},
		});
		const outcomes = await Promise.allSettled([failing.write(file, 1), failing.write(file, 2)]);
		for (const outcome of outcomes) {
			expect(outcome).toMatchObject({
				reason: { code: 'ERR_WRITE_FAILED', step: 'rename', outcome: 'not_applied', cause: { code: 'EIO' } },
			});
		}
		await failing.close();
		expect(await directory.json('a.json')).toBe('first');
		await directory.expectOnly('a.json');
		expect((await writer.write(file, 3)).sequence).toBeGreaterThan(first.sequence);
	});
});

describe('a path whose writes have failed or were aborted', () => {
	it('takes a write that is submitted at the very moment of the failure', async () => {
		const settled = await writer
			.write(directory.path, 1)
			.catch(() => writer.write(directory.path, 2).catch((error) => error));
		expect(settled).toMatchObject({ code: 'ERR_WRITE_FAILED' });
		const controller = new AbortController();
		const file = directory.file('a.json');
		const aborted = expect(writer.write(file, 1, { signal: controller.signal })).rejects.toMatchObject({
			name: 'AbortError',
		});
		controller.abort();
		for (let turns = 0; turns < 50; turns++) {
			await expect(writer.write(file, turns)).resolves.toMatchObject({ bytes: expect.any(Number) });
			const again = new AbortController();
			const next = Promise.allSettled([writer.write(file, -1, { signal: again.signal })]);
			for (let i = 0; i < turns; i++) await null;
			again.abort();
			await writer.write(file, 'after');
			await next;
		}
		await aborted;
		expect(await directory.json('a.json')).toBe('after');
	});
});

describe('aborting', () => {
	it('rejects with the reason, unchanged, and leaves the rest of the queue alone', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const controller = new AbortController();
		const reason = new Error('changed my mind');
		const before = writer.write(file, 'before');
		const aborted = writer.write(file, 'aborted', { signal: controller.signal });
		controller.abort(reason);
		await expect(aborted).rejects.toBe(reason);
		busy.release();
		await before;
		expect(await directory.json('a.json')).toBe('before');
	});

	it('drops a write that nobody else waits for', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const controller = new AbortController();
		const aborted = writer.write(file, 'aborted', { signal: controller.signal });
		controller.abort();
		await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
		busy.release();
		await busy.done;
		await writer.flush();
		expect(await directory.json('a.json')).toEqual([0]);
	});

	it('lets a value land for those that were merged into it when only its own caller aborts', async () => {
		const file = directory.file('a.json');
		const busy = await occupy(file);
		const controller = new AbortController();
		const older = writer.write(file, Readable.from(['read once']));
		const newest = writer.write(file, 'newest', { signal: controller.signal });
		controller.abort(new Error('no'));
		await expect(newest).rejects.toThrow('no');
		busy.release();
		expect(await older).toMatchObject({ superseded: true });
		expect(await directory.json('a.json')).toBe('newest');
	});

	it('cuts off a value that waits for its data, removes the temporary file, and closes the source', async () => {
		const file = directory.file('a.json');
		await writer.write(file, 'old');
		let closed = false;
		async function* rows(): AsyncGenerator<string> {
			try {
				yield 'x'.repeat(1_000_000);
				await new Promise((resolve) => setTimeout(resolve, 200));
				yield 'never';
			} finally {
				closed = true;
			}
		}
		const controller = new AbortController();
		const write = writer.write(file, rows(), { signal: controller.signal });
		await started();
		expect(await directory.names()).toHaveLength(2);
		controller.abort('stop');
		await expect(write).rejects.toBe('stop');
		await directory.expectOnly('a.json');
		expect(await directory.json('a.json')).toBe('old');
		await expect.poll(() => closed).toBe(true);
		await writer.write(file, 'new');
	});

	it('is too late after the rename', async () => {
		const controller = new AbortController();
		const late = createWriter({
			fileSystem: {
				...recording.fileSystem,
				rename: async (from, to) => {
					await recording.fileSystem.rename(from, to);
					if (to.endsWith('/a.json')) controller.abort();
				},
			},
		});
		const receipt = await late.write(directory.file('a.json'), 1, { signal: controller.signal });
		expect(receipt).toMatchObject({ durability: 'full', superseded: false });
		await late.close();
	});

	it('leaves nothing on a signal that outlives its writes', async () => {
		const { signal } = new AbortController();
		const warnings: Error[] = [];
		const onWarning = (warning: Error): void => void warnings.push(warning);
		process.on('warning', onWarning);
		await Promise.all(Array.from({ length: 200 }, (_, i) => writer.write(directory.file('a.json'), i, { signal })));
		await started();
		process.off('warning', onWarning);
		expect(warnings).toEqual([]);
	});
});

describe('several ways to one document', () => {
	it('keeps the value submitted last, whatever the spelling and the writer', async () => {
		await symlink(directory.path, directory.file('self'));
		await symlink('a.json', directory.file('alias.json'));
		const other = createWriter();
		const spellings = [directory.file('a.json'), directory.file('alias.json'), directory.file('self', 'a.json')];
		for (let round = 0; round < 40; round++) {
			const writes: Promise<unknown>[] = [];
			for (let i = 0; i < 12; i++) {
				const by = i % 2 === 0 ? writer : other;
				writes.push(by.write(spellings[(i * 7 + round) % 3] ?? '', { round, i }));
			}
			await Promise.all(writes);
			expect(await directory.json('a.json')).toEqual({ round, i: 11 });
		}
		await other.close();
		await directory.expectOnly('a.json', 'alias.json', 'self');
	});

	it('answers an older write that comes late with the newer one, made as durable as it asked for', async () => {
		const file = directory.file('a.json');
		const pending = await openPendingFile(directory.file('b.json'));
		await pending.discard();
		await symlink('a.json', directory.file('alias.json'));
		const busy = await occupy(directory.file('alias.json'));
		const older = writer.write(directory.file('alias.json'), 'older', { durability: 'full' });
		busy.release();
		await busy.done;
		const newer = await writeJson(file, 'newer', { durability: 'none' });
		expect(newer.durability).toBe('none');
		const receipt = await older;
		if (receipt.superseded) expect(receipt.durability).toBe('full');
		await writer.flush();
		expect(await directory.json('a.json')).toBe('newer');
	});
});
