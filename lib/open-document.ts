/** What opening a document comes to: recovery, reading, migration, validation, and what is done where one of them fails. */
import { basename } from 'node:path';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { keepBackupDurably, listBackups } from './commit/backups.ts';
import { keepInQuarantine } from './commit/quarantine.ts';
import { assertFile, resolveTarget, type Target, targetAt } from './commit/target.ts';
import { codeOf, DurableJsonError, messageOf } from './errors.ts';
import type { JsonFileOptions } from './json-file-types.ts';
import type { Clock } from './ports/clock.ts';
import type { FileSystem } from './ports/file-system.ts';
import { parseDocument, readDocument } from './read-document.ts';
import { recover } from './recover.ts';
import type { DocumentCondition } from './recovery/report.ts';
import type { WriteOptions } from './types.ts';
import type { Upgrade } from './update.ts';
import { validate } from './validation.ts';
import { versionOf } from './versions.ts';

/** How a document is brought to this program's version, and judged. */
export interface Judging<T> extends Pick<JsonFileOptions<T>, 'version' | 'migrate' | 'signal'> {
	readonly fileSystem: FileSystem;
	readonly clock: Clock;
	readonly schema: StandardSchemaV1<unknown, T> | undefined;
	readonly backups: number;
}

export interface OpenJob<T> extends Judging<T>, Pick<JsonFileOptions<T>, 'initial' | 'onRecovered'> {
	readonly onInvalid: 'throw' | 'quarantine' | 'restore';
	/** Told the value, and what {@link OpenJob.look} said of the file that it was read from. */
	readonly take: (value: T | undefined, looked: string | undefined) => void;
	/** What stands at the path. */
	readonly look: () => Promise<string | undefined>;
	/** Writes a value, and takes it. */
	readonly write: (value: unknown, options?: Pick<WriteOptions, 'backups' | 'schema'>) => Promise<void>;
}

export async function openDocument<T>(path: string, job: OpenJob<T>): Promise<void> {
	const { fileSystem, clock, signal, initial, take } = job;
	const { documents } = await recover(path, { fileSystem, clock, signal, match: () => true });
	for (const recovered of documents) job.onRecovered?.(recovered);
	const looked = await job.look();
	const found = await readDocument({ fileSystem, clock }, path, signal);
	if (!('value' in found)) {
		if (codeOf(found.error.cause) !== 'ENOENT') await settleInvalid(path, job, found.error, documents.at(-1)?.found);
		else if (initial === undefined) take(undefined, undefined);
		else await job.write(initial);
		return;
	}
	const judged = await judge(path, job, found.value);
	if ('invalid' in judged) await settleInvalid(path, job, judged.invalid);
	else if (judged.isNew) await replaceOlder(path, job, judged.valid);
	else take(judged.valid, looked);
}

/**
 * Reads a document again, or what stands for it: nothing is changed on the disk. Rejects with ERR_READ_FAILED, ERR_CORRUPT,
 * ERR_UNSUPPORTED, ERR_VALIDATION or the signal's reason.
 */
export async function readAgain<T>(path: string, job: Judging<T>): Promise<T> {
	const found = await readDocument(job, path, job.signal);
	if (!('value' in found)) throw found.error;
	const judged = await judge(found.source ?? path, job, found.value);
	if ('invalid' in judged) throw judged.invalid;
	return judged.valid;
}

/**
 * How an update begins with an older document, or with a backup that stands for it: it is migrated, and becomes a backup.
 * Rejects as opening does.
 */
export function upgradeOf<T>(path: string, job: Judging<T>): Upgrade {
	const { fileSystem } = job;
	return {
		migrate(current) {
			const from = olderVersion(path, job, current);
			return from === undefined ? undefined : migrateFrom(path, job, current, from);
		},
		keepOlder: (file) =>
			keepOlder(path, job, async () => {
				const existing = await fileSystem.lstat(file);
				assertFile(existing);
				return { ...targetAt(fileSystem, file), existing };
			}),
	};
}

/** What this program makes of a document, or why it is invalid. `migrated` is `valid` before its validation. */
type Judged<T> =
	| { readonly migrated: unknown; readonly valid: T; readonly isNew: boolean }
	| { readonly invalid: unknown };

/** Rejects where it cannot be told whether the document is any good. */
async function judge<T>(path: string, job: Judging<T>, found: unknown): Promise<Judged<T>> {
	const from = olderVersion(path, job, found);
	// It may change the value itself.
	const nothing = holdsNothing(found);
	let migrated = found;
	try {
		if (from !== undefined) migrated = await migrateFrom(path, job, found, from);
	} catch (error) {
		job.signal?.throwIfAborted();
		if (nothing) return { invalid: error };
		throw error;
	}
	try {
		const place = from === undefined ? '' : `, as migrated from version ${from},`;
		const valid = job.schema === undefined ? (migrated as T) : await validate(job.schema, migrated, path, place);
		return { migrated, valid, isNew: from !== undefined };
	} catch (error) {
		if (codeOf(error) === 'ERR_VALIDATION') return { invalid: error };
		throw error;
	}
}

