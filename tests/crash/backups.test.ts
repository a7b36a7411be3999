/** Backups, crash by crash: the document is never missing, and a backup is a whole generation of before. */
import { expect, it } from 'vitest';
import { recover } from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { backupPath, DOCUMENT } from '../recover/support.ts';
import { type Check, exploreCrashes } from '../support/simulation.ts';
import { type Act, asScenario, textOf, track, version } from './scenarios.ts';

const BACKUPS = 2;

/** Saves with backups, one after the other, and then several at once. */
function saves(prepare: (disk: SimulatedDisk) => void, backups: number): Act {
	return async (program) => {
		prepare(program.disk);
		const save = (number: number): Promise<void> =>
			track(program, DOCUMENT, textOf(version(number)), () =>
				program.writer.write(DOCUMENT, version(number), { backups }),
			);
		for (let number = 1; number <= 4; number++) await save(number);
		await Promise.all([5, 6, 7].map(save));
	};
}

const numberIn = (content: Buffer | undefined): number | undefined =>
	content === undefined ? undefined : (JSON.parse(content.toString()) as { version: number }).version;

/** The versions of document and backups: newer first, each at most once but for the document itself. */
function checkGenerations(disk: SimulatedDisk): void {
	const document = numberIn(disk.peekFile(DOCUMENT));
	const backups = [1, 2, 3]
		.map((number) => numberIn(disk.peekFile(backupPath(number))))
		.filter((found) => found !== undefined);
	if (backups.length > 0) expect(document, 'a document with backups is there').toBeDefined();
	for (const [index, found] of backups.entries()) {
		const newer = index === 0 ? (document ?? 0) : (backups[index - 1] ?? 0);
		expect(found, `backups ${backups.join()} of ${document}`).toBeLessThanOrEqual(newer);
	}
}

const check: Check = async ({ disk, clock, history }) => {
	history.check(disk);
	checkGenerations(disk);
	await recover('/', { fileSystem: disk, clock, recursive: true });
	history.check(disk);
	checkGenerations(disk);
};

it.each([
	['links, POSIX', 'posix', () => undefined, BACKUPS],
	['one backup', 'posix', () => undefined, 1],
	[
		'no links',
		'posix',
		(disk: SimulatedDisk) => disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY }),
		BACKUPS,
	],
	['Windows', 'win32', () => undefined, BACKUPS],
] as const)('%s', async (_name, semantics, prepare, backups) => {
	const { states } = await exploreCrashes(asScenario(saves(prepare, backups)), check, {
		disk: { semantics },
		statesMax: 128,
	});
	expect(states).toBeGreaterThan(100);
});

/**
 * Where the medium keeps the order of directory changes, as journals of file systems do. POSIX does not promise it: after a
 * power cut a number may then be the new generation's although the old one has not moved on.
 */
it('lose no more than the last generation where the document is destroyed after any crash', async () => {
	let restored = 0;
	const destroyed: Check = async ({ disk, clock }) => {
		const before = numberIn(disk.peekFile(DOCUMENT)) ?? 0;
		if (before < 2 || disk.peekFile(backupPath(1)) === undefined) return;
		disk.plantFile(DOCUMENT, '');
		const report = await recover(DOCUMENT, { fileSystem: disk, clock });
		expect(report.documents[0]).toMatchObject({ outcome: 'restored', rolledBack: true });
		expect(numberIn(disk.peekFile(DOCUMENT))).toBeGreaterThanOrEqual(Math.min(before - 1, 4));
		restored += 1;
	};
	await exploreCrashes(asScenario(saves(() => undefined, BACKUPS)), destroyed, { disk: { semantics: 'win32' } });
	expect(restored).toBeGreaterThan(20);
});
