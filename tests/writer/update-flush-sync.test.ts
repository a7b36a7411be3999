import { readFile } from 'node:fs/promises';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createWriter, debounce, immediate, type JsonWriter, writeJson } from '../../lib/index.ts';
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { drive } from '../support/simulation.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

interface Counter {
	readonly count: number;
}

const increment = (value: Counter | undefined): Counter => ({ count: (value?.count ?? 0) + 1 });

it('an update of one writer is not lost where flushSync of another lands at any moment', async () => {
	for (let count = 0; count < 30; count++) await interrupt(directory.file(`${count}.json`), count);
});

it('tells of an asynchronous update of another writer, where a write has joined an update that was called before it', async () => {
	const file = directory.file('a.json');
	await writeJson(file, []);
	const holding = createWriter({ strategy: debounce({ waitMs: 60_000 }) });
	const other = createWriter({ strategy: immediate() });
	const calls: Promise<unknown>[] = [holding.update<number[]>(file, (list = []) => [...list, 1])];
	const begun = new Promise<void>((begin) => {
		calls.push(
			other.update<number[]>(file, async (list = []) => {
				begin();
				await sleep(50);
				return [...list, 2];
			}),
		);
	});
	await begun;
	calls.push(holding.write(file, ['written']));
	expect(() => holding.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', step: 'update' }));
	await Promise.all([...calls, holding.close(), other.close()]);
	expect(await directory.json('a.json')).toEqual(['written']);
});

it.each(['another writer', 'another spelling'])(
	'an update is not lost to a flushSync in the function of one by %s',
	async (by) => {
		const disk = new SimulatedDisk();
		const clock = new ManualClock();
		disk.plantFile('/d/a.json', '{"count":0}');
		disk.plantSymlink('/d/a.json', '/d/link.json');
		const writer = createWriter({ fileSystem: disk, clock });
		const other = by === 'another writer' ? createWriter({ fileSystem: disk, clock }) : writer;
		const first = other.update('/d/a.json', increment);
		const second = writer.update<Counter>(other === writer ? '/d/link.json' : '/d/a.json', (value) => {
			expect(() => other.flushSync()).toThrow();
			return increment(value);
		});
		writer.flushSync();
		await drive(
			Promise.all([first, second]).then(() => undefined),
			{ disk, clock },
		);
		expect(disk.peekFile('/d/a.json')?.toString()).toBe('{"count":2}\n');
	},
);

async function turns(count: number): Promise<void> {
	for (let at = 0; at < count; at++) await turn();
}

async function interrupt(path: string, count: number): Promise<void> {
	const [a, b] = [createWriter(), createWriter()];
	const add = (value: { count: number } | undefined): { count: number } => ({ count: (value?.count ?? 0) + 1 });
	const updates = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? b : a).update(path, add));
	await turns(count);
	a.flushSync();
	await Promise.all(updates);
	expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ count: 20 });
	await Promise.all([a.close(), b.close()]);
}

