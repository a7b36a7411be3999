import { appendFile, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatQuarantinedName } from '../../lib/commit/kept-name.ts';
import { formatOrder } from '../../lib/commit/temp-name.ts';
import { openJournal, openPendingFile, readJson, recover } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { useTempDirectory } from '../support/temp-directory.ts';
import { backupPath, DOCUMENT, good, type Scene, scene, tempPath, torn } from './support.ts';

const directory = useTempDirectory();
const TMP = `${DOCUMENT}.tmp`;
const BAK = `${DOCUMENT}.bak`;

describe('the classic pattern', () => {
	it('keeps version 1 where a stray .tmp holds version 2, and removes that', async () => {
		const stage = scene({ [DOCUMENT]: good(1), [TMP]: good(2) });
		const report = await stage.recover();
		expect(stage.contents()).toEqual({ [DOCUMENT]: good(1) });
		expect(report.documents[0]).toMatchObject({
			found: 'good',
			outcome: 'kept',
			files: [{ kind: 'tmp', action: 'removed' }],
		});
	});

	it.each([
		['the document alone', { [DOCUMENT]: good(1) }, 'kept', good(1)],
		['the document and a whole .tmp', { [DOCUMENT]: good(1), [TMP]: good(2), [BAK]: good(0) }, 'kept', good(1)],
		['no document, a whole .tmp and a .bak', { [TMP]: good(2), [BAK]: good(1) }, 'restored', good(2)],
		['no document, a torn .tmp and a .bak', { [TMP]: torn(2), [BAK]: good(1) }, 'restored', good(1)],
		['a torn document and a .bak', { [DOCUMENT]: torn(2), [BAK]: good(1) }, 'restored', good(1)],
	])('ends with the document alone: %s', async (_name, files, outcome, content) => {
		const stage = scene(files);
		const report = await stage.recover();
		const { quarantined = '' } = report.documents[0] ?? {};
		expect(report.documents[0]?.outcome).toBe(outcome);
		const { [quarantined]: _bad, ...rest } = stage.contents();
		expect(rest).toEqual({ [DOCUMENT]: content });
		expect((await stage.recover()).documents[0]?.outcome).toBe('kept');
	});

	it.each([
		['a number without an end', DOCUMENT, '12'],
		['half a document', DOCUMENT, torn(2)],
		['an empty file', DOCUMENT, ''],
		['JSON Lines, of which some may be missing', '/data/log.jsonl', '{"a":1}\n{"a":2}\n'],
	])('never promotes %s, and leaves it where there is nothing else', async (_name, document, content) => {
		const stage = scene({ [`${document}.tmp`]: content });
		const report = await stage.recover(document);
		expect(stage.contents()).toEqual({ [`${document}.tmp`]: content });
		expect(report.documents[0]).toMatchObject({ outcome: 'absent', files: [{ kind: 'tmp', action: 'kept' }] });
	});

	it('promotes a number that is followed by white space', async () => {
		const stage = scene({ [TMP]: '12\n' });
		await stage.recover();
		expect(stage.contents()).toEqual({ [DOCUMENT]: '12\n' });
	});

	it('is touched in a directory only to restore a JSON document, unless classic is set', async () => {
		const files = {
			[DOCUMENT]: good(1),
			[TMP]: good(2),
			'/data/lost.json.tmp': good(3),
			'/data/notes.txt.tmp': 'a draft',
			'/data/notes.txt.bak': 'an older one',
			'/data/program.bak': 'x',
		};
		const stage = scene(files);
		await stage.recover('/data');
		const { '/data/lost.json.tmp': _promoted, ...rest } = files;
		expect(stage.contents()).toEqual({ ...rest, '/data/lost.json': good(3) });
		await stage.recover('/data', { classic: true });
		const { [TMP]: _removed, ...left } = rest;
		expect(stage.contents()).toEqual({ ...left, '/data/lost.json': good(3) });
	});
});

