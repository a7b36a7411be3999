/** `durable-json journal verify <file>` */
import { DurableJsonError } from '../errors.ts';
import { type JournalSurvey, surveyJournal } from '../journal/survey.ts';
import { nodeFileSystem } from '../platform/node-file-system.ts';
import { type Command, EXIT } from './command.ts';
import { toFile } from './command-line.ts';

export const journalVerifyCommand: Command = {
	usage: 'journal verify <file>',
	summary: 'says whether a journal is whole, and where it first is not; changes nothing',
	options: { json: { type: 'boolean', help: 'print the result as JSON' } },
	async run(argument, options, terminal) {
		const path = toFile(argument);
		try {
			const survey = await surveyJournal(nodeFileSystem, path, {
				onProgress: (readBytes, sizeBytes) =>
					terminal.progress(`${Math.floor((100 * readBytes) / Math.max(1, sizeBytes))} %`),
			});
			terminal.progress('');
			const result = { path, condition: survey.tornBytes > 0 ? 'torn' : 'good', ...survey };
			terminal.print(options.json ? JSON.stringify(result, undefined, 2) : describe(path, survey));
			return EXIT.ok;
		} catch (error) {
			if (!(error instanceof DurableJsonError) || error.code !== 'ERR_CORRUPT') throw error;
			terminal.progress('');
			const { message, offset } = error;
			terminal.print(
				options.json ? JSON.stringify({ path, condition: 'damaged', offset, message }, undefined, 2) : message,
			);
			return EXIT.bad;
		}
	},
};

function describe(path: string, { baseSequence, baseBytes, bytes, sequence, tornBytes }: JournalSurvey): string {
	const count = sequence - baseSequence;
	const entries =
		count === 0 ? 'no entries' : `entries ${baseSequence + 1} to ${sequence} (${bytes - baseBytes} bytes)`;
	const base = `a state after entry ${baseSequence} (${baseBytes} bytes)`;
	const rest = tornBytes > 0 ? `; then ${tornBytes} bytes of a write that was cut off, or is under way` : '';
	return `${path}: good: ${base}, ${entries}${rest}`;
}
