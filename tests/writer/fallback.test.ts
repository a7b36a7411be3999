import { writeFile as writeRaw } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createWriter, immediate, type PendingWrites, throttle, writeJson } from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { gatedFileSystem } from '../support/gated-file-system.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

const bad = {
	toJSON(): never {
		throw new Error('bad');
	},
};

function* rows(): Generator<number> {
	yield 1;
}

describe('where the newest value fails', () => {
	it('a stream that it stood in for is not acknowledged with the older value', async () => {
		const { fileSystem, letGo } = gatedFileSystem();
		const writer = createWriter({ fileSystem });
		const file = directory.file('a.json');
		const first = writer.write(file, 'first');
		await new Promise((resolve) => setTimeout(resolve, 10));
		const old = writer.write(file, 'old');
		const stream = writer.writeLines(file, rows());
		const newest = writer.write(file, bad);
		const settled = Promise.allSettled([first, old, stream, newest]);
		letGo();
		const [, second, third, fourth] = await settled;
		expect(second).toMatchObject({ status: 'fulfilled', value: { superseded: false } });
		expect(third).toMatchObject({ status: 'rejected', reason: { code: 'ERR_NOT_SERIALIZABLE' } });
		expect(fourth).toMatchObject({ status: 'rejected' });
		expect(await directory.json('a.json')).toBe('old');
	});

	it.each(['in flight', 'waiting'])('flushSync writes the good one before it, which is %s', async (where) => {
		const writer = createWriter({ strategy: immediate() });
		const file = directory.file('a.json');
		const good = writer.write(file, 'good');
		if (where === 'in flight') await new Promise(setImmediate);
		const failed = writer.write(file, bad);
		const settled = Promise.allSettled([good, failed]);
		writer.flushSync();
		expect(await directory.json('a.json')).toBe('good');
		expect(await settled).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected' }]);
		await directory.expectOnly('a.json');
	});
});

describe('flushSync', () => {
	it('does not write a value that was aborted while it was being written', async () => {
		await writeRaw(directory.file('a.json'), '"old"');
		const { fileSystem, letGo } = gatedFileSystem();
		const writer = createWriter({ fileSystem, recovery: 'off' });
		const controller = new AbortController();
		const write = writer.write(directory.file('a.json'), 'new', { signal: controller.signal });
		const settled = Promise.allSettled([write]);
		await new Promise((resolve) => setTimeout(resolve, 10));
		controller.abort(new Error('not wanted'));
		writer.flushSync();
		letGo();
		expect(await settled).toMatchObject([{ status: 'rejected', reason: { message: 'not wanted' } }]);
		expect(await directory.json('a.json')).toBe('old');
		await writer.close();
		await directory.expectOnly('a.json');
	});

	it('leaves a path usable whose commit waited for a source that never answers', async () => {
		const writer = createWriter();
		const file = directory.file('a.json');
		const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
		const stalled = writer.write(file, { silent });
		await new Promise((resolve) => setTimeout(resolve, 10));
		const second = writer.write(file, 'x');
		writer.flushSync();
		await Promise.all([stalled, second]);
		await writer.write(file, 'y');
		expect(await directory.json('a.json')).toBe('y');
		await writer.close();
		expect(openFilesIn(directory.path)).toEqual([]);
	});

	it('tells what failed, also where the temporary file cannot be removed', async () => {
		const fileSystem: FileSystem = {
			...nodeFileSystem,
			sync: {
				...nodeFileSystem.sync,
				rename: () => {
					throw Object.assign(new Error('EIO: rename'), { code: 'EIO' });
				},
				unlink: () => {
					throw Object.assign(new Error('EROFS: unlink'), { code: 'EROFS' });
				},
			},
		};
		const writer = createWriter({ fileSystem });
		const settled = Promise.allSettled([writer.write(directory.file('a.json'), 1)]);
		expect(() => writer.flushSync()).toThrow(
			expect.objectContaining({ code: 'ERR_WRITE_FAILED', cause: expect.objectContaining({ code: 'EIO' }) }),
		);
		await settled;
	});
});

describe('schedule', () => {
	it('tells onError of a full queue and of a signal that is aborted already', async () => {
		const told: unknown[] = [];
		const writer = createWriter({ strategy: immediate(), maxQueuedValues: 1, onError: (error) => told.push(error) });
		for (let i = 0; i < 3; i++) writer.schedule(directory.file('a.json'), i);
		const reason = new Error('not wanted');
		writer.schedule(directory.file('b.json'), 1, { signal: AbortSignal.abort(reason) });
		expect(told).toContain(reason);
		expect(told).toContainEqual(expect.objectContaining({ code: 'ERR_QUEUE_FULL' }));
		await expect(writer.flush()).rejects.toThrow(/scheduled writes failed/);
	});
});

describe('a strategy of the user', () => {
	it('commits at once where it answers with the time that it was given', async () => {
		const threes = ({ oldestMs, writes }: PendingWrites, nowMs: number): number =>
			writes >= 3 ? nowMs : oldestMs + 60_000;
		const writer = createWriter({ strategy: Object.assign(threes, { maxWaitMs: 60_000 }) });
		await Promise.all([1, 2, 3].map((value) => writer.write(directory.file('a.json'), value)));
		expect(await directory.json('a.json')).toBe(3);
	});

	it('keeps its history through a call that was refused', async () => {
		const writer = createWriter({
			strategyFor: (path) => (path.endsWith('a.json') ? throttle({ intervalMs: 60_000 }) : immediate()),
			maxQueuedValues: 1,
		});
		await writer.write(directory.file('a.json'), 1);
		await new Promise(setImmediate);
		const others = [2, 3].map((value) => writer.write(directory.file('b.json'), value).catch(() => undefined));
		await expect(writer.write(directory.file('a.json'), 2)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		await Promise.all(others);
		const { commits } = writer.stats();
		writer.schedule(directory.file('a.json'), 3);
		await new Promise((resolve) => setTimeout(resolve, 100));
		expect(writer.stats().commits).toBe(commits);
		await writer.close();
	});
});

describe('the event loop', () => {
	it.each([
		['fail', 10n, 'full'],
		['are not synced', 1, 'none'],
	] as const)('has its turn between writes that %s, however they follow each other', async (_, value, durability) => {
		let turned = false;
		setTimeout(() => {
			turned = true;
		}, 5);
		const endMs = performance.now() + 10_000;
		while (!turned && performance.now() < endMs) {
			await writeJson(directory.file('a.json'), value, { durability }).catch(() => undefined);
		}
		expect(turned).toBe(true);
	});
});
