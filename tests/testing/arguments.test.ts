/** What is bad is refused at the call, and named: a test of crashes that tries something else than was meant proves nothing. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
	type Check,
	drive,
	type ExploreOptions,
	exploreCrashes,
	fsPromisesOf,
	History,
	ManualClock,
	type Scenario,
	SimulatedDisk,
	type SimulatedDiskOptions,
} from '../../lib/testing/index.ts';

/** What a caller without types may pass. */
const any = (value: unknown): never => value as never;

const scenario: Scenario = async ({ fs, history }) => {
	const acknowledge = history.submit('/a', 'text');
	await fs.writeFile('/a', 'text', { flush: true });
	acknowledge();
};
const nothing: Check = () => {};

function refusal(call: () => unknown): Promise<unknown> {
	return Promise.resolve()
		.then(call)
		.then(
			() => 'accepted',
			(error: unknown) => error,
		);
}

async function expectRefusal(call: () => unknown, message: RegExp | string): Promise<void> {
	const error = await refusal(call);
	expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) as unknown });
	expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
}

describe('exploreCrashes', () => {
	it.each<[string, unknown, unknown, RegExp]>([
		['no scenario', undefined, nothing, /^scenario must be a function; got undefined/],
		['no check', scenario, undefined, /^check must be a function; got undefined/],
		['a check that is none', scenario, { disk: 1 }, /^check must be a function; got an object/],
		['a scenario that gives no promise', () => {}, nothing, /^what scenario returns must be a promise; got undefined/],
	])('refuses %s', async (_name, first, second, message) => {
		await expectRefusal(() => exploreCrashes(any(first), any(second)), message);
	});

	const disk = new SimulatedDisk();
	const crashed = new SimulatedDisk();
	crashed.crash();
	const history = new History();
	it.each<[unknown, RegExp]>([
		[null, /^options must be an object; got null/],
		[5, /^options must be an object; got 5/],
		[{ statesMax: 0 }, /^options\.statesMax must be an integer from 1 .*; got 0/],
		[{ schedules: 1.5 }, /^options\.schedules must be an integer from 1 .*; got 1\.5/],
		[{ checksAtOnce: '4' }, /^options\.checksAtOnce must be a number; got '4'/],
		[{ seed: Number.NaN }, /^options\.seed must be an integer .*; got NaN/],
		[{ onFailure: true }, /^options\.onFailure must be a function; got true/],
		[{ disk: 'win32' }, /^options\.disk must be an object; got 'win32'/],
		[{ disk: { semantics: 'windows' } }, /^options\.disk\.semantics must be 'posix' or 'win32'; got 'windows'/],
		[
			{ disk },
			/^options\.disk must be how a disk behaves; a disk itself is the `disk` of options\.start; got an object/,
		],
		[{ start: disk }, /^options\.start\.disk must be a SimulatedDisk; got undefined/],
		[{ start: { disk } }, /^options\.start\.history must be a History; got undefined/],
		[{ start: { disk, history }, disk: {} }, /^options\.disk must be left out where options\.start has a disk/],
		[{ start: { disk: crashed, history } }, /^options\.start\.disk must be a disk that has not crashed/],
		[{ at: 3 }, /^options\.at must be an object; got 3/],
		[{ at: {} }, /^options\.at\.call must be a number; got undefined/],
		[{ at: { call: 0 } }, /^options\.at\.call must be an integer from 1 .*; got 0/],
		[{ at: { call: 'end', side: 'during' } }, /^options\.at\.side must be 'before' or 'after'; got 'during'/],
		[{ at: { call: 1, state: 'power' } }, /^options\.at\.state must be a number; got 'power'/],
		[{ at: { call: 1, schedule: 0 } }, /^options\.at\.schedule must be an integer from 1 .*; got 0/],
	])('refuses options: %j', async (options, message) => {
		await expectRefusal(() => exploreCrashes(scenario, nothing, options as ExploreOptions), message);
	});

	it.each([{ call: 99 }, { call: 'end', state: 99 }] as const)('refuses a crash that there is not: %j', async (at) => {
		await expectRefusal(
			() => exploreCrashes(scenario, nothing, { at }),
			/^options\.at must be a crash of the scenario, which makes 6 calls; got '.*99/,
		);
	});

	it('refuses a scenario that makes no call on its disk, which would pass any check', async () => {
		const message = /^scenario must be a program that calls the `disk` or the `fs` of its stage; got 'no call'/;
		await expectRefusal(() => exploreCrashes(async () => {}, nothing), message);
		const another: Scenario = async () => {
			await fsPromisesOf(new SimulatedDisk()).writeFile('/a', 'on a disk of its own');
		};
		await expectRefusal(() => exploreCrashes(another, nothing), message);
		const planting: Scenario = async (stage) => stage.disk.plantFile('/a', 'not a call');
		await expectRefusal(() => exploreCrashes(planting, nothing), message);
		const used = new SimulatedDisk();
		used.sync.ensureDirectory('/by somebody else');
		await expectRefusal(() => exploreCrashes(async () => {}, nothing, { start: { disk: used, history } }), message);
	});

	it('refuses a scenario that tells nothing to the history, where the check asks that: it would pass any loss', async () => {
		const untold: Scenario = ({ fs }) => fs.writeFile('/a', 'text');
		const asking: Check = (stage) => stage.history.check(stage.disk);
		const message =
			/^scenario must be a program that tells `history` what it saves, .*; got 'no submit\(\) and no begin/;
		await expectRefusal(() => exploreCrashes(untold, asking), message);
		await exploreCrashes(untold, nothing);
		// Nothing had been submitted yet at the crash that a second exploration starts from, or that is replayed.
		await exploreCrashes(untold, asking, { start: { disk: new SimulatedDisk(), history: new History() } });
		await exploreCrashes(scenario, asking, { at: { call: 1, side: 'before' } });
	});

	it('takes the codes of errors that systems and Node give', () => {
		for (const code of ['EIO', 'EDQUOT', 'UNKNOWN', 'ERR_ACCESS_DENIED']) new SimulatedDisk().fail('*', { code });
	});

	it.each<[string, Scenario]>([
		['a save that is not awaited', async ({ fs }) => void fs.writeFile('/a', 'text')],
		['the last of two', async ({ fs }) => fs.mkdir('/d').then(() => void fs.writeFile('/d/a', 'text'))],
		[
			'one that looks first',
			async ({ fs }) => {
				void fs.stat('/').then(() => fs.writeFile('/a', 'text'));
			},
		],
		[
			'one that waits for a timer',
			async ({ fs, clock }) => {
				await fs.mkdir('/d');
				clock.schedule(60_000, () => void fs.writeFile('/d/a', 'text'));
			},
		],
	])('refuses a scenario that goes on after its promise has settled: %s', async (_name, late) => {
		await expectRefusal(
			() => exploreCrashes(late, nothing),
			/^scenario must be a program that awaits all that it starts; got 'call \d+, (open|truncate) \/(d\/)?a, after it had ended'/,
		);
	});

	it('refuses a check that says whether all is well, in place of throwing', async () => {
		for (const predicate of [() => false, async () => true]) {
			const message =
				/^check must be a function that throws where something is wrong, and returns nothing; got (false|true)/;
			await expectRefusal(() => exploreCrashes(scenario, any(predicate)), message);
		}
	});

	it('tells first of what a crash loses, as that may come of a promise that was not awaited', async () => {
		const early: Scenario = async ({ fs, history }) => {
			const acknowledge = history.submit('/a', 'text');
			void fs.writeFile('/a', 'text', { flush: true });
			acknowledge();
		};
		const keeps: Check = (stage) => stage.history.check(stage.disk);
		await expect(exploreCrashes(early, keeps)).rejects.toThrow(/^\/a is missing/);
	});

	it('takes one whose pieces end before it does, and one that only looks on, or has a timer left', async () => {
		const inTime: Scenario = async ({ fs, disk }) => {
			void fs.writeFile('/a', 'text');
			do await nextTurn();
			while (disk.callsUnderWay > 0);
		};
		const looking: Scenario = async ({ fs }) => {
			await fs.mkdir('/d');
			void fs.readdir('/');
		};
		const waiting: Scenario = async ({ fs, clock }) => {
			await fs.mkdir('/d');
			clock.schedule(60_000, () => {});
		};
		for (const each of [inTime, looking, waiting])
			expect((await exploreCrashes(each, nothing)).states).toBeGreaterThan(1);
	});
});

