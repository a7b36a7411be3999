// `node bench/start.js <benchmark> [options]`: installs the peers, builds, runs. Plain JavaScript, because it must run
// before anything is built.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const root = join(here, '..');
const [name = '', ...options] = process.argv.slice(2);

const benchmarks = readdirSync(here).filter((folder) => existsSync(join(here, folder, 'main.ts')));
if (!benchmarks.includes(name)) {
	console.error(`usage: node bench/start.js <${benchmarks.join(' | ')}> [options]`);
	process.exit(2);
}

const { npm_execpath: script } = process.env;
const npm = script ? [process.execPath, script] : ['npm'];
if (isStale(root)) run('installing', root, ...npm, 'ci', '--no-audit', '--no-fund', '--loglevel=error');
if (isStale(here)) run('installing the peers', here, ...npm, 'ci', '--no-audit', '--no-fund', '--loglevel=error');
run('building', root, ...npm, 'run', '--silent', 'build');
run('building the benchmarks', root, process.execPath, 'node_modules/typescript/bin/tsc', '-p', 'bench');

process.argv.splice(1, 2, join(here, 'dist', name, 'main.js'));
process.argv.splice(2, Number.POSITIVE_INFINITY, ...options);
await import(`./dist/${name}/main.js`);

/** Does node_modules lag behind the lock file? */
function isStale(directory) {
	const modifiedMs = (file) => statSync(join(directory, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
	return modifiedMs('node_modules/.package-lock.json') < modifiedMs('package-lock.json');
}

function run(what, cwd, command, ...args) {
	console.error(`${what} ...`);
	const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
	if (status === 0) return;
	console.error(`${what} failed`, error ?? '');
	process.exit(1);
}
