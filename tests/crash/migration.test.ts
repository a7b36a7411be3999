/** Migration, crash by crash: the old document, or the new one with the old one kept as a backup. */
import { expect, it } from 'vitest';
import { openJsonFile } from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { backupPath, DOCUMENT } from '../recover/support.ts';
import { type Check, exploreCrashes, type Scenario } from '../support/simulation.ts';
import { textOf } from './scenarios.ts';

const OLD = textOf({ version: 1, name: 'a' });
const NEW = textOf({ version: 2, names: ['a'] });

const migrating =
	(prepare: (disk: SimulatedDisk) => void, backups: number): Scenario =>
	async ({ disk, clock }) => {
		disk.plantFile(DOCUMENT, OLD);
		prepare(disk);
		const file = await openJsonFile(DOCUMENT, {
			...{ fileSystem: disk, clock, backups, version: 2 },
			migrate: (old) => ({ version: 2, names: [(old as { name: string }).name] }),
		});
		await file.close();
	};

it.each([
	['links', 'posix', () => undefined, 0],
	['several backups', 'posix', () => undefined, 2],
	[
		'beside backups of before',
		'posix',
		(disk: SimulatedDisk) => disk.plantFile(backupPath(1), textOf({ version: 0 })),
		1,
	],
	[
		'no links',
		'posix',
		(disk: SimulatedDisk) => disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY }),
		1,
	],
	['Windows', 'win32', () => undefined, 1],
] as const)('%s', async (_name, semantics, prepare, backups) => {
	const seen = new Set<string | undefined>();
	const check: Check = ({ disk }) => {
		const document = disk.peekFile(DOCUMENT)?.toString();
		seen.add(document);
		if (document === OLD) return;
		expect(document).toBe(NEW);
		expect(disk.peekFile(backupPath(1))?.toString(), 'the old generation').toBe(OLD);
	};
	await exploreCrashes(migrating(prepare, backups), check, { disk: { semantics } });
	expect(seen).toEqual(new Set([OLD, NEW]));
});
