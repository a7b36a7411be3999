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
	const refused = refusedPort(options);
	return refused === undefined ? defaultWriter.write(path, value, options) : Promise.reject(refused);
}

/** Writes rows as JSON Lines, atomically and durably: see {@link JsonWriter.writeLines}. */
export function writeJsonLines(path: string | URL, rows: Rows, options?: WriteLinesOptions): Promise<WriteReceipt> {
	const refused = refusedPort(options);
	return refused === undefined ? defaultWriter.writeLines(path, rows, options) : Promise.reject(refused);
}

/** Writes bytes, atomically and durably: see {@link JsonWriter.writeFile}. */
export function writeFile(path: string | URL, data: FileData, options?: WriteFileOptions): Promise<WriteReceipt> {
	const refused = refusedPort(options);
	return refused === undefined ? defaultWriter.writeFile(path, data, options) : Promise.reject(refused);
}

/** Removes a document durably: see {@link JsonWriter.remove}. */
export function remove(path: string | URL): Promise<void> {
	return defaultWriter.remove(path);
}

/** The writer of the process has its ports already: whoever gives others would write to the real disk unawares. */
function refusedPort(options: object | null | undefined): Error | undefined {
	// null, which the writer refuses, is what writeJson(path, value, null, 2) gives, in the way of JSON.stringify.
	if (options === undefined || options === null) return undefined;
	const { fileSystem, clock } = options as Partial<Ports>;
	if (fileSystem === undefined && clock === undefined) return undefined;
	const name = fileSystem === undefined ? 'clock' : 'fileSystem';
	return invalidArgument(`options.${name}`, 'given to createWriter, not to a single write', fileSystem ?? clock);
}
