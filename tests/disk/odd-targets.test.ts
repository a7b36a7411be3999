/** Documents that are no plain file in a plain directory. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chmod, link, mkdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import { createWriter, readJson, recover, writeJson } from '../../lib/index.ts';
import { good, onDisk, scene, torn } from '../recover/support.ts';
import { LIBRARY } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const onPosix = describe.skipIf(process.platform === 'win32');

/** Runs a module's text where something was mounted for it alone; skips the test where that cannot be mounted, saying why. */
function runMounted(mount: string, script: string, skip: (why: string) => never): Record<string, unknown> {
	const flags = process.getuid?.() === 0 ? '-m' : '-Urm';
	const run = (place: string, command: string, ...args: string[]): ReturnType<typeof spawnSync> => {
		// A place for each: what was mounted before may be still on its way out.
		mkdirSync(directory.file(place));
		return spawnSync('unshare', [flags, 'bash', '-ec', command, ...args], {
			encoding: 'utf8',
			cwd: directory.file(place),
			env: { ...process.env, LIBRARY },
		});
	};
	const tried = run('tried', mount);
	if (tried.status !== 0) {
		const why = `it cannot be mounted here: ${String(tried.error ?? tried.stderr).trim()}`;
		console.warn(why);
		skip(why);
	}
	const { status, stdout, stderr } = run(
		'used',
		`${mount}; exec "$0" --input-type=module -e "$1"`,
		process.execPath,
		script,
	);
	expect(status, String(stderr)).toBe(0);
	return JSON.parse(String(stdout)) as Record<string, unknown>;
}

