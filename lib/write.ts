/** One call, one document: the functions over a writer that the whole process shares. */
import { invalidArgument } from './errors.ts';
import type {
	FileData,
	Ports,
	Rows,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteReceipt,
} from './types.ts';
import { createPermanentWriter } from './writer.ts';
import type { JsonWriter } from './writer-types.ts';

/**
 * The writer behind {@link writeJson} and its siblings, with every option at its default. It belongs to the whole process:
 * `close` flushes it and leaves it open.
 */
export const defaultWriter: JsonWriter = createPermanentWriter();

/**
 * Writes a value as JSON, atomically and durably: see {@link JsonWriter.write}.
 *
 * @example
 * ```ts
 * await writeJson('state.json', { count: 1 });
 * ```
 */
export function writeJson(path: string | URL, value: ValueOrThunk, options?: WriteOptions): Promise<WriteReceipt> {
	return withoutPorts(options, () => defaultWriter.write(path, value, options));
}

/** Writes rows as JSON Lines, atomically and durably: see {@link JsonWriter.writeLines}. */
export function writeJsonLines(path: string | URL, rows: Rows, options?: WriteLinesOptions): Promise<WriteReceipt> {
	return withoutPorts(options, () => defaultWriter.writeLines(path, rows, options));
}

/** Writes bytes, atomically and durably: see {@link JsonWriter.writeFile}. */
export function writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt> {
	return withoutPorts(options, () => defaultWriter.writeFile(path, data, options));
}

/** Removes a document durably: see {@link JsonWriter.remove}. */
export function remove(path: string | URL): Promise<void> {
	return defaultWriter.remove(path);
}

/** The writer of the process has its ports already: whoever gives others would write to the real disk unawares. */
function withoutPorts<T>(options: object | undefined, write: () => Promise<T>): Promise<T> {
	for (const name of ['fileSystem', 'clock'] as const) {
		const given = (options as Partial<Ports> | undefined)?.[name];
		if (given === undefined) continue;
		return Promise.reject(invalidArgument(`options.${name}`, 'given to createWriter, not to a single write', given));
	}
	return write();
}
