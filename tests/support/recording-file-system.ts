/** The real disk, with every call that matters to the commit protocol written down. */
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { Awaitable, FileSystem, OpenDirectory, OpenFile, OpenMode } from '../../lib/ports/file-system.ts';

export interface RecordedCall {
	readonly name: string;
	readonly path: string;
	readonly to?: string;
	/** `start` when the call is made, `end` when it has succeeded, `failed` when it has not. */
	readonly at: 'start' | 'end' | 'failed';
}

export class RecordingFileSystem {
	readonly calls: RecordedCall[] = [];
	readonly fileSystem: FileSystem;

	constructor(inner: FileSystem = nodeFileSystem) {
		const record = this.#record.bind(this);
		this.fileSystem = {
			...inner,
			open: async (path: string, mode: OpenMode, permissions?: number) =>
				recordFile(await record('open', path, () => inner.open(path, mode, permissions)), path, record),
			openDirectory: async (path: string) => recordDirectory(await inner.openDirectory(path), path, record),
			rename: (from, to) => record('rename', from, () => inner.rename(from, to), to),
			unlink: (path) => record('unlink', path, () => inner.unlink(path)),
			readdir: (path) => record('readdir', path, () => inner.readdir(path)),
			ensureDirectory: (path) => record('ensureDirectory', path, () => inner.ensureDirectory(path)),
		};
	}

	/** An entry of the caller's own, such as an acknowledgement. */
	note(name: string, path = ''): void {
		this.calls.push({ name, path, at: 'end' });
	}

	/** The calls that have ended, as `name path`. */
	get ended(): string[] {
		return this.calls.filter(({ at }) => at === 'end').map(({ name, path }) => `${name} ${path}`.trim());
	}

	count(name: string): number {
		return this.calls.filter((call) => call.name === name && call.at === 'end').length;
	}

	async #record<T>(name: string, path: string, call: () => Awaitable<T>, to?: string): Promise<T> {
		const where = to === undefined ? { path } : { path, to };
		this.calls.push({ name, ...where, at: 'start' });
		try {
			const result = await call();
			this.calls.push({ name, ...where, at: 'end' });
			return result;
		} catch (error) {
			this.calls.push({ name, ...where, at: 'failed' });
			throw error;
		}
	}
}

type Record = <T>(name: string, path: string, call: () => Awaitable<T>) => Promise<T>;

function recordFile(file: OpenFile, path: string, record: Record): OpenFile {
	return {
		write: (...args) => record('write', path, () => file.write(...args)),
		writeSync: (...args) => file.writeSync(...args),
		read: (...args) => file.read(...args),
		sync: () => record('sync', path, () => file.sync()),
		dataSync: () => record('dataSync', path, () => file.dataSync()),
		truncate: (length) => file.truncate(length),
		stat: () => file.stat(),
		statSync: () => file.statSync(),
		chmod: (mode) => record('chmod', path, () => file.chmod(mode)),
		chown: (uid, gid) => record('chown', path, () => file.chown(uid, gid)),
		tryLock: () => file.tryLock(),
		close: () => file.close(),
	};
}

function recordDirectory(directory: OpenDirectory, path: string, record: Record): OpenDirectory {
	return {
		sync: () => record('syncDirectory', path, () => directory.sync()),
		statSync: () => directory.statSync(),
		close: () => directory.close(),
	};
}