describe('recover', () => {
	it('restores a document that Windows had moved aside, rather than a backup of before', async () => {
		const stage = scene(
			{ [tempPath('aside')]: good(3), [tempPath('ready')]: good(4), [backupPath(1)]: good(2) },
			{ semantics: 'win32' },
		);
		const { documents } = await stage.recover();
		expect(documents[0]).toMatchObject({ outcome: 'restored', source: tempPath('aside'), rolledBack: false });
		expect(stage.contents()).toEqual({ [DOCUMENT]: good(3), [backupPath(1)]: good(2) });
	});

	it('leaves a document moved aside alone while the writer that moved it lives', async () => {
		const stage = scene({ [tempPath('aside')]: good(3), [tempPath('ready')]: good(4) }, { semantics: 'win32' });
		(await stage.disk.open(tempPath('ready'), 'update')).tryLock();
		const { documents } = await stage.recover();
		expect(documents[0]?.outcome).toBe('absent');
		expect(Object.keys(stage.contents())).toHaveLength(2);
	});

	it('goes by age where there are no locks, an hour unless told otherwise, and says so', async () => {
		const stage = scene({ [tempPath('ready')]: good(1), [tempPath('part', 1)]: torn(1) }, { locks: false });
		const now = stage.clock.epochMs();
		const young = await stage.recover(DOCUMENT, { now: now + 3_599_000 });
		expect(young).toMatchObject({
			livenessBy: 'age',
			documents: [{ outcome: 'absent', files: [{ liveness: 'young' }, { liveness: 'young' }] }],
		});
		expect(Object.keys(stage.contents())).toHaveLength(2);
		const old = await stage.recover(DOCUMENT, { now: now + 61_000, unlockedMaxAgeMs: 60_000 });
		expect(old).toMatchObject({ livenessBy: 'age', documents: [{ outcome: 'restored' }] });
		expect(stage.contents()).toEqual({ [DOCUMENT]: good(1) });
	});

	it('asks the age of a file whose name says that its writer has no lock, also where locks are to be had', async () => {
		const unlocked = tempPath('part', 0, 'state.json', 'age');
		const stage = scene({ [DOCUMENT]: good(1), [unlocked]: torn(2) });
		expect((await stage.recover()).livenessBy).toBe('age');
		expect(Object.keys(stage.contents())).toContain(unlocked);
	});

	it('judges what match names, and nothing else', async () => {
		const files = {
			'/data/settings.conf': torn(1),
			[backupPath(1, 'settings.conf')]: good(2),
			[DOCUMENT]: torn(3),
			[backupPath(1)]: good(4),
		};
		const byDefault = scene(files);
		await byDefault.recover('/data');
		expect(byDefault.contents()).toMatchObject({ '/data/settings.conf': torn(1), [DOCUMENT]: good(4) });
		for (const match of [/\.conf$/g, (name: string) => name.endsWith('.conf')]) {
			const stage = scene(files);
			await stage.recover('/data', { match });
			expect(stage.contents()).toMatchObject({ '/data/settings.conf': good(2), [DOCUMENT]: torn(3) });
		}
	});

	it('restores a document that is not JSON from files of this library only, by their names', async () => {
		const stage = scene({
			[tempPath('ready', 0, 'image.png')]: 'bytes',
			'/data/other.png.tmp': 'bytes',
			[backupPath(1, 'third.png')]: 'more bytes',
		});
		await stage.recover('/data');
		expect(stage.contents()).toEqual({
			'/data/image.png': 'bytes',
			'/data/other.png.tmp': 'bytes',
			'/data/third.png': 'more bytes',
			[backupPath(1, 'third.png')]: 'more bytes',
		});
	});

	it('knows a document by the hash of its name where that is long, and reports what belongs to none', async () => {
		const long = `${'long'.repeat(40)}.json`;
		const ready = tempPath('ready', 0, long);
		const files = { [ready]: good(1), [tempPath('part', 1, long)]: torn(1), [backupPath(2, long)]: good(0) };
		const stage = scene(files);
		const report = await stage.recover('/data');
		expect(report.documents).toEqual([]);
		expect(report.orphans.map(({ kind, action }) => `${kind} ${action}`).sort()).toEqual([
			'backup kept',
			'part removed',
			'ready kept',
		]);
		await stage.recover(`/data/${long}`);
		expect(stage.contents()).toEqual({ [`/data/${long}`]: good(0), [backupPath(2, long)]: good(0) });
	});

	it('keeps the newest bad documents in quarantine, no more than it is told', async () => {
		const quarantined = [1, 2, 3].map(
			(age) => `/data/${formatQuarantinedName('state.json', formatOrder(1000 * age, 1), `${age}`.padStart(16, '0'))}`,
		);
		const stage = scene({
			...Object.fromEntries(quarantined.map((file) => [file, 'bad'])),
			[DOCUMENT]: torn(1),
			[backupPath(1)]: good(2),
		});
		const report = await stage.recover(DOCUMENT, { maxQuarantined: 2 });
		const left = Object.keys(stage.contents()).filter((file) => file.includes('.dj1q'));
		expect(left).toEqual([quarantined[2], report.documents[0]?.quarantined]);
		const none = scene({ [DOCUMENT]: torn(1), [backupPath(1)]: good(2) });
		expect((await none.recover(DOCUMENT, { maxQuarantined: 0 })).documents[0]?.quarantined).toBeUndefined();
		expect(Object.keys(none.contents())).toHaveLength(2);
	});

	it('finds an empty or NUL document without a companion, and does not read others', async () => {
		const stage = scene({
			'/data/a.json': '',
			'/data/b.json': '\0\0',
			'/data/c.json': torn(1),
			'/data/d.jsonl': '',
			'/data/e.txt': '',
		});
		const report = await stage.recover('/data');
		expect(report.documents.map(({ path: file, found, outcome }) => `${file} ${found} ${outcome}`).sort()).toEqual([
			'/data/a.json empty lost',
			'/data/b.json nul lost',
		]);
		expect(report.examined).toBe(4);
	});

	it('judges a document that is named also where nothing is beside it', async () => {
		const files = {
			[DOCUMENT]: torn(1),
			'/data/whole.json': good(2),
			'/data/rows.jsonl': '{"a":1}\n{"a"',
			'/data/x.txt': '{',
		};
		const stage = scene(files);
		const judge = async (path: string): Promise<unknown> => (await stage.recover(path)).documents;
		const lost = {
			found: 'torn',
			outcome: 'lost',
			problem: { line: 1 },
			why: expect.stringMatching(/line 1.*nothing whole/),
		};
		expect(await judge(DOCUMENT)).toMatchObject([lost]);
		expect(await judge('/data/rows.jsonl')).toMatchObject([{ ...lost, problem: { line: 2 }, why: expect.any(String) }]);
		expect(await judge('/data/whole.json')).toMatchObject([{ found: 'good', outcome: 'kept', why: 'it is whole' }]);
		expect(await judge('/data/x.txt')).toMatchObject([
			{ found: 'unjudged', outcome: 'kept', why: expect.stringContaining('name says nothing of JSON') },
		]);
		expect((await stage.recover('/data/x.txt', { match: /./ })).documents).toMatchObject([lost]);
		expect(stage.contents()).toEqual(files);
	});

	it('takes a document for missing that is removed while it is looked at', async () => {
		for (const content of [good(1), '']) {
			for (const path of [DOCUMENT, '/data']) {
				const stage = scene({ [DOCUMENT]: content });
				stage.disk.observe((call, side) => {
					if (side === 'before' && call.name === 'open') stage.disk.sync.unlink(DOCUMENT);
				});
				const { documents, failures } = await stage.recover(path);
				expect(failures).toEqual([]);
				expect(documents.map(({ outcome }) => outcome)).toEqual(path === DOCUMENT ? ['absent'] : []);
			}
		}
	});

	it('says where a bad document stops being JSON', async () => {
		const stage = scene({ [DOCUMENT]: '{"a": 1,\n"b": x}', [backupPath(1)]: good(1) });
		const { documents } = await stage.recover();
		expect(documents[0]).toMatchObject({
			problem: { line: 2, column: 6 },
			why: expect.stringMatching(/line 2, column 6.*newest whole survivor/),
		});
	});

	it('keeps mode and owner of the backup that it restores', async () => {
		const stage = scene({});
		stage.disk.plantFile(backupPath(1), good(1), { mode: 0o640, uid: 7, gid: 8 });
		await stage.recover();
		const restored = await stage.disk.stat(DOCUMENT);
		expect(restored).toMatchObject({ mode: 0o640, uid: 7, gid: 8, linkCount: 1 });
	});

	it('restores without links, too', async () => {
		for (const files of [{ [tempPath('ready')]: good(1) }, { [backupPath(1)]: good(1), [DOCUMENT]: torn(2) }]) {
			const stage = scene(files);
			stage.disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY });
			expect((await stage.recover()).documents[0]?.outcome).toBe('restored');
			expect(stage.contents()[DOCUMENT]).toBe(good(1));
			expect(Object.keys(stage.contents()).filter((file) => file.includes('.part'))).toEqual([]);
		}
	});

	it('reports what the disk refuses, leaves everything, and goes on with the others', async () => {
		for (const name of ['rename', 'sync', 'write', 'link'] as const) {
			const stage = scene({
				[DOCUMENT]: torn(1),
				[backupPath(1)]: good(2),
				'/data/x.json': '',
				[backupPath(1, 'x.json')]: good(3),
			});
			stage.disk.fail(name, { code: 'EIO' });
			const report = await stage.recover('/data');
			expect(report.documents.map(({ outcome }) => outcome).sort()).toEqual(['failed', 'restored']);
			expect(report.failures).toMatchObject([{ error: { code: 'EIO' } }]);
			expect(stage.disk.openHandles()).toEqual([]);
			expect(Object.keys(stage.contents()).filter((file) => file.includes('.part'))).toEqual([]);
			const again = await stage.recover('/data');
			expect(again.failures).toEqual([]);
			expect(stage.contents()).toMatchObject({ [DOCUMENT]: good(2), '/data/x.json': good(3) });
		}
	});

	it('takes a temporary file that cannot be opened for that of a live writer', async () => {
		const stage = scene({ [tempPath('ready')]: good(1), [DOCUMENT]: good(2) });
		stage.disk.fail('open', { code: 'EACCES', nth: 2 });
		const report = await stage.recover();
		expect(report).toMatchObject({
			failures: [{ path: tempPath('ready') }],
			documents: [{ outcome: 'kept', files: [{ action: 'kept' }] }],
		});
	});
});

