/** What stands on a command line, and what is said where it is not understood. */
import { parseArgs } from 'node:util';
import { codeOf, messageOf } from '../errors.ts';
import { namesDirectory, toAbsolutePath } from '../options.ts';
import type { Command, OptionValues } from './command.ts';

export class UsageError extends Error {}

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/** @returns the path, and the options. Throws a {@link UsageError}. */
export function parse(command: Command, name: string, args: readonly string[]): [string, OptionValues] {
	const config = { args: [...args], options: { ...command.options, ...HELP }, allowPositionals: true } as const;
	try {
		const { values, positionals } = parseArgs(config);
		const repeated = findRepeated(config);
		if (repeated !== undefined) throw new UsageError(`--${repeated} is given more than once`);
		const [argument = '', ...more] = positionals;
		if (values.help !== true && (argument === '' || more.length > 0)) {
			const found = positionals.length === 0 ? 'there is none' : `there are ${positionals.length}`;
			throw new UsageError(argument === '' && more.length === 0 ? 'a path is needed' : `one path is needed: ${found}`);
		}
		if (/^file:\/\//i.test(argument)) throw new UsageError(`a path is needed, not a URL: ${argument}`);
		return [argument, values as OptionValues];
	} catch (error) {
		const isOurs = error instanceof UsageError || codeOf(error)?.startsWith('ERR_PARSE_ARGS') === true;
		if (!isOurs) throw error;
		const unknown = codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? describeUnknown(config) : undefined;
		const message = unknown ?? messageOf(error);
		throw new UsageError(`${name}: ${message}\nUsage: durable-json ${command.usage}; see durable-json ${name} --help`);
	}
}

/** An option whose value is given twice: only one of them would count. */
function findRepeated(config: Parameters<typeof parseArgs>[0]): string | undefined {
	const { tokens } = parseArgs({ ...config, tokens: true });
	const names = tokens.flatMap((token) => (token.kind === 'option' && token.value !== undefined ? [token.name] : []));
	return names.find((name, index) => names.indexOf(name) < index);
}

/** Names the first option that there is not, and those that there are. */
function describeUnknown(config: Parameters<typeof parseArgs>[0] & { options: object }): string | undefined {
	const { tokens } = parseArgs({ ...config, strict: false, tokens: true });
	const unknown = tokens.find((token) => token.kind === 'option' && !Object.hasOwn(config.options, token.name));
	if (unknown?.kind !== 'option') return undefined;
	const known = Object.keys(config.options).map((name) => `--${name}`);
	return `there is no option ${unknown.rawName}: there are ${known.join(', ')}`;
}

/** The absolute path of what is to be a file: also where it is spelt as a directory, the command line is understood. */
export function toFile(argument: string): string {
	if (namesDirectory(argument)) throw new Error(`reading ${argument} failed: that is the path of a directory`);
	return toAbsolutePath(argument);
}
