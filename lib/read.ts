/** Reading documents. */
import { isUtf8 } from 'node:buffer';
import path from 'node:path';
import { listBackups } from './commit/backups.ts';
import { resolveTarget } from './commit/target.ts';
import { belongsTo, parseTempName } from './commit/temp-name.ts';
import { codeOf, DurableJsonError, messageOf, type Step } from './errors.ts';
import { asOptions, checkFunction, checkSchema, checkSignal, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import type { FileSystem } from './ports/file-system.ts';
import type { ReadLinesOptions, ReadOptions } from './types.ts';
import { validate } from './validation.ts';

/** How much of a JSON Lines file is read at a time. */
const READ_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads a document. A byte order mark at its start is passed over (RFC 8259, section 8.1).
 *
 * A document that is missing, empty or no JSON is read from its newest backup that is good, where it has one: `onFallback`
 * is told. Nothing is changed on the disk; that is what `recover` is for.
 *
 * Rejects with ERR_READ_FAILED (its cause says why; ENOENT where there is no document, unless `fallback` is given),
 * ERR_CORRUPT (empty, not UTF-8 or not JSON), ERR_VALIDATION, or the signal's reason.
 */
export async function readJson<T = unknown>(path: string | URL, options?: ReadOptions<T>): Promise<T> {
	const absolute = toAbsolutePath(path);
	const checked = asOptions<ReadOptions<T>>(options);
	const { schema, onFallback, signal, fileSystem = nodeFileSystem } = checked;
	checkFunction('options.onFallback', onFallback);
	checkSchema(schema);
	checkSignal(signal);
	signal?.throwIfAborted();
	const found = await readDocument(fileSystem, absolute, signal);
	if (found.source !== undefined) {
		onFallback?.({ path: absolute, reason: found.reason, error: found.error, source: found.source });
	}
	if ('value' in found) return schema === undefined ? (found.value as T) : validate(schema, found.value, absolute);
	if (codeOf(found.error.cause) !== 'ENOENT' || checked.fallback === undefined) throw found.error;
	onFallback?.({ path: absolute, reason: 'missing', error: found.error });
	return checked.fallback;
}

/** What was read, from the document or in its place, or why nothing was. */
type Found =
	| { readonly value: unknown; readonly source?: undefined }
	| {
			readonly value: unknown;
			readonly source: string;
			readonly reason: 'aside' | 'backup';
			readonly error: DurableJsonError;
	  }
	| { readonly error: DurableJsonError; readonly source?: undefined };

async function readDocument(fileSystem: FileSystem, document: string, signal: AbortSignal | undefined): Promise<Found> {
	const read = async (file: string): Promise<unknown> => {
		const bytes = await guarded(file, () => fileSystem.readFile(file, signal && { signal }));
		return parse(file, bytes, 'the document');
	};
	try {
		return { value: await read(document) };
	} catch (error) {
		signal?.throwIfAborted();
		const missing = error instanceof DurableJsonError && codeOf(error.cause) === 'ENOENT';
		if (!(error instanceof DurableJsonError) || (!missing && error.code !== 'ERR_CORRUPT')) throw error;
		if (missing && fileSystem.semantics === 'win32') {
			const source = await findAside(fileSystem, document);
			// It was there again, or is aside.
			const value = await unlessMissing(read(source ?? document));
			if (value !== undefined) return source === undefined ? { value } : { value, source, reason: 'aside', error };
		}
		for (const source of await backupsOf(fileSystem, document)) {
			const value = await unlessBad(read(source));
			if (value !== undefined) return { value, source, reason: 'backup', error };
		}
		return { error };
	}
}

/**
 * On Windows a document that is held open is moved aside before its successor takes the name. For that moment, or until
 * recovery where the writer was killed in it, the document is the file aside.
 */
async function findAside(fileSystem: FileSystem, document: string): Promise<string | undefined> {
	const directory = path.dirname(document);
	const aside = (await namesIn(fileSystem, directory))
		.filter((name) => {
			const temp = parseTempName(name);
			return temp?.state === 'aside' && belongsTo(temp, path.basename(document));
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

async function unlessMissing(reading: Promise<unknown>): Promise<unknown> {
	try {
		return await reading;
	} catch (error) {
		if (error instanceof DurableJsonError && codeOf(error.cause) === 'ENOENT') return undefined;
		throw error;
	}
}

/** A backup that is bad, or gone, leaves it to the next one. */
async function unlessBad(reading: Promise<unknown>): Promise<unknown> {
	try {
		return await reading;
	} catch (error) {
		if (error instanceof DurableJsonError) return undefined;
		throw error;
	}
}

/**
 * Reads a JSON Lines file, a value a line, in bounded memory. Empty lines are passed over. The file is opened at the first
 * step and closed at the end, also when the loop is left early.
 *
 * Throws a TypeError of code ERR_INVALID_ARGUMENT; the steps reject with ERR_READ_FAILED, ERR_CORRUPT (naming the line),
 * ERR_VALIDATION, or the signal's reason.
 */
export function readJsonLines<T = unknown>(path: string | URL, options?: ReadLinesOptions<T>): AsyncGenerator<T> {
	const absolute = toAbsolutePath(path);
	const checked = asOptions<ReadLinesOptions<T>>(options);
	checkSignal(checked.signal);
	checkSchema(checked.schema);
	return parseLines(absolute, checked);
}

async function* parseLines<T>(path: string, options: Partial<ReadLinesOptions<T>>): AsyncGenerator<T> {
	const { schema, signal, fileSystem = nodeFileSystem } = options;
	let number = 0;
	for await (const line of linesOf(fileSystem, path, signal)) {
		number += 1;
		if (line.length === 0) continue;
		const value = parse(path, line, `line ${number}`);
		yield schema === undefined ? (value as T) : await validate(schema, value, path, ` line ${number}`);
	}
}

/** The lines of a file, without their ends. Each is the caller's own. */
async function* linesOf(fileSystem: FileSystem, path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
	signal?.throwIfAborted();
	const file = await guarded(path, () => fileSystem.open(path, 'read'));
	try {
		const buffer = Buffer.allocUnsafe(READ_BYTES);
		/** The beginning of a line whose end has not been read yet. */
		let pieces: Buffer[] = [];
		for (let position = 0; ; ) {
			signal?.throwIfAborted();
			const length = await guarded(path, () => file.read(buffer, 0, READ_BYTES, position));
			if (length === 0) break;
			position += length;
			let start = 0;
			for (let end = indexOfNewline(buffer, start, length); end !== -1; end = indexOfNewline(buffer, start, length)) {
				pieces.push(buffer.subarray(start, end));
				yield withoutReturn(Buffer.concat(pieces));
				pieces = [];
				start = end + 1;
			}
			if (start < length) pieces.push(Buffer.from(buffer.subarray(start, length)));
		}
		if (pieces.length > 0) yield withoutReturn(Buffer.concat(pieces));
	} finally {
		await file.close();
	}
}

function indexOfNewline(buffer: Buffer, start: number, length: number): number {
	const index = buffer.indexOf(NEWLINE, start);
	return index < length ? index : -1;
}

function withoutReturn(line: Buffer): Buffer {
	return line[line.length - 1] === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

function parse(path: string, bytes: Uint8Array, what: string): unknown {
	try {
		if (bytes.length === 0) throw new SyntaxError('it is empty');
		if (!isUtf8(bytes)) throw new SyntaxError('it is not UTF-8');
		const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
		return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text) as unknown;
	} catch (cause) {
		if (!(cause instanceof SyntaxError)) throw readError(path, cause);
		const message = `${path} is corrupt: ${what} is not JSON: ${cause.message}`;
		throw new DurableJsonError('ERR_CORRUPT', message, { path, step: 'parse', cause });
	}
}

async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
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
