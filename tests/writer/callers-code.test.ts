/** Code of the caller's that runs in the midst of a write (toJSON, validators, strategies, `onError`) and calls the writer again. */
import { setImmediate as turn } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, it } from 'vitest';
import { coalesce, createWriter, debounce, immediate, type JsonWriter, type Strategy } from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const file = '/data/a.json';

function disk(): SimulatedDisk {
	const made = new SimulatedDisk();
	made.plantDirectory('/data');
	return made;
}

function accepts(validate: StandardSchemaV1.Props['validate']): StandardSchemaV1 {
	return { '~standard': { version: 1, vendor: 'test', validate } };
}

const valid = [
	['a synchronous', accepts((value) => ({ value }))],
	['an asynchronous', accepts(async (value) => ({ value }))],
] as const;

async function turns(count: number): Promise<void> {
	for (let i = 0; i < count; i++) await turn();
}

describe.each(valid)('a value with %s schema', (_, schema) => {
	it.each([
		['immediate', immediate()],
		['coalesce', coalesce()],
		['debounce', debounce({ waitMs: 5 })],
	])('whose toJSON updates the document is written, and the update refused: %s', async (_name, strategy) => {
		const writer = createWriter({ strategy, fileSystem: disk() });
		let update: Promise<unknown> | undefined;
		const value = {
			toJSON() {
				update ??= writer.update(file, () => 'updated').catch((error: unknown) => error);
				return 'written';
			},
		};
		expect(await writer.write(file, value, { schema })).toMatchObject({ superseded: false });
		expect(await update).toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
		await writer.close();
	});

	const circular: Record<string, unknown> = {};
	circular['self'] = circular;
	it.each([
		['is circular', circular],
		['holds a bigint', { n: 1n }],
		[
			'throws',
			{
				toJSON() {
					throw new Error('no');
				},
			},
		],
	])('that %s is ERR_NOT_SERIALIZABLE', async (_name, value) => {
		const writer = createWriter({ fileSystem: disk() });
		await expect(writer.write(file, value, { schema })).rejects.toMatchObject({
			name: 'DurableJsonError',
			code: 'ERR_NOT_SERIALIZABLE',
			path: file,
			outcome: 'not_applied',
		});
	});
});

describe('onError', () => {
	/** One that works for the first call of a path, and then throws. */
	function breaking(): Strategy {
		return ({ oldestMs, lastEndMs }) => {
			if (lastEndMs !== undefined) throw new Error('strategy');
			return oldestMs;
		};
	}

	it('may write the document that the strategy threw for: flush and flushSync know of it', async () => {
		for (const how of ['flush', 'flushSync'] as const) {
			const fileSystem = disk();
			let told = 0;
			let then: Promise<unknown> | undefined;
			const writer: JsonWriter = createWriter({
				fileSystem,
				clock: new ManualClock(),
				strategy: breaking(),
				onError() {
					if (told++ > 0) return;
					writer.schedule(file, 2);
					then = Promise.resolve().then(() => writer[how]());
				},
			});
			await writer.write(file, 1);
			await turns(20);
			await then;
			expect(fileSystem.peekFile(file)?.toString().trim()).toBe('2');
		}
	});

	it('or the strategy itself does, asked for a call that might come', async () => {
		const fileSystem = disk();
		let writes = 0;
		const strategy: Strategy = ({ oldestMs, lastEndMs }) => {
			if (lastEndMs !== undefined && writes++ === 0) writer.schedule(file, 2);
			return oldestMs;
		};
		const writer: JsonWriter = createWriter({ fileSystem, strategy });
		await writer.write(file, 1);
		while (writes === 0) await turn();
		writer.flushSync();
		expect(fileSystem.peekFile(file)?.toString().trim()).toBe('2');
		await writer.close();
	});

	it('may do so each time, and is called in nobody else’s stack', async () => {
		let held = true;
		let told = 0;
		let depth = 0;
		let deepest = 0;
		const strategy: Strategy = ({ writes, oldestMs }) => {
			if (held && writes === 1) return oldestMs + 1000;
			held = false;
			throw new Error('strategy');
		};
		const writer: JsonWriter = createWriter({
			strategy,
			fileSystem: disk(),
			onError() {
				depth += 1;
				deepest = Math.max(deepest, depth);
				if (told++ < 100) writer.schedule(file, told);
				depth -= 1;
			},
		});
		writer.schedule(file, 'a');
		writer.schedule(file, 'b');
		while (writer.stats().pending > 0) await turn();
		await writer.close();
		expect(told).toBeGreaterThan(0);
		expect(deepest).toBe(1);
	});
});

