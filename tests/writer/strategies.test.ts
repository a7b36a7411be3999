import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
	adaptive,
	batch,
	coalesce,
	createWriter,
	debounce,
	immediate,
	type JsonWriter,
	type PendingWrites,
	type Strategy,
	throttle,
	type WriterOptions,
} from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { LIBRARY, runChild } from '../support/child.ts';
import { RecordingFileSystem } from '../support/recording-file-system.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
let clock: ManualClock;
let recording: RecordingFileSystem;
let errors: unknown[];
beforeEach(() => {
	clock = new ManualClock();
	recording = new RecordingFileSystem();
	errors = [];
});

function open(options: WriterOptions): JsonWriter {
	const onError = (error: unknown): void => void errors.push(error);
	return createWriter({ fileSystem: recording.fileSystem, clock, onError, ...options });
}

/** What has been written so far, when all that is due has been: no call is under way, and none comes. */
async function commits(writer: JsonWriter): Promise<number> {
	for (let quiet = 0, last = -1; quiet < 3; quiet++) {
		await new Promise((resolve) => setTimeout(resolve, 15));
		const { calls } = recording;
		const started = calls.filter(({ at }) => at === 'start').length;
		if (calls.length !== last || calls.length !== 2 * started) quiet = 0;
		last = calls.length;
	}
	return writer.stats().commits;
}

async function advance(writer: JsonWriter, durationMs: number): Promise<number> {
	clock.advance(durationMs);
	return commits(writer);
}

describe('immediate', () => {
	it('writes each value, in the order of the calls', async () => {
		const writer = open({ strategy: immediate() });
		const file = directory.file('a.json');
		const written: unknown[] = [];
		const receipts = await Promise.all(
			Array.from({ length: 20 }, (_, i) =>
				writer.write(file, () => {
					written.push(i);
					return i;
				}),
			),
		);
		expect(written).toEqual(Array.from({ length: 20 }, (_, i) => i));
		expect(receipts.every(({ superseded }) => !superseded)).toBe(true);
		expect(writer.stats()).toMatchObject({ commits: 20, superseded: 0 });
	});
});

describe('debounce', () => {
	it('waits for a pause, counted from the newest call', async () => {
		const writer = open({ strategy: debounce({ waitMs: 10, maxWaitMs: 100 }) });
		const file = directory.file('a.json');
		writer.schedule(file, 1);
		expect(await advance(writer, 9)).toBe(0);
		writer.schedule(file, 2);
		expect(await advance(writer, 9)).toBe(0);
		expect(await advance(writer, 1)).toBe(1);
		expect(await directory.json('a.json')).toBe(2);
	});

	it('does not let a steady stream starve the document', async () => {
		const writer = open({ strategy: debounce({ waitMs: 10, maxWaitMs: 25 }) });
		for (let i = 0; i < 5; i++) {
			writer.schedule(directory.file('a.json'), i);
			clock.advance(5);
		}
		expect(await commits(writer)).toBe(1);
	});
});

describe('throttle', () => {
	it('commits at once, and then once in an interval, with the newest value', async () => {
		const writer = open({ strategy: throttle({ intervalMs: 100 }) });
		const file = directory.file('a.json');
		await writer.write(file, 0);
		expect(await commits(writer)).toBe(1);
		for (let i = 1; i <= 9; i++) {
			writer.schedule(file, i);
			clock.advance(10);
		}
		expect(await commits(writer)).toBe(1);
		expect(await advance(writer, 10)).toBe(2);
		expect(await directory.json('a.json')).toBe(9);
	});

	it('keeps the interval when the path was idle in between, and each path has its own', async () => {
		const writer = open({ strategy: throttle({ intervalMs: 100 }) });
		await writer.write(directory.file('a.json'), 0);
		expect(await advance(writer, 50)).toBe(1);
		expect(writer.stats().activePaths).toBe(0);
		writer.schedule(directory.file('a.json'), 1);
		writer.schedule(directory.file('b.json'), 1);
		expect(await commits(writer)).toBe(2);
		expect(await advance(writer, 50)).toBe(3);
	});

	it('does not count a commit that failed: it left the disk as it was', async () => {
		const writer = open({ strategy: throttle({ intervalMs: 100 }) });
		const file = directory.file('a.json');
		await expect(writer.write(file, 1n)).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
		writer.schedule(file, 1);
		expect(await commits(writer)).toBe(1);
	});
});

describe('batch', () => {
	it('commits when so many calls wait', async () => {
		const writer = open({ strategy: batch({ maxWrites: 3, maxWaitMs: 1000 }) });
		const file = directory.file('a.json');
		writer.schedule(file, 1);
		writer.schedule(file, 2);
		expect(await commits(writer)).toBe(0);
		await writer.write(file, 3);
		expect(writer.stats().commits).toBe(1);
		expect(await directory.json('a.json')).toBe(3);
	});

	it('commits when the oldest call has waited so long', async () => {
		const writer = open({ strategy: batch({ maxWrites: 3, maxWaitMs: 50 }) });
		writer.schedule(directory.file('a.json'), 1);
		expect(await advance(writer, 49)).toBe(0);
		expect(await advance(writer, 1)).toBe(1);
	});
});

