// `npm run test:windows [-- --node 22 writer recovery]`: the library on Windows. Elsewhere it runs on a node.exe under
// Wine; on Windows, on the Node that runs this. `--run FILE ARGUMENTS` runs a script there instead of the tests.
// Plain JavaScript, because it must run before anything is built.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CannotRun, prepareNode, windowsPath } from './wine.js';

const here = import.meta.dirname;
const root = resolve(here, '../..');
const { values, positionals } = parseArgs({
	options: { node: { type: 'string', multiple: true, default: ['20', '22'] }, run: { type: 'string' } },
	strict: false,
	allowPositionals: true,
});
const command = values.run === undefined ? testCommand() : scriptCommand();

if (process.platform === 'win32') {
	process.exitCode = spawnSync(process.execPath, command, { stdio: 'inherit' }).status ?? 1;
} else {
	for (const major of values.node) process.exitCode = (await runUnderWine(major)) || process.exitCode;
}

/** The arguments of node.exe for the tests whose names begin with what was asked for. */
function testCommand() {
	build('lib', 'tsconfig.build.json', 'dist');
	build('the tests', 'tests/windows/tsconfig.json', 'tests/windows/dist');
	const tests = readdirSync(join(here, 'dist'))
		.filter((name) => name.endsWith('.test.js'))
		.filter((name) => positionals.length === 0 || positionals.some((wanted) => name.startsWith(wanted)));
	if (tests.length === 0) throw new Error(`no test begins with ${positionals.join(' or ')}`);
	return ['--test', '--test-concurrency=1', '--test-reporter=spec', ...tests.map((name) => join(here, 'dist', name))];
}

/** And for a script that was asked for, with the arguments that come after it. */
function scriptCommand() {
	return process.argv.slice(process.argv.indexOf('--run') + 1);
}

async function runUnderWine(major) {
	try {
		const node = prepareNode(major);
		console.log(`node.exe ${major} under Wine`);
		return await node(command.map((word) => (isAbsolute(word) ? windowsPath(word) : word)));
	} catch (error) {
		if (!(error instanceof CannotRun)) throw error;
		console.error(`The tests for Windows cannot be run here: ${error.message}`);
		process.exit(2);
	}
}

function build(what, project, output) {
	console.error(`building ${what} ...`);
	rmSync(join(root, output), { recursive: true, force: true });
	const compiler = join(root, 'node_modules/typescript/bin/tsc');
	const { status } = spawnSync(process.execPath, [compiler, '-p', join(root, project)], { stdio: ['ignore', 2, 2] });
	if (status !== 0) process.exit(1);
}
