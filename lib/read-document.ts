/** A document's bytes and value, from the document itself or from what stands for it while it is missing or bad. */
import { isUtf8 } from 'node:buffer';
import path from 'node:path';
import { listBackups } from './commit/backups.ts';
import { whileHeld, whileHeldSync } from './commit/held.ts';
import { parseKeptName } from './commit/kept-name.ts';
import { belongsTo } from './commit/spelling.ts';
import { resolveTarget, type Target } from './commit/target.ts';
import { parseTempName } from './commit/temp-name.ts';
import { codeOf, DurableJsonError, escapeControls, messageOf, type Step } from './errors.ts';
import { systemClock } from './platform/system-clock.ts';
import type { Clock } from './ports/clock.ts';
import type { Awaitable, FileSystem } from './ports/file-system.ts';
import type { BaseReader } from './schedule/steps.ts';

/** So often a document is looked for that is moved aside, or back, between two looks. */
const MAX_LOOKS = 3;

/** Where to read, and by which clock to wait for a file that another program holds. */
export interface ReadPorts {
	readonly fileSystem: FileSystem;
	/** Left out: the system's. */
	readonly clock?: Clock | undefined;
}

interface Content {
	readonly bytes: Uint8Array;
	readonly value: unknown;
}

/** What was read, from the document or in its place, or why nothing was. */
export type Found =
	| (Content & { readonly source?: undefined })
	| (Content & {
			readonly source: string;
			readonly reason: 'aside' | 'backup';
			readonly error: DurableJsonError;
	  })
	| { readonly error: DurableJsonError; readonly source?: undefined };

/**
 * Reads a document; where it is missing or no JSON, what stands for it. Rejects with ERR_READ_FAILED where it cannot be told.
 */
export async function readDocument(ports: ReadPorts, document: string, signal?: AbortSignal): Promise<Found> {
	const { fileSystem } = ports;
	const read = async (file: string): Promise<Content> => {
		const bytes = await patiently(ports, file, () => fileSystem.readFile(file, signal && { signal }), signal);
		return { bytes, value: parseDocument(file, bytes) };
	};
	try {
		return await read(document);
	} catch (error) {
		signal?.throwIfAborted();
		const missing = error instanceof DurableJsonError && codeOf(error.cause) === 'ENOENT';
		if (!(error instanceof DurableJsonError) || (!missing && error.code !== 'ERR_CORRUPT')) throw error;
		for (let look = 1; missing && look <= MAX_LOOKS; look++) {
			const source = await findAside(fileSystem, document);
			// It was there again, or is aside; one that is gone is the document, or has been replaced.
			const content = await (source === undefined ? unlessMissing(read(document)) : unlessBad(read(source)));
			if (content !== undefined) return source === undefined ? content : { ...content, source, reason: 'aside', error };
			if (source === undefined) break;
		}
		let unreadable: DurableJsonError | undefined;
		for (const source of await backupsOf(fileSystem, document)) {
			try {
				return { ...(await read(source)), source, reason: 'backup', error };
			} catch (backupError) {
				// One that is bad, or gone, leaves it to the next one.
				if (!(backupError instanceof DurableJsonError)) throw backupError;
				if (backupError.code === 'ERR_READ_FAILED' && codeOf(backupError.cause) !== 'ENOENT')
					unreadable ??= backupError;
			}
		}
		// There was a document: a fallback would take its place.
		if (missing && unreadable !== undefined) throw unreadable;
		return { error };
	}
}

/**
 * On Windows a document that is held open is moved aside before its successor takes the name; a recovery moves a bad one
 * aside, and by mistake one that took its place just then. For that moment, or until the next recovery where the process was
 * killed in it, the document is the file aside.
 */
async function findAside(fileSystem: FileSystem, document: string): Promise<string | undefined> {
	const directory = path.dirname(document);
	const aside = (await namesIn(fileSystem, directory))
		.filter((name) => {
			const temp = parseTempName(name);
			return temp?.state === 'aside' && belongsTo(fileSystem, directory, name, temp, path.basename(document));
		})
		.sort((a, b) => ((parseTempName(a)?.order ?? '') < (parseTempName(b)?.order ?? '') ? -1 : 1))
		.at(-1);
	return aside === undefined ? undefined : path.join(directory, aside);
}

/** The backups of the document that a path leads to, newest first. */
async function backupsOf(fileSystem: FileSystem, document: string): Promise<string[]> {
	try {
		const { directory, name } = await resolveTarget(fileSystem, document);
		return await listBackups(fileSystem, directory, name);
	} catch {
		// What is wrong with the document is what counts.
		return [];
	}
}

