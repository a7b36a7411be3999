/** Another process changes something at each call of a recovery, once: what it did stands, and the report says what was done. */
import { describe, expect, it } from 'vitest';
import { type RecoveredDocument, type RecoveryReport, recover } from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { type Check, exploreCrashes, History, type Scenario } from '../support/simulation.ts';
import { actingBefore, backupPath, DOCUMENT, good, replace, type Scene, scene, tempPath, torn } from './support.ts';

const TMP = `${DOCUMENT}.tmp`;
const BAK = `${DOCUMENT}.bak`;
const NEW = good(12);

type Files = Readonly<Record<string, string>>;

/** What a document may be restored from, by its path. */
const survivors: Files[] = [
	{ [backupPath(1)]: good(7) },
	{ [tempPath('ready')]: good(10) },
	{ [tempPath('aside')]: good(9) },
	{ [TMP]: good(10) },
	{ [BAK]: good(8) },
];

/** Documents that are restored: missing, and torn. */
const scenes: Files[] = survivors.flatMap((files) => [files, { [DOCUMENT]: torn(9), ...files }]);

/**
 * Acts at a call.
 * @param inStretches also where it follows another in one stretch that holds the event loop? Between two such calls another
 * process has some microseconds, which for names that it gives, too, no call of Node takes away.
 * @returns what tells whether the call came, and whether something was done at it.
 */
function atCall(
	disk: SimulatedDisk,
	number: number,
	act: () => void,
	inStretches = true,
): { came: boolean; acted: boolean } {
	const became = { came: false, acted: false };
	if (!inStretches) return atTurns(disk, number, act, became);
	disk.observe((call, side) => {
		if (became.came || side !== 'before' || call.number !== number) return;
		became.came = true;
		became.acted = true;
		act();
	});
	return became;
}

function atTurns<T extends { came: boolean; acted: boolean }>(
	disk: SimulatedDisk,
	number: number,
	act: () => void,
	became: T,
): T {
	const inStretch = new Set<number>();
	let stretch = false;
	const { sync } = disk;
	const { lstat, link, rename, unlink } = sync;
	const holding = <A extends unknown[], R>(call: (...args: A) => R) => {
		return (...args: A): R => {
			const next = disk.calls.length + 1;
			if (stretch) inStretch.add(next);
			stretch = true;
			// It ends when anything else has a turn.
			queueMicrotask(() => {
				stretch = false;
			});
			return call(...args);
		};
	};
	Object.assign(sync, { lstat: holding(lstat), link: holding(link), rename: holding(rename), unlink: holding(unlink) });
	disk.observe((call, side) => {
		if (became.came || side !== 'before' || call.number !== number) return;
		became.came = true;
		if (inStretch.has(number)) return;
		became.acted = true;
		act();
	});
	return became;
}

interface Ended {
	readonly stage: Scene;
	readonly report: RecoveryReport;
	readonly where: string;
}

/** Runs a recovery as often as it makes calls; at each of them once the other acts. */
async function atEachCall(
	files: Files,
	act: (disk: SimulatedDisk) => void,
	check: (ended: Ended) => void,
	{ path = DOCUMENT, inStretches = true } = {},
): Promise<void> {
	for (let number = 1; ; number++) {
		const stage = scene(files);
		const became = atCall(stage.disk, number, () => act(stage.disk), inStretches);
		const report = await stage.recover(path);
		if (!became.came) return;
		const names = Object.keys(files).map((name) => name.slice('/data/'.length));
		const call = stage.disk.calls[number - 1];
		if (became.acted)
			check({ stage, report, where: `${names.join(' ')}, at call ${number}: ${call?.name} ${call?.path}` });
		expect(stage.disk.openHandles()).toEqual([]);
	}
}

/** The report says nothing that the directory denies. */
function expectTrue({ stage, report, where }: Ended, document: RecoveredDocument | undefined): void {
	const contents = stage.contents();
	const quarantined = Object.keys(contents).filter((path) => path.includes('.dj1q'));
	expect(document?.quarantined === undefined ? [] : [document.quarantined], where).toEqual(quarantined);
	expect(report.failures, where).toEqual([]);
	for (const { path, action } of document?.files ?? []) {
		if (action === 'kept') expect(contents[path], `${where}: ${path}`).toBeDefined();
	}
}

const documentOf = ({ documents }: RecoveryReport): RecoveredDocument | undefined =>
	documents.find(({ path }) => path === DOCUMENT);

