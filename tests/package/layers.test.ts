/** The layer rules bite: a tree that breaks each of them once is reported rule by rule. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

/** rule → [the file that breaks it, what it says]. Files that are imported below are made as empty modules. */
const breaches: Record<string, [file: string, source: string]> = {
	'platform-imports-downwards': ['platform/a.ts', "import '../commit/leaf.ts';"],
	'commit-imports-downwards': ['commit/a.ts', "import '../lock/leaf.ts';"],
	'lock-imports-downwards': ['lock/a.ts', "import '../schedule/leaf.ts';"],
	'recovery-imports-downwards': ['recovery/a.ts', "import '../schedule/leaf.ts';"],
	'schedule-imports-downwards': ['schedule/a.ts', "import '../writer.ts';"],
	'journal-imports-downwards': ['journal/a.ts', "import '../writer.ts';"],
	'ports-imports-downwards': ['ports/a.ts', "import '../json/leaf.ts';"],
	'json-imports-downwards': ['json/a.ts', "import '../commit/leaf.ts';"],
	'ports-are-interfaces': ['ports/b.ts', "import '../errors.ts';"],
	'json-is-pure': ['json/b.ts', "import '../ports/leaf.ts';"],
	'platform-by-injection': ['commit/b.ts', "import '../platform/leaf.ts';"],
	'testing-stands-alone': ['testing/a.ts', "import '../types.ts';"],
	'testing-is-not-shipped-code': ['commit/c.ts', "import '../testing/leaf.ts';"],
	'shared-files-are-leaves': ['options.ts', "import './commit/leaf.ts';"],
	'cli-is-on-top': ['commit/k.ts', "import '../cli/main.ts';"],
	'index-is-a-facade': ['writer.ts', "import './index.ts';"],
	'file-system-in-platform-only': ['commit/d.ts', "import { Stats } from 'node:fs';\nexport type A = Stats;"],
	'testing-touches-no-disk': ['testing/b.ts', "import 'node:fs';"],
	'p-queue-in-schedule-only': ['commit/e.ts', "import 'p-queue';"],
	'async-mutex-in-lock-only': ['schedule/b.ts', "import { Mutex } from 'async-mutex';\nexport type B = Mutex;"],
	'lib-stands-alone': ['commit/f.ts', "import '../../tests/leaf.ts';"],
	'examples-as-a-user-would': ['../examples/a.ts', "import '../lib/writer.ts';"],
	'shipped-dependencies-only': ['commit/g.ts', "import 'fast-check';"],
	'no-cycles': ['commit/h.ts', "import './i.ts';"],
	'no-unresolved': ['commit/j.ts', "import './missing.ts';"],
	'no-orphans': ['commit/orphan.ts', 'export const unused = 1;'],
	'no-orphans-in-testing': ['testing/orphan.ts', 'export const unused = 1;'],
};

/** All of it is allowed. */
const sound: Record<string, string> = {
	'errors.ts': 'export const errors = 1;',
	'types.ts': "import './ports/leaf.ts';\nimport './errors.ts';",
	'ports/leaf.ts': 'export const port = 1;',
	'platform/leaf.ts': "import 'node:fs';\nimport 'fs-extra';\nimport '../ports/leaf.ts';\nimport '../errors.ts';",
	'json/leaf.ts': "import '../errors.ts';",
	'commit/leaf.ts': "import '../json/leaf.ts';\nimport '../ports/leaf.ts';\nimport '../types.ts';",
	'lock/leaf.ts': "import 'async-mutex';\nimport '../commit/leaf.ts';",
	'recovery/leaf.ts': "import '../lock/leaf.ts';",
	'cli/main.ts': "import '../read.ts';",
	'schedule/leaf.ts': "import 'p-queue';\nimport '../lock/leaf.ts';",
	'read.ts': "import './platform/leaf.ts';\nimport './recovery/leaf.ts';\nimport './schedule/leaf.ts';",
	'testing/leaf.ts':
		"import type { Stats } from 'node:fs';\nimport '../ports/leaf.ts';\nimport '../errors.ts';\nexport type A = Stats;",
	'testing/index.ts': "import './leaf.ts';",
	'commit/i.ts': "import './h.ts';",
};

interface Violation {
	readonly from: string;
	readonly rule: { readonly name: string };
}

let folder: string;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'durable-json-layers-'));
	for (const name of ['.dependency-cruiser.cjs', 'package.json', 'tsconfig.json']) {
		await cp(join(root, name), join(folder, name));
	}
	await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
	await writeTree({
		...sound,
		'index.ts': imports('read.ts'),
		'../tests/leaf.ts': "import '../lib/testing/leaf.ts';",
		'../examples/ok.ts': '',
	});
});

afterAll(async () => {
	await rm(folder, { recursive: true, force: true });
});

test('a tree that keeps the layers passes', async () => {
	await writeTree({ 'commit/i.ts': '', 'index.ts': imports('read.ts', 'commit/i.ts') });
	expect(await violations()).toEqual([]);
});

test('each rule reports the file that breaks it', async () => {
	const files = Object.fromEntries(Object.values(breaches));
	const inLib = Object.keys(files).filter((file) => !file.startsWith('..') && !file.includes('orphan'));
	await writeTree({ ...sound, ...files, 'index.ts': imports('read.ts', ...inLib) });
	const found = (await violations()).map(({ rule, from }) => `${rule.name}: ${from}`);

	for (const [rule, [file]] of Object.entries(breaches)) {
		expect(found).toContain(`${rule}: ${join('lib', file)}`);
	}
});

test('no rule of the configuration is left unbroken', async () => {
	const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'));
	const names = forbidden.map((rule: { name: string }) => rule.name);
	expect(names.sort()).toEqual(Object.keys(breaches).sort());
});

function imports(...files: string[]): string {
	return files.map((file) => `import './${file}';`).join('\n');
}

async function writeTree(files: Record<string, string>): Promise<void> {
	for (const [file, source] of Object.entries(files)) {
		const target = join(folder, 'lib', file);
		await mkdir(dirname(target), { recursive: true });
		await writeFile(target, source);
	}
}

async function violations(): Promise<Violation[]> {
	const bin = join(root, 'node_modules/dependency-cruiser');
	const { bin: bins } = JSON.parse(await readFile(join(bin, 'package.json'), 'utf8'));
	const args = [join(bin, bins.depcruise), '--output-type', 'json', 'lib', 'tests', 'examples'];
	// It exits with the number of errors, so the exit code is no sign of trouble here; unreadable output is.
	const output = await new Promise<string>((resolve) => {
		execFile(process.execPath, args, { cwd: folder, maxBuffer: 2 ** 26 }, (_error, stdout) => resolve(stdout));
	});
	return JSON.parse(output).summary.violations;
}
