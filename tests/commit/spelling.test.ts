/** Names that differ in case only: one document where the file system takes them for one, else several. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import { documentKey } from '../../lib/commit/spelling.ts';
import { formatOrder, formatTempName } from '../../lib/commit/temp-name.ts';
import { createWriter, debounce, openJournal, readJson, recover } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { PassingPort } from '../support/passing-port.ts';
import { drive } from '../support/simulation.ts';

const clock = new ManualClock();

function diskOf(options: ConstructorParameters<typeof SimulatedDisk>[0]): SimulatedDisk {
	const disk = new SimulatedDisk({ clock, ...options });
	disk.plantDirectory('/Data');
	return disk;
}

/** A disk that heeds case, on a system where others do not. */
function heedingCase(): { disk: SimulatedDisk; fileSystem: FileSystem } {
	const disk = diskOf({});
	class Unsure extends PassingPort {
		override readonly ignoresCase: boolean = true;
	}
	return { disk, fileSystem: new Unsure(disk) };
}

const temp = (name: string, state: 'part' | 'ready'): string =>
	`/Data/${formatTempName(name, { life: 'lock', order: formatOrder(clock.epochMs(), 1), random: '0'.repeat(16) }, state)}`;

const backup = (name: string, number = 1): string => `/Data/${formatBackupName(name, number)}`;

describe('the key of a document', () => {
	const windows = { ignoresCase: true };

	it.each([
		['C:\\Data\\State.json', 'c:\\data\\STATE.JSON'],
		['C:\\Data\\State.json', '\\\\?\\C:\\Data\\State.json'],
		['\\\\server\\share\\a.json', '\\\\?\\UNC\\Server\\Share\\a.json'],
		['/Users/me/\u00e9.json', '/Users/me/e\u0301.json'],
	])('is one for %s and %s', (one, other) => {
		expect(documentKey(windows, one)).toBe(documentKey(windows, other));
		expect(documentKey({ ignoresCase: false }, one)).toBe(one);
	});

	it('differs for what differs in more than case', () => {
		const files = ['C:\\a.json', 'D:\\a.json', '\\\\C\\a.json', 'C:\\UNC\\a.json', '\\\\?\\UNC\\a.json', 'C:\\a.jsonl'];
		expect(new Set(files.map((file) => documentKey(windows, file))).size).toBe(files.length);
	});
});

describe.each([
	['Windows', { semantics: 'win32' }],
	['macOS', { ignoresCase: true }],
] as const)('under the rules of %s', (_, options) => {
	it('the value submitted last wins, by whatever spelling and writer, also by flushSync', async () => {
		const step = fc.record({
			spelling: fc.constantFrom('/Data/a.json', '/data/A.json', '/DATA/New/../A.JSON', '/Data/a.JSON'),
			writer: fc.nat(1),
			action: fc.constantFrom('write', 'write', 'write', 'turn', 'flushSync'),
		});
		await fc.assert(
			fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), fc.integer(), async (steps, jitterSeed) => {
				const disk = diskOf({ ...options, jitterSeed });
				disk.plantDirectory('/Data/New');
				const writers = [0, 1].map(() => createWriter({ fileSystem: disk, clock, recovery: 'off' }));
				const writes: Promise<unknown>[] = [];
				let last: number | undefined;
				const run = async (): Promise<void> => {
					for (const [index, { spelling, writer, action }] of steps.entries()) {
						if (action === 'turn') await new Promise(setImmediate);
						else if (action === 'flushSync') writers[writer]?.flushSync();
						else {
							last = index;
							writes.push(writers[writer]?.write(spelling, index) ?? Promise.reject(new Error('no writer')));
						}
					}
					await Promise.all(writes);
					// A commit that flushSync has displaced removes its temporary file.
					await Promise.all(writers.map((one) => one.close()));
				};
				await drive(run(), { disk, clock });
				const expected = last === undefined ? [] : [expect.stringMatching(/^\/Data\/a\.json$/i)];
				expect(disk.paths().filter((path) => path !== '/Data' && path !== '/Data/New')).toEqual(expected);
				if (last !== undefined) expect(disk.peekFile('/Data/a.json')?.toString()).toBe(`${last}\n`);
				expect(disk.openHandles()).toEqual([]);
			}),
			{ numRuns: 150 },
		);
	});

	it('flush of a path waits for its other spellings, and tells of their failures', async () => {
		const disk = diskOf(options);
		const strategy = debounce({ waitMs: 60_000 });
		const writer = createWriter({ fileSystem: disk, clock, strategy, recovery: 'off', onError: () => undefined });
		writer.schedule('/Data/a.json', 1);
		writer.schedule('/Data/b.json', 2);
		await writer.flush('/data/A.JSON');
		expect(disk.paths()).toEqual(['/Data', '/Data/a.json']);
		writer.schedule('/Data/a.json', 1n);
		await expect(writer.flush('/DATA/a.json')).rejects.toMatchObject({ code: 'ERR_NOT_SERIALIZABLE' });
		await writer.close();
	});

	it('one document is made where its directory is missing, too', async () => {
		const disk = diskOf(options);
		const writer = createWriter({ fileSystem: disk, clock });
		const spellings = ['/Data/x/y/a.json', '/data/X/y/A.json', '/DATA/x/Y/a.json'];
		await Promise.all(spellings.map((path, index) => writer.write(path, index)));
		expect(disk.paths()).toHaveLength(4);
		expect(disk.peekFile('/Data/x/y/a.json')?.toString()).toBe('2\n');
		await writer.close();
	});

	it('a document has its backups and leftovers by every spelling', async () => {
		const disk = diskOf(options);
		const ports = { fileSystem: disk, clock };
		const writer = createWriter(ports);
		for (const value of [1, 2, 3]) await writer.write('/Data/State.json', value, { backups: 2 });
		disk.plantFile('/Data/State.json', '');
		expect(await readJson('/data/STATE.json', { fileSystem: disk })).toBe(2);
		const { documents } = await recover('/data/state.JSON', ports);
		expect(documents).toMatchObject([{ found: 'empty', outcome: 'restored' }]);
		expect(disk.peekFile('/Data/State.json')?.toString()).toBe('2\n');
		disk.plantFile(temp('STATE.json', 'part'), 'x');
		await writer.remove('/Data/STATE.JSON');
		await writer.close();
		expect(disk.paths()).toEqual(['/Data']);
	});

	it('a document that waits is removed by flushSync with all that is beside it, by every spelling', async () => {
		const disk = diskOf(options);
		disk.plantFile(backup('state.json'), '1');
		disk.plantFile(temp('state.json', 'part'), 'x');
		const writer = createWriter({ fileSystem: disk, clock, recovery: 'off' });
		const removal = writer.remove('/Data/STATE.json');
		writer.flushSync();
		await removal;
		expect(disk.paths()).toEqual(['/Data']);
	});

	it('recovery of a directory takes files by every spelling for one document', async () => {
		const disk = diskOf(options);
		disk.plantFile('/Data/State.json', '');
		disk.plantFile(backup('state.json'), '"backup"');
		disk.plantFile('/Data/Gone.JSON.bak', '"bak"');
		disk.plantFile('/Data/gone.json.tmp', '"cut off');
		const { documents } = await recover('/Data', { fileSystem: disk, clock });
		expect(documents.map(({ path, outcome }) => [path.toLowerCase(), outcome]).sort()).toEqual([
			['/data/gone.json', 'restored'],
			['/data/state.json', 'restored'],
		]);
		expect(disk.peekFile('/Data/State.json')?.toString()).toBe('"backup"');
		expect(disk.peekFile('/Data/gone.json')?.toString()).toBe('"bak"');
	});

	it('a sweep finds the document of a leftover by every spelling', async () => {
		const disk = diskOf(options);
		disk.plantFile('/Data/State.json', '1');
		disk.plantFile(temp('STATE.json', 'ready'), '0');
		const writer = createWriter({ fileSystem: disk, clock });
		await writer.write('/Data/other.json', 1);
		await writer.close();
		expect(disk.paths()).toEqual(['/Data', '/Data/State.json', '/Data/other.json']);
	});
});

