/** Mistakes in what is made of failures of the disk, and of writes that take a part. */
import type { OpenDirectory, OpenFile, OpenFileSync, SyncFileSystem } from '../../../lib/ports/file-system.ts';
import { PassingPort } from '../../support/passing-port.ts';

export class SyncErrorsSwallowed extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, sync: () => file.sync().catch(() => {}), dataSync: () => file.dataSync().catch(() => {}) };
	}

	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return { ...directory, sync: () => directory.sync().catch(() => {}) };
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return { ...file, sync: () => swallowed(() => file.sync()) };
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return { syncDirectory: (path) => swallowed(() => inner.syncDirectory(path)) };
	}
}

export class SyncRetriedOnSameHandle extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		const twice = (sync: () => Promise<void>) => () => sync().catch(() => sync());
		return { ...file, sync: twice(file.sync), dataSync: twice(file.dataSync) };
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return { ...file, sync: () => swallowed(file.sync, file.sync) };
	}
}

function swallowed(call: () => void, instead: () => void = () => {}): void {
	try {
		call();
	} catch {
		instead();
	}
}

export class ShortWritesTakenAsWhole extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return {
			...file,
			write: async (buffer, offset, length, position) => {
				await file.write(buffer, offset, length, position);
				return length;
			},
		};
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return {
			...file,
			write: (buffer, offset, length, position) => {
				file.write(buffer, offset, length, position);
				return length;
			},
		};
	}
}
