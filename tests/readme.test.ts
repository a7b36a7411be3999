import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile as writeRaw } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as library from '../lib/index.ts';
import { useTempDirectory } from './support/temp-directory.ts';

const readme = readFileSync('README.md', 'utf8');
const samples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code = '']) => code);
const directory = useTempDirectory();

describe('the README', () => {
	it('has samples', () => {
		expect(samples.length).toBeGreaterThanOrEqual(5);
	});

	it.each(samples.map((code, i) => [i + 1, code]))('has a sample %i that runs as it stands', async (_, code) => {
		await mkdir(directory.file('node_modules'));
		await symlink(path.resolve('.'), directory.file('node_modules', 'durable-json'));
		await writeRaw(directory.file('sample.mjs'), String(code));
		const { status, stderr, stdout } = spawnSync(process.execPath, ['sample.mjs'], {
			cwd: directory.path,
			encoding: 'utf8',
		});
		expect(status, stderr).toBe(0);
		for (const [, call = '', comment = ''] of String(code).matchAll(/^\s*console\.log\((.*)\); \/\/ (.*)$/gm)) {
			if (!call.includes('stats')) expect(stdout).toContain(comment);
		}
	});

	it('names every function and error code that there is', () => {
		for (const name of Object.keys(library)) expect(readme).toContain(name);
		const codes = readFileSync('lib/errors.ts', 'utf8').match(/ERR_[A-Z_]+/g) ?? [];
		for (const code of codes) expect(readme).toContain(code);
	});
});
