/** What may change while a recovery is at work, and which of the survivors is the newest. */
import { describe, expect, it } from 'vitest';
import { readJson, recover } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { drive } from '../support/simulation.ts';
import { backupPath, DOCUMENT, good, type Scene, scene, tempPath, torn } from './support.ts';

const TMP = `${DOCUMENT}.tmp`;
const BAK = `${DOCUMENT}.bak`;

/** A disk on which each of the files was written a second after the one before. */
function sceneInOrder(files: readonly (readonly [path: string, content: string])[]): Scene {
	const stage = scene({});
	for (const [path, content] of files) {
		stage.clock.advance(1000);
		stage.disk.plantFile(path, content);
	}
	return stage;
}

describe('the newest whole survivor', () => {
	it.each([
		['missing', []],
		['torn', [[DOCUMENT, torn(9)]]],
	] as const)('is a .tmp written after the backup of a %s document', async (_found, document) => {
		const stage = sceneInOrder([[backupPath(1), good(7)], ...document, [TMP, good(10)]]);
		const { documents } = await stage.recover();
		expect(documents[0]).toMatchObject({ outcome: 'restored', source: TMP });
		expect(stage.contents()[DOCUMENT]).toBe(good(10));
	});

	it.each([
		['a .tmp that is older', [TMP, good(3)], [backupPath(1), good(7)], good(7)],
		['a .bak that is older', [BAK, good(3)], [backupPath(1), good(7)], good(7)],
		['a .bak that is newer', [backupPath(1), good(7)], [BAK, good(8)], good(8)],
		['a .tmp that is torn', [backupPath(1), good(7)], [TMP, torn(9)], good(7)],
	] as const)('of a backup and %s', async (_name, first, second, restored) => {
		const stage = sceneInOrder([first, second]);
		await stage.recover();
		expect(stage.contents()[DOCUMENT]).toBe(restored);
	});

	it('is not an ancient .tmp because a .bak is newer than the backup', async () => {
		const stage = sceneInOrder([
			[TMP, good(3)],
			[backupPath(1), good(7)],
			[BAK, good(8)],
		]);
		await stage.recover();
		expect(stage.contents()[DOCUMENT]).toBe(good(8));
	});
});

describe('a recovery that was cut off after it had given the document its name', () => {
	it.each([TMP, BAK])(
		'is ended by that of the directory, too: what is written to %s would be in the document',
		async (path) => {
			const stage = scene({ [path]: good(1), '/data/other.json': good(2), '/data/other.json.tmp': good(3) });
			await stage.disk.link(path, DOCUMENT);
			const { documents } = await stage.recover('/data');
			const files = documents.find((document) => document.path === DOCUMENT)?.files;
			expect(files).toMatchObject([{ path, action: 'removed', why: expect.stringContaining('another name') }]);
			expect(stage.contents()).toEqual({
				[DOCUMENT]: good(1),
				'/data/other.json': good(2),
				'/data/other.json.tmp': good(3),
			});
		},
	);
});

describe('a document that its writer has moved aside', () => {
	const files = { [tempPath('ready', 1)]: good(10), [tempPath('aside', 1)]: good(9), [backupPath(1)]: good(7) };

	it('is left to the writer while that lives, and comes back when it is dead', async () => {
		const stage = scene(files, { semantics: 'win32' });
		const writer = await stage.disk.open(tempPath('ready', 1), 'update');
		expect(writer.tryLock()).toBe('locked');
		const { documents } = await stage.recover();
		expect(documents[0]).toMatchObject({ outcome: 'absent', why: expect.stringContaining('a live writer is at work') });
		expect(stage.contents()).toEqual(files);
		await writer.close();
		await stage.recover();
		expect(stage.contents()[DOCUMENT]).toBe(good(9));
	});

	it('is left alone without locks until it is old, as nothing older may stand in its place', async () => {
		const stage = scene(files, { semantics: 'win32', locks: false });
		const { documents } = await stage.recover();
		expect(documents[0]).toMatchObject({ outcome: 'absent', why: expect.stringContaining('moved aside') });
		expect(stage.contents()).toEqual(files);
		stage.clock.advance(2 * 3_600_000);
		await stage.recover();
		expect(stage.contents()[DOCUMENT]).toBe(good(9));
	});
});

describe('a bad document that a recovery has moved aside, before it was killed', () => {
	it('is put into quarantine by the next one, which restores the document', async () => {
		const stage = scene({ [tempPath('aside')]: torn(9), [backupPath(1)]: good(7) });
		const { documents } = await stage.recover();
		const [{ quarantined = '' } = {}] = documents;
		expect(documents).toMatchObject([{ outcome: 'restored', files: [{}, { kind: 'backup', action: 'copied' }] }]);
		expect(documents[0]?.files[0]).toMatchObject({ kind: 'aside', action: 'quarantined' });
		expect(stage.contents()).toEqual({ [DOCUMENT]: good(7), [backupPath(1)]: good(7), [quarantined]: torn(9) });
	});

	it('is nothing to wait for where there are no locks', async () => {
		const stage = scene({ [tempPath('aside')]: torn(9), [backupPath(1)]: good(7) }, { locks: false });
		await stage.recover();
		expect(stage.contents()[DOCUMENT]).toBe(good(7));
		stage.clock.advance(2 * 3_600_000);
		await stage.recover();
		expect(Object.keys(stage.contents())).toEqual([backupPath(1), DOCUMENT]);
	});
});

