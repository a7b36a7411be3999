/** Recovery on the simulated disk: after every crash of a writer, and itself cut off at every call. */
import { describe, expect, it } from 'vitest';
import { recover } from '../../lib/index.ts';
import { type Case, cases, filesOf } from '../recover/cases.ts';
import { backupPath, DOCUMENT, good, onDisk, scene, tempPath, torn } from '../recover/support.ts';
import { type Check, exploreCrashes, History, type Scenario, type Stage } from '../support/simulation.ts';
import { acts, asScenario, track } from './scenarios.ts';

const recovering: Scenario = async ({ disk, clock }) => {
	await recover(DOCUMENT, { fileSystem: disk, clock });
};

/** What the disk holds, with the quarantined by their content: their names are never the same. */
function state({ disk, clock }: Pick<Stage, 'disk' | 'clock'>): string[] {
	const entries = Object.entries(onDisk(disk, clock).contents());
	return entries.map(([path, content]) => `${path.replace(/(\.dj1qn)-\w+-\w+-/, '$1-')} ${content}`).sort();
}

/** Explores the crashes of a recovery: another one ends where the first would have, and a third changes nothing. */
async function exploreRecovery(
	files: Record<string, string>,
	semantics: 'posix' | 'win32',
	links: boolean,
): Promise<number> {
	const start = scene(files, { semantics });
	const noLinks = (disk: Stage['disk']): void => {
		if (!links) disk.fail('link', { code: 'ENOTSUP', times: Number.POSITIVE_INFINITY });
	};
	const undisturbed = scene(files, { semantics });
	noLinks(undisturbed.disk);
	await undisturbed.recover();
	const expected = state(undisturbed);
	const check: Check = async (stage) => {
		noLinks(stage.disk);
		await recovering(stage);
		expect(state(stage)).toEqual(expected);
		const settled = stage.disk.fingerprint();
		await recovering(stage);
		expect(stage.disk.fingerprint()).toBe(settled);
	};
	noLinks(start.disk);
	const { states } = await exploreCrashes(recovering, check, {
		start: { disk: start.disk, history: new History() },
		statesMax: 64,
	});
	return states;
}

const aside = { [tempPath('aside')]: good(3), [tempPath('ready')]: good(4) };

/** Besides those of the table: the classic pattern, and what Windows leaves. */
const more: Record<string, Record<string, string>> = {
	'a whole .tmp': { [`${DOCUMENT}.tmp`]: good(1) },
	'a torn .tmp and a .bak': { [`${DOCUMENT}.tmp`]: torn(1), [`${DOCUMENT}.bak`]: good(2) },
	'a document and leftovers': { [DOCUMENT]: good(1), [`${DOCUMENT}.tmp`]: torn(1), [`${DOCUMENT}.bak`]: good(2) },
	'a torn document and a .bak': { [DOCUMENT]: torn(1), [`${DOCUMENT}.bak`]: good(2) },
	'a document aside': aside,
	'a document aside, and a new one': { ...aside, [DOCUMENT]: good(4) },
	'a torn document, one aside and a backup': { ...aside, [DOCUMENT]: torn(4), [backupPath(1)]: good(2) },
};

describe('a recovery that is cut off at any of its calls, and run again', () => {
	const combinations: [string, Record<string, string>][] = [
		...cases
			.filter(({ temp }) => temp !== 'live')
			.map((one: Case): [string, Record<string, string>] => [
				`${one.document}, ${one.temp}, ${one.backup}`,
				filesOf(one),
			]),
		...Object.entries(more),
	];
	it.each([
		['posix', true],
		['posix', false],
		['win32', true],
	] as const)('ends in the same state: %s, links %s', async (semantics, links) => {
		let states = 0;
		for (const [name, files] of combinations) {
			states += await exploreRecovery(files, semantics, links).catch((error: Error) => {
				throw new Error(`${name}: ${error.message}`, { cause: error });
			});
		}
		expect(states).toBeGreaterThan(500);
	});
});

it('makes a .tmp that nobody had synced durable before it is the document', async () => {
	const scenario: Scenario = async (stage) => {
		const { disk, history } = stage;
		disk.plantDirectory('/data');
		const acknowledge = history.submit(DOCUMENT, good(1));
		const file = await disk.open(`${DOCUMENT}.tmp`, 'create-exclusive');
		const bytes = Buffer.from(good(1));
		await file.write(bytes, 0, bytes.length, 0);
		await file.close();
		await recovering(stage);
		acknowledge();
	};
	await exploreCrashes(scenario, async (stage) => {
		await recovering(stage);
		stage.history.check(stage.disk);
	});
});

describe('after every crash of', () => {
	/** The document is one that was submitted, none older than acknowledged, and nothing else is left. */
	const check: Check = async ({ disk, clock, history }) => {
		await recover('/', { fileSystem: disk, clock, recursive: true });
		history.check(disk);
		// All of it but generations that are kept.
		expect(disk.paths().filter((path) => /\.dj1(?!bn)/.test(path))).toEqual([]);
	};

	it.each(Object.entries(acts))('%s, recovery ends with a document that was promised', async (_name, act) => {
		await exploreCrashes(asScenario(act), check, { statesMax: 64 });
		await exploreCrashes(asScenario(act), check, { disk: { semantics: 'win32' }, statesMax: 64 });
	});

	it('a first save, at every crash of the recovery after it, too', async () => {
		const saving = asScenario(async (program) => {
			await track(program, '/data/state.json', good(1), () =>
				program.writer.write('/data/state.json', JSON.parse(good(1))),
			);
		});
		let recoveries = 0;
		await exploreCrashes(saving, async ({ disk, history }) => {
			if (disk.paths().every((path) => path !== '/data')) return;
			recoveries += (await exploreCrashes(recovering, check, { start: { disk, history }, statesMax: 32 })).states;
		});
		expect(recoveries).toBeGreaterThan(30);
	});
});
