/** The worked example of the documentation runs as it stands, and prints what the page says. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { useTempDirectory } from './support/temp-directory.ts';

const page = readFileSync('docs/testing.md', 'utf8');
const files = [...page.matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)].map(([, name = '', code = '']) => ({ name, code }));
const directory = useTempDirectory();

beforeEach(async () => {
	await mkdir(directory.file('node_modules'));
	await symlink(path.resolve('.'), directory.file('node_modules', 'durable-json'));
	for (const { name, code } of files) await writeFile(directory.file(name), code);
});

function run(...args: string[]): string {
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory.path, encoding: 'utf8' });
	expect(status, `${stdout}\n${stderr}`).toBe(0);
	return stdout;
}

describe('docs/testing.md', () => {
	it('shows naive writers that lose data, and this library that does not, as it says', () => {
		const [, printed] = /It prints:\n\n```\n(.*?)```/s.exec(page) ?? [];
		const output = run('explore.mjs').replaceAll(/ +$/gm, '');
		expect(output).toMatch(/^durable-json: 0 of \d+ states lose data$/m);
		expect(output).toBe(printed);
	});

	it('has a test of a naive writer that passes', () => {
		expect(run('--test', 'naive.test.mjs')).toMatch(/pass 1/);
	});

	it('shows a failure as it is printed', async () => {
		const [, shown = ''] =
			/the disk ending there:\n\n```\n(.*?)```/s.exec(page.replace('with\nthe disk', 'with the disk')) ?? [];
		await writeFile(
			directory.file('failure.mjs'),
			`import { exploreCrashes } from 'durable-json/testing';
			import { writeAndRename } from './save.mjs';
			const scenario = async ({ fs, history }) => {
				const acknowledge = history.submit('/state.json', 'text');
				await writeAndRename('/state.json', 'text', fs);
				acknowledge();
			};
			await exploreCrashes(scenario, ({ disk, history }) => history.check(disk), {
				onFailure: (failure) => console.log(failure.message),
			});`,
		);
		expect(run('failure.mjs')).toContain(shown.trim());
		expect(shown).not.toBe('');
	});

	it('has samples whose comments are what they print', () => {
		const sample = files.find(({ name }) => name === 'faults.mjs');
		const output = run('faults.mjs');
		const comments = [...(sample?.code ?? '').matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(
			([, comment]) => comment,
		);
		expect(output.trim().split('\n')).toEqual(comments);
	});
});
