/** Windows' read-only attribute. A file that has it can neither be opened for writing nor be renamed over. */
import type { FileStat, FileSystem, OpenFile } from '../ports/file-system.ts';

const WRITABLE_MODE = 0o666;
const READ_ONLY_MODE = 0o444;
const WRITE_BIT = 0o200;

export function isReadOnly(stat: FileStat | undefined): boolean {
	return stat?.kind === 'file' && (stat.mode & WRITE_BIT) === 0;
}

export async function setReadOnly(fileSystem: FileSystem, file: string, readOnly: boolean): Promise<void> {
	const opened = await fileSystem.open(file, 'read');
	try {
		await opened.chmod(readOnly ? READ_ONLY_MODE : WRITABLE_MODE);
	} finally {
		await opened.close();
	}
}

/** {@link setReadOnly}, holding the event loop. */
export function setReadOnlySync({ sync }: FileSystem, file: string, readOnly: boolean): void {
	const opened = sync.open(file, 'read');
	try {
		opened.chmod(readOnly ? READ_ONLY_MODE : WRITABLE_MODE);
	} finally {
		opened.close();
	}
}

/** Makes the content of a file durable, whoever has written it. Rejects with the system's error. */
export async function syncFile(fileSystem: FileSystem, file: string): Promise<void> {
	const opened = await openToSync(fileSystem, file);
	try {
		await opened.sync();
	} finally {
		await opened.close();
	}
}

/** Opens a file to be synced: Windows flushes no handle that may not write. The attribute stays as it was. */
export async function openToSync(fileSystem: FileSystem, file: string): Promise<OpenFile> {
	if (fileSystem.semantics === 'posix') return fileSystem.open(file, 'read');
	if (!isReadOnly(await fileSystem.lstat(file))) return fileSystem.open(file, 'update');
	await setReadOnly(fileSystem, file, false);
	try {
		return await fileSystem.open(file, 'update');
	} finally {
		await setReadOnly(fileSystem, file, true);
	}
}
