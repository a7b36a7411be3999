/** Another name for a file, or where there are no links a copy of it. */
import { codeOf } from '../errors.ts';
import type { FileStat, OpenFile } from '../ports/file-system.ts';
import { nextSequence } from '../shared-state.ts';
import { BUFFER_BYTES, giveBuffer, takeBuffer } from './buffers.ts';
import { keepMetadata, PRIVATE_MODE } from './metadata.ts';
import type { Target } from './target.ts';
import { type CommitPorts, openTempFile, removeIfPresent } from './temp-file.ts';

/** What link(2) answers where it cannot be had: FAT, some network file systems, the permission model. */
export const NO_LINKS: ReadonlySet<string> = new Set([
	'EPERM',
	'ENOTSUP',
	'EOPNOTSUPP',
	'ENOSYS',
	'EMLINK',
	'EINVAL',
	'EISDIR',
	'ERR_ACCESS_DENIED',
]);

/** A copy under the name of a temporary file. While it is open it counts as alive. */
export interface Copy {
	readonly path: string;
	readonly file: OpenFile;
}

/**
 * Copies a file to a temporary file of the target, with mode and owner, and syncs it. Rejects with the system's error, or the
 * signal's reason.
 */
export async function copyToTemp(
	ports: CommitPorts,
	target: Target,
	source: { readonly path: string; readonly stat: FileStat },
	sequence: number,
	signal?: AbortSignal,
): Promise<Copy> {
	const { fileSystem } = ports;
	const from = await fileSystem.open(source.path, 'read');
	try {
		const temp = await openTempFile(ports, target, { sequence }, PRIVATE_MODE);
		const copy = { path: temp.pathOf('part'), file: temp.file };
		try {
			await pump(from, copy.file, signal);
			if (fileSystem.semantics === 'posix') await keepMetadata(copy.file, temp.created, source.stat);
			await copy.file.sync();
			return copy;
		} catch (error) {
			await Promise.allSettled([removeIfPresent(fileSystem, copy.path), copy.file.close()]);
			throw error;
		}
	} finally {
		await from.close();
	}
}

/**
 * Gives the document that stands another name as well; where there are no links, a copy of it. A name that is taken by then,
 * and a document that is gone, are fine. Rejects with the system's error.
 */
export async function giveName(ports: CommitPorts, target: Target, stat: FileStat, name: string): Promise<void> {
	const { fileSystem } = ports;
	try {
		await fileSystem.link(target.file, name);
	} catch (error) {
		const code = codeOf(error) ?? '';
		if (code === 'EEXIST' || code === 'ENOENT') return;
		if (!NO_LINKS.has(code)) throw error;
		const copy = await copyToTemp(ports, target, { path: target.file, stat }, nextSequence());
		try {
			await fileSystem.rename(copy.path, name);
		} finally {
			await removeIfPresent(fileSystem, copy.path);
			await copy.file.close();
		}
	}
}

async function pump(from: OpenFile, to: OpenFile, signal: AbortSignal | undefined): Promise<void> {
	const buffer = takeBuffer();
	try {
		for (let position = 0; ; ) {
			signal?.throwIfAborted();
			const length = await from.read(buffer, 0, BUFFER_BYTES, position);
			if (length === 0) return;
			for (let offset = 0; offset < length; ) {
				const took = await to.write(buffer, offset, length - offset, position + offset);
				if (took <= 0) throw new Error('the file system took 0 bytes');
				offset += took;
			}
			position += length;
		}
	} finally {
		giveBuffer(buffer);
	}
}
