/** The synchronous half of the real disk, for exit handlers: it holds the event loop. */
import fs from 'node:fs';
import { codeOf } from '../errors.ts';
import type { FileStat, LockAttempt, OpenFileSync, SyncFileSystem } from '../ports/file-system.ts';
import { tryLockDescriptor } from './native-lock.ts';
import { openFlags, toFileStat } from './translate.ts';

export const nodeSyncFileSystem: SyncFileSystem = {
	open: (path, mode, permissions) => new NodeFileSync(fs.openSync(path, openFlags(mode), permissions)),
	lstat(path) {
		const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
		return stats && toFileStat(stats);
	},
	realpath(path) {
		try {
			return fs.realpathSync.native(path);
		} catch (error) {
			if (process.platform !== 'win32' || codeOf(error) === 'ENOENT') throw error;
			return fs.realpathSync(path);
		}
	},
	readlink: (path) => fs.readlinkSync(path),
	readdir: (path) => fs.readdirSync(path),
	readFile: (path) => fs.readFileSync(path),
	rename: (from, to) => fs.renameSync(from, to),
	link: (existing, created) => fs.linkSync(existing, created),
	unlink: (path) => fs.unlinkSync(path),
	ensureDirectory(path) {
		try {
			fs.mkdirSync(path);
		} catch (error) {
			if (codeOf(error) !== 'EEXIST') throw error;
		}
	},
	syncDirectory(path) {
		const fd = fs.openSync(path, fs.constants.O_RDONLY);
		try {
			fs.fsyncSync(fd);
		} finally {
			fs.closeSync(fd);
		}
	},
};

class NodeFileSync implements OpenFileSync {
	readonly #fd: number;
	#closed = false;

	constructor(fd: number) {
		this.#fd = fd;
	}

	write(buffer: Uint8Array, offset: number, length: number, position: number | null): number {
		return fs.writeSync(this.#fd, buffer, offset, length, position);
	}

	sync(): void {
		fs.fsyncSync(this.#fd);
	}

	stat(): FileStat {
		return toFileStat(fs.fstatSync(this.#fd, { bigint: true }));
	}

	chmod(mode: number): void {
		fs.fchmodSync(this.#fd, mode);
	}

	chown(uid: number, gid: number): void {
		fs.fchownSync(this.#fd, uid, gid);
	}

	tryLock(): LockAttempt {
		return tryLockDescriptor(this.#fd);
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		fs.closeSync(this.#fd);
	}
}