/**
 * The version that the document is to be migrated from; undefined where it is not. Throws ERR_UNSUPPORTED where it is of
 * another one, and nothing makes it one of this program's.
 */
function olderVersion<T>(path: string, { version, migrate }: Judging<T>, value: unknown): number | undefined {
	const from = version === undefined ? undefined : versionOf(value);
	if (version === undefined || from === undefined || from === version) return undefined;
	const step = 'migrate';
	if (from > version) {
		const message = `${path} has version ${from}, and this program knows versions up to ${version}`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step });
	}
	if (migrate !== undefined) return from;
	// Of no version at all, and invalid.
	if (holdsNothing(value)) return undefined;
	const message = `${path} has version ${from}, and there is no options.migrate to make it version ${version}`;
	throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step });
}

/** Rejects with ERR_VALIDATION where `migrate` throws. */
async function migrateFrom<T>(path: string, { migrate }: Judging<T>, value: unknown, from: number): Promise<unknown> {
	try {
		return await migrate?.(value, from);
	} catch (cause) {
		const message = `${path} could not be migrated from version ${from}: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_VALIDATION', message, { path, step: 'migrate', cause });
	}
}

/**
 * May it be put aside although nobody has judged it? What `migrate` throws may be its own mistake, or that of a disk or a
 * network that it asks: it says nothing against a document with something in it.
 */
function holdsNothing(value: unknown): boolean {
	return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** Writes what has been migrated. The old document becomes a backup, and durably before that. */
async function replaceOlder<T>(path: string, job: OpenJob<T>, value: T): Promise<void> {
	await keepOlder(path, job, () => resolveTarget(job.fileSystem, path));
	// It is kept already; and what a validator has put out may be of another type than what it takes.
	await job.write(value, { backups: 0, schema: undefined });
}

/** The document that stands becomes a backup, whatever is kept otherwise. */
async function keepOlder<T>(
	path: string,
	{ fileSystem, clock, backups }: Judging<T>,
	find: () => Promise<Target>,
): Promise<void> {
	try {
		await keepBackupDurably({ fileSystem, clock }, await find(), Math.max(1, backups));
	} catch (cause) {
		if (cause instanceof DurableJsonError) throw cause;
		const message = `${path} was not migrated: it could not be kept as a backup: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'backup', cause });
	}
}

/**
 * Does with an invalid document what the caller has chosen.
 * @param condition of its text; what does not pass is whole
 */
async function settleInvalid<T>(
	path: string,
	job: OpenJob<T>,
	error: unknown,
	condition: DocumentCondition = 'good',
): Promise<void> {
	const { fileSystem, clock, onInvalid, initial } = job;
	if (onInvalid === 'throw') throw error;
	const survivor = onInvalid === 'restore' ? await newestValid(path, job, error) : undefined;
	const target = await resolveTarget(fileSystem, path);
	let quarantined: string | undefined;
	try {
		quarantined = await keepInQuarantine({ fileSystem, clock }, target);
	} catch (cause) {
		if (cause instanceof DurableJsonError) throw cause;
		const message = `${path} could not be put into quarantine: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'recover', cause });
	}
	// Of an invalid document there is to be no backup.
	await job.write(survivor === undefined ? initial : survivor.value, { backups: 0 });
	const what = survivor ? `${basename(survivor.source)} is the newest backup that passes` : 'initial takes its place';
	job.onRecovered?.({
		path: target.file,
		found: condition,
		outcome: survivor === undefined ? 'lost' : 'restored',
		why: `${messageOf(error)}; ${what}`,
		...(survivor && { source: survivor.source }),
		...(quarantined !== undefined && { quarantined }),
		rolledBack: true,
		files: [],
		error,
	});
}

/** The newest backup that passes. Rejects with `error` where none does. */
async function newestValid<T>(
	path: string,
	job: OpenJob<T>,
	error: unknown,
): Promise<{ readonly source: string; readonly value: unknown }> {
	const { fileSystem } = job;
	const { directory, name } = await resolveTarget(fileSystem, path);
	for (const backup of await listBackups(fileSystem, directory, name)) {
		try {
			const judged = await judge(backup, job, parseDocument(backup, await fileSystem.readFile(backup)));
			if (!('invalid' in judged)) return { source: backup, value: judged.migrated };
		} catch {
			// The one before it may be good.
		}
	}
	throw error;
}