describe('after a flushSync that failed', () => {
	const strategy = debounce({ waitMs: 60_000, maxWaitMs: 60_000 });

	function failing(call: 'syncDirectory' | 'open' | 'rename') {
		const clock = new ManualClock();
		const disk = new SimulatedDisk({ clock });
		disk.plantFile('/d/a.json', '{"count":1}');
		const [a, b] = [createWriter({ fileSystem: disk, clock, strategy }), createWriter({ fileSystem: disk, clock })];
		const flushSync = (writer: JsonWriter): void => {
			disk.fail(call, { code: 'EIO' });
			expect(() => writer.flushSync()).toThrow(/EIO/);
		};
		const finish = (run: () => Promise<void>): Promise<void> => drive(run(), { disk, clock });
		return { disk, a, b, flushSync, finish, text: () => disk.peekFile('/d/a.json')?.toString() };
	}

	it('a newer value is written, not taken for the one that has its name already', async () => {
		const { disk, a, flushSync, finish, text } = failing('syncDirectory');
		const first = a.write('/d/a.json', 1);
		flushSync(a);
		expect(text()).toBe('1\n');
		const second = a.write('/d/a.json', 2);
		await finish(async () => {
			await a.flush();
			expect(await first).toMatchObject({ durability: 'full' });
			expect(await second).toMatchObject({ superseded: false, durability: 'full' });
		});
		expect(text()).toBe('2\n');
		for (const { disk: left } of disk.crashStates()) expect(left.peekFile('/d/a.json')?.toString()).toBe('2\n');
	});

	it.each(['write', 'update'] as const)('an update that builds on its %s is not lost', async (kind) => {
		const { disk, a, b, flushSync, finish, text } = failing('syncDirectory');
		const older = b.update('/d/a.json', increment);
		const first = kind === 'write' ? a.write('/d/a.json', { count: 2 }) : a.update('/d/a.json', increment);
		flushSync(a);
		expect(text()).toBe('{"count":2}\n');
		await finish(async () => {
			expect(await older).toEqual({ count: 3 });
			await a.flush();
			await first;
		});
		expect(text()).toBe('{"count":3}\n');
		for (const { disk: left } of disk.crashStates()) {
			expect(left.peekFile('/d/a.json')?.toString()).toBe('{"count":3}\n');
		}
	});

	it.each(['open', 'rename'] as const)(
		'an update that was not written is rejected, and not written later (%s)',
		async (call) => {
			const { a, b, flushSync, finish, text } = failing(call);
			const first = a.update('/d/a.json', increment);
			const rejected = expect(first).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
			flushSync(a);
			const second = b.update<Counter>('/d/a.json', (value) => ({ count: (value?.count ?? 0) + 10 }));
			await finish(async () => {
				await rejected;
				expect(await second).toEqual({ count: 11 });
				await Promise.all([a.close(), b.close()]);
			});
			expect(text()).toBe('{"count":11}\n');
		},
	);
});

it('an update is acknowledged as durable only when it is, whoever has written it synchronously', async () => {
	const clock = new ManualClock();
	for (let turns = 0; turns < 40; turns++) {
		const disk = new SimulatedDisk({ clock });
		disk.plantFile('/d/a.json', '{"count":1}');
		const [a, b] = [createWriter({ fileSystem: disk, clock }), createWriter({ fileSystem: disk, clock })];
		let acknowledged = 0;
		const update = b.update('/d/a.json', increment).then(() => acknowledged++);
		const run = async (): Promise<void> => {
			for (let at = 0; at < turns; at++) await turn();
			const own = a.update('/d/a.json', increment).then(() => acknowledged++);
			disk.fail('syncDirectory', { code: 'EIO' });
			try {
				a.flushSync();
			} catch {
				// The directory was not synced.
			}
			disk.heal();
			for (let at = 0; at < 3; at++) await Promise.resolve();
			for (const { disk: left } of disk.crashStates()) {
				const { count } = JSON.parse(left.peekFile('/d/a.json')?.toString() ?? '') as Counter;
				expect(count, `after ${turns} turns`).toBeGreaterThanOrEqual(1 + acknowledged);
			}
			await Promise.all([update, own].map((each) => each.catch(() => undefined)));
			await Promise.all([a.close(), b.close()]);
		};
		await drive(run(), { disk, clock });
	}
});

it('each document is looked for about once, however many updates are to let others go first', async () => {
	let looks = 0;
	const { sync } = nodeFileSystem;
	const lstat = (path: string): ReturnType<typeof sync.lstat> => {
		looks += 1;
		return sync.lstat(path);
	};
	const fileSystem = { ...nodeFileSystem, sync: { ...sync, lstat } };
	const looksFor = async (documents: number): Promise<number> => {
		const writer = createWriter({ fileSystem, strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		const calls: Promise<unknown>[] = [];
		for (let n = 0; n < documents; n++) {
			calls.push(writer.write(directory.file(`w${n}.json`), n), writer.update(directory.file(`u${n}.json`), increment));
		}
		looks = 0;
		writer.flushSync();
		await Promise.all(calls);
		return looks;
	};
	const few = await looksFor(10);
	expect(await looksFor(40)).toBeLessThan(5 * few);
});
