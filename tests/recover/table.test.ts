/** Every combination of what can stand at a document's path with what can lie beside it. */
import { describe, expect, it } from 'vitest';
import type { RecoveredDocument } from '../../lib/index.ts';
import { BACKUP, backups, type Case, cases, documents, filesOf, TEMP, temps } from './cases.ts';
import { backupPath, DOCUMENT, good, onDisk, type Scene, scene, tempPath } from './support.ts';

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
	const standsAlone = ({ temp, backup }: Case): boolean => ['none', 'foreign'].includes(temp) && backup === 'none';
	// Of a directory a document that stands alone, and is not empty, is not read.
	const inDirectory = cases.map((one): Case => {
		const read = !standsAlone(one) || one.document !== 'torn';
		return read ? one : { ...one, result: 'kept' };
	});

	it.each(inDirectory)('document $document, temporary file $temp, backup $backup: $result', async (one) => {
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
