/** Open files and directories of the real disk, by descriptor: callbacks of `node:fs` cost half of a FileHandle's promises. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { codeOf } from '../errors.ts';
import type { Awaitable, FileStat, LockAttempt, OpenDirectory, OpenFile } from '../ports/file-system.ts';
import { beginOrFail, type Callback, longCalls } from './long-calls.ts';
import { tryLockDescriptor } from './native-lock.ts';
import type { QuickDirectory } from './quick-directories.ts';
import { SYNCHRONOUS_WRITES, toFileStat } from './translate.ts';

const chmod = promisify(fs.chmod);
const close = promisify(fs.close);

/** Calls of open files that the pool has not answered yet. */
let underWay = 0;

/** How many calls of open files wait in the thread pool: syncs, mostly. */
export function callsUnderWay(): number {
	return underWay;
}

/**
 * A descriptor whose number is not used after it was closed, when it may be another file's: `close` waits for the calls
 * under way, and calls after it fail.
 */
class Descriptor {
	readonly #fd: number;
	#calls = 0;
	#closed = false;
	#closing: Promise<void> | undefined;
	#onQuiet: (() => void) | undefined;

	constructor(fd: number) {
		this.#fd = fd;
	}

	/** The number, for a call in place. */
	get fd(): number {
		if (this.#closed) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' });
		return this.#fd;
	}

	/** Makes a call outside of this thread. */
	call<T>(begin: (fd: number, callback: Callback<T>) => void): Promise<T> {
		return new Promise((resolve, reject) => {
			const { fd } = this;
			this.#calls += 1;
			underWay += 1;
			const end: Callback<T> = (error, result) => {
				this.#calls -= 1;
				underWay -= 1;
				if (error) reject(error);
				else resolve(result as T);
				if (this.#calls === 0) this.#onQuiet?.();
			};
			beginOrFail((callback) => begin(fd, callback), end);
		});
	}

	/** Closes it, once; in place if `quick`. Rejects, and never throws. */
	close(quick: boolean): Awaitable<void> {
		if (this.#closed) return this.#closing;
		this.#closed = true;
		if (quick && this.#calls === 0) {
			try {
				return fs.closeSync(this.#fd);
			} catch (error) {
				this.#closing = Promise.reject(error);
			}
		} else {
			this.#closing = this.#closeWhenQuiet();
		}
		return this.#closing;
	}

	async #closeWhenQuiet(): Promise<void> {
		if (this.#calls > 0) {
			await new Promise<void>((resolve) => {
				this.#onQuiet = resolve;
			});
		}
		await close(this.#fd);
	}
}

/** A write into the page cache; a larger one is worth its trip. */
const QUICK_WRITE_BYTES = 32 * 1024;

export class NodeFile implements OpenFile {
	readonly #descriptor: Descriptor;
	readonly #path: string;
	readonly #directory: QuickDirectory;
	/** What closing may have to free. */
	#sizeBytes: number;

	/**
	 * @param directory that of the path
	 * @param sizeBytes how large the file may be
	 */
	constructor(fd: number, path: string, directory: QuickDirectory, sizeBytes: number) {
		this.#descriptor = new Descriptor(fd);
		this.#path = path;
		this.#directory = directory;
		this.#sizeBytes = sizeBytes;
	}

	write(buffer: Uint8Array, offset: number, length: number, position: number | null): Awaitable<number> {
		if (length <= QUICK_WRITE_BYTES && this.#directory.isQuick('change')) {
			return this.#directory.inPlace('change', () => this.writeSync(buffer, offset, length, position));
		}
		this.#sizeBytes += length;
		return this.#descriptor.call((fd, callback) => {
			longCalls.inPool((end: Callback<number>) => fs.write(fd, buffer, offset, length, position, end), callback);
		});
	}

	writeSync(buffer: Uint8Array, offset: number, length: number, position: number | null): number {
		this.#sizeBytes += length;
		return fs.writeSync(this.#descriptor.fd, buffer, offset, length, position);
	}

	read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
		return this.#descriptor.call((fd, callback) => fs.read(fd, buffer, offset, length, position, callback));
	}

	sync(): Promise<void> {
		return unlessSynchronous(this.#descriptor.call((fd, callback) => longCalls.sync('fsync', fd, callback)));
	}

	dataSync(): Promise<void> {
		return unlessSynchronous(this.#descriptor.call((fd, callback) => longCalls.sync('fdatasync', fd, callback)));
	}

	truncate(lengthBytes: number): Promise<void> {
		return this.#descriptor.call((fd, callback) => fs.ftruncate(fd, lengthBytes, callback));
	}

	async stat(): Promise<FileStat> {
		const stats = await this.#descriptor.call<fs.BigIntStats>((fd, callback) =>
			fs.fstat(fd, { bigint: true }, callback),
		);
		return toFileStat(stats);
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#descriptor.fd, { bigint: true }));
	}

	chmod(mode: number): Awaitable<void> {
		if (!this.#directory.isQuick('change')) {
			return this.#unlessDenied(
				this.#descriptor.call((fd, callback) => fs.fchmod(fd, mode, callback)),
				mode,
			);
		}
		try {
			this.#directory.inPlace('change', () => fs.fchmodSync(this.#descriptor.fd, mode));
		} catch (error) {
			return this.#unlessDenied(Promise.reject(error), mode);
		}
	}

	/** The permission model forbids fchmod and allows chmod. */
	async #unlessDenied(changed: Promise<void>, mode: number): Promise<void> {
		try {
			await changed;
		} catch (error) {
			if (codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
			await chmod(this.#path, mode);
		}
	}

	chown(uid: number, gid: number): Promise<void> {
		return this.#descriptor.call((fd, callback) => fs.fchown(fd, uid, gid, callback));
	}

	tryLock(): LockAttempt {
		return tryLockDescriptor(this.#descriptor.fd);
	}

	/** In the pool, but for a small file: the last close of a large one without a name frees its blocks. */
	close(): Awaitable<void> {
		return this.#descriptor.close(this.#sizeBytes <= QUICK_WRITE_BYTES && this.#directory.isQuick('look'));
	}
}

export class NodeDirectory implements OpenDirectory {
	readonly #descriptor: Descriptor;
	readonly #directory: QuickDirectory;

	constructor(fd: number, directory: QuickDirectory) {
		this.#descriptor = new Descriptor(fd);
		this.#directory = directory;
	}

	sync(): Promise<void> {
		return this.#descriptor.call(fs.fsync);
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#descriptor.fd, { bigint: true }));
	}

	close(): Awaitable<void> {
		return this.#descriptor.close(this.#directory.isQuick('look'));
	}
}

/** A sync, for a file whose every write is synchronous anyway where the permission model refuses the call. */
function unlessSynchronous(synced: Promise<void>): Promise<void> {
	if (!SYNCHRONOUS_WRITES) return synced;
	return synced.catch((error: unknown) => {
		if (codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
	});
}