it('makes a number of calls that grows as the number of entries', async () => {
	const callsFor = async (documents: number): Promise<number> => {
		const files: Record<string, string> = {};
		for (let index = 0; index < documents; index++) {
			const name = `${index}.json`;
			files[`/data/${name}`] = index % 20 === 1 ? torn(index % 9) : good(index % 9);
			if (index % 10 === 0) files[tempPath(index % 20 === 0 ? 'part' : 'ready', index, name)] = torn(2);
			if (index % 10 === 1) files[backupPath(1, name)] = good(3);
		}
		const stage = scene(files);
		const report = await stage.recover('/data');
		expect(report).toMatchObject({ examined: documents, failures: [] });
		return stage.disk.calls.length;
	};
	expect(await callsFor(800)).toBeLessThanOrEqual(4 * (await callsFor(200)));
});

describe('recover beside others', () => {
	it('never replaces what a writer puts there meanwhile', async () => {
		for (const files of [{ [backupPath(1)]: good(1) }, { [DOCUMENT]: torn(2), [backupPath(1)]: good(1) }]) {
			// At each of its calls once, another process writes the document.
			for (let at = 1; ; at++) {
				const stage = scene(files);
				let came = false;
				stage.disk.observe((call, side) => {
					if (came || side !== 'before' || call.number !== at) return;
					came = true;
					setImmediate(() => undefined);
					stage.disk.sync.open('/data/other', 'create-exclusive').close();
					const file = stage.disk.sync.open('/data/other', 'update');
					const bytes = Buffer.from(good(9));
					file.write(bytes, 0, bytes.length, 0);
					file.close();
					stage.disk.sync.rename('/data/other', DOCUMENT);
				});
				const report = await stage.recover();
				if (!came) break;
				expect(stage.contents()[DOCUMENT], `call ${at}`).toBe(good(9));
				expect(report.failures).toEqual([]);
			}
		}
	});

	it('ends in one state where several run at once', async () => {
		for (let jitterSeed = 1; jitterSeed <= 20; jitterSeed++) {
			const files = { [DOCUMENT]: torn(2), [backupPath(1)]: good(1), [tempPath('part')]: torn(3), [TMP]: good(4) };
			const stage = scene(files, { jitterSeed });
			await Promise.all([stage.recover(), stage.recover('/data'), stage.recover(DOCUMENT)]);
			await stage.recover();
			const names = Object.keys(stage.contents());
			expect(stage.contents()[DOCUMENT]).toBe(good(1));
			expect(names.filter((file) => file.includes('.dj1q'))).toHaveLength(1);
			expect(names).toHaveLength(3);
		}
	});

	it('leaves the pending file of this process alone', async () => {
		const file = directory.file('state.json');
		const pending = await openPendingFile(file);
		await pending.write('[1]');
		const report = await recover(file);
		expect(report.documents[0]).toMatchObject({
			outcome: 'absent',
			files: [{ kind: 'part', liveness: 'live', action: 'kept' }],
		});
		await pending.commit();
		expect(await directory.json('state.json')).toEqual([1]);
	});
});

