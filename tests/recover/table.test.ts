/** Every combination of what can stand at a document's path with what can lie beside it. */
import { describe, expect, it } from 'vitest';
import type { RecoveredDocument } from '../../lib/index.ts';
import { backupPath, DOCUMENT, good, onDisk, scene, type Scene, tempPath, torn } from './support.ts';

/** Versions tell where a document came from. */
const AT_DOCUMENT = 9;
const TEMP = 10;
const OLDER_TEMP = 8;
const BACKUP = [0, 7, 6, 5];

const documents = {
	missing: undefined,
	good: good(AT_DOCUMENT),
	empty: '',
	nul: '\0'.repeat(40),
	torn: torn(AT_DOCUMENT),
} as const;

type Files = Record<string, string>;

const temps: Record<string, Files> = {
	none: {},
	complete: { [tempPath('ready')]: good(TEMP) },
	torn: { [tempPath('part')]: torn(TEMP) },
	several: {
		[tempPath('ready')]: good(TEMP),
		[tempPath('ready', 5)]: good(OLDER_TEMP),
		[tempPath('part', 1)]: torn(TEMP),
		[tempPath('part', 2)]: good(TEMP),
	},
	foreign: {
		'/data/.state.json.tmp': good(TEMP),
		'/data/state.json.tmp-4711': good(TEMP),
		'/data/state.json.1234': good(TEMP),
		'/data/.dj1kn-state.json': '',
		'/data/state.json.lock': '',
	},
	live: { [tempPath('ready')]: good(TEMP), [tempPath('part', 3)]: torn(TEMP) },
};

const backups: Record<string, Files> = {
	none: {},
	good: { [backupPath(1)]: good(BACKUP[1] ?? 0) },
	torn: { [backupPath(1)]: torn(BACKUP[1] ?? 0) },
	older: { [backupPath(1)]: torn(BACKUP[1] ?? 0), [backupPath(2)]: good(BACKUP[2] ?? 0) },
	several: Object.fromEntries([1, 2, 3].map((number) => [backupPath(number), good(BACKUP[number] ?? 0)])),
};

/**
 * What the document is afterwards: `kept`, `absent`, `lost`, or the version that it was restored to. The columns are the
 * backups: none, good, torn, older, several.
 */
const expected: Record<string, readonly (string | number)[]> = {
	'missing none': ['absent', 7, 'lost', 6, 7],
	'missing complete': [TEMP, 7, TEMP, 6, 7],
	'missing torn': ['absent', 7, 'lost', 6, 7],
	'missing several': [TEMP, 7, TEMP, 6, 7],
	'missing foreign': ['absent', 7, 'lost', 6, 7],
	'missing live': ['absent', 7, 'lost', 6, 7],
	'good none': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good complete': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good torn': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good several': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good foreign': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good live': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'empty none': ['lost', 7, 'lost', 6, 7],
	'empty complete': [TEMP, 7, TEMP, 6, 7],
	'empty torn': ['lost', 7, 'lost', 6, 7],
	'empty several': [TEMP, 7, TEMP, 6, 7],
	'empty foreign': ['lost', 7, 'lost', 6, 7],
	'empty live': ['lost', 7, 'lost', 6, 7],
	'nul none': ['lost', 7, 'lost', 6, 7],
	'nul complete': [TEMP, 7, TEMP, 6, 7],
	'nul torn': ['lost', 7, 'lost', 6, 7],
	'nul several': [TEMP, 7, TEMP, 6, 7],
	'nul foreign': ['lost', 7, 'lost', 6, 7],
	'nul live': ['lost', 7, 'lost', 6, 7],
	'torn none': ['kept', 7, 'lost', 6, 7],
	'torn complete': [TEMP, 7, TEMP, 6, 7],
	'torn torn': ['lost', 7, 'lost', 6, 7],
	'torn several': [TEMP, 7, TEMP, 6, 7],
	'torn foreign': ['kept', 7, 'lost', 6, 7],
	'torn live': ['lost', 7, 'lost', 6, 7],
};

interface Case {
	readonly document: keyof typeof documents;
	readonly temp: string;
	readonly backup: string;
	readonly result: string | number;
}

const cases: Case[] = Object.entries(expected).flatMap(([row, results]) => {
	const [document = '', temp = ''] = row.split(' ');
	return Object.keys(backups).map((backup, index) => ({
		document: document as keyof typeof documents,
		temp,
		backup,
		result: results[index] ?? 'missing from the table',
	}));
});

