/** Is a file of any size JSON? */
import { formatOf, type Judgement, judgeFile } from './commit/condition.ts';
import { DurableJsonError, messageOf } from './errors.ts';
import type { JsonFormat } from './json/validator.ts';
import { asOptions, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import type { FileSystem } from './ports/file-system.ts';

export interface VerifyOptions {
	/** Default: `lines` where the name ends in `.jsonl` or `.ndjson`, else `json`. */
	readonly format?: JsonFormat | undefined;
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((readBytes: number, sizeBytes: number) => void) | undefined;
	readonly fileSystem?: FileSystem | undefined;
}

export interface Verified extends Judgement {
	readonly path: string;
	readonly format: JsonFormat;
}

/** Validates a file in bounded memory. Rejects with ERR_READ_FAILED, or the signal's reason. */
export async function verifyFile(path: string | URL, options?: VerifyOptions): Promise<Verified> {
	const absolute = toAbsolutePath(path);
	const { fileSystem = nodeFileSystem, signal, onProgress, format } = asOptions<VerifyOptions>(options);
	const judgedAs = format ?? formatOf(absolute) ?? 'json';
	try {
		const { kind } = await fileSystem.stat(absolute);
		if (kind !== 'file')
			throw new Error(kind === 'directory' ? 'it is a directory' : 'it is a device, a pipe or a socket');
		return {
			path: absolute,
			format: judgedAs,
			...(await judgeFile(fileSystem, absolute, judgedAs, { signal, onProgress })),
		};
	} catch (cause) {
		signal?.throwIfAborted();
		const message = `reading ${absolute} failed: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_READ_FAILED', message, { path: absolute, step: 'read', cause });
	}
}