describe('an asynchronous function in the place of one that decides at once', () => {
	it.each([
		['strategy', 'onError is told', `{ strategy: async () => { throw new Error('S'); }, onError }`],
		['strategyFor', 'the call is refused', `{ strategyFor: async () => { throw new Error('S'); }, onError }`],
	])('%s: %s, and the process goes on', (_name, _what, options) => {
		const { status, stdout, stderr } = runChild(
			`
			const { createWriter } = await import(process.env.LIBRARY);
			const told = [];
			const onError = (error) => told.push(error.code);
			const writer = createWriter(${options});
			const outcome = await writer.write(process.argv[1], 1).then(() => 'written', (error) => error.code);
			console.log(JSON.stringify([outcome, [...new Set(told)]]));`,
			[directory.file('a.json')],
		);
		expect(status, stderr).toBe(0);
		const told = JSON.parse(stdout) as unknown;
		if (options.includes('strategyFor')) expect(told).toEqual(['ERR_INVALID_ARGUMENT', []]);
		else expect(told).toEqual(['written', ['ERR_INVALID_ARGUMENT']]);
	});
});

describe('a process that ends by', () => {
	it.each([
		['a toJSON', '{ toJSON: () => process.exit(3) }'],
		['the function of a value', '() => process.exit(3)'],
	])('%s has saved all other documents', async (_name, value) => {
		const child = runChild(
			`
			const { createWriter } = await import(process.env.LIBRARY);
			const writer = createWriter();
			process.once('exit', () => writer.flushSync());
			for (let i = 0; i < 3; i++) writer.schedule(process.argv[1] + '/' + i + '.json', { i });
			writer.schedule(process.argv[1] + '/fatal.json', ${value});
			setInterval(() => undefined, 1000);`,
			[directory.path],
		);
		expect(child.status, child.stderr).toBe(3);
		expect(await Promise.all([0, 1, 2].map((i) => directory.json(`${i}.json`)))).toEqual([
			{ i: 0 },
			{ i: 1 },
			{ i: 2 },
		]);
	});
});

