/** What stands on a command line, and what is said where it is not understood. */
import { parseArgs } from 'node:util';
import { codeOf, messageOf } from '../errors.ts';
import type { Command, OptionValues } from './command.ts';

export class UsageError extends Error {}

const HELP = { help: { type: 'boolean', short: 'h' } } as const;

/** @returns the path, and the options. Throws a {@link UsageError}. */
export function parse(command: Command, name: string, args: readonly string[]): [string, OptionValues] {
	const config = { args: [...args], options: { ...command.options, ...HELP }, allowPositionals: true } as const;
	try {
		const { values, positionals } = parseArgs(config);
		const [argument = '', ...more] = positionals;
		if (values.help !== true && (argument === '' || more.length > 0)) {
			const found = positionals.length === 0 ? 'there is none' : `there are ${positionals.length}`;
			throw new UsageError(argument === '' && more.length === 0 ? 'a path is needed' : `one path is needed: ${found}`);
		}
		return [argument, values as OptionValues];
	} catch (error) {
		const isOurs = error instanceof UsageError || codeOf(error)?.startsWith('ERR_PARSE_ARGS') === true;
		if (!isOurs) throw error;
		const unknown = codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? describeUnknown(config) : undefined;
		const message = unknown ?? messageOf(error);
		throw new UsageError(`${name}: ${message}\nUsage: durable-json ${command.usage}; see durable-json ${name} --help`);
	}
}

/** Names the first option that there is not, and the one that may be meant. */
function describeUnknown(config: Parameters<typeof parseArgs>[0] & { options: object }): string | undefined {
	const { tokens } = parseArgs({ ...config, strict: false, tokens: true });
	const unknown = tokens.find((token) => token.kind === 'option' && !Object.hasOwn(config.options, token.name));
	if (unknown?.kind !== 'option') return undefined;
	const meant = unknown.rawName.startsWith('--') ? nearest(unknown.name, Object.keys(config.options)) : undefined;
	return `there is no option ${unknown.rawName}${meant === undefined ? '' : `; is --${meant} meant?`}`;
}

/** The word that is the most like what was typed; undefined where none is near. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
	const [best] = words
		.map((word) => ({ word, distance: distanceOf(typed, word) }))
		.filter(({ word, distance }) => distance <= Math.ceil(word.length / 3))
		.sort((a, b) => a.distance - b.distance);
	return best?.word;
}

/** How many characters are to be added, taken away or changed to make one word the other (Levenshtein). */
function distanceOf(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (const [i, character] of Array.from(a).entries()) {
		const next = [i + 1];
		for (let j = 0; j < b.length; j++) {
			const changed = (row[j] ?? 0) + (character === b[j] ? 0 : 1);
			next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}
