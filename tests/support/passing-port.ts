/** A port over another one, for tests that change what some of its calls do. */
import type {
	FileSystem,
	OpenDirectory,
	OpenFile,
	OpenFileSync,
	OpenMode,
	SyncFileSystem,
} from '../../lib/ports/file-system.ts';

/** Passes every call on. Its mutants override what they break. */
export class PassingPort implements FileSystem {
	readonly scope: object;
	readonly semantics: FileSystem['semantics'];
	readonly ignoresCase: boolean;
	readonly inner: FileSystem;

	/** @param scope default: the one of the disk; another one makes it another process's */
	constructor(inner: FileSystem, scope: object = inner.scope) {
		this.inner = inner;
		this.scope = scope;
		this.semantics = inner.semantics;
		this.ignoresCase = inner.ignoresCase;
	}

	/** The synchronous half: what {@link PassingPort.syncHalf} has in place of the inner one's. */
	get sync(): SyncFileSystem {
		const { sync } = this.inner;
		return {
			...sync,
			open: (path, mode, permissions) => this.wrapFileSync(sync.open(path, mode, permissions), path),
			...this.syncHalf(sync),
		};
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

	wrapFileSync(file: OpenFileSync, _path: string): OpenFileSync {
		return file;
	}

	syncHalf(_inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {};
	}
}
