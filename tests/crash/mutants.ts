/**
 * Ports that lie: each breaks one rule of the commit protocol, as a careless implementation would. Whatever is written
 * over one of them must be caught by the exploration, or the exploration proves nothing.
 */
import { dirname } from 'node:path/posix';
import type { FileSystem, OpenDirectory, OpenFile, OpenMode } from '../../lib/ports/file-system.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';

/** Passes every call on. Its mutants override what they break. */
export class PassingPort implements FileSystem {
	readonly scope: object;
	readonly semantics: FileSystem['semantics'];
	readonly ignoresCase: boolean;
	readonly sync: FileSystem['sync'];
	readonly inner: FileSystem;

	/** @param scope default: the one of the disk; another one makes it another process's */
	constructor(inner: FileSystem, scope: object = inner.scope) {
		this.inner = inner;
		this.scope = scope;
		this.semantics = inner.semantics;
		this.ignoresCase = inner.ignoresCase;
		this.sync = inner.sync;
	}

	uniqueId(): string {
		return this.inner.uniqueId();
	}

	async open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile> {
		return this.wrapFile(await this.inner.open(path, mode, permissions), path);
	}

	async openDirectory(path: string): Promise<OpenDirectory> {
		return this.wrapDirectory(await this.inner.openDirectory(path), path);
	}

	stat(path: string): ReturnType<FileSystem['stat']> {
		return this.inner.stat(path);
	}

	lstat(path: string): ReturnType<FileSystem['lstat']> {
		return this.inner.lstat(path);
	}

	realpath(path: string): ReturnType<FileSystem['realpath']> {
		return this.inner.realpath(path);
	}

	readlink(path: string): Promise<string> {
		return this.inner.readlink(path);
	}

	readdir(path: string): Promise<string[]> {
		return this.inner.readdir(path);
	}

	readFile(path: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> {
		return this.inner.readFile(path, options);
	}

	rename(from: string, to: string): ReturnType<FileSystem['rename']> {
		return this.inner.rename(from, to);
	}

	link(existing: string, created: string): Promise<void> {
		return this.inner.link(existing, created);
	}

	unlink(path: string): Promise<void> {
		return this.inner.unlink(path);
	}

	ensureDirectory(path: string): Promise<void> {
		return this.inner.ensureDirectory(path);
	}

	wrapFile(file: OpenFile, _path: string): OpenFile {
		return file;
	}

	wrapDirectory(directory: OpenDirectory, _path: string): OpenDirectory {
		return directory;
	}
}

class FileSyncDropped extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, sync: async () => {}, dataSync: async () => {} };
	}
}

class FileSyncNotAwaited extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return {
			...file,
			sync: async () => {
				file.sync().catch(() => {});
			},
		};
	}
}

class FileSyncAfterRename extends PassingPort {
	readonly #owed = new Map<string, OpenFile>();

	override wrapFile(file: OpenFile, path: string): OpenFile {
		return {
			...file,
			sync: async () => {
				this.#owed.set(path, file);
			},
		};
	}

	override async rename(from: string, to: string): Promise<void> {
		await this.inner.rename(from, to);
		await this.#owed.get(from)?.sync();
	}
}

/** Whatever comes between the sync and the rename, such as the rotation of backups, comes before the sync. */
class BackupsRotatedBeforeSync extends PassingPort {
	readonly #owed = new Map<string, OpenFile>();

	override wrapFile(file: OpenFile, path: string): OpenFile {
		return {
			...file,
			sync: async () => {
				this.#owed.set(path, file);
			},
		};
	}

	override async rename(from: string, to: string): Promise<void> {
		const owed = this.#owed.get(from);
		this.#owed.delete(from);
		if (owed !== undefined && to.includes('.dj1')) this.#owed.set(to, owed);
		else await owed?.sync();
		await this.inner.rename(from, to);
	}
}

/** Says that the document is in place before it is. */
class RenameNotAwaited extends PassingPort {
	override async rename(from: string, to: string): Promise<void> {
		Promise.resolve(this.inner.rename(from, to)).catch(() => {});
	}
}

class FileSyncedBeforeWriting extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return {
			...file,
			write: async (...span) => {
				await file.sync();
				return file.write(...span);
			},
			sync: async () => {},
		};
	}
}

class DirectorySyncDropped extends PassingPort {
	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return { ...directory, sync: async () => {} };
	}
}

class DirectorySyncNotAwaited extends PassingPort {
	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return {
			...directory,
			sync: async () => {
				directory.sync().catch(() => {});
			},
		};
	}
}

class DirectorySyncBeforeRename extends DirectorySyncDropped {
	override async rename(from: string, to: string): Promise<void> {
		const directory = await this.inner.openDirectory(dirname(to));
		await directory.sync();
		await directory.close();
		await this.inner.rename(from, to);
	}
}

/** Syncs only directories that hold a document, not those above. */
class ParentSyncDropped extends PassingPort {
	readonly #holders = new Set<string>();

	override rename(from: string, to: string): ReturnType<FileSystem['rename']> {
		this.#holders.add(dirname(to));
		return this.inner.rename(from, to);
	}

	override wrapDirectory(directory: OpenDirectory, path: string): OpenDirectory {
		return { ...directory, sync: async () => (this.#holders.has(path) ? directory.sync() : undefined) };
	}
}

class SyncErrorsSwallowed extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, sync: () => file.sync().catch(() => {}), dataSync: () => file.dataSync().catch(() => {}) };
	}

	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return { ...directory, sync: () => directory.sync().catch(() => {}) };
	}
}