onPosix('a document that is', () => {
	it('a link: the link stays, its target is written, backed up and recovered beside itself', async () => {
		await mkdir(directory.file('real'));
		await symlink('real/state.json', directory.file('state.json'));
		for (const value of [1, 2]) await writeJson(directory.file('state.json'), value, { backups: 1 });
		await writeFile(directory.file('real', 'state.json'), torn(1));
		expect(await readJson(directory.file('state.json'))).toBe(1);
		const { documents } = await recover(directory.file('state.json'));
		expect(documents[0]).toMatchObject({ path: directory.file('real', 'state.json'), outcome: 'restored' });
		expect(await readlink(directory.file('state.json'))).toBe('real/state.json');
		await directory.expectOnly('real', 'state.json');
	});

	it('a link that leads nowhere: its target is restored', async () => {
		await mkdir(directory.file('real'));
		await symlink('real/state.json', directory.file('state.json'));
		await writeFile(directory.file('real', formatBackupName('state.json', 1)), good(1));
		expect(await readJson(directory.file('state.json'))).toMatchObject({ version: 1 });
		await recover(directory.file('state.json'));
		expect(await directory.text('real/state.json')).toBe(good(1));
	});

	it('one of two hard links: the other name keeps the old document', async () => {
		await writeJson(directory.file('state.json'), 1);
		await link(directory.file('state.json'), directory.file('other.json'));
		await writeJson(directory.file('state.json'), 2, { backups: 1 });
		expect([await directory.json('state.json'), await directory.json('other.json')]).toEqual([2, 1]);
	});

	it('read-only: it is replaced, and stays read-only', async () => {
		await writeJson(directory.file('state.json'), 1);
		await chmod(directory.file('state.json'), 0o444);
		await writeJson(directory.file('state.json'), 2, { backups: 1 });
		expect((await stat(directory.file('state.json'))).mode & 0o777).toBe(0o444);
		await writeFile(directory.file(formatBackupName('bad.json', 1)), good(1), { mode: 0o444 });
		await writeFile(directory.file('bad.json'), torn(1), { mode: 0o444 });
		await recover(directory.path);
		expect(await directory.text('bad.json')).toBe(good(1));
		expect((await stat(directory.file('bad.json'))).mode & 0o777).toBe(0o444);
	});

	it('a pipe, or has one beside it: refused, or left alone, and never waited for', async () => {
		const names = [
			'pipe.json',
			'state.json.tmp',
			formatBackupName('state.json', 1),
			'.dj1nl-0lxk2j4p8000007-9f86d081884c7d65-state.json.ready',
		];
		for (const name of names) spawnSync('mkfifo', [directory.file(name)]);
		await expect(writeJson(directory.file('pipe.json'), 1)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		await expect(recover(directory.file('pipe.json'))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
		expect(await recover(directory.path)).toMatchObject({ documents: [], failures: [] });
		expect(await recover(directory.file('state.json'))).toMatchObject({
			documents: [{ outcome: 'absent', files: [] }],
		});
		await directory.expectOnly(...names);
	});
});

describe('a file system whose names have 143 bytes at most', () => {
	it('takes documents of that length, with backups, quarantine and recovery', async () => {
		const name = `${'é'.repeat(69)}.json`;
		const document = `/data/${name}`;
		const { disk, clock } = scene({}, { nameBytesMax: 143 });
		const writer = createWriter({ fileSystem: disk, clock });
		for (const value of [1, 2, 3]) await writer.write(document, value, { backups: 2 });
		await writer.close();
		disk.plantFile(document, '');
		const stage = onDisk(disk, clock);
		const { documents } = await stage.recover(document);
		expect(documents[0]).toMatchObject({
			outcome: 'restored',
			rolledBack: true,
			quarantined: expect.stringContaining('.dj1qh-'),
		});
		expect(stage.contents()[document]).toBe('2\n');
		await expect(writer.write(`/data/${'x'.repeat(144)}`, 1)).rejects.toThrow();
	});
});

onPosix('what is mounted', () => {
	it('as a single file cannot be replaced: a clear error with the remedy, and nothing is changed', ({ skip }) => {
		const found = runMounted(
			`echo '{"version":0}' > inner.json; : > state.json; mount --bind inner.json state.json`,
			`import { readFileSync, readdirSync } from 'node:fs';
			const { writeJson, recover } = await import(process.env.LIBRARY);
			const { code, step, outcome, message, cause } = await writeJson('state.json', 1).catch((error) => error);
			const { failures } = await recover('state.json');
			const names = readdirSync('.');
			console.log(JSON.stringify({ code, step, outcome, message, cause: cause.code, failures, names, text: readFileSync('state.json', 'utf8') }));`,
			skip,
		);
		expect(found).toEqual({
			code: 'ERR_WRITE_FAILED',
			step: 'rename',
			outcome: 'not_applied',
			cause: 'EBUSY',
			message: expect.stringContaining('mount its directory instead'),
			failures: [],
			names: ['inner.json', 'state.json'],
			text: '{"version":0}\n',
		});
	});

	it.for([
		['tmpfs', 'mkdir -p m; mount -t tmpfs none m'],
		[
			'overlayfs',
			'mkdir -p t m; mount -t tmpfs none t; mkdir t/l t/u t/w; echo "[0]" > t/l/state.json; mount -t overlay overlay -o lowerdir=t/l,upperdir=t/u,workdir=t/w m',
		],
		// Neither has hard links.
		[
			'vfat',
			'mkdir -p m; truncate -s 4M image; mkfs.vfat image >&2; mount -o loop image m || fusefat -o rw+ image m >&2',
		],
		[
			'exfat',
			'mkdir -p m; truncate -s 8M image; mkfs.exfat image >&2; mount -o loop image m || { loop=$(losetup -f --show image); mount.exfat-fuse $loop m >&2; losetup -d $loop; }',
		],
	])('as %s keeps documents, backups and recovery', ([, mount = ''], { skip }) => {
		const found = runMounted(
			mount,
			`import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
			const { recover, writeJson } = await import(process.env.LIBRARY);
			for (const value of [1, 2, 3]) await writeJson('m/state.json', value, { backups: 1 });
			writeFileSync('m/state.json', '[');
			writeFileSync('m/.dj1nl-0lxk2j4p8000007-9f86d081884c7d65-state.json.part', '[');
			const { documents, failures } = await recover('m');
			const [{ outcome, rolledBack }] = documents;
			console.log(JSON.stringify({ outcome, rolledBack, failures, text: readFileSync('m/state.json', 'utf8'), count: readdirSync('m').length }));`,
			skip,
		);
		expect(found).toEqual({ outcome: 'restored', rolledBack: true, failures: [], text: '2\n', count: 3 });
	});

	it('read-only can be read; whatever would change it, or lock it, is told so', ({ skip }) => {
		const names = [formatBackupName('torn.json', 1), '.dj1ln-locked.json', 'locked.json', 'state.json', 'torn.json'];
		const found = runMounted(
			`mkdir m; mount -t tmpfs none m; echo 1 > m/state.json; : > m/.dj1ln-locked.json; echo 1 > m/locked.json
			printf '[' > m/torn.json; echo 1 > m/${formatBackupName('torn.json', 1)}; mount -o remount,ro m`,
			`import { readdirSync } from 'node:fs';
			const { createWriter, openJournal, openJsonFile, readJson, recover, withLock } = await import(process.env.LIBRARY);
			const told = async (promise) => {
				const { code, step, outcome, cause } = await promise.catch((error) => error);
				return [code, step, outcome, cause?.code].join(' ');
			};
			const writer = createWriter({ lock: 'file' });
			const plain = createWriter();
			const answers = {};
			for (const name of ['state.json', 'locked.json']) {
				answers[name] = [
					await told(plain.write('m/' + name, 2)),
					await told(plain.update('m/' + name, (count) => count + 1)),
					await told(plain.remove('m/' + name)),
					await told(writer.write('m/' + name, 2)),
					await told(writer.update('m/' + name, (count) => count + 1)),
					await told(withLock('m/' + name, () => 'locked')),
					await told(openJsonFile('m/' + name, { lock: 'file' })),
				];
			}
			answers.opened = (await openJsonFile('m/state.json')).value;
			answers.read = await readJson('m/state.json');
			answers.journal = await told(openJournal('m/a.journal', { initial: 0, apply: (state) => state }));
			const { documents, failures } = await recover('m');
			answers.recovered = documents.map(({ path, outcome }) => path.split('/').at(-1) + ' ' + outcome);
			answers.failures = failures.map(({ error }) => [error.code, error.step, error.cause?.code].join(' '));
			answers.names = readdirSync('m').sort();
			console.log(JSON.stringify(answers));`,
			skip,
		);
		const refused = (step: string): string => `ERR_WRITE_FAILED ${step} not_applied EROFS`;
		const each = [...['open', 'open', 'remove'], ...Array<string>(4).fill('lock')].map(refused);
		expect(found).toEqual({
			'state.json': each,
			'locked.json': each,
			opened: 1,
			read: 1,
			journal: refused('open'),
			recovered: ['torn.json failed'],
			failures: ['ERR_WRITE_FAILED open EROFS'],
			names,
		});
	});
});