describe('a document that another process writes meanwhile', () => {
	it.each(['/data', DOCUMENT])(
		'stays, whatever is to be restored, and the report is true: recover(%s)',
		async (path) => {
			for (const files of scenes) {
				await atEachCall(
					files,
					(disk) => replace(disk, DOCUMENT, NEW),
					(ended) => {
						expect(ended.stage.contents()[DOCUMENT], ended.where).toBe(NEW);
						expectTrue(ended, documentOf(ended.report));
					},
					{ path },
				);
			}
		},
	);

	it('stays, also where recovery is cut off at any call after it', async () => {
		const check: Check = async ({ disk, clock, history }) => {
			await recover(DOCUMENT, { fileSystem: disk, clock });
			history.check(disk);
		};
		let states = 0;
		// A backup and a complete temporary file: one is copied, one promoted.
		for (const files of scenes.filter((one) => DOCUMENT in one).slice(0, 2)) {
			for (let number = 1, came = true; came; number++) {
				came = false;
				const acting: Scenario = async ({ disk, clock, history }) => {
					const fileSystem = actingBefore(disk, (call) => {
						if (call !== number) return;
						came = true;
						const acknowledge = history.submit(DOCUMENT, NEW);
						replace(disk, DOCUMENT, NEW);
						acknowledge();
					});
					await recover(DOCUMENT, { fileSystem, clock });
				};
				const history = new History();
				for (const content of Object.values(files)) history.submit(DOCUMENT, content);
				states += (await exploreCrashes(acting, check, { start: { disk: scene(files).disk, history }, statesMax: 4 }))
					.states;
			}
		}
		expect(states).toBeGreaterThan(300);
	});
});

describe('what another process does with the survivor meanwhile', () => {
	it('is used no more when it has been replaced, and what replaced it is not lost', async () => {
		for (const path of [TMP, BAK]) {
			for (const document of [undefined, torn(9)]) {
				const files = { ...(document && { [DOCUMENT]: document }), [path]: good(8) };
				await atEachCall(
					files,
					(disk) => replace(disk, path, NEW),
					(ended) => {
						const { [DOCUMENT]: now, [path]: left } = ended.stage.contents();
						expect([now, left], ended.where).toContain(NEW);
						expectTrue(ended, documentOf(ended.report));
					},
					{ inStretches: false },
				);
			}
		}
	});

	it('is no leftover any more when it has been replaced', async () => {
		for (const path of [TMP, BAK]) {
			const stage = scene({ [DOCUMENT]: good(9), [path]: good(8) });
			let looks = 0;
			stage.disk.observe((call, side) => {
				if (side !== 'after' || call.name !== 'lstat' || call.path !== path || ++looks !== 2) return;
				replace(stage.disk, path, NEW);
			});
			const report = await stage.recover();
			expect(stage.contents()).toEqual({ [DOCUMENT]: good(9), [path]: NEW });
			expect(documentOf(report)?.files).toMatchObject([{ path, action: 'kept', why: 'it has been changed meanwhile' }]);
		}
	});

	it('is never promoted when it is cut off while it is written anew', async () => {
		await atEachCall(
			{ [TMP]: good(8) },
			(disk) => replace(disk, TMP, torn(12)),
			({ stage, where }) => expect([undefined, good(8)], where).toContain(stage.contents()[DOCUMENT]),
			{ inStretches: false },
		);
	});

	it('is no failure where it is removed: a bad document with nothing to replace it stays where it is', async () => {
		for (const survivor of survivors) {
			const [path = ''] = Object.keys(survivor);
			for (const document of [undefined, torn(9)]) {
				await atEachCall(
					{ ...(document && { [DOCUMENT]: document }), ...survivor },
					({ sync }) => {
						if (sync.lstat(path) !== undefined) sync.unlink(path);
					},
					(ended) => {
						const now = ended.stage.contents()[DOCUMENT];
						expect([document, survivor[path]], ended.where).toContain(now);
						expectTrue(ended, documentOf(ended.report));
					},
				);
			}
		}
	});

	it('is no failure where backups are given other numbers', async () => {
		for (const document of [undefined, torn(9)]) {
			await atEachCall(
				{ ...(document && { [DOCUMENT]: document }), [backupPath(1)]: good(7) },
				({ sync }) => sync.rename(backupPath(1), backupPath(2)),
				(ended) => expect(ended.report.failures, ended.where).toEqual([]),
			);
		}
	});
});

