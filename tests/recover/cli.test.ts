/** The command line, as the package installs it. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import { openJournal } from '../../lib/index.ts';
import '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';
import { good, torn } from './support.ts';

const directory = useTempDirectory();
const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };
const entry = path.resolve(bin['durable-json'] ?? '');

function run(...args: string[]): { code: number | null; out: string; err: string } {
	const { status, stdout, stderr } = spawnSync(process.execPath, [entry, ...args], {
		encoding: 'utf8',
		cwd: directory.path,
	});
	return { code: status, out: stdout, err: stderr };
}

async function leaveBadDocument(): Promise<void> {
	await writeFile(directory.file('state.json'), torn(2));
	await writeFile(directory.file(formatBackupName('state.json', 1)), good(1));
}

describe('durable-json recover', () => {
	it('restores, says what and why, and ends with 0', async () => {
		await leaveBadDocument();
		const { code, out, err } = run('recover', '.');
		expect({ code, err }).toEqual({ code: 0, err: '' });
		expect(out).toMatch(
			/state\.json: restored: it is cut off \(line 1, .*newest whole survivor \(an older generation\)/,
		);
		expect(out).toMatch(/1 examined, 1 restored, 0 lost, 0 files removed, 0 failures\n$/);
		expect(await directory.text('state.json')).toBe(good(1));
	});

	it('changes nothing with --dry-run, and prints the report with --json', async () => {
		await leaveBadDocument();
		const { code, out } = run('recover', 'state.json', '--dry-run', '--json');
		expect(code).toBe(0);
		expect(JSON.parse(out)).toMatchObject({
			dryRun: true,
			documents: [{ found: 'torn', outcome: 'restored', rolledBack: true }],
		});
		expect(await directory.text('state.json')).toBe(torn(2));
	});

	it('ends with 1 where the document that it is given is torn, also where that stands alone', async () => {
		await writeFile(directory.file('state.json'), torn(2));
		const { code, out } = run('recover', 'state.json');
		expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(/state\.json: lost: .*line 1, column \d+/) });
		expect(run('recover', 'state.json', '--dry-run')).toMatchObject({ code: 1 });
		await directory.expectOnly('state.json');
	});

	it('ends with 1 where a document is lost, 3 where something cannot be looked at', async () => {
		await writeFile(directory.file('lost.json'), '');
		expect(run('recover', '.')).toMatchObject({ code: 1, out: expect.stringContaining('1 lost') });
		expect(run('recover', 'missing/')).toMatchObject({ code: 3, out: '', err: expect.stringContaining('ENOENT') });
	});

	it('ends with 3 where there is nothing at the path, and with 0 where there was something to do', async () => {
		const nothing = { code: 3, err: expect.stringMatching(/^durable-json: there is nothing at .*mistyped\.json/) };
		expect(run('recover', 'mistyped.json')).toMatchObject(nothing);
		const { out, ...asked } = run('recover', 'mistyped.json', '--json');
		expect(asked).toMatchObject(nothing);
		expect(JSON.parse(out)).toMatchObject({ documents: [{ found: 'missing', outcome: 'absent' }] });
		await writeFile(directory.file(formatBackupName('state.json', 1)), good(1));
		expect(run('recover', 'state.json')).toMatchObject({ code: 0, err: '' });
		expect(run('recover', '.')).toMatchObject({ code: 0, err: '' });
	});

	it('says with --dry-run what is to be done, and of nothing that it was', async () => {
		await leaveBadDocument();
		await writeFile(directory.file('.dj1nl-0lxk2j4p8000007-9f86d081884c7d65-state.json.part'), '');
		await writeFile(directory.file('other.json.tmp'), good(1));
		const { out } = run('recover', '.', '--dry-run');
		expect(out).toMatch(/state\.json: to restore: .*-001-state\.json: to copy: .*-state\.json\.part: to remove: /s);
		expect(out).toMatch(/other\.json\.tmp: to promote: /);
		expect(out).toMatch(/2 to restore, 0 lost, 1 files to remove, 0 failures \(dry run: nothing was changed\)\n$/);
		expect(out).not.toMatch(/: (removed|restored|copied|promoted|quarantined)\b/);
	});

	it.runIf(process.platform !== 'win32')('shows no control characters of a name', async () => {
		const file = directory.file('a\n\u001b[31m\u202e.json');
		await writeFile(file, '');
		const { out } = run('recover', '.');
		expect(out).toMatch(/\/a\\u000a\\u001b\[31m\\u202e\.json: lost: /);
		expect(JSON.parse(run('recover', '.', '--json').out)).toMatchObject({
			documents: [{ path: file }],
		});
	});

	it('takes --recursive, --classic, --match and --unlocked-max-age', async () => {
		await writeFile(directory.file('a.conf.bak'), '{}');
		await writeFile(directory.file('.dj1na-0lxk2j4p8000007-9f86d081884c7d65-a.conf.part'), '');
		const args = ['--match', '\\.conf$', '-r', '--classic', '--unlocked-max-age', '0'];
		await new Promise((resolve) => setTimeout(resolve, 20));
		expect(run('recover', '.', ...args)).toMatchObject({ code: 0, out: expect.stringContaining('their age told') });
		await directory.expectOnly('a.conf');
	});
});

it('recover says of a document that --match leaves out that it does, and of others what their names say', async () => {
	await writeFile(directory.file('state.json'), torn(2));
	await writeFile(directory.file('notes.txt'), 'x');
	const leftOut = run('recover', 'state.json', '--match', '\\.conf$');
	expect(leftOut).toMatchObject({
		code: 0,
		out: expect.stringMatching(/kept: match does not name it: it is left as it is/),
	});
	expect(run('recover', 'notes.txt').out).toMatch(/kept: its name says nothing of JSON: it is left as it is/);
	expect(run('recover', 'state.json', '--match', 'state').code).toBe(1);
});

describe('durable-json verify', () => {
	it('says that a file is good', async () => {
		await writeFile(directory.file('state.json'), good(1));
		expect(run('verify', 'state.json')).toMatchObject({
			code: 0,
			out: expect.stringMatching(/state\.json: good: \d+ bytes of JSON\n/),
		});
		await writeFile(directory.file('rows'), '1\n2\n');
		expect(run('verify', '--lines', 'rows')).toMatchObject({
			code: 0,
			out: expect.stringContaining('4 bytes of JSON Lines'),
		});
	});

	it('says where the first error is, as compilers do', async () => {
		await writeFile(directory.file('state.json'), '{\n  "a": tru\n}');
		expect(run('verify', 'state.json')).toMatchObject({
			code: 1,
			out: expect.stringMatching(/state\.json:2:11: malformed: true, false or null is expected/),
		});
		const { code, out } = run('verify', '--json', 'state.json');
		expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({
			code: 1,
			condition: 'malformed',
			line: 2,
			column: 11,
			bytes: 14,
		});
	});

	it('says of what is cut off that it is torn, of what is wrong before its end that it is malformed', async () => {
		const files: [string, string, string][] = [
			['a.json', '[1,2,,3]', ':1:6: malformed: '],
			['b.json', '[1,2,', ':1:6: torn: '],
			['c.jsonl', '[1]\n[2\n[3]\n', ':2:3: malformed: '],
			['d.jsonl', '[1]\n[2', ':2:3: torn: '],
		];
		for (const [name, text, expected] of files) {
			await writeFile(directory.file(name), text);
			expect(run('verify', name), name).toMatchObject({ code: 1, out: expect.stringContaining(`${name}${expected}`) });
		}
	});

	it('says which command is for a journal', async () => {
		const journal = await openJournal(directory.file('x.journal'), { initial: 0, apply: (sum) => sum });
		await journal.append(1);
		await journal.close();
		const { code, out, err } = run('verify', 'x.journal', '--json');
		expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 1, condition: 'malformed' });
		expect(err).toContain("it is a journal: 'durable-json journal verify'");
	});

	it('ends with 3 where a directory is given, however it is spelt, and so do the commands for journals', async () => {
		await mkdir(directory.file('somedir'));
		const verified = ['somedir', 'somedir/', '.', 'missing/'].map((name) => ['verify', name]);
		for (const args of [...verified, ['journal', 'verify', 'somedir/'], ['journal', 'dump', 'somedir/']]) {
			const result = { code: 3, out: '', err: expect.stringMatching(/^durable-json: reading .*directory/) };
			expect(run(...args), args.join(' ')).toEqual(result);
		}
	});

	it('ends with 3 where the file cannot be read', () => {
		expect(run('verify', 'missing.json')).toMatchObject({ code: 3, err: expect.stringContaining('ENOENT') });
		expect(run('verify', '/dev/null')).toMatchObject({ code: 3, err: expect.stringContaining('device') });
	});
});

describe('where the output goes nowhere', () => {
	function runInto(redirection: string, ...args: string[]): { code: number | null; out: string; err: string } {
		const words = [process.execPath, entry, ...args].map((word) => `'${word}'`).join(' ');
		const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', `${words} ${redirection}`], {
			encoding: 'utf8',
			cwd: directory.path,
		});
		return { code: status, out: stdout, err: stderr };
	}

	it.runIf(existsSync('/dev/full'))('ends with 3 and a line where the result cannot be written', async () => {
		await leaveBadDocument();
		const full = /^durable-json: the result could not be written: ENOSPC.*\n$/;
		for (const args of [['recover', '.', '--json'], ['verify', 'state.json'], ['--help']]) {
			const result = { code: 3, out: '', err: expect.stringMatching(full) };
			expect(runInto('> /dev/full', ...args), args.join(' ')).toEqual(result);
		}
		expect(await directory.text('state.json')).toBe(good(1));
		expect(runInto('2> /dev/full', 'verify', 'missing.json')).toEqual({ code: 3, out: '', err: '' });
	});

	it('does what was asked for, and ends as ever, where who reads the output stops before its end', async () => {
		for (let index = 0; index < 1000; index++) await writeFile(directory.file(`${index}.json`), '');
		expect(runInto('| head -c 1', 'recover', '.')).toMatchObject({ code: 1, err: '' });
		expect(runInto('2> >(exec true)', 'verify', 'missing.json')).toMatchObject({ code: 3 });
		await leaveBadDocument();
		expect(runInto('| true', 'recover', 'state.json')).toEqual({ code: 0, out: '', err: '' });
		expect(await directory.text('state.json')).toBe(good(1));
	});
});

it.each([
	[[]],
	[['nothing']],
	[['recover']],
	[['recover', 'a', 'b']],
	[['verify', '--no-such', 'x']],
	[['recover', '--match', '(', 'x']],
	[['recover', '--unlocked-max-age', 'x', 'y']],
	[['recover', '--unlocked-max-age', '', '.']],
	[['toString', 'x']],
	[['journal']],
	[['help', 'nothing']],
])('ends with 2 where the command line is not understood: %j', (args) => {
	const { code, out, err } = run(...args);
	expect({ code, out }).toEqual({ code: 2, out: '' });
	expect(err).toMatch(/\w/);
	expect(err).not.toMatch(/options\.|parseArgs|positional/);
});

it.each([
	[
		['recover', '--recusive', '.'],
		/^durable-json: recover: there is no option --recusive: there are .*--recursive, .*\n.*recover --help/,
	],
	[['journal', 'dump', '--form', '1', 'x'], /journal dump: there is no option --form: there are .*--from, /],
	[
		['verify', '--no-such', 'x'],
		/^durable-json: verify: there is no option --no-such: there are --lines, --json, --help\n/,
	],
	[['verify', '-x', 'y'], /there is no option -x: there are /],
	[['recover', '--unlocked-max-age', '-1s', 'y'], /--unlocked-max-age/],
	[['recover', '--unlocked-max-age=x', 'y'], /--unlocked-max-age must be a number of seconds, from 0; got 'x'/],
	[['recover', '--match', '(', 'x'], /--match must be a regular expression .*; got '\('/],
	[['recover', '--match', '', 'x'], /--match must be a regular expression, not empty; got ''/],
	[['recover', '--match', 'a', '--match=b', 'x'], /^durable-json: recover: --match is given more than once\n/],
	[['journal', 'dump', '--from', '1', '--from', '2', 'x'], /--from is given more than once\n/],
	[['recover', '--match=', 'x'], /--match must be a regular expression, not empty/],
	[
		['--json', 'recover', 'x'],
		/options come after the command: durable-json recover --json \.\.\.; see durable-json --help/,
	],
	[['--from', '2', 'journal', 'dump', 'x'], /options come after the command: durable-json journal dump --from \.\.\./],
	[['--json', 'journal', 'verify', 'x'], /options come after the command: durable-json journal verify --json /],
	[['verify', 'file:///tmp/x.json'], /verify: a path is needed, not a URL: file:\/\/\/tmp\/x\.json/],
	[['--no-such'], /options come after the command: durable-json <command> --no-such \.\.\./],
	[['recover', '--json=1', 'x'], /recover: .*--json/],
	[['recover'], /^durable-json: recover: a path is needed\nUsage: durable-json recover <file or directory>/],
	[['verify', 'a', 'b'], /one path is needed: there are 2/],
	[['recvoer', 'x'], /there is no command 'recvoer': there are recover, verify/],
	[['journal', 'vrify', 'x'], /there is no command 'journal vrify': .*journal verify/],
	[['jump'], /there is no command 'jump': there are recover, verify/],
])('names what it does not understand, and what there is: %j', (args, expected) => {
	expect(run(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(expected) });
});

it('explains itself with --help', () => {
	for (const args of [['--help'], ['recover', '--help'], ['verify', '-h'], []]) {
		const { code, out, err } = run(...args);
		expect(code).toBe(args.length === 0 ? 2 : 0);
		expect(out + err).toContain('Exit codes: 0');
	}
	expect(run('--help').out).toMatch(/--match <regexp> .*--unlocked-max-age <seconds> .*--from <sequence> /s);
	expect(run('recover', '--help').out).not.toContain('verify');
	for (const args of [
		['journal', '--help'],
		['help', 'journal'],
	]) {
		const { code, out } = run(...args);
		expect(code).toBe(0);
		expect(out).toMatch(/journal verify <file>.*journal dump <file>/s);
		expect(out).not.toContain('recover <');
	}
	expect(run('help', 'journal', 'dump').out).toBe(run('journal', 'dump', '-h').out);
});

it('tells its version', () => {
	const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
	for (const flag of ['--version', '-v']) expect(run(flag)).toEqual({ code: 0, out: `${version}\n`, err: '' });
});
