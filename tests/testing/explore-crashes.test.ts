/** The explorer itself: what it tries, what it tells, and that a failure can be had again from what it printed. */
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import {
	type Check,
	CrashFailure,
	type CrashPoint,
	type ExploreOptions,
	exploreCrashes,
	type Scenario,
	type Stage,
} from '../../lib/testing/index.ts';

const check: Check = ({ disk, history }) => history.check(disk);

/** Two naive saves, each without a sync, of two documents at the same time. */
const naive: Scenario = async ({ fs, history }) => {
	await Promise.all(
		['/a', '/b'].map(async (path) => {
			const acknowledge = history.submit(path, `text of ${path}`);
			await fs.writeFile(`${path}.tmp`, `text of ${path}`);
			await fs.rename(`${path}.tmp`, path);
			acknowledge();
		}),
	);
};

async function failuresOf(scenario: Scenario, options: ExploreOptions = {}): Promise<CrashFailure[]> {
	const failures: CrashFailure[] = [];
	const result = await exploreCrashes(scenario, check, { ...options, onFailure: (failure) => failures.push(failure) });
	expect(result.failures).toBe(failures.length);
	return failures;
}

/** What a failure printed, as a user would copy it. */
function printed(failure: CrashFailure): { seed: number; at: CrashPoint } {
	const [, literal = ''] = /replay with (\{.*\})$/.exec(failure.message) ?? [];
	return new Function(`return ${literal}`)() as { seed: number; at: CrashPoint };
}

describe('a failure', () => {
	it('prints what replays it, and the replay ends in the same state', async () => {
		const options = { schedules: 3, seed: 5 };
		const failures = await failuresOf(naive, options);
		expect(failures.length).toBeGreaterThan(20);
		expect(new Set(failures.map(({ point }) => point.schedule)).size).toBeGreaterThan(1);
		expect(new Set(failures.map(({ point }) => point.call === 'end'))).toEqual(new Set([true, false]));
		for (const failure of failures) {
			const replay = printed(failure);
			expect(replay.at).toEqual(failure.point);
			const again = await failuresOf(naive, { ...options, ...replay });
			expect(again.map(({ message }) => message)).toEqual([failure.message]);
		}
	});

	it('rejects the exploration with the first, and what the check threw is its cause', async () => {
		const refused = new Error('no');
		const failing = exploreCrashes(naive, () => {
			throw refused;
		});
		await expect(failing).rejects.toBeInstanceOf(CrashFailure);
		await expect(failing).rejects.toMatchObject({ cause: refused, kind: 'power cut' });
	});

	it('says by their paths what was lost and what is left of each file', async () => {
		const scenario: Scenario = async ({ fs, history }) => {
			await fs.mkdir('/data');
			const acknowledge = history.submit('/data/a', 'text');
			await fs.writeFile('/data/a', 'text');
			acknowledge();
		};
		const messages = (await failuresOf(scenario)).map(({ message }) => message.split('\n')[1]);
		expect(messages).toContain(
			'  power cut after the end: directory /: kept [+data]; directory /data: kept [+a]; file /data/a: half',
		);
		expect(messages).toContain(
			'  power cut after the end: directory /: lost [+data]; directory /data: kept [+a]; file /data/a: all',
		);
	});

	it('says so where the content lacks but a final newline in the history', async () => {
		const scenario: Scenario = async ({ disk, clock, history }) => {
			const writer = createWriter({ fileSystem: disk, clock });
			const acknowledge = history.submit('/a.json', '{"a":1}');
			await writer.write('/a.json', { a: 1 });
			acknowledge();
			await writer.close();
		};
		await expect(exploreCrashes(scenario, check)).rejects.toThrow(/^\/a\.json is torn: .* without the final newline\n/);
	});

	it('of the scenario itself is told as it is', async () => {
		const scenario: Scenario = async ({ fs }) => fs.unlink('/none');
		await expect(exploreCrashes(scenario, check)).rejects.toMatchObject({ code: 'ENOENT' });
	});

	it('can be a check that waits for ever', async () => {
		await expect(exploreCrashes(naive, () => new Promise(() => {}))).rejects.toThrow(
			'nothing happens, and no call was made',
		);
	});
});

describe('an exploration', () => {
	it('ends the disk at the crash that it replays', async () => {
		let reached = 0;
		const scenario: Scenario = async ({ fs }) => {
			await fs.mkdir('/a');
			await fs.mkdir('/b');
			reached++;
		};
		const seen: string[][] = [];
		const look = ({ disk }: Stage): void => void seen.push(disk.paths());
		// Each mkdir looks first whether the name is taken.
		await exploreCrashes(scenario, look, { at: { call: 4, side: 'before', state: 'process' } });
		expect(seen).toEqual([['/a']]);
		expect(reached).toBe(0);
	});

	it('tries several orders of calls that are under way together, the same ones for the same seed', async () => {
		const orders = async (seed: number): Promise<string[]> => {
			const found: string[] = [];
			const scenario: Scenario = async (stage) => {
				await naive(stage);
				found.push(stage.disk.calls.map(({ path }) => path).join(' '));
			};
			await exploreCrashes(scenario, () => {}, { schedules: 6, seed });
			return found;
		};
		const found = await orders(1);
		expect(found).toHaveLength(6);
		expect(new Set(found).size).toBeGreaterThan(2);
		expect(await orders(1)).toEqual(found);
		expect(await orders(2)).not.toEqual(found);
	});

	it('tells a killed process whose changes are not on the medium from one whose are', async () => {
		const scenario: Scenario = async ({ fs }) => {
			const file = await fs.open('/a', 'w');
			await file.writeFile('text');
			await file.sync();
			await file.close();
		};
		let owed = 0;
		let durable = 0;
		await exploreCrashes(scenario, ({ disk }, kind) => {
			if (kind === 'power cut' || disk.peekFile('/a')?.toString() !== 'text') return;
			const contents = disk.crashStates().map((state) => state.disk.peekFile('/a')?.toString());
			if (contents.includes('')) owed++;
			else durable++;
		});
		expect(owed).toBe(1);
		expect(durable).toBe(1);
	});

	it('waits for what takes real time elsewhere', async () => {
		const scenario: Scenario = async ({ fs, clock }) => {
			const packed = await promisify(gzip)(randomBytes(500_000));
			await fs.writeFile('/a', packed.subarray(0, 10));
			expect(clock.monotonicMs()).toBe(0);
		};
		expect((await exploreCrashes(scenario, () => {})).states).toBeGreaterThan(1);
	});

	it('lets time pass where nothing else happens', async () => {
		const scenario: Scenario = async ({ disk, clock }) => {
			const started = clock.monotonicMs();
			await new Promise<void>((resolve) => clock.schedule(60_000, resolve));
			expect(clock.monotonicMs() - started).toBe(60_000);
			disk.slow('stat', { turns: 50 });
			clock.schedule(1, () => expect(disk.callsUnderWay).toBe(0));
			await disk.stat('/');
		};
		expect(await exploreCrashes(scenario, () => {})).toMatchObject({ calls: 1, crashPoints: 3 });
	});
});
