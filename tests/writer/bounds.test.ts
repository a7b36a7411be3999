import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createWriter, debounce, immediate } from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { drive } from '../support/simulation.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

describe('the bound of what waits', () => {
	it('counts nothing of updates that have failed, or were aborted, before they began', async () => {
		const disk = new SimulatedDisk();
		const clock = new ManualClock();
		disk.plantFile('/d/a.json', '{}');
		const writer = createWriter({ fileSystem: disk, clock, maxQueuedValues: 5 });
		const run = async (): Promise<void> => {
			for (let time = 0; time < 10; time++) {
				disk.fail('readFile', { code: 'EIO' });
				await expect(writer.update('/d/a.json', (value) => value)).rejects.toMatchObject({ code: 'ERR_READ_FAILED' });
				const abort = new AbortController();
				const { signal } = abort;
				const failing = expect(
					writer.update('/d/a.json', () => {
						throw new Error('no');
					}),
				).rejects.toThrow('no');
				const aborted = expect(writer.update('/d/a.json', (value) => value, { signal })).rejects.toThrow();
				abort.abort();
				await Promise.all([failing, aborted]);
			}
			expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0, queuedBytes: 0 });
			await writer.write('/d/b.json', 1);
		};
		await drive(run(), { disk, clock });
	});

	it('rejects a call beyond the number of values with ERR_QUEUE_FULL, and takes calls again when some are written', async () => {
		const writer = createWriter({ maxQueuedValues: 3, strategy: immediate() });
		const file = directory.file('a.json');
		const results = await Promise.allSettled([1, 2, 3, 4, 5].map((i) => writer.write(file, i)));
		expect(results.map(({ status }) => status)).toEqual([
			'fulfilled',
			'fulfilled',
			'fulfilled',
			'rejected',
			'rejected',
		]);
		expect((results[4] as PromiseRejectedResult).reason).toMatchObject({
			code: 'ERR_QUEUE_FULL',
			path: file,
			step: 'submit',
			outcome: 'not_applied',
		});
		await writer.write(file, 6);
		expect(await directory.json('a.json')).toBe(6);
		const settled = { pending: 0, queuedValues: 0, queuedBytes: 0, activePaths: 0 };
		expect(writer.stats()).toMatchObject({ calls: 4, refused: 2, failures: 0, ...settled });
	});

	it('counts a call as refused or as failed, never as both', async () => {
		const writer = createWriter({ maxQueuedValues: 1, strategy: debounce({ waitMs: 1 }) });
		const file = directory.file('a.json');
		const taken = writer.write(file, 1);
		// It would take the place of the one that waits, were it valid at once.
		const schema = z.number().refine(async () => true);
		await expect(writer.write(file, 2, { schema })).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		await expect(writer.write(directory.file('b.json'), 3)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		await taken;
		expect(writer.stats()).toMatchObject({ calls: 2, failures: 1, refused: 1 });
		await writer.close();
	});

	it('may be left out', async () => {
		const writer = createWriter({
			maxQueuedValues: Number.POSITIVE_INFINITY,
			maxQueuedBytes: Number.POSITIVE_INFINITY,
		});
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
	});

	it('takes a call that joins one which waits, however many do', async () => {
		const writer = createWriter({ maxQueuedValues: 1 });
		const all = Array.from({ length: 100 }, (_, i) => writer.write(directory.file('a.json'), i));
		await expect(writer.write(directory.file('b.json'), 1)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		await Promise.all(all);
		expect(await directory.json('a.json')).toBe(99);
	});

	it('counts each update, which nothing takes the place of, and the values among them', async () => {
		const writer = createWriter({ maxQueuedValues: 10, strategy: debounce({ waitMs: 10, maxWaitMs: 10 }) });
		const file = directory.file('a.json');
		const add = (n: number | undefined): number => (n ?? 0) + 1;
		const updates = Array.from({ length: 1000 }, () => writer.update<number>(file, add));
		const settled = Promise.allSettled(updates);
		await expect(writer.write(file, 0)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		expect(writer.stats().queuedValues).toBe(10);
		expect((await settled).filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
		expect(await settled).toContainEqual({
			status: 'rejected',
			reason: expect.objectContaining({ code: 'ERR_QUEUE_FULL', path: file, outcome: 'not_applied' }),
		});
		expect(await directory.json('a.json')).toBe(10);
		expect(await writer.update<number>(file, add)).toBe(11);
		await writer.close();
	});

	it('counts what waits for a validator, and behind it', async () => {
		const writer = createWriter({ maxQueuedValues: 10 });
		const file = directory.file('a.json');
		const controller = new AbortController();
		const validate = (): Promise<never> => new Promise(() => undefined);
		const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
		const options = { schema, signal: controller.signal };
		const calls = Array.from({ length: 50 }, (_, i) =>
			i % 2 === 0
				? writer.write(file, i, options)
				: writer.update<number>(file, () => i, { signal: controller.signal }),
		);
		const settled = Promise.allSettled(calls);
		expect(writer.stats().queuedValues).toBe(10);
		controller.abort(new Error('enough'));
		expect((await settled).filter((result) => 'reason' in result && result.reason.message === 'enough')).toHaveLength(
			10,
		);
		await writer.close();
		expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
	});

	it('counts the bytes of strings and views, and takes one value of any size', async () => {
		const writer = createWriter({ maxQueuedBytes: 1000, strategy: debounce({ waitMs: 20 }) });
		const big = writer.writeFile(directory.file('big'), 'x'.repeat(5000));
		expect(writer.stats()).toMatchObject({ queuedValues: 1, queuedBytes: 5000 });
		await expect(writer.writeFile(directory.file('b'), Buffer.alloc(1))).rejects.toMatchObject({
			code: 'ERR_QUEUE_FULL',
		});
		await big;
		await writer.writeFile(directory.file('b'), Buffer.alloc(1));
		expect(writer.stats()).toMatchObject({ queuedBytes: 0, commits: 2 });
	});

	it('closes a stream that it refuses, and never refuses a removal', async () => {
		const writer = createWriter({ maxQueuedValues: 1 });
		const first = writer.write(directory.file('a.json'), 1);
		const stream = Readable.from([1]);
		await expect(writer.write(directory.file('b.json'), stream)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
		expect(stream.destroyed).toBe(true);
		await writer.remove(directory.file('c.json'));
		await first;
	});

	it('is told by onError and the next flush where a scheduled value exceeds it', async () => {
		const told: unknown[] = [];
		const writer = createWriter({ maxQueuedValues: 1, onError: (error) => told.push(error) });
		writer.schedule(directory.file('a.json'), 1);
		writer.schedule(directory.file('b.json'), 1);
		expect(told).toMatchObject([{ code: 'ERR_QUEUE_FULL' }]);
		await expect(writer.close()).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' });
	});

	it('counts values that are superseded, aborted or fail as gone', async () => {
		const writer = createWriter({ strategy: debounce({ waitMs: 5 }) });
		const file = directory.file('a.json');
		const controller = new AbortController();
		const all = [
			writer.write(file, 1),
			writer.write(file, 2),
			writer.write(file, 3, { signal: controller.signal }),
			writer.write(file, { big: 1n }),
			writer.write(directory.file('b.json'), 1, { signal: controller.signal }),
		];
		const settled = Promise.allSettled(all);
		expect(writer.stats().queuedValues).toBe(3);
		controller.abort();
		await settled;
		await writer.close();
		expect(writer.stats()).toMatchObject({ queuedValues: 0, queuedBytes: 0, pending: 0, failures: 5 });
	});
});

describe('stats', () => {
	it('tells how long commits took, and how long their oldest call had waited', async () => {
		const clock = new ManualClock();
		const writer = createWriter({ clock, strategy: debounce({ waitMs: 50, maxWaitMs: 1000 }) });
		const first = writer.write(directory.file('a.json'), 1);
		clock.advance(30);
		const second = writer.write(directory.file('a.json'), 2);
		await new Promise((resolve) => setImmediate(resolve));
		clock.advance(50);
		await Promise.all([first, second]);
		const { staleness, commitDuration } = writer.stats();
		expect(staleness.count).toBe(1);
		expect(staleness.p50Ms).toBeGreaterThanOrEqual(79);
		expect(staleness.maxMs).toBeLessThan(82);
		expect(commitDuration).toMatchObject({ count: 1 });
		expect(commitDuration.maxMs).toBeLessThan(1);
	});

	it('are zero before the first commit', () => {
		const none = { count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 };
		expect(createWriter().stats()).toMatchObject({ commits: 0, retries: 0, staleness: none, commitDuration: none });
	});
});

describe('the channel durable-json:commit', () => {
	it('tells of each commit that landed, and of removals', async () => {
		const told: unknown[] = [];
		const listen = (message: unknown): void => void told.push(message);
		subscribe('durable-json:commit', listen);
		const writer = createWriter();
		const file = directory.file('a.json');
		await Promise.all([writer.write(file, 1), writer.write(file, 2)]);
		await writer.remove(file);
		unsubscribe('durable-json:commit', listen);
		expect(told).toEqual([
			{
				path: file,
				carried: 2,
				sequence: expect.any(Number),
				removed: false,
				bytes: 2,
				durability: 'full',
				directorySynced: true,
				durationMs: expect.any(Number),
				stalenessMs: expect.any(Number),
			},
			expect.objectContaining({ path: file, carried: 1, removed: true, bytes: 0 }),
		]);
	});
});
