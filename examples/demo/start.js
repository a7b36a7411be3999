// `npm run demo`: installs what is missing, builds, runs. Plain JavaScript, because it must run before anything is built.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

if (isStale()) run('installing', ...npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'));
run('building', ...npm('run', '--silent', 'build'));
run('building the demo', process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', import.meta.dirname);

const { main } = await import('./dist/main.js');
await main();

/** Does node_modules lag behind the lock file? */
function isStale() {
	const installedMs = modifiedMs(join(root, 'node_modules/.package-lock.json'));
	return installedMs === undefined || installedMs < (modifiedMs(join(root, 'package-lock.json')) ?? 0);
}

function modifiedMs(path) {
	return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** The command line of the npm that runs this script, or of the one in PATH. */
function npm(...args) {
	const { npm_execpath: script } = process.env;
	return script ? [process.execPath, script, ...args] : ['npm', ...args];
}

function run(what, command, ...args) {
	console.error(`${what} ...`);
	const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
	if (status !== 0) {
		console.error(`${what} failed`, error ?? '');
		process.exit(1);
	}
}
