/** Reading documents. */
import { codeOf } from './errors.ts';
import { asOptions, checkFunction, checkPorts, checkSchema, checkSignal, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import type { FileSystem } from './ports/file-system.ts';
import { guarded, parseText, patiently, readDocument } from './read-document.ts';
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
	checkPorts(checked);
	checkFunction('options.onFallback', onFallback);
	checkSchema(schema);
	checkSignal(signal);
	signal?.throwIfAborted();
	const found = await readDocument({ fileSystem }, absolute, signal);
	if (found.source !== undefined) {
		onFallback?.({ path: absolute, reason: found.reason, error: found.error, source: found.source });
	}
	if ('value' in found) {
		// Where a backup stands for the document, it is the backup that does not pass.
		return schema === undefined ? (found.value as T) : validate(schema, found.value, found.source ?? absolute);
	}
	if (codeOf(found.error.cause) !== 'ENOENT' || checked.fallback === undefined) throw found.error;
	onFallback?.({ path: absolute, reason: 'missing', error: found.error });
	return checked.fallback;
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
	checkPorts(checked);
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
		const value = parseText(path, line, `line ${number}`);
		yield schema === undefined ? (value as T) : await validate(schema, value, path, ` line ${number}`);
	}
}

/** The lines of a file, without their ends. Each is the caller's own. */
async function* linesOf(fileSystem: FileSystem, path: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
	signal?.throwIfAborted();
	const file = await patiently({ fileSystem }, path, () => fileSystem.open(path, 'read'), signal);
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