describe('a directory that heeds case, on a system where others do not', () => {
	it('holds as many documents as spellings, and no write of one is answered by the other', async () => {
		for (let round = 0; round < 20; round++) {
			const { disk, fileSystem } = heedingCase();
			const writers = [0, 1].map(() => createWriter({ fileSystem, clock }));
			const spellings = ['/Data/a.json', '/Data/A.json'];
			const receipts = await Promise.all(
				Array.from({ length: 6 }, async (_, index) =>
					writers[(index + round) % 2]?.write(spellings[(index >> (round % 3)) % 2] ?? '', index),
				),
			);
			for (const writer of writers) writer.flushSync();
			for (const spelling of spellings) {
				const last = [5, 4, 3, 2, 1, 0].find((index) => spellings[(index >> (round % 3)) % 2] === spelling);
				expect(disk.peekFile(spelling)?.toString()).toBe(`${last}\n`);
			}
			expect(receipts).toHaveLength(6);
		}
	});

	it('holds a journal under its name as it is spelt', async () => {
		const { disk, fileSystem } = heedingCase();
		for (const count of [1, 2]) {
			const run = async (): Promise<void> => {
				const journal = await openJournal<number, number>('/Data/a.journal', {
					initial: 0,
					apply: (state, entry) => state + entry,
					fileSystem,
					clock,
				});
				expect(journal.state).toBe(count - 1);
				await journal.append(1);
				await journal.close();
			};
			await drive(run(), { disk, clock });
		}
		expect(disk.paths()).toContain('/Data/a.journal');
	});

	it('keeps the backups and leftovers of each apart', async () => {
		const { disk, fileSystem } = heedingCase();
		const ports = { fileSystem, clock };
		const writer = createWriter(ports);
		disk.plantFile('/Data/a.json', '');
		disk.plantFile('/Data/A.json', '"whole"');
		disk.plantFile(backup('A.json'), '"of A"');
		const report = await recover('/Data', ports);
		expect(Object.fromEntries(report.documents.map(({ path, outcome }) => [path, outcome]))).toEqual({
			'/Data/a.json': 'lost',
			'/Data/A.json': 'kept',
		});
		await writer.remove('/Data/a.json');
		expect(disk.paths()).toEqual(['/Data', backup('A.json'), '/Data/A.json']);
		await expect(readJson('/Data/a.json', { fileSystem })).rejects.toMatchObject({ code: 'ERR_READ_FAILED' });
		await writer.close();
	});
});
