/** `durable-json recover <path>` */
import path from 'node:path';
import { argumentOutOfRange, escapeControls, invalidArgument, messageOf } from '../errors.ts';
import { type RecoverOptions, recover } from '../recover.ts';
import type { CompanionAction, RecoveredDocument, RecoveredFile, RecoveryReport } from '../recovery/report.ts';
import { type Command, EXIT, type ExitCode, type OptionValues, type Terminal } from './command.ts';

export const recoverCommand: Command = {
	usage: 'recover <file or directory>',
	summary: 'restores what a crash has left bad or missing, and removes what dead writers left',
	options: {
		'dry-run': { type: 'boolean', short: 'n', help: 'change nothing, say what would be done' },
		recursive: { type: 'boolean', short: 'r', help: 'go into the directories below' },
		classic: { type: 'boolean', help: 'in a directory, too, remove <document>.tmp and .bak beside a whole document' },
		match: { type: 'string', value: 'regexp', help: 'the names of the documents to judge' },
		'unlocked-max-age': {
			type: 'string',
			value: 'seconds',
			help: 'how old a file without a lock is that counts as dead (3600)',
		},
		json: { type: 'boolean', help: 'print the report as JSON' },
	},
	async run(argument, options, terminal) {
		const report = await recover(argument, {
			...toRecoverOptions(options),
			onProgress: ({ examined, known }) => terminal.progress(`${examined} of ${known} documents`),
		});
		terminal.progress('');
		if (options.json) terminal.print(JSON.stringify(report, withMessages, 2));
		else printReport(report, terminal);
		if (isNothing(report))
			terminal.complain(`durable-json: there is nothing at ${report.path}, nor anything left of it`);
		return exitCodeOf(report);
	},
};

function toRecoverOptions(options: OptionValues): RecoverOptions {
	const { match, 'unlocked-max-age': seconds } = options;
	return {
		dryRun: options['dry-run'] === true,
		recursive: options.recursive === true,
		...(options.classic === true && { classic: true }),
		...(typeof match === 'string' && { match: toExpression(match) }),
		...(typeof seconds === 'string' && { unlockedMaxAgeMs: toMilliseconds(seconds) }),
	};
}

/** Every name matches an empty one: what stands there is a variable of the shell that is not set. */
function toExpression(text: string): RegExp {
	if (text === '') throw invalidArgument('--match', 'a regular expression, not empty', text);
	try {
		return new RegExp(text);
	} catch (error) {
		throw invalidArgument('--match', `a regular expression (${messageOf(error)})`, text);
	}
}

/** `Number` takes nothing at all for 0, by which every file without a lock would be dead. */
function toMilliseconds(text: string): number {
	const milliseconds = text.trim() === '' ? Number.NaN : Math.ceil(Number(text) * 1000);
	if (!(milliseconds >= 0 && milliseconds <= Number.MAX_SAFE_INTEGER)) {
		throw argumentOutOfRange('--unlocked-max-age', 'a number of seconds, from 0', text);
	}
	return milliseconds;
}

function exitCodeOf(report: RecoveryReport): ExitCode {
	const { documents, failures } = report;
	if (failures.length > 0 || isNothing(report)) return EXIT.failed;
	return documents.some(({ outcome }) => outcome === 'lost') ? EXIT.bad : EXIT.ok;
}

/** Was a document asked for that there is not, and nothing beside it that may have been one? Then the path is mistyped. */
function isNothing({ documents }: RecoveryReport): boolean {
	return documents.some(({ found, files }) => found === 'missing' && files.length === 0);
}

function printReport(report: RecoveryReport, terminal: Terminal): void {
	const { documents, orphans, failures, dryRun, livenessBy } = report;
	for (const document of documents) printDocument(document, report, terminal);
	for (const orphan of orphans) printFile(orphan, '', report, terminal);
	for (const { path: file, error } of failures) terminal.complain(`${file}: ${messageOf(error)}`);
	const count = (outcome: RecoveredDocument['outcome']): number =>
		documents.filter((document) => document.outcome === outcome).length;
	const files = [...documents.flatMap((document) => document.files), ...orphans];
	const removed = files.filter(({ action }) => action === 'removed').length;
	const parts = [
		`${report.examined} examined`,
		`${count('restored')} ${dryRun ? 'to restore' : 'restored'}`,
		`${count('lost')} lost`,
		`${removed} files ${dryRun ? 'to remove' : 'removed'}`,
		`${failures.length} failures`,
	];
	terminal.print(`${parts.join(', ')}${dryRun ? ' (dry run: nothing was changed)' : ''}`);
	if (livenessBy === 'age') terminal.print('some files have no lock: their age told whether their writers live');
}

function printDocument(document: RecoveredDocument, report: RecoveryReport, terminal: Terminal): void {
	const { outcome, rolledBack, quarantined } = document;
	const verb = report.dryRun && outcome === 'restored' ? 'to restore' : outcome;
	terminal.print(
		`${escapeControls(document.path)}: ${verb}: ${document.why}${rolledBack ? ' (an older generation)' : ''}`,
	);
	if (quarantined !== undefined) terminal.print(`  the bad one is ${path.basename(quarantined)}`);
	for (const file of document.files) printFile(file, '  ', report, terminal);
}

function printFile(file: RecoveredFile, indent: string, { dryRun }: RecoveryReport, terminal: Terminal): void {
	const verb = dryRun ? TO_DO[file.action] : file.action;
	const name = escapeControls(indent ? path.basename(file.path) : file.path);
	terminal.print(`${indent}${name}: ${verb}: ${file.why}`);
}

/** What a dry run says: nothing has been done. */
const TO_DO: Readonly<Record<CompanionAction, string>> = {
	kept: 'to keep',
	removed: 'to remove',
	promoted: 'to promote',
	copied: 'to copy',
	quarantined: 'to put into quarantine',
};

/** Errors have no enumerable properties: what JSON would show of them is nothing. */
function withMessages(_key: string, value: unknown): unknown {
	if (!(value instanceof Error)) return value;
	return { ...value, message: value.message, ...('code' in value && { code: value.code }) };
}