describe('SimulatedDisk', () => {
	it.each<[unknown, RegExp]>([
		[null, /^options must be an object; got null/],
		[{ semantics: 'linux' }, /^options\.semantics must be 'posix' or 'win32'; got 'linux'/],
		[{ seed: 'x' }, /^options\.seed must be a number; got 'x'/],
		[{ jitterSeed: 0.5 }, /^options\.jitterSeed must be an integer .*; got 0\.5/],
		[{ capacityBytes: -1 }, /^options\.capacityBytes must be a number from 0 on; got -1/],
		[{ fileSizeBytesMax: '1k' }, /^options\.fileSizeBytesMax must be a number; got '1k'/],
		[{ openFilesMax: Number.NaN }, /^options\.openFilesMax must be a number from 0 on; got NaN/],
		[{ nameBytesMax: 0 }, /^options\.nameBytesMax must be an integer from 1 .*; got 0/],
		[{ locks: 'no' }, /^options\.locks must be true or false; got 'no'/],
		[{ reusesFreedBlocks: 1 }, /^options\.reusesFreedBlocks must be true or false; got 1/],
		[{ ignoresCase: null }, /^options\.ignoresCase must be true or false; got null/],
		[{ umask: 0o1000 }, /^options\.umask must be an integer from 0 to 511; got 512/],
		[{ clock: Date }, /^options\.clock must be a clock; got a function/],
	])('refuses options: %j', async (options, message) => {
		await expectRefusal(() => new SimulatedDisk(options as SimulatedDiskOptions), message);
	});

	it.each<[string, (disk: SimulatedDisk) => unknown, RegExp]>([
		[
			'fail, of what',
			(disk) => disk.fail(any('fsync'), { code: 'EIO' }),
			/^name must be '\*' or one of .*; got 'fsync'/,
		],
		['fail, how', (disk) => disk.fail('sync', any(undefined)), /^fault\.code must be the code .*; got undefined/],
		[
			'fail, with what no system knows',
			(disk) => disk.fail('sync', { code: 'EBOGUS' }),
			/^fault\.code must be the code .*; got 'EBOGUS'/,
		],
		['fail, a code', (disk) => disk.fail('sync', any('EIO')), /^fault must be an object; got 'EIO'/],
		['fail, when', (disk) => disk.fail('sync', { code: 'EIO', nth: 0 }), /^fault\.nth must be an integer from 1/],
		[
			'fail, how often',
			(disk) => disk.fail('*', { code: 'EIO', times: -1 }),
			/^fault\.times must be an integer from 1/,
		],
		['fail, applied', (disk) => disk.fail('*', any({ code: 'EIO', applied: 1 })), /^fault\.applied must be true or/],
		['shortWrite', (disk) => disk.shortWrite(any(3)), /^short must be an object; got 3/],
		['shortWrite, bytes', (disk) => disk.shortWrite({ bytes: -1 }), /^short\.bytes must be an integer from 0/],
		['slow', (disk) => disk.slow(any('all'), { turns: 1 }), /^name must be/],
		['slow, turns', (disk) => disk.slow('*', any({})), /^delay\.turns must be a number; got undefined/],
		['setCapacity', (disk) => disk.setCapacity(Number.NaN), /^capacityBytes must be a number from 0 on; got NaN/],
		['crashAt', (disk) => disk.crashAt(0, 'after'), /^callNumber must be an integer from 1 .*; got 0/],
		['crashAt, a side', (disk) => disk.crashAt(1, any('now')), /^side must be 'before' or 'after'; got 'now'/],
		['observe', (disk) => disk.observe(any(undefined)), /^observer must be a function; got undefined/],
		['crashStates', (disk) => disk.crashStates({ statesMax: 0 }), /^options\.statesMax must be an integer from 1/],
		['plantFile', (disk) => disk.plantFile('a', ''), /^path must be an absolute path, .*; got 'a'/],
		[
			'plantFile, content',
			(disk) => disk.plantFile('/a', any({})),
			/^content must be a string or a Uint8Array; got an/,
		],
		[
			'plantFile, a directory',
			(disk) => disk.plantFile('/x/', ''),
			/^path must be the path of a file, .*; got '\/x\/'/,
		],
		['plantFile, the root', (disk) => disk.plantFile('/', ''), /^path must be the path of a file/],
		['plantFile, a parent', (disk) => disk.plantFile('/x/..', ''), /^path must be the path of a file/],
		['plantFile, mode', (disk) => disk.plantFile('/a', '', any('0600')), /^metadata must be an object; got '0600'/],
		['plantFile, owner', (disk) => disk.plantFile('/a', '', { uid: -1 }), /^metadata\.uid must be an integer from 0/],
		['plantSymlink', (disk) => disk.plantSymlink(any(undefined), '/a'), /^target must be a path; got undefined/],
		['plantSymlink, a directory', (disk) => disk.plantSymlink('/a', '/x/'), /^path must be the path of a file/],
		['plantDirectory', (disk) => disk.plantDirectory('data'), /^path must be an absolute path, .*; got 'data'/],
		['peekFile', (disk) => disk.peekFile('a'), /^path must be an absolute path, .*; got 'a'/],
		['a call', (disk) => disk.rename('/a', 'b'), /^path must be an absolute path, .*; got 'b'/],
		['a synchronous call', (disk) => disk.sync.readFile(any(undefined)), /^path must be .*; got undefined/],
	])('refuses bad arguments of %s', async (_name, call, message) => {
		const disk = new SimulatedDisk();
		disk.plantFile('/a', '');
		await expectRefusal(() => call(disk), message);
	});

	it('refuses to crash at a call that has been', async () => {
		const disk = new SimulatedDisk();
		await disk.readdir('/');
		await expectRefusal(() => disk.crashAt(1, 'after'), /^callNumber must be an integer from 2/);
	});
});

