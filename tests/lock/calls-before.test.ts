/** What withLock waits for: calls of this thread that were made before it, and others who come to lock. */
import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
	createWriter,
	createWriteStream,
	debounce,
	openJsonFile,
	readJson,
	type WriteOptions,
	withLock,
	writeJson,
} from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { PassingPort } from '../support/passing-port.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
	let open = (): void => undefined;
	const opened = new Promise<void>((resolve) => {
		open = resolve;
	});
	return { opened, open: () => open() };
}

function asyncSchema(validate: (value: unknown) => Promise<unknown>): WriteOptions['schema'] {
	return {
		'~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: await validate(value) }) },
	};
}

async function* rowsUntil(ended: Promise<void>): AsyncGenerator<number> {
	yield 1;
	await ended;
}

const TIMED_OUT = { code: 'ERR_LOCK_TIMEOUT', step: 'lock', outcome: 'not_applied' };

describe('a validator that takes the lock', () => {
	/** Its own calls, and those that it causes in another context, where nothing tells that it waits for them. */
	const elsewhere = new AsyncResource('elsewhere');
	it.each([
		['itself', (call: () => Promise<unknown>) => call()],
		['by way of others', (call: () => Promise<unknown>) => elsewhere.runInAsyncScope(call)],
	])(
		'%s, is not kept waiting by one who came for it while an update waited for the value',
		async (_, by) => {
			const file = directory.file('a.json');
			await writeJson(file, 'before');
			const { opened, open } = gate();
			const schema = asyncSchema(async (value) => {
				await opened;
				return by(() => withLock(file, async () => [await readJson(file), value], { timeoutMs: 2_000 }));
			});
			await using other = createWriter();
			const written = writeJson(file, 1, { schema });
			const updated = other.update<unknown[]>(file, (list = []) => [...list, 2]);
			const locked = withLock(file, () => 'locked', { timeoutMs: 2_000 });
			await sleep(20);
			open();
			expect(await locked).toBe('locked');
			await written;
			expect(await updated).toEqual(['before', 1, 2]);
			expect(await withLock(file, () => 'free', { timeoutMs: 2_000 })).toBe('free');
		},
		5_000,
	);
});

describe('a validator of a write under a lock', () => {
	it('writes under that lock by another spelling of the path as well', async () => {
		const [file, link] = [directory.file('a.json'), directory.file('link.json')];
		await writeJson(file, 0);
		await symlink('a.json', link);
		const schema = asyncSchema(async (value) => {
			await writeJson(link, 'by the validator');
			return value;
		});
		await withLock(file, () => writeJson(link, 'validated', { schema }));
		// Called later, it is the newer value.
		expect(await readJson(file)).toBe('by the validator');
	}, 5_000);
});

describe('who comes to lock behind one who waits for a call before it', () => {
	it('waits no longer than its own timeout, and not after its signal', async () => {
		const file = directory.file('a.json');
		const { opened, open } = gate();
		const before = writeJson(file, rowsUntil(opened));
		const first = withLock(file, () => 'first');
		// The write has begun: it is not on its way any more.
		await sleep(20);
		const controller = new AbortController();
		const aborted = withLock(file, () => 'never', { signal: controller.signal });
		await expect(withLock(file, () => 'never', { timeoutMs: 20 })).rejects.toMatchObject(TIMED_OUT);
		await expect(openJsonFile(file, { lockTimeoutMs: 20 })).rejects.toMatchObject(TIMED_OUT);
		controller.abort(new Error('given up'));
		await expect(aborted).rejects.toThrow('given up');
		const last = withLock(file, () => 'last');
		open();
		await before;
		expect(await Promise.all([first, last])).toEqual(['first', 'last']);
	}, 5_000);

	it('gets the lock in the order of the calls, whatever each has waited for', async () => {
		const file = directory.file('a.json');
		await using slow = createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		const log: number[] = [];
		const waiting = Array.from({ length: 40 }, async (_, i) => {
			if (i % 3 === 0) slow.schedule(file, i);
			if (i % 7 === 0) await sleep(0);
			if (i % 5 === 0) void writeJson(directory.file(`${i}.json`), i);
			await withLock(file, () => log.push(i), i % 4 === 0 ? { signal: AbortSignal.timeout(5_000) } : {});
		});
		await Promise.all(waiting);
		const late = log.filter((i) => i % 7 === 0);
		expect(log).toEqual([...Array.from({ length: 40 }, (_, i) => i).filter((i) => i % 7 !== 0), ...late]);
	});
});

