#!/usr/bin/env node
/**
 * The command line. Results go to stdout, complaints and progress to stderr, progress only where that is a terminal. Exit
 * codes: {@link EXIT}.
 */
import { parseArgs } from 'node:util';
import { codeOf, messageOf } from '../errors.ts';
import { readJson } from '../read.ts';
import { type Command, EXIT, type ExitCode, type OptionValues, type Terminal } from './command.ts';
import { journalDumpCommand } from './journal-dump-command.ts';
import { journalVerifyCommand } from './journal-verify-command.ts';
import { recoverCommand } from './recover-command.ts';
import { verifyCommand } from './verify-command.ts';

/** By name, of one word or two. */
const commands: Readonly<Record<string, Command>> = {
	recover: recoverCommand,
	verify: verifyCommand,
	'journal verify': journalVerifyCommand,
	'journal dump': journalDumpCommand,
};

/** The last line is rewritten no more often than it can be read. */
const PROGRESS_INTERVAL_MS = 100;

function openTerminal(): Terminal {
	let shown = false;
	let lastMs = 0;
	const clear = (): void => {
		if (shown) process.stderr.write('\r\x1b[K');
		shown = false;
	};
	return {
		print(line) {
			clear();
			process.stdout.write(`${line}\n`);
		},
		complain(line) {
			clear();
			process.stderr.write(`${line}\n`);
		},
		async drained() {
			const { stdout } = process;
			if (!stdout.writableNeedDrain || stdout.destroyed) return;
			await new Promise<void>((resolve) => {
				const done = (): void => {
					stdout.off('drain', done).off('close', done);
					resolve();
				};
				// It closes where who reads it stops before the end.
				stdout.on('drain', done).on('close', done);
			});
		},
		progress(line) {
			const nowMs = performance.now();
			if (line === '') clear();
			if (line === '' || !process.stderr.isTTY || nowMs - lastMs < PROGRESS_INTERVAL_MS) return;
			lastMs = nowMs;
			process.stderr.write(`\r\x1b[K${line}`);
			shown = true;
		},
	};
}

const EXIT_CODES = `\
Exit codes: 0 all that was read is whole, or is again (of a directory, recover does not read documents that stand alone and
are not empty); 1 a document is bad or lost; 2 the command line is not understood; 3 something could not be looked at or changed, or
there is nothing at the path.`;

/** @param asked all of them, or the one that help is asked for */
function usage(asked = Object.values(commands)): string {
	const lines = ['Usage: durable-json <command> [options]', '       durable-json --help | --version', ''];
	for (const command of asked) {
		lines.push(`  durable-json ${command.usage}`, `      ${command.summary}`);
		for (const [name, option] of Object.entries(command.options)) {
			const short = option.short === undefined ? '' : `-${option.short}, `;
			const value = option.type === 'string' ? ` <${option.value}>` : '';
			lines.push(`      ${`${short}--${name}${value}`.padEnd(30)} ${option.help}`);
		}
		lines.push('');
	}
	return [...lines, EXIT_CODES].join('\n');
}

async function version(): Promise<string> {
	const manifest = await readJson<{ version: string }>(new URL('../../package.json', import.meta.url));
	return manifest.version;
}

async function main(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
	const words = Object.hasOwn(commands, args.slice(0, 2).join(' ')) ? 2 : 1;
	const name = args.slice(0, words).join(' ');
	const rest = args.slice(words);
	if (['--help', '-h', 'help'].includes(name)) {
		terminal.print(usage());
		return EXIT.ok;
	}
	if (['--version', '-v'].includes(name)) {
		terminal.print(await version());
		return EXIT.ok;
	}
	const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
	if (command === undefined) {
		const known = Object.keys(commands).join(', ');
		terminal.complain(name === '' ? usage() : `durable-json: there is no command '${name}': ${known}; try --help`);
		return EXIT.usage;
	}
	try {
		const [argument, options] = parse(command, rest);
		if (options.help === true) {
			terminal.print(usage([command]));
			return EXIT.ok;
		}
		return await command.run(argument, options, terminal);
	} catch (error) {
		terminal.complain(`durable-json: ${messageOf(error)}`);
		return isUsageError(error) ? EXIT.usage : EXIT.failed;
	}
}

function parse(command: Command, args: readonly string[]): [string, OptionValues] {
	const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const;
	const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
	const [argument = '', ...more] = positionals;
	if (values.help !== true && (argument === '' || more.length > 0)) {
		throw new UsageError(`one path is needed: durable-json ${command.usage}`);
	}
	return [argument, values as OptionValues];
}

class UsageError extends Error {}

/** What parseArgs throws, what the library says of arguments, and a regular expression that is none. */
function isUsageError(error: unknown): boolean {
	const code = codeOf(error) ?? '';
	return (
		error instanceof UsageError ||
		error instanceof SyntaxError ||
		code.startsWith('ERR_PARSE_ARGS') ||
		code === 'ERR_INVALID_ARGUMENT'
	);
}

// Who reads the output may stop before its end, as `head` does: what was asked for is done all the same.
process.stdout.on('error', (error) => {
	if (codeOf(error) !== 'EPIPE') throw error;
});

process.exitCode = await main(process.argv.slice(2), openTerminal());
