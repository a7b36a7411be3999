/** Mistakes in syncing directories. */
import { dirname } from 'node:path/posix';
import type { FileSystem, OpenDirectory, SyncFileSystem } from '../../../lib/ports/file-system.ts';
import { PassingPort } from '../../support/passing-port.ts';

export class DirectorySyncDropped extends PassingPort {
	override wrapDirectory(directory: OpenDirectory, _path: string): OpenDirectory {
		return { ...directory, sync: async () => {} };
	}

	override syncHalf(_inner: SyncFileSystem): Partial<SyncFileSystem> {
		return { syncDirectory: () => {} };
	}
}

export class DirectorySyncNotAwaited extends PassingPort {
	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return {
			...directory,
			sync: async () => {
				directory.sync().catch(() => {});
			},
		};
	}
}

export class DirectorySyncBeforeNaming extends DirectorySyncDropped {
	override async rename(from: string, to: string): Promise<void> {
		await this.#syncNow(dirname(to));
		await this.inner.rename(from, to);
	}

	override async link(existing: string, created: string): Promise<void> {
		await this.#syncNow(dirname(created));
		await this.inner.link(existing, created);
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			...super.syncHalf(inner),
			rename: (from, to) => {
				inner.syncDirectory(dirname(to));
				inner.rename(from, to);
			},
		};
	}

	async #syncNow(path: string): Promise<void> {
		const directory = await this.inner.openDirectory(path);
		await directory.sync();
		await directory.close();
	}
}

/** Takes a sync for one of all names that were given before it ended, though some came when it had begun. */
export class DirectorySyncCountedForLaterNames extends PassingPort {
	readonly #uncovered = new Map<string, number>();

	override async rename(from: string, to: string): Promise<void> {
		await this.inner.rename(from, to);
		this.#uncovered.set(dirname(to), (this.#uncovered.get(dirname(to)) ?? 0) + 1);
	}

	override wrapDirectory(directory: OpenDirectory, path: string): OpenDirectory {
		return {
			...directory,
			sync: async () => {
				if (this.#uncovered.get(path) === 0) return;
				await directory.sync();
				if (this.#uncovered.has(path)) this.#uncovered.set(path, 0);
			},
		};
	}
}

/** Syncs directories that hold a document, and of those above only some. */
export class SomeDirectoriesSynced extends PassingPort {
	readonly #holders = new Set<string>();
	readonly #isSynced: (path: string, holders: ReadonlySet<string>) => boolean;

	constructor(
		inner: FileSystem,
		scope: object | undefined,
		isSynced: (path: string, holders: ReadonlySet<string>) => boolean,
	) {
		super(inner, scope);
		this.#isSynced = isSynced;
	}

	override rename(from: string, to: string): ReturnType<FileSystem['rename']> {
		this.#holders.add(dirname(to));
		return this.inner.rename(from, to);
	}

	override wrapDirectory(directory: OpenDirectory, path: string): OpenDirectory {
		return { ...directory, sync: async () => (this.#isSynced(path, this.#holders) ? directory.sync() : undefined) };
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			rename: (from, to) => {
				this.#holders.add(dirname(to));
				inner.rename(from, to);
			},
			syncDirectory: (path) => {
				if (this.#isSynced(path, this.#holders)) inner.syncDirectory(path);
			},
		};
	}
}

export const isParentOfHolder = (path: string, holders: ReadonlySet<string>): boolean =>
	[...holders].some((holder) => dirname(holder) === path);