describe('adaptive', () => {
	const pending = (times: Partial<PendingWrites>): PendingWrites => ({
		oldestMs: 1000,
		newestMs: 1000,
		writes: 1,
		lastStartMs: undefined,
		lastEndMs: undefined,
		commitMs: undefined,
		...times,
	});

	it('commits at once where nothing is known, or the last commit is long ago', () => {
		const decide = adaptive({ maxStalenessMs: 100 });
		expect(decide(pending({}), 1000)).toBeLessThanOrEqual(1000);
		expect(decide(pending({ lastStartMs: 0, lastEndMs: 2, commitMs: 2 }), 1000)).toBeLessThanOrEqual(1000);
	});

	it('leaves the disk idle for nine tenths of the time, at any cost of a commit, as long as the bound allows', () => {
		const decide = adaptive({ maxStalenessMs: 1000 });
		for (const commitMs of [0.5, 2, 10]) {
			const due = decide(pending({ lastStartMs: 1000 - commitMs, lastEndMs: 1000, commitMs }), 1000);
			expect(due).toBeCloseTo(1000 + 9 * commitMs);
		}
	});

	it('starts in time for a commit of twice the usual length to end before the bound', () => {
		const decide = adaptive({ maxStalenessMs: 100 });
		expect(decide(pending({ lastStartMs: 970, lastEndMs: 1000, commitMs: 30 }), 1000)).toBe(1040);
	});
});

describe('every strategy', () => {
	const strategies: [string, () => Strategy, number][] = [
		['coalesce', coalesce, 0],
		['immediate', immediate, 0],
		['debounce', () => debounce({ waitMs: 20, maxWaitMs: 60 }), 60],
		['throttle', () => throttle({ intervalMs: 60 }), 60],
		['batch', () => batch({ maxWrites: 4, maxWaitMs: 60 }), 60],
		['adaptive', () => adaptive({ maxStalenessMs: 60 }), 60],
		["a user's own that never answers with a time to come", () => () => Number.POSITIVE_INFINITY, 10_000],
	];

	it.each(strategies)('%s lets no value wait longer than its bound, and loses none', async (_, make, boundMs) => {
		await fc.assert(
			fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 6 }), async (gaps) => {
				const writer = open({ strategy: make() });
				const file = directory.file('a.json');
				const settled: Promise<unknown>[] = [];
				for (const [i, gapMs] of gaps.entries()) {
					settled.push(writer.write(file, i));
					clock.advance(gapMs);
				}
				const all = Promise.all(settled);
				// One commit may be under way, and then the rest waits at most for its bound.
				for (let turn = 0; turn < 2; turn++) await advance(writer, boundMs);
				await all;
				expect(await directory.json('a.json')).toBe(gaps.length - 1);
				await writer.close();
			}),
			{ numRuns: 4 },
		);
	});

	it.each(strategies)('%s does not hold what is flushed, closed or removed', async (_, make) => {
		const writer = open({ strategy: make() });
		const [a, b] = [directory.file('a.json'), directory.file('b.json')];
		const first = writer.write(a, 0);
		await writer.flush(a);
		await first;
		writer.schedule(a, 1);
		writer.schedule(b, 1);
		await writer.flush(a);
		expect(await directory.json('a.json')).toBe(1);
		await writer.remove(b);
		writer.schedule(a, 2);
		await writer.close();
		expect(await directory.json('a.json')).toBe(2);
		await directory.expectOnly('a.json');
	});

	it.each(strategies)(
		'%s settles calls that are aborted while they wait, and holds nothing for them',
		async (_, make) => {
			const writer = open({ strategy: make() });
			const controller = new AbortController();
			const { signal } = controller;
			const writes = [1, 2].map((i) => writer.write(directory.file('a.json'), i, { signal }));
			const settled = Promise.allSettled(writes);
			await new Promise((resolve) => setImmediate(resolve));
			controller.abort(new Error('not wanted'));
			await settled;
			await commits(writer);
			expect(writer.stats()).toMatchObject({ pending: 0, activePaths: 0, queuedValues: 0 });
		},
	);
});

