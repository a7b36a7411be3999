/** What opening a document comes to: recovery, reading, migration, validation, and what is done where one of them fails. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { keepBackupDurably, listBackups } from './commit/backups.ts';
import { keepInQuarantine } from './commit/quarantine.ts';
import { resolveTarget } from './commit/target.ts';
import { codeOf, DurableJsonError, messageOf } from './errors.ts';
import type { JsonFileOptions } from './json-file-types.ts';
import type { Clock } from './ports/clock.ts';
import type { FileSystem } from './ports/file-system.ts';
import { parseDocument, readDocument } from './read-document.ts';
import { recover } from './recover.ts';
import type { WriteOptions } from './types.ts';
import { validate } from './validation.ts';
import { versionOf } from './versions.ts';

export interface OpenJob<T>
	extends Pick<JsonFileOptions<T>, 'initial' | 'version' | 'migrate' | 'onRecovered' | 'signal'> {
	readonly fileSystem: FileSystem;
	readonly clock: Clock;
	readonly schema: StandardSchemaV1<unknown, T> | undefined;
	readonly onInvalid: 'throw' | 'quarantine' | 'restore';
	readonly backups: number;
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
	for (const found of documents) job.onRecovered?.(found);
	const looked = await job.look();
	const found = await readDocument({ fileSystem, clock }, path, signal);
	if (!('value' in found)) {
		if (codeOf(found.error.cause) !== 'ENOENT') await settleInvalid(path, job, found.error);
		else if (initial === undefined) take(undefined, undefined);
		else await job.write(initial);
		return;
	}
	const { value, isNew } = await migrated(path, job, found.value);
	// What migration makes of a good document says nothing against that.
	if (isNew) return replaceOlder(path, job, value);
	try {
		take(await valid(path, job, value), looked);
	} catch (error) {
		if (codeOf(error) !== 'ERR_VALIDATION') throw error;
		await settleInvalid(path, job, error);
	}
}

function valid<T>(path: string, { schema }: OpenJob<T>, value: unknown): T | Promise<T> {
	return schema === undefined ? (value as T) : validate(schema, value, path);
}

/** Writes what has been migrated. The old document becomes a backup, whatever is kept otherwise, and durably before that. */
async function replaceOlder<T>(path: string, job: OpenJob<T>, value: unknown): Promise<void> {
	const { fileSystem, clock } = job;
	const current = await valid(path, job, value);
	try {
		await keepBackupDurably({ fileSystem, clock }, await resolveTarget(fileSystem, path), Math.max(1, job.backups));
	} catch (cause) {
		if (cause instanceof DurableJsonError) throw cause;
		const message = `${path} was not migrated: it could not be kept as a backup: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'backup', cause });
	}
	// It is kept already; and what a validator has put out may be of another type than what it takes.
	await job.write(current, { backups: 0, schema: undefined });
}

/** `isNew` where it has been migrated, which may have changed the value itself. */
async function migrated<T>(
	path: string,
	{ version, migrate }: OpenJob<T>,
	value: unknown,
): Promise<{ readonly value: unknown; readonly isNew: boolean }> {
	const from = version === undefined ? undefined : versionOf(value);
	if (version === undefined || from === undefined || from === version) return { value, isNew: false };
	const step = 'migrate';
	if (from > version) {
		const message = `${path} has version ${from}, and this program knows versions up to ${version}`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step });
	}
	if (migrate === undefined) {
		const message = `${path} has version ${from}, and there is no options.migrate to make it version ${version}`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step });
	}
	return { value: await migrate(value, from), isNew: true };
}

/** Does with an invalid document what the caller has chosen. */
async function settleInvalid<T>(path: string, job: OpenJob<T>, error: unknown): Promise<void> {
	const { fileSystem, clock, onInvalid, initial } = job;
	if (onInvalid === 'throw') throw error;
	const value = onInvalid === 'restore' ? await newestValid(path, job, error) : initial;
	try {
		await keepInQuarantine({ fileSystem, clock }, await resolveTarget(fileSystem, path));
	} catch (cause) {
		if (cause instanceof DurableJsonError) throw cause;
		const message = `${path} could not be put into quarantine: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'recover', cause });
	}
	// Of an invalid document there is to be no backup.
	await job.write(value, { backups: 0 });
}

/** The newest backup that passes. Rejects with `error` where none does. */
async function newestValid<T>(path: string, job: OpenJob<T>, error: unknown): Promise<unknown> {
	const { fileSystem } = job;
	const { directory, name } = await resolveTarget(fileSystem, path);
	for (const backup of await listBackups(fileSystem, directory, name)) {
		try {
			const { value } = await migrated(backup, job, parseDocument(backup, await fileSystem.readFile(backup)));
			await valid(backup, job, value);
			return value;
		} catch {
			// The one before it may be good.
		}
	}
	throw error;
}
