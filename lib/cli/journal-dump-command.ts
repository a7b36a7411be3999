/** `durable-json journal dump <file>` */
import { argumentOutOfRange, DurableJsonError } from '../errors.ts';
import { surveyJournal } from '../journal/survey.ts';
import { nodeFileSystem } from '../platform/node-file-system.ts';
import { type Command, EXIT } from './command.ts';
import { toFile } from './command-line.ts';

export const journalDumpCommand: Command = {
	usage: 'journal dump <file>',
	summary: 'prints the entries of a journal, a line of JSON each, as far as they are whole',
	options: {
		from: { type: 'string', value: 'sequence', help: 'the entry to begin with' },
		state: { type: 'boolean', help: 'print the state that they are applied to, in a line before them' },
	},
	async run(argument, options, terminal) {
		const from = typeof options.from === 'string' ? toSequence(options.from) : undefined;
		let missing = false;
		try {
			await surveyJournal(nodeFileSystem, toFile(argument), {
				onState: async (state, sequence) => {
					if (options.state) terminal.print(JSON.stringify({ state }));
					missing = from !== undefined && from <= sequence;
					if (!missing) return;
					const which = from === sequence ? `entry ${from} is` : `entries ${from} to ${sequence} are`;
					terminal.complain(`durable-json: ${which} part of the state by now, and not in the file any more`);
				},
				onEntries: async (first, entries) => {
					for (const [index, entry] of entries.entries()) {
						if (first + index >= (from ?? 1)) terminal.print(JSON.stringify({ seq: first + index, entry }));
					}
					await terminal.drained();
				},
			});
			return missing ? EXIT.failed : EXIT.ok;
		} catch (error) {
			if (!(error instanceof DurableJsonError) || error.code !== 'ERR_CORRUPT') throw error;
			terminal.complain(error.message);
			return EXIT.bad;
		}
	},
};

function toSequence(text: string): number {
	const sequence = Number(text);
	if (text.trim() === '' || !Number.isSafeInteger(sequence) || sequence < 1) {
		throw argumentOutOfRange('--from', 'a sequence, from 1', text);
	}
	return sequence;
}
