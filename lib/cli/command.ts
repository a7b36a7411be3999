/** What a command of the command line is. To add one: a file like its neighbours, and a line in main.ts. */
import type { ParseArgsConfig } from 'node:util';

/** Exit codes, the same for all commands. */
export const EXIT = {
	/** All is whole, or is again. */
	ok: 0,
	/** A document is bad or lost. */
	bad: 1,
	/** The command line is not understood. */
	usage: 2,
	/** Something could not be looked at or changed; what was asked for is not there; the result cannot be written. */
	failed: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where a command writes. */
export interface Terminal {
	/** A line of the result. */
	print(line: string): void;
	/** A line about what went wrong. */
	complain(line: string): void;
	/** Resolves when whoever reads the result has kept up. */
	drained(): Promise<void>;
	/** What stands in the last line meanwhile, where somebody watches; `''` clears it. */
	progress(line: string): void;
}

export type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** An option, with what it does and, where it has one, what its value is. */
export type CommandOption = NonNullable<ParseArgsConfig['options']>[string] & { readonly help: string } & (
		| { readonly type: 'boolean' }
		| { readonly type: 'string'; readonly value: string }
	);

export interface Command {
	/** After `durable-json`. */
	readonly usage: string;
	readonly summary: string;
	readonly options: Readonly<Record<string, CommandOption>>;
	run(argument: string, options: OptionValues, terminal: Terminal): Promise<ExitCode>;
}
