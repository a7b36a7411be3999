import { readFile, symlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
	createWriter,
	debounce,
	defaultWriter,
	remove,
	throttle,
	withLock,
	writeFile,
	writeJson,
	writeJsonLines,
} from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { LIBRARY, runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** A validator of its own making: asynchronous, so long as the value says. */
function slow(delayMs: (value: unknown) => number): StandardSchemaV1<unknown, { n: number }> {
	return {
		'~standard': {
			version: 1,
			vendor: 'test',
			async validate(value) {
				await sleep(delayMs(value));
				const { n } = value as { n: unknown };
				return typeof n === 'number' ? { value: { n } } : { issues: [{ message: 'n must be a number', path: ['n'] }] };
			},
		},
	};
}

/** Takes everything, after a while. */
function sleepy(delayMs: number): StandardSchemaV1 {
	const validate = async (value: unknown): Promise<{ value: unknown }> => {
		await sleep(delayMs, undefined, { ref: false });
		return { value };
	};
	return { '~standard': { version: 1, vendor: 'test', validate } };
}

const validators: [string, StandardSchemaV1<unknown, { user: { age: number } }>][] = [
	['zod', z.object({ user: z.object({ age: z.number().default(18) }) })],
	['zod, asynchronous', z.object({ user: z.object({ age: z.number().default(18) }) }).refine(async () => true)],
	['valibot', v.object({ user: v.object({ age: v.optional(v.number(), 18) }) })],
	['valibot, asynchronous', v.objectAsync({ user: v.objectAsync({ age: v.optional(v.number(), 18) }) })],
	['arktype', type({ user: { age: 'number = 18', '+': 'delete' }, '+': 'delete' })],
];

describe.each(validators)('%s', (_, schema) => {
	it('its output is what is written', async () => {
		const file = directory.file('a.json');
		await writeJson(file, { user: {}, more: 1 }, { schema });
		expect(await directory.json('a.json')).toEqual({ user: { age: 18 } });
		await writeJson(file, () => ({ user: { age: 3 }, more: 1 }), { schema });
		expect(await directory.json('a.json')).toEqual({ user: { age: 3 } });
		const updated = await defaultWriter.update(file, () => ({ user: {}, more: 2 }) as never, { schema });
		expect(updated).toEqual({ user: { age: 18 } });
	});

	it('its issues come back with their places, and nothing has changed', async () => {
		const file = directory.file('a.json');
		await writeJson(file, 'old');
		const bad = { user: { age: 'old' } };
		const calls = [
			writeJson(file, bad, { schema }),
			writeJson(file, () => bad, { schema }),
			defaultWriter.update(file, () => bad as never, { schema }),
		];
		for (const result of await Promise.allSettled(calls)) {
			expect(result).toMatchObject({ reason: { code: 'ERR_VALIDATION', step: 'validate', path: file } });
			const { issues } = (result as PromiseRejectedResult).reason as { issues: { message: string; path: string[] }[] };
			expect(issues).toMatchObject([{ message: expect.any(String), path: ['user', 'age'] }]);
		}
		expect(await directory.json('a.json')).toBe('old');
		await directory.expectOnly('a.json');
	});
});

describe('a schema', () => {
	const schema = z.object({ n: z.number() });

	it('an invalid value does not displace the valid one that waits', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 10, maxWaitMs: 10 }) });
		const valid = writer.write(file, { n: 1 }, { schema });
		const invalid = [1, 2, 3].map(() => writer.write(file, { n: 'x' }, { schema }));
		const thunks = [1, 2, 3].map(() => writer.write(file, () => ({ n: 'x' }), { schema }));
		for (const call of [...invalid, ...thunks]) await expect(call).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
		expect(await valid).toMatchObject({ superseded: false });
		expect(await directory.json('a.json')).toEqual({ n: 1 });
		await writer.close();
	});

	it('a value is written as it was when it was found valid', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 10, maxWaitMs: 10 }) });
		const value: { n: unknown } = { n: 1 };
		const same: StandardSchemaV1 = {
			'~standard': { version: 1, vendor: 'test', validate: (input) => ({ value: input }) },
		};
		const write = writer.write(file, value, { schema: same });
		value.n = 'no number any more';
		await write;
		expect(await directory.json('a.json')).toEqual({ n: 1 });
		await writer.close();
	});

	it('a slow validator never puts its value over a newer one', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const first = writer.write(file, { n: 1 }, { schema: slow(() => 30) });
		const second = writer.write(file, { n: 2 });
		expect(await second).toMatchObject({ superseded: false });
		expect(await directory.json('a.json')).toEqual({ n: 2 });
		expect(await first).toMatchObject({ superseded: true });
		expect(await directory.json('a.json')).toEqual({ n: 2 });
		await writer.close();
		await directory.expectOnly('a.json');
	});

	it('flush and close wait for it, and an update sees what it lets through', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		writer.schedule(file, { n: 1 }, { schema: slow(() => 20) });
		await writer.flush(file);
		expect(await directory.json('a.json')).toEqual({ n: 1 });
		const write = writer.write(file, { n: 5 }, { schema: slow(() => 20) });
		expect(await writer.update<{ n: number }>(file, (state) => ({ n: (state?.n ?? 0) + 1 }))).toEqual({ n: 6 });
		await write;
		writer.schedule(file, { n: 7 }, { schema: slow(() => 20) });
		await writer.close();
		expect(await directory.json('a.json')).toEqual({ n: 7 });
		expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
	});

	it('an update waits for it, and what is called after the update comes after it; other paths go on', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const other = createWriter();
		const seen: unknown[] = [];
		const add = (list: number[] | undefined, n: number): number[] => {
			seen.push(list);
			return [...(list ?? []), n];
		};
		const first = writer.write(file, [1], { schema: sleepy(20) });
		const second = writer.update<number[]>(file, (list) => add(list, 2));
		const third = writer.update<number[]>(file, (list) => add(list, 3), { schema: sleepy(5) as never });
		const fourth = writer.write(file, [4]);
		const fifth = writer.write(file, [5], { schema: sleepy(1) });
		const sixth = writer.update<number[]>(file, (list) => add(list, 6));
		const others = other.update<number[]>(file, (list) => add(list, 7));
		await writer.write(directory.file('b.json'), 1);
		expect(seen).toEqual([]);
		expect(await Promise.all([second, third, sixth])).toEqual([
			[1, 2],
			[1, 2, 3],
			[5, 6],
		]);
		await Promise.all([first, fourth, fifth, others]);
		expect(await directory.json('a.json')).toEqual([5, 6, 7]);
		await Promise.all([writer.close(), other.close()]);
	});

	it('one that never ends is given up by an abort, and all behind it go on', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const controller = new AbortController();
		const { signal } = controller;
		const never = writer.write(file, 1, { schema: sleepy(2 ** 30), signal });
		const update = writer.update<number>(file, (n) => (n ?? 0) + 1);
		const flushed = writer.flush();
		controller.abort(new Error('enough'));
		await expect(never).rejects.toThrow('enough');
		expect(await update).toBe(1);
		await flushed;
		const waiting = new AbortController();
		const still = new AbortController();
		const second = writer.write(file, 2, { schema: sleepy(2 ** 30), signal: still.signal });
		const behind = writer.update<number>(file, () => 3, { signal: waiting.signal });
		waiting.abort(new Error('not wanted'));
		await expect(behind).rejects.toThrow('not wanted');
		still.abort(new Error('nor this'));
		await expect(second).rejects.toThrow('nor this');
		await writer.close();
		expect(await directory.json('a.json')).toBe(1);
		expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
	});

	it('flushSync tells of what waits for it', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const write = writer.write(file, { n: 1 }, { schema: slow(() => 5) });
		expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', path: file }));
		const newer = writer.write(file, { n: 2 });
		writer.flushSync();
		expect(await directory.json('a.json')).toEqual({ n: 2 });
		await Promise.all([write, newer]);
		await writer.close();
		expect(await directory.json('a.json')).toEqual({ n: 2 });
	});

	it('an abort while it works rejects at once', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const controller = new AbortController();
		const write = writer.write(file, { n: 1 }, { schema: slow(() => 20), signal: controller.signal });
		controller.abort(new Error('away'));
		await expect(write).rejects.toThrow('away');
		await writer.close();
		await directory.expectOnly();
	});

	it('what a validator throws is what its caller gets', async () => {
		const own = new Error('own');
		const throwing: StandardSchemaV1 = {
			'~standard': {
				version: 1,
				vendor: 'test',
				validate() {
					throw own;
				},
			},
		};
		await expect(writeJson(directory.file('a.json'), 1, { schema: throwing })).rejects.toBe(own);
		await expect(writeJson(directory.file('a.json'), () => 1, { schema: throwing })).rejects.toBe(own);
		await directory.expectOnly();
	});

	it('of rows is asked row by row; an invalid one is named', async () => {
		const file = directory.file('a.jsonl');
		const rows = [{ n: 1, more: 1 }, { n: 2 }];
		await writeJsonLines(file, rows, { schema });
		expect(await readFile(file, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
		async function* bad(): AsyncGenerator<unknown> {
			yield { n: 1 };
			yield { n: 'x' };
		}
		const write = writeJsonLines(file, bad(), { schema });
		await expect(write).rejects.toMatchObject({ code: 'ERR_VALIDATION', message: expect.stringContaining('row 2') });
		expect(await readFile(file, 'utf8')).toBe('{"n":1}\n{"n":2}\n');
		await directory.expectOnly('a.jsonl');
	});

	it('is refused where it says nothing: for bytes, for async iterables, for what is none', async () => {
		async function* rows(): AsyncGenerator<number> {
			yield 1;
		}
		const passes: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
		const file = directory.file('a.json');
		const calls = [
			writeFile(file, 'bytes', { schema } as object),
			writeJson(file, rows(), { schema }),
			writeJson(file, { deep: rows() }, { schema: passes }),
			writeJson(file, 1, { schema: {} as StandardSchemaV1 }),
		];
		for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		await directory.expectOnly();
	});

	it('a function whose value is validated does not wait for a value before it that is not valid yet', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const before = writer.write(file, 'old', { schema: sleepy(50) });
		const [, newest] = await Promise.all([before, writer.write(file, () => 'new', { schema: sleepy(1) })]);
		expect(newest.superseded).toBe(false);
		expect(await directory.json('a.json')).toBe('new');
		expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
	}, 5_000);

	it('no strategy holds what an update waits for, also where that is found valid meanwhile', async () => {
		const file = directory.file('a.json');
		const held = createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		const writes = [
			createWriter().write(file, { a: 1 }, { schema: sleepy(300) }),
			held.write(file, { b: 1 }, { schema: sleepy(100) }),
		];
		const update = createWriter().update<object>(file, (current) => ({ ...current, c: 1 }));
		expect(await update).toEqual({ b: 1, c: 1 });
		await Promise.all(writes);
	}, 5_000);

	it('flush does not heed the strategy, also where an older call has come after a newer one', async () => {
		const file = directory.file('a.json');
		const hour = 3_600_000;
		const writer = createWriter({ strategy: Object.assign(() => Infinity, { merges: false, maxWaitMs: hour }) });
		const older = writer.write(file, 'old', { schema: sleepy(5) });
		const newer = writer.write(file, 'new');
		await writer.flush();
		expect([(await older).superseded, (await newer).superseded]).toEqual([true, false]);
		expect(await directory.json('a.json')).toBe('new');
	}, 5_000);

	it('the strategy of a path is asked for once for a call that waits for it', async () => {
		let asked = 0;
		const strategyFor = (): undefined => {
			asked += 1;
		};
		await createWriter({ strategyFor }).write(directory.file('a.json'), 1, { schema: sleepy(5) });
		expect(asked).toBe(1);
		expect(await directory.json('a.json')).toBe(1);
	}, 5_000);

	it('an interval between commits is kept where it has to be waited for', async () => {
		const file = directory.file('a.json');
		const clock = new ManualClock();
		const writer = createWriter({ clock, strategy: throttle({ intervalMs: 1000 }) });
		await writer.write(file, 'first', { schema: sleepy(1) });
		await sleep(20);
		const second = writer.write(file, 'second', { schema: sleepy(1) });
		await sleep(100);
		expect(await directory.json('a.json')).toBe('first');
		clock.advance(1000);
		await second;
	}, 5_000);

	it('what a validator writes to the same document is flushed, too', async () => {
		const file = directory.file('a.json');
		const writer = createWriter({ strategy: debounce({ waitMs: 60_000, maxWaitMs: 60_000 }) });
		let inner: Promise<unknown> | undefined;
		const validate = (value: unknown): { value: unknown } => {
			inner = writer.write(file, 'inner');
			return { value };
		};
		const outer = writer.write(file, 'outer', { schema: { '~standard': { version: 1, vendor: 'test', validate } } });
		await writer.flush();
		await Promise.all([outer, inner]);
		expect(writer.stats()).toMatchObject({ pending: 0, queuedValues: 0 });
	}, 5_000);

	it('flushSync tells of what waits for it, also where a newer call was aborted', async () => {
		const writer = createWriter();
		const file = directory.file('a.json');
		const write = writer.write(file, 1, { schema: sleepy(50) });
		const controller = new AbortController();
		const aborted = writer.write(file, 2, { schema: sleepy(50), signal: controller.signal });
		controller.abort();
		await expect(aborted).rejects.toBe(controller.signal.reason);
		expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
		await write;
	});

	it('an invalid value that nobody waits for is an unhandled rejection', () => {
		const { stderr, status } = runChild(
			`import { createWriter } from ${JSON.stringify(LIBRARY)};
			const validate = async () => ({ issues: [{ message: 'never' }] });
			void createWriter().write(process.argv[1], 1, { schema: { '~standard': { version: 1, vendor: 'test', validate } } });`,
			[directory.file('a.json')],
		);
		expect(status).toBe(1);
		expect(stderr).toContain('ERR_VALIDATION');
	});

	it('any number of values of a path may wait for it', () => {
		// A small stack, so that fewer values come to the limits of what a call takes.
		const { stdout, stderr } = runChild(
			`import { createWriter, debounce } from ${JSON.stringify(LIBRARY)};
			const writer = createWriter({ strategy: debounce({ waitMs: 600_000 }), maxQueuedValues: Infinity });
			const validate = async (value) => ({ value });
			const schema = { '~standard': { version: 1, vendor: 'test', validate } };
			const path = process.argv[1];
			const calls = Array.from({ length: 20_000 }, (_, n) => writer.write(path, n, n > 0 ? { schema } : {}));
			await writer.flush();
			const receipts = await Promise.all(calls);
			console.log(receipts.filter(({ superseded }) => !superseded).length);`,
			[directory.file('a.json')],
			{ nodeOptions: ['--stack-size=150'] },
		);
		expect({ stdout, stderr }).toEqual({ stdout: '1\n', stderr: '' });
	});

	it('of an update must not wait for a write of the document: that waits for the update', async () => {
		const file = directory.file('a.json');
		const writer = createWriter();
		const validate = async (value: unknown): Promise<{ value: unknown }> => {
			await writer.write(file, 'from within');
			return { value };
		};
		const update = writer.update(file, () => 1, { schema: { '~standard': { version: 1, vendor: 'test', validate } } });
		await expect(update).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
		await directory.expectOnly();
	}, 5_000);

	describe('must not wait for what waits for it:', () => {
		const within = (call: (value: unknown) => Promise<unknown>): StandardSchemaV1 => ({
			'~standard': {
				version: 1,
				vendor: 'test',
				async validate(value) {
					await call(value);
					return { value };
				},
			},
		});
		const linked = async (): Promise<string> => {
			await symlink('a.json', directory.file('link.json'));
			return directory.file('link.json');
		};
		const refused = { code: 'ERR_LOCK_REENTRANT', outcome: 'not_applied', path: expect.stringMatching(/a.json$/) };

		it.each([
			['a write', (path: string) => writeJson(path, 'from within')],
			['an update', (path: string) => defaultWriter.update(path, () => 'from within')],
			['a removal', (path: string) => remove(path)],
			['a lock', (path: string) => withLock(path, () => undefined)],
			['an update by another writer', (path: string) => createWriter().update(path, () => 'from within')],
		])(
			'of a function, or of rows: %s of the document',
			async (_what, call) => {
				const file = directory.file('a.json');
				const link = await linked();
				for (const path of [file, link]) {
					const schema = within(() => call(path));
					await expect(writeJson(file, () => 1, { schema })).rejects.toMatchObject(refused);
					await expect(writeJsonLines(file, [1], { schema })).rejects.toMatchObject(refused);
				}
				await directory.expectOnly('link.json');
			},
			5_000,
		);

		it('of a value: an update of the document', async () => {
			const file = directory.file('a.json');
			const link = await linked();
			for (const path of [file, link]) {
				for (const writer of [defaultWriter, createWriter()]) {
					const schema = within(() => writer.update(path, () => 'from within'));
					await expect(writeJson(file, 1, { schema })).rejects.toMatchObject(refused);
					const locked = withLock(file, () => writeJson(file, 1, { schema }));
					await expect(locked).rejects.toMatchObject(refused);
				}
			}
		}, 5_000);

		it('what does not wait for it is carried out', async () => {
			const file = directory.file('a.json');
			const writes = within((value) => writeJson(file, `before ${String(value)}`));
			const receipt = await writeJson(file, 1, { schema: writes });
			expect(receipt.superseded).toBe(true);
			expect(await directory.json('a.json')).toBe('before 1');
			const locks = within(() => withLock(file, () => defaultWriter.update(file, (old) => `${String(old)}, locked`)));
			await writeJson(file, 2, { schema: locks });
			expect(await directory.json('a.json')).toBe('before 1, locked');
			const others = within(() => defaultWriter.update(directory.file('b.json'), () => 'other'));
			await writeJson(file, () => 3, { schema: others });
			await writeJsonLines(directory.file('c.json'), [3], { schema: others });
			expect(await directory.json('a.json')).toBe(3);
			const flushes = within(() => defaultWriter.flush(file));
			await writeJson(file, 4, { schema: flushes });
			expect(await directory.json('a.json')).toBe(4);
		}, 5_000);

		it('and when it is over, what it has begun may go on', async () => {
			const file = directory.file('a.json');
			let later: Promise<unknown> | undefined;
			const schema = within(async () => {
				later = sleep(50).then(() => defaultWriter.update(file, (old) => ({ old })));
			});
			await writeJson(file, 1, { schema });
			await later;
			expect(await directory.json('a.json')).toEqual({ old: 1 });
			await writeJson(file, () => 2, { schema });
			await later;
			expect(await directory.json('a.json')).toEqual({ old: 2 });
		});
	});
});
