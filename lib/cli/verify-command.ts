/** `durable-json verify <file>` */
import { beginsAsJournal } from '../commit/condition.ts';
import { nodeFileSystem } from '../platform/node-file-system.ts';
import { type Verified, verifyFile } from '../verify.ts';
import { type Command, EXIT } from './command.ts';
import { toFile } from './command-line.ts';

export const verifyCommand: Command = {
	usage: 'verify <file>',
	summary: 'says whether a file of any size is JSON, and where it first is not',
	options: {
		lines: { type: 'boolean', help: 'JSON Lines (default for .jsonl and .ndjson)' },
		json: { type: 'boolean', help: 'print the result as JSON' },
	},
	async run(argument, options, terminal) {
		const verified = await verifyFile(toFile(argument), {
			...(options.lines === true && { format: 'lines' }),
			onProgress: (readBytes, sizeBytes) =>
				terminal.progress(`${Math.floor((100 * readBytes) / Math.max(readBytes, sizeBytes))} %`),
		});
		terminal.progress('');
		terminal.print(options.json ? JSON.stringify(toResult(verified), undefined, 2) : describe(verified));
		if (await beginsAsJournal(nodeFileSystem, verified.path)) {
			terminal.complain("durable-json: it is a journal: 'durable-json journal verify' says whether it is whole");
		}
		return verified.condition === 'good' ? EXIT.ok : EXIT.bad;
	},
};

function toResult({ path, format, condition, problem, stat }: Verified): object {
	return { path, format, condition, bytes: stat.sizeBytes, ...problem };
}

function describe({ path, format, condition, problem, stat }: Verified): string {
	if (problem === undefined)
		return `${path}: good: ${stat.sizeBytes} bytes of ${format === 'json' ? 'JSON' : 'JSON Lines'}`;
	// As compilers do, so that editors and terminals can jump there.
	return `${path}:${problem.line}:${problem.column}: ${condition}: ${problem.message}`;
}
