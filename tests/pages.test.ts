/** The README and the pages of docs/: their samples run as they stand, their links lead somewhere, their tables are complete. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile as writeRaw } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as library from '../lib/index.ts';
import { useTempDirectory } from './support/temp-directory.ts';

const directory = useTempDirectory();
const pagesIn = (folder: string): string[] =>
	readdirSync(folder)
		.filter((name) => name.endsWith('.md'))
		.map((name) => `${folder}/${name}`);
const pages = ['README.md', 'CONTRIBUTING.md', ...pagesIn('docs'), ...pagesIn('docs/formats')];
const read = (file: string): string => readFileSync(file, 'utf8');

/** Samples that name a file are those of a worked example, which has a test of its own. */
const samples = pages.flatMap((page) =>
	[...read(page).matchAll(/```js\n(?!\/\/ \S+\.m?js\n)(.*?)```/gs)].map(
		([, code = ''], i) => [page, i + 1, code] as const,
	),
);

describe('samples', () => {
	it('are in the README and beside it', () => {
		expect(samples.filter(([page]) => page === 'README.md').length).toBeGreaterThanOrEqual(5);
		expect(new Set(samples.map(([page]) => page)).size).toBeGreaterThanOrEqual(6);
	});

	it.each(samples)('of %s run as they stand: %i', async (_page, _number, code) => {
		await mkdir(directory.file('node_modules'));
		await symlink(path.resolve('.'), directory.file('node_modules', 'durable-json'));
		await writeRaw(directory.file('sample.mjs'), code);
		const { status, stderr, stdout } = spawnSync(process.execPath, ['sample.mjs'], {
			cwd: directory.path,
			encoding: 'utf8',
		});
		expect(status, stderr).toBe(0);
		for (const [, call = '', comment = ''] of code.matchAll(/^\s*console\.log\((.*)\); \/\/ (.*)$/gm)) {
			if (!call.includes('stats')) expect(stdout).toContain(comment);
		}
	});
});

describe('links', () => {
	/** As GitHub names a heading. */
	const slug = (heading: string): string =>
		heading
			.toLowerCase()
			.replaceAll(/[^\w\- ]/g, '')
			.replaceAll(' ', '-');
	const anchorsOf = (page: string): string[] =>
		[...read(page).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => slug(text));
	const { files } = JSON.parse(read('package.json')) as { files: string[] };
	const isShipped = (file: string): boolean =>
		['README.md', ...files].some(
			(shipped) => file === shipped || file.startsWith(`${shipped}/`) || `${path.dirname(file)}/*.md` === shipped,
		);

	it.each(pages)('of %s lead to what there is, and is in the package', (page) => {
		for (const [, target = ''] of read(page).matchAll(/\]\(([^)]+)\)/g)) {
			if (/^https?:/.test(target)) continue;
			const [name = '', anchor] = target.split('#');
			const file = name === '' ? page : path.join(path.dirname(page), name);
			expect(existsSync(file), `${page}: ${target}`).toBe(true);
			expect(isShipped(file), `${page}: ${target}`).toBe(true);
			if (anchor !== undefined) expect(anchorsOf(file), `${page}: ${target}`).toContain(anchor);
		}
	});

	it('lead from the README to every page', () => {
		const linked = [...read('README.md').matchAll(/\]\(([^)#]+)\)/g)].map(([, target]) => target);
		expect(linked).toEqual(expect.arrayContaining(pages.filter((page) => page !== 'README.md')));
	});
});

describe('tables', () => {
	it('of the README name every function and error code that there is', () => {
		const readme = read('README.md');
		for (const name of Object.keys(library)) expect(readme).toContain(`\`${name}`);
		for (const code of read('lib/errors.ts').match(/ERR_[A-Z_]+/g) ?? []) expect(readme).toContain(`| \`${code}\` |`);
	});

	it.each([
		['JournalOptions', 'lib/journal/types.ts', 'docs/journal.md', ''],
		['AutomaticCheckpoints', 'lib/journal/types.ts', 'docs/journal.md', 'checkpoint.'],
		['RecoverOptions', 'lib/recover.ts', 'docs/recovery.md', ''],
		['WriterOptions', 'lib/writer-types.ts', 'docs/writing.md', ''],
		['FileOptions', 'lib/types.ts', 'docs/writing.md', ''],
		['UpdateOptions', 'lib/types.ts', 'docs/writing.md', ''],
		['LockOptions', 'lib/with-lock.ts', 'docs/writing.md', ''],
		['JsonFileOptions', 'lib/json-file-types.ts', 'docs/writing.md', ''],
		['WriteLinesOptions', 'lib/types.ts', 'docs/writing.md', ''],
		['ExploreOptions', 'lib/testing/explore-crashes.ts', 'docs/testing.md', ''],
		['SimulatedDiskOptions', 'lib/testing/simulated-disk.ts', 'docs/testing.md', ''],
	])('have every option of %s', (type, file, page, prefix) => {
		const [, body = ''] = new RegExp(`interface ${type}\\b.*?{\\n(.*?)\\n}`, 's').exec(read(file)) ?? [];
		const names = [...body.matchAll(/^\treadonly (\w+)\??:/gm)].map(([, name = '']) => prefix + name);
		expect(names.length).toBeGreaterThan(1);
		const firstColumn = [...read(page).matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell).join();
		for (const name of names) expect(firstColumn).toContain(`\`${name}\``);
	});
});
