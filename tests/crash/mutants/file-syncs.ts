/** Mistakes in syncing files, and in what their sync is to keep. */
import type { OpenFile, OpenFileSync, OpenMode, SyncFileSystem } from '../../../lib/ports/file-system.ts';
import { PassingPort } from '../../support/passing-port.ts';

export class FileSyncDropped extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, sync: async () => {}, dataSync: async () => {} };
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return { ...file, sync: () => {} };
	}
}

/** Of files that somebody else has written, whose content is to be made durable before one builds on it. */
export class FoundFileSyncDropped extends PassingPort {
	override async open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile> {
		const file = await this.inner.open(path, mode, permissions);
		return mode === 'create-exclusive' ? file : { ...file, sync: async () => {}, dataSync: async () => {} };
	}
}

/** Takes what it finds in a file for what is on its way to the medium, though a sync of it may have failed. */
export class FoundContentNotWrittenAgain extends PassingPort {
	override async open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile> {
		const file = await this.inner.open(path, mode, permissions);
		let synced = mode !== 'update';
		return {
			...file,
			write: (...span) => (synced ? file.write(...span) : span[2]),
			dataSync: async () => {
				await file.dataSync();
				synced = true;
			},
		};
	}
}

export class FileSyncNotAwaited extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		const notAwaited = (sync: () => Promise<void>) => async (): Promise<void> => {
			sync().catch(() => {});
		};
		return { ...file, sync: notAwaited(file.sync), dataSync: notAwaited(file.dataSync) };
	}
}

/** The files whose sync is owed, by the paths that they were opened at. */
class FileSyncOwed extends PassingPort {
	readonly owed: Map<string, OpenFile> = new Map();
	readonly owedSync: Map<string, OpenFileSync> = new Map();

	override wrapFile(file: OpenFile, path: string): OpenFile {
		return {
			...file,
			sync: async () => {
				this.owed.set(path, file);
			},
		};
	}

	override wrapFileSync(file: OpenFileSync, path: string): OpenFileSync {
		return { ...file, sync: () => void this.owedSync.set(path, file) };
	}
}

export class FileSyncAfterRename extends FileSyncOwed {
	override async rename(from: string, to: string): Promise<void> {
		await this.inner.rename(from, to);
		await this.owed.get(from)?.sync();
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			rename: (from, to) => {
				inner.rename(from, to);
				this.owedSync.get(from)?.sync();
			},
		};
	}
}

export class FileSyncedBeforeWriting extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return {
			...file,
			write: async (...span) => {
				await file.sync();
				return file.write(...span);
			},
			sync: async () => {},
			dataSync: async () => {},
		};
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return {
			...file,
			write: (...span) => {
				file.sync();
				return file.write(...span);
			},
			sync: () => {},
		};
	}
}

/** Whatever comes between the sync and the rename, such as the rotation of backups, comes before the sync. */
export class BackupsRotatedBeforeSync extends FileSyncOwed {
	override async rename(from: string, to: string): Promise<void> {
		const owed = this.owed.get(from);
		this.owed.delete(from);
		if (owed !== undefined && to.includes('.dj1')) this.owed.set(to, owed);
		else await owed?.sync();
		await this.inner.rename(from, to);
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			rename: (from, to) => {
				this.owedSync.get(from)?.sync();
				this.owedSync.delete(from);
				inner.rename(from, to);
			},
		};
	}
}

/** Sets mode and owner when the document is in place. */
export class MetadataAfterRename extends PassingPort {
	readonly #owed = new Map<string, Array<() => unknown>>();

	override wrapFile(file: OpenFile, path: string): OpenFile {
		return {
			...file,
			chmod: async (mode) => this.#owe(path, () => file.chmod(mode)),
			chown: async (uid, gid) => this.#owe(path, () => file.chown(uid, gid)),
		};
	}

	override wrapFileSync(file: OpenFileSync, path: string): OpenFileSync {
		return {
			...file,
			chmod: (mode) => this.#owe(path, () => file.chmod(mode)),
			chown: (uid, gid) => this.#owe(path, () => file.chown(uid, gid)),
		};
	}

	override async rename(from: string, to: string): Promise<void> {
		await this.inner.rename(from, to);
		for (const change of this.#taken(from)) await change();
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			rename: (from, to) => {
				inner.rename(from, to);
				for (const change of this.#taken(from)) change();
			},
		};
	}

	#owe(path: string, change: () => unknown): void {
		this.#owed.set(path, [...(this.#owed.get(path) ?? []), change]);
	}

	#taken(path: string): Array<() => unknown> {
		const owed = this.#owed.get(path) ?? [];
		this.#owed.delete(path);
		return owed;
	}
}

/** Sets mode and owner before the rename, but after the sync that was to keep them. */
export class MetadataAfterSync extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		const owed: Array<() => unknown> = [];
		return {
			...file,
			chmod: async (mode) => void owed.push(() => file.chmod(mode)),
			chown: async (uid, gid) => void owed.push(() => file.chown(uid, gid)),
			sync: async () => {
				await file.sync();
				for (const change of owed.splice(0)) await change();
			},
		};
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		const owed: Array<() => unknown> = [];
		return {
			...file,
			chmod: (mode) => void owed.push(() => file.chmod(mode)),
			chown: (uid, gid) => void owed.push(() => file.chown(uid, gid)),
			sync: () => {
				file.sync();
				for (const change of owed.splice(0)) change();
			},
		};
	}
}
