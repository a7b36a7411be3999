/** Every layer over ports that break the protocol: each mistake is caught wherever it can be made, and honest ports pass. */
import { expect, it } from 'vitest';
import { exploreCrashes } from '../support/simulation.ts';
import { type Layer, type LayerName, layers, type Prepare } from './layers.ts';
import { type MutantName, mutants } from './mutants.ts';
import type { MakePort } from './scenarios.ts';

/** Disks on which syncs take their time: whoever does not wait for them is done before they are. */
const disks: readonly Prepare[] = [
	() => {},
	...(['sync', 'syncDirectory'] as const).map(
		(name): Prepare =>
			(disk) =>
				disk.slow(name, { turns: 30, times: Number.POSITIVE_INFINITY }),
	),
];
const failingDisks = (['sync', 'syncDirectory'] as const).flatMap((name) =>
	[1, 2, 3, 4].map(
		(nth): Prepare =>
			(disk) =>
				disk.fail(name, { code: 'EIO', nth }),
	),
);

/** What a port that does not wait leaves behind when its program ends: a hint, not a loss. */
const UNFINISHED = /^scenario must be a program that awaits/;

/** What the exploration says: undefined where it finds nothing. */
async function finding(layer: Layer, makePort: MakePort, prepared: readonly Prepare[]): Promise<string | undefined> {
	for (const prepare of prepared) {
		const options = { statesMax: 32, ...layer.options };
		const message = await exploreCrashes(layer.scenario(makePort, prepare), layer.check, options).then(
			() => undefined,
			(error: Error) => error.message,
		);
		if (message !== undefined && !UNFINISHED.test(message)) return message;
	}
	return undefined;
}

it.each(Object.entries(layers))('finds nothing where the port is honest: %s', async (_name, layer) => {
	expect(await finding(layer, (disk) => disk, [...disks, ...failingDisks])).toBeUndefined();
});

const OF_FAILURES = ['sync errors swallowed', 'failed sync retried on the same handle'] as const;
const OF_CONTENT = [
	'file sync dropped',
	'file sync not awaited',
	'file sync before the write',
	...OF_FAILURES,
] as const;
const OF_NAMES = ['directory sync dropped', 'directory sync before the rename', 'acknowledged early'] as const;
const OF_BOTH = [...OF_CONTENT, ...OF_NAMES, 'directory sync not awaited'] as const;
const OF_COMMITS = [...OF_BOTH, 'rename not awaited', 'written in place'] as const;
const OF_PARENTS = [
	'sync of created parents dropped',
	'sync of the nearest parent dropped',
	'sync of farther parents dropped',
] as const;

interface Expected {
	readonly verdict: RegExp;
	readonly caught: readonly MutantName[];
}

const LOST = /^\S+ is (torn|missing|version \d+, older)/;
const METADATA = /^mode and owner of/;
const GENERATION = /^a generation is torn/;
const EITHER_GENERATION = /^the (old|new) generation|is torn|is missing/;
const TAKEN_AWAY = /ENOENT/;

/** Which mistakes can be made where, and what comes of them. Plain writes and journals have tests of their own. */
const matrix: Readonly<Record<LayerName, Expected>> = {
	updates: { verdict: LOST, caught: [...OF_COMMITS, 'file sync after the rename'] },
	flushSync: {
		verdict: LOST,
		caught: [
			...([
				'file sync dropped',
				'file sync before the write',
				'file sync after the rename',
				'written in place',
			] as const),
			...OF_FAILURES,
			...OF_NAMES,
			...OF_PARENTS,
		],
	},
	'modes and owners': {
		verdict: METADATA,
		caught: ['mode and owner set after the rename', 'mode and owner set after the sync', 'file sync dropped'],
	},
	'shared directory syncs': { verdict: LOST, caught: [...OF_COMMITS, 'directory sync counted for later names'] },
	'directories made on the way': { verdict: LOST, caught: [...OF_NAMES, ...OF_PARENTS] },
	'a first save of bytes, recovered': { verdict: LOST, caught: [...OF_COMMITS, 'file sync after the rename'] },
	'backups that are links': { verdict: GENERATION, caught: [...OF_CONTENT, 'written in place'] },
	'backups that are copies': {
		verdict: GENERATION,
		caught: [...OF_CONTENT, 'written in place', 'file sync after the rename', 'backup rotated before the sync'],
	},
	'migration of what nobody has synced': {
		verdict: EITHER_GENERATION,
		caught: [...OF_COMMITS, 'file sync after the rename', 'sync of files that were found dropped'],
	},
	'migration of what nobody has synced, by copy': {
		verdict: EITHER_GENERATION,
		caught: [...OF_COMMITS, 'file sync after the rename'],
	},
	'recovery of a .tmp that nobody has synced': {
		verdict: LOST,
		caught: [...OF_BOTH, 'sync of files that were found dropped', 'written in place'],
	},
	'recovery without links': {
		verdict: LOST,
		caught: [...OF_BOTH, 'sync of files that were found dropped', 'written in place'],
	},
	'recovery from a backup': {
		verdict: LOST,
		// It looks at the bad document again where it has moved it, and goes no further where that has not been done.
		caught: [...OF_BOTH.filter((mutant) => mutant !== 'acknowledged early'), 'file sync after the rename'],
	},
	'recovery beside a writer': { verdict: TAKEN_AWAY, caught: ['locks ignored'] },
	'removal beside a writer': { verdict: TAKEN_AWAY, caught: ['locks ignored'] },
};

const cases = Object.entries(matrix).flatMap(([layer, { verdict, caught }]) =>
	caught.map((mutant) => ({ layer: layer as LayerName, mutant, verdict })),
);

it.each(cases)('finds the mutant: $mutant, in $layer', async ({ layer, mutant, verdict }) => {
	const ofFailures: readonly MutantName[] = OF_FAILURES;
	const prepared = ofFailures.includes(mutant) ? failingDisks : disks;
	expect(await finding(layers[layer], mutants[mutant], prepared)).toMatch(verdict);
});