async function namesIn(fileSystem: FileSystem, directory: string): Promise<string[]> {
	try {
		return await fileSystem.readdir(directory);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return [];
		throw readError(directory, error);
	}
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
	try {
		return await reading;
	} catch (error) {
		if (error instanceof DurableJsonError && codeOf(error.cause) === 'ENOENT') return undefined;
		throw error;
	}
}

/** One that is bad, or gone, leaves it to the backups. */
async function unlessBad<T>(reading: Promise<T>): Promise<T | undefined> {
	try {
		return await reading;
	} catch (error) {
		if (error instanceof DurableJsonError) return undefined;
		throw error;
	}
}

/**
 * Reads what an update begins with: the file that it is going to replace, wherever a link that stands for it leads by now. What
 * is corrupt is left to the update, which rejects.
 */
export const baseReader: BaseReader = {
	async read(ports, { path: document, file }) {
		const { fileSystem } = ports;
		const bytes = await unlessMissing(patiently(ports, document, () => fileSystem.readFile(file)));
		if (bytes !== undefined) return bytes;
		const found = await readDocument(ports, file);
		if ('value' in found) return found.bytes;
		if (codeOf(found.error.cause) === 'ENOENT') return undefined;
		throw found.error;
	},
	readSync(fileSystem, target) {
		try {
			return whileHeldSync({ fileSystem }, () => fileSystem.sync.readFile(target.file));
		} catch (error) {
			if (codeOf(error) !== 'ENOENT') throw readError(target.path, error);
		}
		assertNothingStandsIn(fileSystem, target);
		return undefined;
	},
};

/** An exit handler has no time to look for what stands in for a document; to begin anew in its place would lose it. */
function assertNothingStandsIn(fileSystem: FileSystem, { path: document, directory, name }: Target): void {
	const standIn = namesInSync(fileSystem, directory).find((file) => {
		const temp = parseTempName(file);
		if (temp !== undefined) return temp.state === 'aside' && belongsTo(fileSystem, directory, file, temp, name);
		const kept = parseKeptName(file);
		return kept?.kind === 'backup' && belongsTo(fileSystem, directory, file, kept, name);
	});
	if (standIn === undefined) return;
	const message = `${document} was not updated synchronously: it is missing, and ${standIn} stands for it`;
	throw new DurableJsonError('ERR_UNSUPPORTED', message, { path: document, step: 'update' });
}

/** None where the directory is missing. */
function namesInSync(fileSystem: FileSystem, directory: string): string[] {
	try {
		return fileSystem.sync.readdir(directory);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return [];
		throw readError(directory, error);
	}
}

/** The value of a document. Throws ERR_CORRUPT, or ERR_READ_FAILED for one that is too large. */
export function parseDocument(path: string, bytes: Uint8Array): unknown {
	return parseText(path, bytes, 'the document');
}

export function parseText(path: string, bytes: Uint8Array, what: string): unknown {
	try {
		if (bytes.length === 0) throw new SyntaxError('it is empty');
		if (!isUtf8(bytes)) throw new SyntaxError('it is not UTF-8');
		const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
		const text = buffer.toString();
		return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) as unknown;
	} catch (cause) {
		if (!(cause instanceof SyntaxError)) throw readError(path, cause);
		// V8 quotes the text as it is.
		const problem = escapeControls(cause.message);
		const message = `${path} is corrupt: ${what} is not JSON: ${problem}`;
		throw new DurableJsonError('ERR_CORRUPT', message, { path, step: 'parse', cause: new SyntaxError(problem) });
	}
}

/** {@link guarded}; on Windows another program may have the file for a moment, and share nothing. */
export async function patiently<T>(
	{ fileSystem, clock = systemClock }: ReadPorts,
	path: string,
	action: () => Awaitable<T>,
	signal?: AbortSignal,
): Promise<T> {
	const check = (): void => signal?.throwIfAborted();
	try {
		return await whileHeld({ fileSystem, clock }, { path, step: 'read', check }, action);
	} catch (cause) {
		check();
		throw readError(path, cause);
	}
}

/** What the disk answers, as ERR_READ_FAILED where that is an error. */
export async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
	try {
		return await action();
	} catch (cause) {
		throw readError(path, cause);
	}
}

function readError(path: string, cause: unknown, step: Step = 'read'): DurableJsonError {
	const tooLong = ['ERR_STRING_TOO_LONG', 'ERR_FS_FILE_TOO_LARGE'].includes(codeOf(cause) ?? '');
	const hint = tooLong ? ' (too large for one value in memory; JSON Lines are read row by row)' : '';
	return new DurableJsonError('ERR_READ_FAILED', `reading ${path} failed: ${messageOf(cause)}${hint}`, {
		path,
		step,
		cause,
	});
}