describe('timeoutMs: 0', () => {
	it('locks what nobody holds, whatever is on its way to other documents', async () => {
		await using slow = createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		for (let i = 0; i < 200; i++) slow.schedule(directory.file(`${i}.json`), i);
		expect(await withLock(directory.file('a.json'), () => 'locked', { timeoutMs: 0 })).toBe('locked');
		// It takes many turns of the event loop, however fast the disk is.
		const written = slow.write(directory.file('a.json'), 'x'.repeat(20_000_000));
		await expect(withLock(directory.file('a.json'), () => 'never', { timeoutMs: 0 })).rejects.toMatchObject(TIMED_OUT);
		await slow.flush();
		await written;
	});
});

describe('a write by another spelling of the path', () => {
	it('is seen by an update that is called after it, though its validator answers while that looks where it leads', async () => {
		const [file, link] = [directory.file('a.json'), directory.file('link.json')];
		await symlink('a.json', link);
		const looked = gate();
		let looks = 0;
		class Slow extends PassingPort {
			override lstat(path: string): ReturnType<FileSystem['lstat']> {
				if (path !== link || ++looks > 1) return super.lstat(path);
				return looked.opened.then(() => super.lstat(path));
			}
		}
		const fileSystem = new Slow(nodeFileSystem);
		await using slow = createWriter({ fileSystem, strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		await using other = createWriter({ fileSystem });
		const validated = gate();
		const schema = asyncSchema(async (value) => {
			await validated.opened;
			return value;
		});
		const written = slow.write(link, [1], { schema });
		const updated = other.update<number[]>(file, (list = []) => [...list, 2]);
		await sleep(20);
		validated.open();
		await sleep(20);
		looked.open();
		expect(await updated).toEqual([1, 2]);
		expect(await written).toMatchObject({ superseded: false });
	}, 5_000);
});

describe('a directory that does not answer', () => {
	it('holds up neither updates nor locks of documents elsewhere for longer than a second', async () => {
		const file = directory.file('a.json');
		const dead = directory.file('dead');
		const answer = gate();
		class Dead extends PassingPort {
			override lstat(path: string): ReturnType<FileSystem['lstat']> {
				if (!path.startsWith(dead)) return super.lstat(path);
				return answer.opened.then(() => super.lstat(path));
			}
		}
		const ports = { fileSystem: new Dead(nodeFileSystem), clock: new ManualClock() };
		await using writer = createWriter(ports);
		const controller = new AbortController();
		const written = [writer.write(join(dead, '1.json'), 1), writer.write(join(dead, '2.json'), 2)];
		const aborted = writer.write(join(dead, '3.json'), 3, { signal: controller.signal });
		const updated = writer.update(file, () => 'updated');
		const locked = withLock(file, () => 'locked', ports);
		await sleep(20);
		expect(writer.stats().commits).toBe(0);
		for (let quarter = 0; quarter < 4; quarter++) ports.clock.advance(250);
		expect(await updated).toBe('updated');
		expect(await locked).toBe('locked');
		// It is known by now.
		controller.abort(new Error('given up'));
		await expect(aborted).rejects.toThrow('given up');
		written.push(writer.write(join(dead, '4.json'), 4));
		expect(await writer.update(file, (value) => [value])).toEqual(['updated']);
		answer.open();
		await Promise.all(written);
		expect(await readJson(join(dead, '4.json'))).toBe(4);
	}, 5_000);
});

describe('a stream that has ended before', () => {
	it('is waited for by a lock, whose function may wait for it, and by an update', async () => {
		const file = directory.file('a.json');
		const first = createWriteStream(file).end('[1]');
		await using writer = createWriter();
		expect(await writer.update<number[]>(file, (list = []) => [...list, 2])).toEqual([1, 2]);
		const second = createWriteStream(file);
		second.write('[3');
		second.end(']');
		await withLock(file, async () => {
			await finished(second);
			expect(await readJson(file)).toEqual([3]);
		});
		await finished(first);
		const failed = createWriteStream(file);
		const told = once(failed, 'error');
		failed.end('[4]');
		failed.destroy(new Error('own'));
		failed.end();
		expect(await withLock(file, () => readJson(file))).toEqual([3]);
		await told;
	}, 5_000);
});