describe('a document that another process removes meanwhile', () => {
	it('does not come back from what was removed with it', async () => {
		for (const survivor of [{ [backupPath(1)]: good(7) }, { [tempPath('ready')]: good(10) }]) {
			for (const document of [undefined, torn(9)]) {
				await atEachCall(
					{ ...(document && { [DOCUMENT]: document }), ...survivor },
					({ sync }) => {
						for (const name of sync.readdir('/data')) sync.unlink(`/data/${name}`);
					},
					({ stage, where }) => expect(stage.contents()[DOCUMENT], where).toBeUndefined(),
				);
			}
		}
	});

	it.each([
		['a complete temporary file', tempPath('ready'), 'tryLock'],
		['a .tmp', TMP, 'lstat'],
	] as const)('comes back from %s, which is no leftover any more', async (_name, path, lookedAt) => {
		const stage = scene({ [DOCUMENT]: good(9), [path]: good(8) });
		let looks = 0;
		stage.disk.observe((call, side) => {
			if (side === 'before' && call.name === lookedAt && call.path === path && ++looks === 2) {
				stage.disk.sync.unlink(DOCUMENT);
			}
		});
		const report = await stage.recover();
		expect(looks).toBeGreaterThan(1);
		expect(documentOf(report)).toMatchObject({ outcome: 'restored' });
		expect(stage.contents()).toEqual({ [DOCUMENT]: good(8) });
	});
});

describe('Windows: a document that its writer moves aside after the directory was listed', () => {
	it.each(['/data', DOCUMENT])(
		'is not replaced by anything older where the writer is killed: recover(%s)',
		async (path) => {
			const stage = scene({ [DOCUMENT]: good(9), [backupPath(1)]: good(7) }, { semantics: 'win32' });
			let listed = false;
			stage.disk.observe((call, side) => {
				if (listed || side !== 'after' || call.name !== 'readdir') return;
				listed = true;
				stage.disk.sync.rename(DOCUMENT, tempPath('aside'));
			});
			await stage.recover(path);
			await stage.recover(path);
			expect(stage.contents()[DOCUMENT]).toBe(good(9));
		},
	);
});

describe('a document that others change again and again', () => {
	it('counts as failed by them, not by the disk, and is left to them', async () => {
		const stage = scene({ [DOCUMENT]: torn(9), [backupPath(1)]: good(7) });
		const { disk, clock } = stage;
		const fileSystem = actingBefore(disk, (call) => replace(disk, DOCUMENT, torn(call)));
		const report = await recover(DOCUMENT, { fileSystem, clock });
		expect(documentOf(report)).toMatchObject({
			outcome: 'failed',
			why: expect.stringMatching(/^\/data\/state\.json was not recovered: others changed it 5 times/),
			error: { code: 'ERR_CONFLICT', step: 'recover', outcome: 'not_applied' },
		});
		expect(Object.keys(stage.contents()).sort()).toEqual([backupPath(1), DOCUMENT]);
	});
});

describe('what the disk refuses after the document was restored', () => {
	it('is told, and the document counts as restored', async () => {
		const part = tempPath('part', 3);
		const stage = scene({ [DOCUMENT]: torn(9), [TMP]: good(10), [part]: torn(1) });
		stage.disk.observe((call, side) => {
			if (side === 'after' && call.name === 'link') stage.disk.fail('unlink', { code: 'EACCES', nth: 2 });
		});
		const report = await stage.recover();
		expect(report.failures).toMatchObject([{ path: part, error: { code: 'EACCES' } }]);
		expect(documentOf(report)).toMatchObject({ outcome: 'restored' });
		expect(documentOf(report)?.files).toContainEqual(
			expect.objectContaining({ path: part, action: 'kept', why: expect.stringContaining('cannot be removed') }),
		);
		expect(stage.contents()[DOCUMENT]).toBe(good(10));
	});

	it('hides nothing of what was done: the bad document is in quarantine', async () => {
		const stage = scene({ [DOCUMENT]: torn(9), [backupPath(1)]: good(7) });
		stage.disk.fail('link', { code: 'EIO' });
		const report = await stage.recover();
		const document = documentOf(report);
		expect(document).toMatchObject({ found: 'torn', outcome: 'failed', error: { code: 'EIO' } });
		expect(stage.contents()[document?.quarantined ?? '']).toBe(torn(9));
	});
});