describe('flushSync', () => {
	it('writes nothing of a call that its toJSON aborts', async () => {
		const fileSystem = disk();
		const writer = createWriter({ fileSystem });
		const controller = new AbortController();
		const reason = new Error('no more');
		const value = {
			toJSON() {
				controller.abort(reason);
				return 1;
			},
		};
		const writing = writer.write(file, value, { signal: controller.signal }).catch((error: unknown) => error);
		writer.flushSync();
		expect(await writing).toBe(reason);
		await writer.close();
		expect(fileSystem.paths()).toEqual(['/data']);
		expect(writer.stats()).toMatchObject({ calls: 1, commits: 0, failures: 1, pending: 0, queuedValues: 0 });
	});

	it.each([
		['coalesce', coalesce()],
		['immediate', immediate()],
	])('then writes the value before it, and keeps the backups: %s', async (_name, strategy) => {
		const fileSystem = disk();
		const writer = createWriter({ fileSystem, strategy });
		await writer.write(file, 'first', { backups: 1 });
		await writer.write(file, 'second', { backups: 1 });
		const backup = fileSystem.paths().filter((path) => path !== file && path !== '/data');
		const kept = backup.map((path) => fileSystem.peekFile(path)?.toString());
		const controller = new AbortController();
		const reason = new Error('no more');
		const alone = writer
			.write(file, aborting(), { signal: controller.signal, backups: 1 })
			.catch((error: unknown) => error);
		writer.flushSync();
		expect(await alone).toBe(reason);
		expect(backup.map((path) => fileSystem.peekFile(path)?.toString())).toEqual(kept);
		const again = new AbortController();
		const before = writer.write(file, 'before');
		const aborted = writer.write(file, aborting(again), { signal: again.signal }).catch((error: unknown) => error);
		writer.flushSync();
		expect(fileSystem.peekFile(file)?.toString().trim()).toBe('"before"');
		expect(await aborted).toBe(reason);
		expect(await before).toMatchObject({ superseded: false });
		await writer.close();

		function aborting(by = controller): unknown {
			return {
				toJSON() {
					by.abort(reason);
					return 'aborted';
				},
			};
		}
	});

	it('gives each error of the disk a code and an outcome, and rejects nothing that stands there', async () => {
		for (const kind of ['write', 'update'] as const) {
			for (let nth = 1; nth <= 9; nth++) {
				const fileSystem = disk();
				fileSystem.plantFile(file, '0');
				const writer = createWriter({ fileSystem, recovery: 'off' });
				const call = kind === 'write' ? writer.write(file, 1) : writer.update(file, () => 1);
				const answer = call.then(
					() => undefined,
					(error: unknown) => error,
				);
				fileSystem.fail('lstat', { nth, code: 'EIO' });
				let thrown: unknown;
				try {
					writer.flushSync();
				} catch (error) {
					thrown = error;
				}
				const text = fileSystem.peekFile(file)?.toString().trim();
				if (thrown !== undefined) {
					const outcome = text === '1' ? 'unknown' : 'not_applied';
					expect(thrown).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome, path: file });
				}
				fileSystem.heal();
				await writer.close();
				const error = await answer;
				expect(fileSystem.peekFile(file)?.toString().trim()).toBe(error === undefined ? '1' : '0');
				if (error !== undefined) expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
			}
		}
	});

	it('counts a commit when its directory is synced', async () => {
		const fileSystem = disk();
		const writer = createWriter({ fileSystem });
		const writing = writer.write(file, 1).catch((error: unknown) => error);
		fileSystem.fail('syncDirectory', { code: 'EIO', times: 9 });
		expect(() => writer.flushSync()).toThrow(
			expect.objectContaining({ code: 'ERR_WRITE_FAILED', step: 'sync-directory', outcome: 'unknown', path: file }),
		);
		expect(await writing).toMatchObject({ outcome: 'unknown' });
		const { commits, failures, commitDuration } = writer.stats();
		expect([commits, failures, commitDuration.count]).toEqual([0, 1, 0]);
		fileSystem.heal();
		const second = writer.write(file, 2);
		fileSystem.fail('syncDirectory', { code: 'EIO' });
		expect(() => writer.flushSync()).toThrow(expect.objectContaining({ step: 'sync-directory', outcome: 'unknown' }));
		expect(await second).toMatchObject({ superseded: false, durability: 'full' });
		expect(writer.stats()).toMatchObject({ calls: 2, commits: 1, failures: 1, commitDuration: { count: 1 } });
	});
});

it('each call is in one of the figures, whatever became of it', async () => {
	const writer = createWriter({ fileSystem: disk() });
	let removals = 0;
	const calls: Promise<unknown>[] = [];
	for (let round = 0; round < 30; round++) {
		const controller = new AbortController();
		calls.push(
			writer.write(file, round),
			writer.write(file, { n: 1n }),
			writer.update(file, () => round),
		);
		calls.push(
			writer.write(file, round, { signal: controller.signal }),
			writer.update(file, () => round),
		);
		if (round % 3 === 0) controller.abort(new Error('no more'));
		if (round % 5 === 0) {
			removals += 1;
			calls.push(writer.remove(file));
		}
		for (const call of calls) call.catch(() => undefined);
		if (round % 7 === 0) {
			try {
				writer.flushSync();
			} catch {
				// Told by the promises as well.
			}
		}
		if (round % 2 === 0) await turn();
		const { calls: all, commits, superseded, failures, pending } = writer.stats();
		expect(commits + superseded + failures).toBeLessThanOrEqual(all - pending);
	}
	await Promise.allSettled(calls);
	const { calls: all, commits, superseded, failures, pending } = writer.stats();
	expect(all).toBe(calls.length);
	expect(commits + superseded + failures + pending + removals).toBe(all);
});

it('an update that is aborted behind another one leaves the queue', async () => {
	const writer = createWriter({ fileSystem: disk() });
	const [first, second] = [new AbortController(), new AbortController()];
	const update = (n: number, signal: AbortSignal, then: () => void): Promise<unknown> =>
		writer
			.update(
				file,
				() => {
					then();
					return n;
				},
				{ signal },
			)
			.catch((error: unknown) => error);
	const values = [
		update(1, first.signal, () => second.abort(new Error('second'))),
		update(2, second.signal, () => undefined),
	];
	while (writer.stats().queuedValues > 1) await turn();
	first.abort(new Error('first'));
	await Promise.all(values);
	await writer.close();
	expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
});