function filesOf({ document, temp, backup }: Case): Files {
	const content = documents[document];
	return { ...(content === undefined ? {} : { [DOCUMENT]: content }), ...temps[temp], ...backups[backup] };
}

/** Sets it up; the locks of live temporary files are held, as by another process. */
async function setUp(one: Case): Promise<Scene> {
	const stage = scene(filesOf(one));
	if (one.temp === 'live') {
		for (const path of Object.keys(temps.live ?? {})) {
			expect((await stage.disk.open(path, 'update')).tryLock()).toBe('locked');
		}
	}
	return stage;
}

function checkDocument(one: Case, stage: Scene, report: RecoveredDocument | undefined): void {
	const { result, document } = one;
	const content = stage.contents()[DOCUMENT];
	if (typeof result === 'string') {
		expect(content).toBe(documents[document]);
		expect(report?.outcome ?? (document === 'missing' ? 'absent' : 'kept')).toBe(result);
		return;
	}
	expect(content).toBe(good(result));
	const source = result === TEMP ? tempPath('ready') : backupPath(BACKUP.indexOf(result));
	const rolledBack = document !== 'missing' || result !== TEMP;
	expect(report).toMatchObject({ path: DOCUMENT, found: document, outcome: 'restored', source, rolledBack });
	if (document === 'missing') expect(report?.quarantined).toBeUndefined();
	else expect(stage.contents()[report?.quarantined ?? '']).toBe(documents[document]);
}

/** What is left beside the document: nothing that is worthless, everything that is not ours, alive, or all there is. */
function namesLeft(one: Case): string[] {
	const lost = one.result === 'lost' || one.result === 'absent';
	return Object.keys({ ...temps[one.temp], ...backups[one.backup] }).filter((path) => {
		if (one.temp === 'live' || one.temp === 'foreign' || path.includes('.dj1b')) return true;
		return lost && !path.endsWith('.part');
	});
}

describe('recover(file)', () => {
	it.each(cases)('document $document, temporary file $temp, backup $backup: $result', async (one) => {
		const stage = await setUp(one);
		const { documents: reported, failures, orphans } = await stage.recover();
		expect({ failures, orphans, count: reported.length }).toEqual({ failures: [], orphans: [], count: 1 });
		const [report] = reported;
		checkDocument(one, stage, report);
		const rest = Object.keys(stage.contents()).filter((path) => path !== DOCUMENT && path !== report?.quarantined);
		expect(rest.sort()).toEqual(namesLeft(one).sort());
		for (const path of rest) expect(stage.contents()[path]).toBe(filesOf(one)[path]);
		expect(report?.why).toMatch(/\w/);
	});
});

describe('recover(directory)', () => {
	it.each(cases)('document $document, temporary file $temp, backup $backup: $result', async (one) => {
		const stage = await setUp(one);
		const report = await stage.recover('/data');
		checkDocument(
			one,
			stage,
			report.documents.find(({ path }) => path === DOCUMENT),
		);
		expect(report.failures).toEqual([]);
	});
});

it.each(cases)('does nothing when called again: $document, $temp, $backup', async (one) => {
	const stage = await setUp(one);
	await stage.recover();
	const after = stage.disk.fingerprint();
	const again = await stage.recover();
	expect(stage.disk.fingerprint()).toBe(after);
	expect(again.documents.map(({ outcome }) => outcome)).not.toContain('restored');
});

it.each(cases)('changes nothing with dryRun, and says what it would do: $document, $temp, $backup', async (one) => {
	const stage = await setUp(one);
	const before = stage.disk.fingerprint();
	const would = await stage.recover(DOCUMENT, { dryRun: true });
	expect(stage.disk.fingerprint()).toBe(before);
	const did = await stage.recover();
	const withoutQuarantine = did.documents.map(({ quarantined: _, ...rest }) => rest);
	expect(would.documents).toEqual(withoutQuarantine);
});

it('leaves the same without locks, where every temporary file is old', async () => {
	for (const one of cases.filter(({ temp }) => temp !== 'live')) {
		const stage = await setUp(one);
		await stage.recover();
		const lockless = scene(filesOf(one), { locks: false });
		lockless.clock.advance(2 * 3_600_000);
		await onDisk(lockless.disk, lockless.clock).recover();
		const contentsOf = ({ contents }: Scene): string[] => Object.values(contents()).sort();
		expect(contentsOf(lockless)).toEqual(contentsOf(stage));
	}
});