describe("a user's strategy", () => {
	it('is told what waits, and what commits cost', async () => {
		const asked: PendingWrites[] = [];
		const writer = open({
			strategy: (pending) => {
				asked.push(pending);
				return pending.oldestMs;
			},
		});
		clock.advance(7);
		await writer.write(directory.file('a.json'), 1);
		expect(asked[0]).toEqual({
			oldestMs: 7,
			newestMs: 7,
			writes: 1,
			lastStartMs: undefined,
			lastEndMs: undefined,
			commitMs: undefined,
		});
	});

	it.each(['always', 'at times'])('that throws %s loses no write, also where onError throws', async (mode) => {
		const { status, stdout, stderr } = runChild(
			`import { createWriter } from ${JSON.stringify(LIBRARY)};
			let asked = 0;
			const strategy = (pending, nowMs) => {
				asked += 1;
				if (asked % 2 === 0 || process.argv[2] === 'always') throw new Error('no idea');
				return nowMs + 50;
			};
			const onError = () => {
				throw new Error('cannot be told');
			};
			const writer = createWriter({ strategy, onError });
			process.on('uncaughtException', (error) => console.log('uncaught', error));
			const writes = [1, 2, 3].map((n) => writer.write(process.argv[1], n));
			await Promise.all(writes);
			await writer.write(process.argv[1], 4);
			await writer.update(process.argv[1], (n) => n + 1);
			writer.schedule(process.argv[1], () => { throw new Error('bad value'); });
			await writer.flush().catch(() => console.log('flush rejected'));
			await writer.close();`,
			[directory.file('a.json'), mode],
		);
		expect({ status, stdout }).toEqual({ status: 0, stdout: 'flush rejected\n' });
		for (const text of ['no idea', 'cannot be told', 'bad value']) expect(stderr).toContain(text);
		expect(await directory.json('a.json')).toBe(5);
	});

	it('that throws, or answers with no time, holds nothing up; its error is told', async () => {
		const broken: Strategy[] = [
			() => {
				throw new Error('broken strategy');
			},
			() => Number.NaN,
			() => 'soon' as unknown as number,
		];
		for (const strategy of broken) {
			const writer = open({ strategy });
			await writer.write(directory.file('a.json'), 1);
			await writer.close();
		}
		const refused = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' });
		expect(errors).toEqual([new Error('broken strategy'), refused, refused]);
	});

	it('can be chosen for a path', async () => {
		const later = (): Strategy => debounce({ waitMs: 50 });
		const writer = open({ strategyFor: (path) => (path.endsWith('later.json') ? later() : undefined) });
		writer.schedule(directory.file('later.json'), 1);
		await writer.write(directory.file('now.json'), 1);
		expect(writer.stats().commits).toBe(1);
		expect(await advance(writer, 50)).toBe(2);
	});

	it('is told of where it throws only when it knows of past commits', async () => {
		const broken = new Error('a mistake in what follows a commit');
		const strategy: Strategy = ({ oldestMs, lastEndMs }) => {
			if (lastEndMs !== undefined) throw broken;
			return oldestMs;
		};
		const writer = open({ strategy });
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
		expect(errors).toEqual([broken]);
	});

	it('may throw where its error is written by the same writer', async () => {
		let asked = 0;
		const writer = createWriter({
			strategyFor() {
				asked += 1;
				throw new Error('no idea');
			},
			onError: (error) => writer.schedule(directory.file('errors.json'), String(error)),
		});
		await writer.write(directory.file('a.json'), 1);
		await writer.close();
		expect(await directory.json('a.json')).toBe(1);
		expect(await directory.json('errors.json')).toBe('Error: no idea');
		expect(asked).toBeLessThan(10);
	});

	it("gives way to the writer's own where the function that chooses it throws, which is told", async () => {
		const broken = new Error('no idea');
		const strategyFor = (): never => {
			throw broken;
		};
		const writer = open({ strategy: debounce({ waitMs: 50 }), strategyFor });
		writer.schedule(directory.file('a.json'), 1);
		await Promise.resolve();
		expect(errors).toEqual([broken]);
		expect(await advance(writer, 49)).toBe(0);
		expect(await advance(writer, 1)).toBe(1);
		await writer.close();
		expect(await directory.json('a.json')).toBe(1);
	});
});

describe('bad options of strategies', () => {
	it.each([
		() => debounce({ waitMs: 0 }),
		() => debounce({ waitMs: 10, maxWaitMs: -1 }),
		() => debounce({ waitMs: 10, maxWaitMs: 5 }),
		() => debounce({ waitMs: 10, maxWaitMs: null as never }),
		() => debounce(undefined as never),
		() => throttle({ intervalMs: Number.NaN }),
		() => throttle({} as never),
		() => batch({ maxWrites: '3' as never, maxWaitMs: 10 }),
		() => batch({ maxWrites: 1.5, maxWaitMs: 10 }),
		() => batch(undefined as never),
		() => batch({ maxWrites: 3, maxWaitMs: Number.POSITIVE_INFINITY }),
		() => adaptive({ maxStalenessMs: -1 }),
		() => adaptive({ maxStalenessMs: 10, targetShare: 2 }),
		() => adaptive({ maxStalenessMs: 10, targetShare: null as never }),
		() => createWriter({ strategy: 'coalesce' as never }),
		() => createWriter({ strategy: coalesce as never }),
		() => createWriter({ strategy: debounce as never }),
		() => createWriter([] as never),
		() => createWriter({ strategyFor: 1 as never }),
		() => createWriter({ maxQueuedValues: 0 }),
		() => createWriter({ maxQueuedValues: 1.5 }),
		() => createWriter({ maxQueuedBytes: '1' as never }),
	])('%# are refused by name', (make) => {
		expect(make).toThrow(
			expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('options') }),
		);
	});

	it('a function for the strategy of a path that gives none is refused at the call', async () => {
		const writer = open({ strategyFor: () => 'coalesce' as never });
		await expect(writer.write(directory.file('a.json'), 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
	});
});
