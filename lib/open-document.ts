/** What opening a document comes to: recovery, reading, migration, validation, and what is done where one of them fails. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { listBackups } from './commit/backups.ts';
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
	readonly write: (value: unknown, options?: Pick<WriteOptions, 'backups'>) => Promise<void>;
}

export async function openDocument<T>(path: string, job: OpenJob<T>): Promise<void> {
	const { fileSystem, clock, signal, initial, take } = job;
	const { documents } = await recover(path, { fileSystem, clock, signal, match: () => true });
	for (const found of documents) job.onRecovered?.(found);
	const looked = await job.look();
	const found = await readDocument(fileSystem, path, signal);
	if (!('value' in found)) {
		if (codeOf(found.error.cause) !== 'ENOENT') await settleInvalid(path, job, found.error);
		else if (initial === undefined) take(undefined, undefined);
		else await job.write(initial);
		return;
	}
	try {
		await takeOrMigrate(path, job, found.value, looked);
	} catch (error) {
		if (codeOf(error) !== 'ERR_VALIDATION') throw error;
		await settleInvalid(path, job, error);
	}
}

async function takeOrMigrate<T>(
	path: string,
	job: OpenJob<T>,
	value: unknown,
	looked: string | undefined,
): Promise<void> {
	const { value: current, isNew } = await migrated(path, job, value);
	// The old one becomes a backup, whatever is kept otherwise. Writing validates.
	if (isNew) await job.write(current, { backups: Math.max(1, job.backups) });
	else job.take(job.schema === undefined ? (current as T) : await validate(job.schema, current, path), looked);
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
	const { fileSystem, schema } = job;
	const { directory, name } = await resolveTarget(fileSystem, path);
	for (const backup of await listBackups(fileSystem, directory, name)) {
		try {
			const { value } = await migrated(backup, job, parseDocument(backup, await fileSystem.readFile(backup)));
			if (schema !== undefined) await validate(schema, value, backup);
			return value;
		} catch {
			// The one before it may be good.
		}
	}
	throw error;
}
