/** Mistakes in naming files, in whose they are, and in when it is said to be done. */
import type {
	FileSystem,
	OpenDirectory,
	OpenFile,
	OpenFileSync,
	OpenMode,
	SyncFileSystem,
} from '../../../lib/ports/file-system.ts';
import { PassingPort } from '../../support/passing-port.ts';

/** Says that the document is in place before it is. */
export class RenameNotAwaited extends PassingPort {
	override async rename(from: string, to: string): Promise<void> {
		Promise.resolve(this.inner.rename(from, to)).catch(() => {});
	}
}

/** Puts the bytes into the target instead of the name onto the bytes. */
export class WrittenInPlace extends PassingPort {
	override async rename(from: string, to: string): Promise<void> {
		await this.#copy(from, to);
		await this.inner.unlink(from);
	}

	override link(existing: string, created: string): Promise<void> {
		return this.#copy(existing, created);
	}

	/** It cannot cut the old bytes off first: that makes no difference to documents that grow. */
	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		const copy = (from: string, to: string): void => {
			const bytes = inner.readFile(from);
			inner.open(to, 'append-create', 0o666).close();
			const opened = inner.open(to, 'update');
			opened.write(bytes, 0, bytes.length, 0);
			opened.sync();
			opened.close();
		};
		return {
			link: copy,
			rename(from, to) {
				copy(from, to);
				inner.unlink(from);
			},
		};
	}

	async #copy(from: string, to: string): Promise<void> {
		const bytes = await this.inner.readFile(from);
		const file = await this.inner.open(to, 'append-create', 0o666);
		await file.truncate(0);
		await file.write(bytes, 0, bytes.length, 0);
		await file.sync();
		await file.close();
	}
}

/** One name for every temporary file of a document, and no complaint where it is taken. */
export class FixedTempName extends PassingPort {
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
export class LocksIgnored extends PassingPort {
	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, tryLock: () => 'locked' };
	}

	override wrapFileSync(file: OpenFileSync): OpenFileSync {
		return { ...file, tryLock: () => 'locked' };
	}
}

/** Removes lock files wherever it looks for leftovers, as if those were some. */
export class LockFilesRemoved extends PassingPort {
	override async readdir(path: string): Promise<string[]> {
		const names = await this.inner.readdir(path);
		for (const name of names) if (name.startsWith('.dj1l')) await this.inner.unlink(`${path}/${name}`);
		return names;
	}
}

/** Does what comes last, the rename and the sync of its directory, in the right order, but only after it has said so. */
export class AcknowledgedEarly extends PassingPort {
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

	override wrapFile(file: OpenFile): OpenFile {
		return { ...file, dataSync: async () => this.#later(() => file.dataSync()) };
	}

	override syncHalf(inner: SyncFileSystem): Partial<SyncFileSystem> {
		return {
			rename: (from, to) => this.#later(() => inner.rename(from, to)),
			link: (existing, created) => this.#later(() => inner.link(existing, created)),
			syncDirectory: (path) => this.#later(() => inner.syncDirectory(path)),
		};
	}

	#later(call: () => unknown): void {
		this.#last = this.#last.then(call).catch(() => {});
	}
}
