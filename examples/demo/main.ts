/** The demo: four scenes in a directory of their own, a summary, exit code 1 where a promise was broken. */
import { dump } from './dump.ts';
import { killed } from './killed.ts';
import { heading, table } from './output.ts';
import { telemetry } from './telemetry.ts';
import { isInMemory, openWorkspace } from './workspace.ts';

export async function main(): Promise<void> {
	const startedMs = performance.now();
	const directory = openWorkspace();
	console.log(`Node ${process.version} on ${process.platform}; working in ${directory}`);
	if (isInMemory(directory)) {
		console.log('This directory is in memory: syncing costs nothing here. TMPDIR=<on a disk> shows the real price.');
	}

	const outcomes = [await dump(directory), await telemetry(directory), ...(await killed(directory))];

	heading('summary');
	table([
		['scene', 'result', 'promises'],
		...outcomes.map(({ name, summary, broken }) => [name, summary, verdict(broken)]),
	]);
	console.log(`\n${((performance.now() - startedMs) / 1000).toFixed(0)} seconds in all; ${directory} is removed.`);

	const broken = outcomes.flatMap((outcome) => (outcome.broken ?? []).map((fault) => `${outcome.name}: ${fault}`));
	for (const fault of broken) console.log(`BROKEN ${fault}`);
	process.exitCode = broken.length === 0 ? 0 : 1;
}

function verdict(broken: readonly string[] | undefined): string {
	if (broken === undefined) return 'makes none';
	return broken.length === 0 ? 'kept' : 'BROKEN';
}
