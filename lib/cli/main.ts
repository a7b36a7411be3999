#!/usr/bin/env node
/**
 * The command line. Results go to stdout, complaints and progress to stderr, progress only where that is a terminal. Exit
 * codes: {@link EXIT}.
 */
import { codeOf, escapeControls, messageOf } from '../errors.ts';
import { readJson } from '../read.ts';
import { type Command, EXIT, type ExitCode, type Terminal } from './command.ts';
import { parse, UsageError } from './command-line.ts';
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
			process.stdout.write(`${printable(line)}\n`);
		},
		complain(line) {
			clear();
			process.stderr.write(`${printable(line)}\n`);
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

/** File names may hold anything. In JSON an escaped character means what it meant before. */
function printable(text: string): string {
	return text.split('\n').map(escapeControls).join('\n');
}

const EXIT_CODES = `\
Exit codes: 0 all that was read is whole, or is again (of a directory, recover does not read documents that stand alone and
are not empty); 1 a document is bad or lost, a journal is damaged; 2 the command line is not understood; 3 something could not
be looked at or changed, there is nothing at the path or a directory where a file is needed, the result could not be written,
or entries that were asked for are not in the journal any more.`;

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
	const [first = ''] = args;
	if (['--version', '-v'].includes(first)) {
		terminal.print(await version());
		return EXIT.ok;
	}
	// `help recover` is `recover --help`.
	const isHelp = ['--help', '-h', 'help'].includes(first);
	const words = isHelp ? args.slice(1) : args;
	const name = [words.slice(0, 2).join(' '), words[0] ?? ''].find((known) => Object.hasOwn(commands, known));
	const command = name === undefined ? undefined : commands[name];
	if (name === undefined || command === undefined) return explain(words, isHelp, terminal);
	try {
		const rest = isHelp ? ['--help'] : words.slice(name.split(' ').length);
		const [argument, options] = parse(command, name, rest);
		if (options.help === true) {
			terminal.print(usage([command]));
			return EXIT.ok;
		}
		return await command.run(argument, options, terminal);
	} catch (error) {
		terminal.complain(`durable-json: ${messageOf(error)}`);
		const misunderstood = error instanceof UsageError || codeOf(error) === 'ERR_INVALID_ARGUMENT';
		return misunderstood ? EXIT.usage : EXIT.failed;
	}
}

/** What is said where no command is named: the usage of those that begin so, or that there is none. */
function explain(words: readonly string[], isHelp: boolean, terminal: Terminal): ExitCode {
	const [first = '', second = ''] = words;
	const known = Object.keys(commands);
	if (first.startsWith('-')) {
		// 'journal verify' rather than 'verify'.
		const command = known.findLast((name) => ` ${words.join(' ')} `.includes(` ${name} `)) ?? '<command>';
		terminal.complain(
			`durable-json: options come after the command: durable-json ${command} ${first} ...; see durable-json --help`,
		);
		return EXIT.usage;
	}
	const group = first === '' ? known : known.filter((name) => name.startsWith(`${first} `));
	const asked = isHelp || ['--help', '-h'].includes(second);
	const unfinished = second === '' || second.startsWith('-');
	if (group.length > 0 && unfinished) {
		const text = usage(group.flatMap((name) => commands[name] ?? []));
		if (asked) terminal.print(text);
		else terminal.complain(text);
		return asked ? EXIT.ok : EXIT.usage;
	}
	const typed = group.length > 0 ? `${first} ${second}` : first;
	terminal.complain(
		`durable-json: there is no command '${typed}': there are ${known.join(', ')}; see durable-json --help`,
	);
	return EXIT.usage;
}

process.stdout.on('error', (error) => {
	// Who reads the output may stop before its end, as `head` does: what was asked for is done all the same.
	if (codeOf(error) === 'EPIPE') return;
	process.stderr.write(`durable-json: the result could not be written: ${messageOf(error)}\n`);
	process.exitCode = EXIT.failed;
});
// Nobody is left to be told: the exit code says that something was wrong.
process.stderr.on('error', () => undefined);

const code = await main(process.argv.slice(2), openTerminal());
process.exitCode ??= code;
