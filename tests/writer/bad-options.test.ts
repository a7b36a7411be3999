/** Bad options of the public calls: each is told by name, at the call, and nothing is done. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
	adaptive,
	batch,
	coalesce,
	createWriter,
	createWriteStream,
	debounce,
	immediate,
	openJournal,
	openJsonFile,
	openPendingFile,
	readJson,
	readJsonLines,
	recover,
	throttle,
	withLock,
	writeFile,
	writeJson,
	writeJsonLines,
} from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Calls with options as JavaScript may pass them. */
const calls: Record<string, (file: string, options: never) => unknown> = {
	createWriter: (_file, options) => createWriter(options),
	openJsonFile: (file, options: object) => openJsonFile(file, { initial: 1, ...options }),
	openJournal: (file, options: object) =>
		openJournal(file, { initial: 1, apply: (state: number) => state, ...options }),
	openPendingFile: (file, options) => openPendingFile(file, options),
	createWriteStream: (file, options) => createWriteStream(file, options),
	withLock: (file, options) => withLock(file, () => 1, options),
	recover: (file, options) => recover(file, options),
	readJson: (file, options) => readJson(file, options),
	readJsonLines: (file, options) => readJsonLines(file, options),
};

/** What the call throws, or rejects with. */
async function failureOf(call: () => unknown): Promise<unknown> {
	try {
		await call();
	} catch (error) {
		return error;
	}
	return undefined;
}

const lacking = { ...new SimulatedDisk(), rename: undefined };

describe('a port that is none', () => {
	const bad: [object, RegExp][] = [
		[{ fileSystem: {} }, /^options\.fileSystem must be a file system, .* \(it has no uniqueId\(\)\); got an object/],
		[{ fileSystem: null }, /^options\.fileSystem must be .*; got null$/],
		[{ fileSystem: lacking }, /^options\.fileSystem must be /],
		[{ fileSystem: withoutSync() }, /^options\.fileSystem\.sync must be .* \(it has no open\(\)\); got undefined$/],
	];
	const badClock: [object, RegExp][] = [
		[{ clock: {} }, /^options\.clock must be a clock, .* \(it has no epochMs\(\)\); got an object/],
		[{ clock: Date }, /^options\.clock must be a clock, .* \(it has no epochMs\(\)\); got a function$/],
	];
	it.each(Object.keys(calls))('is named by %s, which changes nothing', async (name) => {
		const takesClock = !['readJson', 'readJsonLines'].includes(name);
		for (const [options, message] of takesClock ? [...bad, ...badClock] : bad) {
			const error = await failureOf(() => calls[name]?.(directory.file('a.json'), options as never));
			expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARGUMENT' });
			expect((error as Error).message).toMatch(message);
		}
		await directory.expectOnly();
	});

	it('is not one that wraps another', () => {
		const disk = new SimulatedDisk();
		createWriter({ fileSystem: new Proxy(disk, {}), clock: new ManualClock() });
	});
});

function withoutSync(): object {
	return new Proxy(new SimulatedDisk(), {
		get: (disk, key) => (key === 'sync' ? undefined : (Reflect.get(disk, key, disk) as unknown)),
	});
}

describe('options that are no object', () => {
	const all: typeof calls = {
		...calls,
		writeJson: (file, options) => writeJson(file, 1, options),
		writeJsonLines: (file, options) => writeJsonLines(file, [1], options),
		writeFile: (file, options) => writeFile(file, 'x', options),
	};
	it.each(Object.keys(all).filter((name) => !name.startsWith('openJ')))('are named by %s', async (name) => {
		for (const options of [5, 'x', null, []]) {
			const error = await failureOf(() => all[name]?.(directory.file('a.json'), options as never));
			expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(/^options must be/) });
		}
	});

	it.each([
		['debounce', debounce, { waitMs: 100 }, '{ waitMs: 100 }'],
		['throttle', throttle, { intervalMs: 1000 }, '{ intervalMs: 1000 }'],
		['batch', batch, { maxWrites: 100, maxWaitMs: 1000 }, '{ maxWrites: 100, maxWaitMs: 1000 }'],
		['adaptive', adaptive, { maxStalenessMs: 5000 }, '{ maxStalenessMs: 5000 }'],
	])('are told what %s takes', async (name, make, example, shown) => {
		const call = make as unknown as (options: unknown) => unknown;
		for (const options of [5, null, '5 s']) {
			expect(await failureOf(() => call(options))).toMatchObject({
				code: 'ERR_INVALID_ARGUMENT',
				message: expect.stringContaining(`options of ${name} must be an object such as ${shown}; got `),
			});
		}
		expect(call(example)).toBeTypeOf('function');
		expect(await failureOf(() => call(undefined))).toMatchObject({
			message: expect.stringMatching(/^options\.\w+ must/),
		});
	});
});

it.each([
	['immediate', immediate],
	['coalesce', coalesce],
])('options of %s are refused, as it takes none', (name, make) => {
	const call = make as (options?: unknown) => unknown;
	for (const options of [5, null, { maxWaitMs: 100 }]) {
		expect(() => call(options)).toThrow(
			expect.objectContaining({
				code: 'ERR_INVALID_ARGUMENT',
				message: expect.stringMatching(`^options of ${name} must be left out: it takes none; got `),
			}),
		);
	}
	expect(call(undefined)).toBeTypeOf('function');
});

it('says what a strategy is where it gets none', () => {
	expect(() => createWriter({ strategy: 'debounce' as never })).toThrow(
		"options.strategy must be a strategy, such as coalesce() makes; got 'debounce'",
	);
});

it.each([
	['maxWaitMs', 'x', 'a finite number of milliseconds, 0 or more'],
	['maxWaitMs', Number.NaN, 'a finite number of milliseconds, 0 or more'],
	['maxWaitMs', Number.POSITIVE_INFINITY, 'a finite number of milliseconds, 0 or more'],
	['maxWaitMs', -5, 'a finite number of milliseconds, 0 or more'],
	['merges', 'no', 'true or false'],
])('refuses a strategy whose %s is %o', (name, value, what) => {
	const strategy = Object.assign(() => 0, { [name]: value }) as never;
	expect(() => createWriter({ strategy })).toThrow(`options.strategy.${name} must be ${what}; got `);
});

it('waits for times that setTimeout does not know', async () => {
	const warnings: unknown[] = [];
	const warn = (warning: unknown): number => warnings.push(warning);
	process.on('warning', warn);
	const writer = createWriter({ strategy: debounce({ waitMs: 3e9 }) });
	const written = writer.write(directory.file('a.json'), 1);
	await sleep(50);
	process.off('warning', warn);
	expect(warnings).toEqual([]);
	await directory.expectOnly();
	await writer.close();
	await written;
});

it.each([
	['replacer', 5],
	['replacer', 'a'],
	['space', true],
	['space', {}],
])('ignores what JSON.stringify ignores: %s %o', async (option, value) => {
	const document = { a: [1] };
	await writeJson(directory.file('a.json'), document, { [option]: value });
	const [replacer, space] = (option === 'replacer' ? [value] : [undefined, value]) as [never, never];
	expect(await directory.text('a.json')).toBe(`${JSON.stringify(document, replacer, space)}\n`);
});

it('ports of a single write are refused: it would go to the real disk', async () => {
	const file = directory.file('a.json');
	for (const options of [{ fileSystem: new SimulatedDisk() }, { clock: new ManualClock() }] as never[]) {
		await expect(writeJson(file, 1, options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		await expect(writeJsonLines(file, [1], options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		await expect(writeFile(file, 'x', options)).rejects.toThrow('createWriter');
	}
	await directory.expectOnly();
});