describe('a writer of another process', () => {
	it.each([['with links', true] as const, ['without links', false] as const])(
		'that gives a missing document its name first is never overwritten: %s',
		async (_, links) => {
			for (const survivor of [tempPath('ready', 1), backupPath(1)]) {
				for (let turns = 0; turns < 12; turns++) {
					const stage = scene({ [survivor]: good(1) });
					const { sync } = stage.disk;
					const link = sync.link.bind(sync);
					sync.link = (from, to) => {
						void turnsLater(turns, () => stage.disk.plantFile(DOCUMENT, good(2)));
						if (!links) throw Object.assign(new Error('EPERM: no links'), { code: 'EPERM' });
						link(from, to);
					};
					await stage.recover();
					await turnsLater(20, () => expect(stage.contents()[DOCUMENT]).toBe(good(2)));
				}
			}
		},
	);
});

async function turnsLater(turns: number, action: () => void): Promise<void> {
	for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
	action();
}

describe('a writer that locks its new file after it was judged', () => {
	const unknownDocument = `/data/.dj1hl-0lxk2j4p8000007-9f86d081884c7d65-${'0'.repeat(32)}.part`;

	/** The disk, on which `arrive` runs before the file is looked at for the last time. */
	function arrivesLate(stage: Scene, file: string, looks: number, arrive: () => Promise<void>): FileSystem {
		let left = looks;
		return new Proxy(stage.disk, {
			get(disk, key) {
				if (key === 'open') {
					return async (...args: Parameters<FileSystem['open']>) => {
						if (args[0] === file && left-- === 0) await arrive();
						return disk.open(...args);
					};
				}
				const value: unknown = Reflect.get(disk, key, disk);
				return typeof value === 'function' ? (value.bind(disk) as unknown) : value;
			},
		});
	}

	it.each([
		['beside a document', tempPath('part'), 2],
		['of a document that is not known', unknownDocument, 1],
	])('keeps it: %s', async (_name, file, looks) => {
		const stage = scene({ [DOCUMENT]: good(9), [file]: torn(10) });
		const writer = await stage.disk.open(file, 'update');
		let arrived = false;
		const fileSystem = arrivesLate(stage, file, looks, async () => {
			arrived = writer.tryLock() === 'locked';
		});
		const recovering = recover('/data', { fileSystem, clock: stage.clock });
		await drive(
			recovering.then(() => undefined),
			stage,
		);
		expect(arrived).toBe(true);
		expect(stage.contents()[file]).toBe(torn(10));
		const { documents, orphans } = await recovering;
		const [reported] = [...documents.flatMap(({ files }) => files), ...orphans];
		expect(reported).toMatchObject({ path: file, action: 'kept', liveness: 'live' });
	});

	it('is refused the lock while the file is being removed', async () => {
		const file = tempPath('part');
		const stage = scene({ [DOCUMENT]: good(9), [file]: torn(10) });
		const writer = await stage.disk.open(file, 'update');
		let lock: string | undefined;
		const fileSystem = new Proxy(stage.disk, {
			get(disk, key) {
				if (key === 'unlink') {
					return async (path: string) => {
						lock = writer.tryLock();
						return disk.unlink(path);
					};
				}
				const value: unknown = Reflect.get(disk, key, disk);
				return typeof value === 'function' ? (value.bind(disk) as unknown) : value;
			},
		});
		const recovering = recover(DOCUMENT, { fileSystem, clock: stage.clock });
		await drive(
			recovering.then(() => undefined),
			stage,
		);
		expect(lock).toBe('busy');
		expect(Object.keys(stage.contents())).toEqual([DOCUMENT]);
	});
});

describe('readJson of a document that is aside', () => {
	const aside = tempPath('aside');

	it.each(['posix', 'win32'] as const)('reads that, and nothing older: %s', async (semantics) => {
		const stage = scene({ [aside]: '10', [backupPath(1)]: '7' }, { semantics });
		expect(await readJson(DOCUMENT, { fileSystem: stage.disk })).toBe(10);
	});

	it.each(['posix', 'win32'] as const)('reads the newest good backup where it is bad: %s', async (semantics) => {
		const stage = scene({ [aside]: '{"a', [backupPath(1)]: '7' }, { semantics });
		expect(await readJson(DOCUMENT, { fileSystem: stage.disk })).toBe(7);
	});

	it.each(['its successor', 'it again'])('reads %s where that comes while it is looked for', async (what) => {
		const stage = scene({ [aside]: '10', [backupPath(1)]: '7' }, { semantics: 'win32' });
		stage.disk.observe((call, side) => {
			if (side !== 'after' || call.name !== 'readdir' || stage.disk.peekFile(aside) === undefined) return;
			stage.disk.sync.rename(aside, DOCUMENT);
			if (what === 'its successor') stage.disk.plantFile(DOCUMENT, '11');
		});
		expect(await readJson(DOCUMENT, { fileSystem: stage.disk })).toBe(what === 'its successor' ? 11 : 10);
	});
});
