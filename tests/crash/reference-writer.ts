/** The textbook algorithm, with nothing of the library in it: what the exploration is tried out on. */
import type { FileSystem } from '../../lib/ports/file-system.ts';

/** Writes a temporary file, syncs it, renames it over the document, syncs the directory. */
export async function saveByReference(port: FileSystem, directory: string, name: string, text: string): Promise<void> {
	const temp = `${directory}/.${name}.${port.uniqueId()}`;
	const bytes = Buffer.from(text);
	const file = await port.open(temp, 'create-exclusive', 0o644);
	try {
		for (let offset = 0; offset < bytes.length; ) {
			offset += await file.write(bytes, offset, bytes.length - offset, offset);
		}
		await file.sync();
		await port.rename(temp, `${directory}/${name}`);
	} catch (error) {
		await port.unlink(temp);
		throw error;
	} finally {
		await file.close();
	}
	const opened = await port.openDirectory(directory);
	try {
		await opened.sync();
	} finally {
		await opened.close();
	}
}