it.each<[string, () => unknown, RegExp]>([
	['fsPromisesOf', () => fsPromisesOf(any(undefined)), /^port must be a file system, .*; got undefined/],
	['ManualClock', () => new ManualClock(Number.NaN), /^epochMs must be a finite number .*; got NaN/],
	['advance', () => new ManualClock().advance(-1), /^durationMs must be a finite number .* from 0 on; got -1/],
	['advance', () => new ManualClock().advance(any(undefined)), /^durationMs must be a number .*; got undefined/],
	['schedule', () => new ManualClock().schedule(any('1s'), () => {}), /^delayMs must be a number .*; got '1s'/],
	['schedule', () => new ManualClock().schedule(1, any(undefined)), /^callback must be a function; got undefined/],
	['setEpochMs', () => new ManualClock().setEpochMs(any(new Date(0))), /^epochMs must be a number .*; got an object/],
	['begin', () => new History().begin('a', ''), /^path must be an absolute path, .*; got 'a'/],
	['submit, a directory', () => new History().submit('/x/', ''), /^path must be the path of a file, .*; got '\/x\/'/],
	['submit', () => new History().submit('/a', any({ version: 1 })), /^content must be the text .*; got an object/],
	['check', () => new History().check(any({ disk: 1 })), /^disk must be a SimulatedDisk; got an object/],
	['drive', () => drive(any(undefined), any({})), /^run must be a promise; got undefined/],
	['drive', () => drive(Promise.resolve(), any({})), /^stage\.disk must be a SimulatedDisk; got undefined/],
	['drive', () => drive(Promise.resolve(), any({ disk: new SimulatedDisk() })), /^stage\.clock must be a ManualClock/],
])('%s refuses bad arguments', expectThat);

function expectThat(_name: string, call: () => unknown, message: RegExp): Promise<void> {
	return expectRefusal(call, message);
}

it('a program that hangs before its first call is told of as such', async () => {
	const hanging = exploreCrashes(() => new Promise(() => {}), nothing);
	await expect(hanging).rejects.toThrow('nothing happens, and no call was made');
});

it('a program that waits for a real timer is told what it waits for', async () => {
	const waiting: Scenario = async ({ fs }) => {
		await fs.writeFile('/a', 'text');
		await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
	};
	await expect(exploreCrashes(waiting, nothing)).rejects.toThrow(
		/^nothing happens after call \d+, close \/a: .* a real timer \(in place of `clock`\)/,
	);
});
