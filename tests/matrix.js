/**
 * Runs the whole suite on other versions of Node: `npm run test:matrix` on 22, 24 and 26, or on those that are named, as in
 * `npm run test:matrix -- 24 tests/writer`. `--ends` means the oldest that is supported and the newest, but for the one that is
 * running, and briefly: vitest.config.ts says what is left out.
 * The binaries come as npm packages, into node_modules/.cache.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const OLDEST = '20.19';
const VERSIONS = ['22', '24', '26'];
const [NEWEST] = VERSIONS.slice(-1);

const root = path.resolve(import.meta.dirname, '..');
const cache = path.join(root, 'node_modules/.cache');
const isVersion = /^\d+(\.\d+)*$/;

const given = process.argv.slice(2);
const ends = given.includes('--ends');
const forVitest = given.filter((argument) => argument !== '--ends' && !isVersion.test(argument));
if (ends) forVitest.push('--mode', 'brief');
const failed = versions().filter((version) => !runSuite(version));
if (failed.length > 0) console.error(`failed on Node ${failed.join(', ')}`);
process.exitCode = failed.length > 0 ? 1 : 0;

function versions() {
	if (ends) {
		const [running] = process.versions.node.split('.');
		return [OLDEST, NEWEST].filter((version) => version.split('.')[0] !== running);
	}
	const named = given.filter((argument) => isVersion.test(argument));
	return named.length > 0 ? named : VERSIONS;
}

/** @returns whether all of it passed; the results are in test-results-<version>.json */
function runSuite(version) {
	const node = binaryOf(version);
	const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
	console.log(`\nNode ${stdout.trim()}`);
	const results = path.join(cache, `test-results-${version}.json`);
	const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
	const { status } = spawnSync(node, [vitest, 'run', ...forVitest], {
		cwd: root,
		stdio: 'inherit',
		// What a test starts by name is this Node as well.
		env: { ...process.env, TEST_RESULTS: results, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` },
	});
	return status === 0;
}

function binaryOf(version) {
	const platform = process.platform === 'win32' ? 'win' : process.platform;
	const name = `node-${platform}-${process.arch}`;
	const directory = path.join(cache, 'node', version);
	const binary = path.join(directory, 'node_modules', name, process.platform === 'win32' ? 'bin/node.exe' : 'bin/node');
	if (existsSync(binary)) return binary;
	mkdirSync(directory, { recursive: true });
	writeFileSync(path.join(directory, 'package.json'), '{ "private": true }\n');
	const options = ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
	const { status } = npm([...options, `${name}@${version}`], directory);
	if (status !== 0 || !existsSync(binary)) throw new Error(`${name}@${version} cannot be installed`);
	return binary;
}

function npm(args, cwd) {
	const script = process.env.npm_execpath;
	const [command, ...first] = script === undefined ? ['npm'] : [process.execPath, script];
	return spawnSync(command, [...first, ...args], {
		cwd,
		stdio: 'inherit',
		shell: script === undefined && process.platform === 'win32',
	});
}