class SyncRetriedOnSameHandle extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, sync: () => file.sync().catch(() => file.sync()) };
	}
}

class ShortWritesTakenAsWhole extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return {
			...file,
			write: async (buffer, offset, length, position) => {
				await file.write(buffer, offset, length, position);
				return length;
			},
		};
	}
}

/** Puts the bytes into the target instead of the name onto the bytes. */
class WrittenInPlace extends PassingPort {
	override async rename(from: string, to: string): Promise<void> {
		const bytes = await this.inner.readFile(from);
		const file = await this.inner.open(to, 'append-create', 0o666);
		await file.truncate(0);
		await file.write(bytes, 0, bytes.length, 0);
		await file.sync();
		await file.close();
		await this.inner.unlink(from);
	}
}

/** One name for every temporary file of a document, and no complaint where it is taken. */
class FixedTempName extends PassingPort {
	override uniqueId(): string {
		return '0'.repeat(16);
	}

	override async open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile> {
		const fixed = this.#fix(path);
		const taken = mode === 'create-exclusive' && (await this.inner.lstat(fixed)) !== undefined;
		const file = await this.inner.open(fixed, taken ? 'update' : mode, permissions);
		if (taken) await file.truncate(0);
		return { ...file, tryLock: () => 'locked' };
	}

	override rename(from: string, to: string): ReturnType<FileSystem['rename']> {
		return this.inner.rename(this.#fix(from), this.#fix(to));
	}

	override unlink(path: string): Promise<void> {
		return this.inner.unlink(this.#fix(path));
	}

	/** The library's names hold time and sequence as well. */
	#fix(path: string): string {
		return path.replace(/(?<=\.dj1..-)[0-9a-z]{15}/, '0'.repeat(15));
	}
}

/** Takes every file for one that nobody else uses. */
class LocksIgnored extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, tryLock: () => 'locked' };
	}
}

/** Removes lock files wherever it looks for leftovers, as if those were some. */
class LockFilesRemoved extends PassingPort {
	override async readdir(path: string): Promise<string[]> {
		const names = await this.inner.readdir(path);
		for (const name of names) if (name.startsWith('.dj1l')) await this.inner.unlink(`${path}/${name}`);
		return names;
	}
}

/** Does what comes last, the rename and the sync of its directory, in the right order, but only after it has said so. */
class AcknowledgedEarly extends PassingPort {
	#last: Promise<unknown> = Promise.resolve();

	override async rename(from: string, to: string): Promise<void> {
		this.#later(() => this.inner.rename(from, to));
	}

	override wrapDirectory(directory: OpenDirectory): OpenDirectory {
		return {
			...directory,
			sync: async () => this.#later(() => directory.sync()),
			close: async () => this.#later(() => directory.close()),
		};
	}

	#later(call: () => unknown): void {
		this.#last = this.#last.then(call).catch(() => {});
	}
}

/** A port that breaks one rule; with a scope, as another process would have it. */
export type MutantPort = (disk: SimulatedDisk, scope?: object) => FileSystem;

export type MutantName =
	| 'file sync dropped'
	| 'file sync not awaited'
	| 'file sync after the rename'
	| 'file sync before the write'
	| 'backup rotated before the sync'
	| 'rename not awaited'
	| 'directory sync dropped'
	| 'directory sync not awaited'
	| 'directory sync before the rename'
	| 'sync of created parents dropped'
	| 'sync errors swallowed'
	| 'failed sync retried on the same handle'
	| 'short writes taken as whole'
	| 'written in place'
	| 'fixed temporary name'
	| 'locks ignored'
	| 'lock files removed as litter'
	| 'acknowledged early';

/** All of them, by what they do wrong. */
export const mutants: Readonly<Record<MutantName, MutantPort>> = {
	'file sync dropped': (disk, scope) => new FileSyncDropped(disk, scope),
	'file sync not awaited': (disk, scope) => new FileSyncNotAwaited(disk, scope),
	'file sync after the rename': (disk, scope) => new FileSyncAfterRename(disk, scope),
	'file sync before the write': (disk, scope) => new FileSyncedBeforeWriting(disk, scope),
	'backup rotated before the sync': (disk, scope) => new BackupsRotatedBeforeSync(disk, scope),
	'rename not awaited': (disk, scope) => new RenameNotAwaited(disk, scope),
	'directory sync dropped': (disk, scope) => new DirectorySyncDropped(disk, scope),
	'directory sync not awaited': (disk, scope) => new DirectorySyncNotAwaited(disk, scope),
	'directory sync before the rename': (disk, scope) => new DirectorySyncBeforeRename(disk, scope),
	'sync of created parents dropped': (disk, scope) => new ParentSyncDropped(disk, scope),
	'sync errors swallowed': (disk, scope) => new SyncErrorsSwallowed(disk, scope),
	'failed sync retried on the same handle': (disk, scope) => new SyncRetriedOnSameHandle(disk, scope),
	'short writes taken as whole': (disk, scope) => new ShortWritesTakenAsWhole(disk, scope),
	'written in place': (disk, scope) => new WrittenInPlace(disk, scope),
	'fixed temporary name': (disk, scope) => new FixedTempName(disk, scope),
	'locks ignored': (disk, scope) => new LocksIgnored(disk, scope),
	'lock files removed as litter': (disk, scope) => new LockFilesRemoved(disk, scope),
	'acknowledged early': (disk, scope) => new AcknowledgedEarly(disk, scope),
};