describe('on a real disk', () => {
	it('takes nothing for left over beside a link or a directory of the name', async () => {
		await symlink('nowhere.json', directory.file('link.json'));
		await mkdir(directory.file('directory.json'));
		const ready = '.dj1nl-0lxk2j4p8000007-9f86d081884c7d65-directory.json.ready';
		const kept = ['link.json.bak', 'directory.json.tmp', ready];
		for (const name of kept) await writeFile(directory.file(name), good(1));
		const { documents } = await recover(directory.path, { classic: true });
		expect(documents.flatMap(({ files }) => files).map(({ action }) => action)).toEqual(['kept', 'kept', 'kept']);
		expect(documents.map(({ why }) => why)).toEqual(Array(2).fill('it is no file: it is left as it is'));
		await directory.expectOnly('link.json', 'directory.json', ...kept);
	});

	it('takes paths, relative ones and file URLs, and follows a link to the document', async () => {
		await mkdir(directory.file('real'));
		await writeFile(directory.file('real', 'state.json.tmp'), '[1]');
		await symlink('real/state.json', directory.file('link.json'));
		const relative = path.relative(process.cwd(), directory.file('link.json'));
		const { documents } = await recover(relative);
		expect(documents[0]).toMatchObject({ path: directory.file('real', 'state.json'), outcome: 'restored' });
		const asUrl = await recover(pathToFileURL(`${directory.path}/`), { recursive: true });
		expect(asUrl).toMatchObject({ path: directory.path, examined: 2, failures: [] });
		expect(await readFile(directory.file('link.json'), 'utf8')).toBe('[1]');
	});

	it('goes into directories only where it is told to, and never along links', async () => {
		await mkdir(directory.file('a', 'b'), { recursive: true });
		await mkdir(directory.file('elsewhere'));
		await symlink('../elsewhere', directory.file('a', 'link'));
		for (const name of ['a/x.json.tmp', 'a/b/y.json.tmp', 'elsewhere/z.json.tmp'])
			await writeFile(directory.file(name), '[1]');
		expect((await recover(directory.file('a'))).documents).toHaveLength(1);
		expect((await recover(directory.file('a'), { recursive: true })).documents).toHaveLength(1);
		expect((await recover(directory.path, { recursive: true })).documents).toHaveLength(1);
	});

	it('finds nothing to do where there is no document yet, and none of its directory', async () => {
		const report = await recover(directory.file('not', 'yet', 'state.json'));
		expect(report).toMatchObject({ failures: [], documents: [{ found: 'missing', outcome: 'absent' }] });
		await directory.expectOnly();
	});

	it('rejects what cannot be looked at, and bad arguments, naming them', async () => {
		const missing = `${directory.file('missing')}/`;
		await expect(recover(missing)).rejects.toMatchObject({
			code: 'ERR_READ_FAILED',
			step: 'recover',
			cause: { code: 'ENOENT' },
		});
		await expect(recover('/dev/null')).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		const bad: unknown[] = [
			{ match: 'x' },
			{ recursive: 1 },
			{ now: -1 },
			{ unlockedMaxAgeMs: '1' },
			{ maxQuarantined: 1.5 },
			{ dryRun: null },
		];
		for (const options of bad) {
			await expect(recover('x.json', options as object)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		}
		await expect(recover('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
		await expect(recover(7 as unknown as string)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
	});

	it('stops between documents when it is aborted, and tells of its progress', async () => {
		for (let index = 0; index < 20; index++) await writeFile(directory.file(`${index}.json`), '');
		const controller = new AbortController();
		const reason = new Error('enough');
		const seen: number[] = [];
		const recovering = recover(directory.path, {
			signal: controller.signal,
			onProgress: ({ examined, known }) => {
				seen.push(examined);
				expect(known).toBe(20);
				if (examined === 5) controller.abort(reason);
			},
		});
		await expect(recovering).rejects.toBe(reason);
		expect(seen.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
		expect(seen.length).toBeLessThan(10);
	});

	it('removes an old temporary file of a writer without locks, by its date', async () => {
		const name = '.dj1na-0lxk2j4p8000007-9f86d081884c7d65-state.json.part';
		await writeFile(directory.file('state.json'), '1');
		await writeFile(directory.file(name), '1');
		await recover(directory.path);
		await directory.expectOnly('state.json', name);
		await utimes(directory.file(name), new Date(0), new Date(0));
		await recover(directory.path);
		await directory.expectOnly('state.json');
	});
});

describe('backups that the disk does not give', () => {
	const refusing = (stage: Scene): FileSystem => {
		const refuse = (file: string): void => {
			if (file.includes('.dj1b')) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
		};
		return new Proxy<FileSystem>(stage.disk, {
			get(disk, key) {
				const value: unknown = Reflect.get(disk, key, disk);
				if (key !== 'open' && key !== 'readFile') return typeof value === 'function' ? value.bind(disk) : value;
				return async (file: string, ...rest: unknown[]) => {
					refuse(file);
					return (value as (...args: unknown[]) => unknown).call(disk, file, ...rest);
				};
			},
		});
	};

	it('are no reason for a fallback: there was a document', async () => {
		const stage = scene({ [backupPath(1)]: good(1), [backupPath(2)]: good(2) });
		const fallback = readJson(DOCUMENT, { fileSystem: refusing(stage), fallback: 'none' });
		await expect(fallback).rejects.toMatchObject({ code: 'ERR_READ_FAILED', cause: { code: 'EACCES' } });
		expect(await readJson(DOCUMENT, { fileSystem: stage.disk, fallback: 'none' })).toMatchObject({ version: 1 });
	});

	it.each([
		['missing', {}],
		['torn', { [DOCUMENT]: torn(3) }],
	])('leave a document that is %s lost, and the report says why', async (_found, files) => {
		const stage = scene({ ...files, [backupPath(1)]: good(1), [backupPath(2)]: good(2) });
		const { documents, failures } = await stage.recover(DOCUMENT, { fileSystem: refusing(stage) });
		expect(documents[0]).toMatchObject({ outcome: 'lost', why: expect.stringContaining('cannot be looked at') });
		expect(failures).toHaveLength(2);
	});
});

describe('a journal', () => {
	it.each(['j.json', 'j.jsonl'])('is no document, whatever its name and how it ends: %s', async (name) => {
		const file = directory.file(name);
		const journal = await openJournal<number, number>(file, { initial: 0, apply: (count, add) => count + add });
		await journal.append(1);
		await writeFile(`${file}.bak`, '{"old":1}\n');
		expect((await recover(directory.path)).documents[0]).toMatchObject({ outcome: 'kept' });
		await journal.append(1);
		await journal.close();
		await writeFile(`${file}.bak`, '{"old":1}\n');
		await appendFile(file, '{"prev":"cut o');
		const cut = { outcome: 'kept', found: 'unjudged', why: expect.stringContaining('a journal') };
		expect((await recover(directory.path)).documents).toMatchObject([cut]);
		expect((await recover(file)).documents).toMatchObject([cut]);
		const again = await openJournal<number, number>(file, { initial: 0, apply: (count, add) => count + add });
		expect(again.state).toBe(2);
		await again.close();
	});
});
