/** The packed tarball works from an empty folder: by import, by require(), and for the compiler. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

let folder: string;
let packedFiles: string[];

beforeAll(async () => {
	if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist/ is missing: run `npm run build` first');
	folder = await mkdtemp(join(tmpdir(), 'durable-json-package-'));
	await mkdir(join(folder, 'node_modules'));
	await unpack(await pack());
	// The declared dependencies and nothing else, taken from here so that no registry is asked.
	const { dependencies, optionalDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
	for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), '@types/node']) {
		if (existsSync(join(root, 'node_modules', name))) await link(name);
	}
});

afterAll(async () => {
	await rm(folder, { recursive: true, force: true });
});

test('the tarball holds the code, its sources and the texts, and nothing else', () => {
	expect(packedFiles).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'README.md', 'dist/index.d.ts']));
	const texts = /^(package\.json|LICENSE|(README|CHANGELOG|CONTRIBUTING|docs\/\w+|docs\/formats\/.+)\.md)$/;
	const report = /^docs\/benchmarks\/(report\.html|results\.json|[\w-]+\.svg)$/;
	const code = /^(dist\/.+\.(js|d\.ts)(\.map)?|lib\/.+\.ts)$/;
	expect(packedFiles.filter((file) => ![texts, report, code].some((kind) => kind.test(file)))).toEqual([]);
});

test('import works', async () => {
	const output = await node(
		'consumer.mjs',
		`import { writeJson, readJson } from 'durable-json';
		const receipt = await writeJson('imported.json', { answer: 42 });
		console.log(JSON.stringify([receipt.bytes, await readJson('imported.json')]));`,
	);
	expect(JSON.parse(output)).toEqual([14, { answer: 42 }]);
});

test('require() works', async () => {
	const output = await node(
		'consumer.cjs',
		`const { writeJson, readJson } = require('durable-json');
		writeJson('required.json', [1]).then(() => readJson('required.json')).then((value) => console.log(JSON.stringify(value)));`,
	);
	expect(JSON.parse(output)).toEqual([1]);
});

test('import and require() give the same module', async () => {
	const output = await node(
		'both.mjs',
		`import { createRequire } from 'node:module';
		import { defaultWriter } from 'durable-json';
		console.log(createRequire(import.meta.url)('durable-json').defaultWriter === defaultWriter);`,
	);
	expect(output.trim()).toBe('true');
});

test('durable-json/testing works, by import and by require()', async () => {
	const program = `await exploreCrashes(
			async ({ disk, clock, history }) => {
				const acknowledge = history.submit('/a.json', '1\\n');
				await createWriter({ fileSystem: disk, clock }).write('/a.json', 1);
				acknowledge();
			},
			({ disk, history }) => history.check(disk),
		)`;
	const imported = await node(
		'testing.mjs',
		`import { createWriter } from 'durable-json';
		import { exploreCrashes } from 'durable-json/testing';
		console.log((${program}).states);`,
	);
	const required = await node(
		'testing.cjs',
		`const { createWriter } = require('durable-json');
		const { exploreCrashes } = require('durable-json/testing');
		(async () => console.log((${program}).states))();`,
	);
	expect(Number(imported)).toBeGreaterThan(5);
	expect(required).toBe(imported);
});

test('a CommonJS bundle, whose import.meta is empty, finds the kernel locks beside it', async () => {
	await writeFile(join(folder, 'entry.mjs'), "export { withLock } from 'durable-json';");
	// What esbuild makes of it; rolldown alone would put the bundle's own address in its place.
	const transform = { define: { 'import.meta.url': 'undefined' } };
	const output = { file: 'bundle.cjs', format: 'cjs', codeSplitting: false };
	const config = { input: 'entry.mjs', platform: 'node', transform, output, logLevel: 'silent' };
	await writeFile(join(folder, 'rolldown.config.mjs'), `export default ${JSON.stringify(config)};`);
	await run(process.execPath, [join(root, 'node_modules/rolldown/bin/cli.mjs'), '-c'], { cwd: folder });
	const printed = await node(
		'bundled.cjs',
		`const { withLock } = require('./bundle.cjs');
		withLock('bundled.json', () => 'locked').then(console.log);`,
	);
	expect(printed.trim()).toBe('locked');
});

const typedConsumer = `
import {
	createWriter,
	DurableJsonError,
	type JsonWriter,
	openPendingFile,
	readJson,
	readJsonLines,
	writeJson,
	writeJsonLines,
	type WriteReceipt,
} from 'durable-json';
import { type Exploration, exploreCrashes, type FsPromises, SimulatedDisk } from 'durable-json/testing';

export async function save(fs: Pick<typeof import('node:fs/promises'), 'writeFile' | 'rename'>): Promise<void> {
	await fs.writeFile('/a.tmp', 'text', { flush: true });
	await fs.rename('/a.tmp', '/a');
}

export async function explore(disk: SimulatedDisk): Promise<number> {
	const result: Exploration = await exploreCrashes(
		({ fs }: { fs: FsPromises }) => save(fs),
		({ history }) => history.check(disk),
		{ schedules: 2, disk: { semantics: 'win32' } },
	);
	await createWriter({ fileSystem: disk }).write('/a.json', 1);
	return result.states;
}

interface Settings {
	readonly theme: string;
}

export async function consume(signal: AbortSignal | undefined): Promise<number> {
	const receipt: WriteReceipt = await writeJson('a.json', { theme: 'dark' }, { durability: 'full' });
	await writeJsonLines(new URL('file:///tmp/a.jsonl'), new Set([1, 2]), { onProgress: ({ bytes }) => bytes });
	await writeJson('a.json', () => 1, { signal });
	const settings = await readJson<Settings>('a.json');
	for await (const row of readJsonLines<{ id: number }>('a.jsonl')) if (row.id > receipt.bytes) return row.id;
	const writer: JsonWriter = createWriter({ concurrency: 2 });
	writer.schedule('a.json', settings.theme);
	const stats = writer.stats();
	await writer.close();
	const pending = await openPendingFile('b.bin');
	await pending.write(new Uint8Array(1));
	await pending.discard();
	try {
		await pending.commit();
	} catch (error) {
		if (error instanceof DurableJsonError && error.code === 'ERR_CLOSED') return error.message.length;
	}
	return stats.commits;
}

// @ts-expect-error an unknown durability is refused
export const refused = writeJson('a.json', 1, { durability: 'most' });
`;

test.each([
	['an ES module', 'typed.mts', 'nodenext'],
	['a CommonJS module', 'typed.cts', 'nodenext'],
	['a bundled module', 'typed.ts', 'bundler'],
])('the types serve %s under strict and exactOptionalPropertyTypes', async (_kind, file, resolution) => {
	await writeFile(join(folder, file), typedConsumer);
	const compilerOptions = {
		strict: true,
		exactOptionalPropertyTypes: true,
		skipLibCheck: false,
		noEmit: true,
		target: 'es2023',
		lib: ['es2023', 'esnext.disposable'],
		types: ['node'],
		module: resolution === 'bundler' ? 'esnext' : 'nodenext',
		moduleResolution: resolution,
	};
	const project = join(folder, `tsconfig.${file}.json`);
	await writeFile(project, JSON.stringify({ compilerOptions, files: [file] }));
	const tsc = join(root, 'node_modules/typescript/bin/tsc');
	const { stdout } = await run(process.execPath, [tsc, '-p', project], { cwd: folder }).catch((error) => error);
	expect(stdout).toBe('');
});

/** @returns the tarball's path */
async function pack(): Promise<string> {
	const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
	const { stdout } = await npm(args);
	const [{ filename, files }] = JSON.parse(stdout);
	packedFiles = files.map((file: { path: string }) => file.path);
	return join(folder, filename);
}

async function unpack(tarball: string): Promise<void> {
	await run('tar', ['-xzf', tarball, '-C', folder]);
	await rename(join(folder, 'package'), join(folder, 'node_modules/durable-json'));
}

async function link(name: string): Promise<void> {
	const target = join(folder, 'node_modules', name);
	await mkdir(dirname(target), { recursive: true });
	await symlink(join(root, 'node_modules', name), target, 'junction');
}

function npm(args: string[]): Promise<{ stdout: string }> {
	const script = process.env['npm_execpath'];
	return script ? run(process.execPath, [script, ...args], { cwd: root }) : run('npm', args, { cwd: root });
}

async function node(file: string, source: string): Promise<string> {
	await writeFile(join(folder, file), source);
	const { stdout } = await run(process.execPath, [file], { cwd: folder });
	return stdout;
}
