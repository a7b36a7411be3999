/** Reading the file of a journal in bounded memory, and closing it. */
import { recoverChannel } from '../diagnostics.ts';
import { DurableJsonError, messageOf, type Step } from '../errors.ts';
import type { Awaitable, OpenFile } from '../ports/file-system.ts';
import type { Bytes } from '../types.ts';
import type { GroupLine } from './record.ts';
import type { JournalScanner } from './scanner.ts';

/** Some milliseconds of parsing; then the event loop has its turn. */
const READ_BYTES = 256 * 1024;

/**
 * The groups of a file, those that end in one piece of it together.
 *
 * @param from where the scanner begins
 * @param to where the reading ends. Default: the end of the file
 * @throws DurableJsonError ERR_READ_FAILED, or what the scanner throws.
 */
export async function* readGroups(
	file: OpenFile,
	path: string,
	scanner: JournalScanner,
	from: Bytes = 0,
	to: Bytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly GroupLine[]> {
	const buffer = Buffer.allocUnsafe(READ_BYTES);
	for (let position = from; position < to; ) {
		const wanted = Math.min(READ_BYTES, to - position);
		const length = await guarded(path, 'read', () => file.read(buffer, 0, wanted, position));
		if (length === 0) break;
		position += length;
		const groups = scanner.push(buffer.subarray(0, length));
		if (groups.length > 0) yield groups;
	}
}

/** Runs what looks at the file. @throws DurableJsonError ERR_READ_FAILED for an error of the system */
export async function guarded<T>(path: string, step: Step, action: () => Awaitable<T>): Promise<T> {
	try {
		return await action();
	} catch (cause) {
		if (cause instanceof DurableJsonError) throw cause;
		const message = `reading ${path} failed at ${step}: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_READ_FAILED', message, { path, step, cause });
	}
}

/** What was to be durable is synced, so an error of close changes nothing; it is told to whoever listens. Never rejects. */
export async function closeQuietly(file: OpenFile, path: string): Promise<void> {
	try {
		await file.close();
	} catch (error) {
		recoverChannel.publish({ path, action: 'close', error });
	}
}
