/** The real disk: the only room that touches `node:fs`. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import {
	type FileHandle,
	link,
	lstat,
	open,
	readdir,
	readFile,
	readlink,
	rename,
	stat,
	unlink,
} from 'node:fs/promises';
import { promisify } from 'node:util';
import { codeOf } from '../errors.ts';
import type { FileStat, FileSystem, LockAttempt, OpenDirectory, OpenFile } from '../ports/file-system.ts';
import { localScope } from '../shared-state.ts';
import { tryLockDescriptor } from './native-lock.ts';
import { nodeSyncFileSystem } from './node-sync-file-system.ts';
import { openFlags, SYNCHRONOUS_WRITES, toFileStat } from './translate.ts';

/**
 * The native call is one trip to the thread pool; fs.promises.realpath is the same call, fs.realpath one lstat for each
 * component of the path.
 */
const realpath = promisify(fs.realpath.native);

export const nodeFileSystem: FileSystem = {
	scope: localScope,
	semantics: process.platform === 'win32' ? 'win32' : 'posix',
	sync: nodeSyncFileSystem,
	uniqueId: () => randomBytes(8).toString('hex'),
	async open(path, mode, permissions) {
		return new NodeFile(await open(path, openFlags(mode), permissions), path);
	},
	async openDirectory(path) {
		return new NodeDirectory(await open(path, fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0)));
	},
	async stat(path) {
		return toFileStat(await stat(path, { bigint: true }));
	},
	async lstat(path) {
		try {
			return toFileStat(await lstat(path, { bigint: true }));
		} catch (error) {
			if (codeOf(error) === 'ENOENT') return undefined;
			throw error;
		}
	},
	realpath: (path) => realpath(path),
	readlink: (path) => readlink(path),
	readdir: (path) => readdir(path),
	readFile: (path, options) => readFile(path, options),
	rename,
	link,
	unlink,
	async ensureDirectory(path) {
		// Loaded where it is used: fs-extra brings graceful-fs, which wraps functions of node:fs and process. Its ensureDir,
		// like mkdir with `recursive`, tries for ever where nothing can be made (below /proc).
		const { default: fsExtra } = await import('fs-extra');
		try {
			await fsExtra.mkdir(path);
		} catch (error) {
			if (codeOf(error) !== 'EEXIST') throw error;
		}
	},
};

class NodeFile implements OpenFile {
	readonly #handle: FileHandle;
	readonly #path: string;

	constructor(handle: FileHandle, path: string) {
		this.#handle = handle;
		this.#path = path;
	}

	async write(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<number> {
		return (await this.#handle.write(buffer, offset, length, position)).bytesWritten;
	}

	writeSync(buffer: Uint8Array, offset: number, length: number, position: number | null): number {
		return fs.writeSync(this.#handle.fd, buffer, offset, length, position);
	}

	async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
		return (await this.#handle.read(buffer, offset, length, position)).bytesRead;
	}

	sync(): Promise<void> {
		return syncUnlessSynchronous(() => this.#handle.sync());
	}

	dataSync(): Promise<void> {
		return syncUnlessSynchronous(() => this.#handle.datasync());
	}

	truncate(lengthBytes: number): Promise<void> {
		return this.#handle.truncate(lengthBytes);
	}

	async stat(): Promise<FileStat> {
		return toFileStat(await this.#handle.stat({ bigint: true }));
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#handle.fd, { bigint: true }));
	}

	async chmod(mode: number): Promise<void> {
		try {
			await this.#handle.chmod(mode);
		} catch (error) {
			// The permission model forbids fchmod and allows chmod.
			if (codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
			await fs.promises.chmod(this.#path, mode);
		}
	}

	chown(uid: number, gid: number): Promise<void> {
		return this.#handle.chown(uid, gid);
	}

	tryLock(): LockAttempt {
		return tryLockDescriptor(this.#handle.fd);
	}

	close(): Promise<void> {
		return this.#handle.close();
	}
}

class NodeDirectory implements OpenDirectory {
	readonly #handle: FileHandle;

	constructor(handle: FileHandle) {
		this.#handle = handle;
	}

	sync(): Promise<void> {
		return this.#handle.sync();
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#handle.fd, { bigint: true }));
	}

	close(): Promise<void> {
		return this.#handle.close();
	}
}

/** fsync, for a file whose every write is synchronous anyway where the permission model refuses the call. */
async function syncUnlessSynchronous(sync: () => Promise<void>): Promise<void> {
	try {
		await sync();
	} catch (error) {
		if (!SYNCHRONOUS_WRITES || codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
	}
}
