/** Open files and directories of the real disk, by descriptor: callbacks of `node:fs` cost half of a FileHandle's promises. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { codeOf } from '../errors.ts';
import type { FileStat, LockAttempt, OpenDirectory, OpenFile } from '../ports/file-system.ts';
import { tryLockDescriptor } from './native-lock.ts';
import { inPlace, isQuick } from './quick-directories.ts';
import { SYNCHRONOUS_WRITES, toFileStat } from './translate.ts';

const call = {
	chmod: promisify(fs.chmod),
	close: promisify(fs.close),
	fchmod: promisify(fs.fchmod),
	fchown: promisify(fs.fchown),
	fdatasync: promisify(fs.fdatasync),
	fstat: promisify(fs.fstat),
	fsync: promisify(fs.fsync),
	ftruncate: promisify(fs.ftruncate),
};

/**
 * A descriptor whose number is not used after it was closed, when it may be another file's: `close` waits for the calls
 * under way, and calls after it fail.
 */
class Descriptor {
	readonly #fd: number;
	#calls = 0;
	#closing: Promise<void> | undefined;
	#onQuiet: (() => void) | undefined;

	constructor(fd: number) {
		this.#fd = fd;
	}

	/** The number, for a call in place. */
	get fd(): number {
		if (this.#closing !== undefined) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' });
		return this.#fd;
	}

	async use<T>(work: (fd: number) => Promise<T>): Promise<T> {
		const { fd } = this;
		this.#calls += 1;
		try {
			return await work(fd);
		} finally {
			this.#calls -= 1;
			if (this.#calls === 0) this.#onQuiet?.();
		}
	}

	/** Closes it, once. */
	close(closeNow: (fd: number) => Promise<void> | void): Promise<void> {
		this.#closing ??= this.#closeWhenQuiet(closeNow);
		return this.#closing;
	}

	async #closeWhenQuiet(closeNow: (fd: number) => Promise<void> | void): Promise<void> {
		if (this.#calls > 0) {
			await new Promise<void>((resolve) => {
				this.#onQuiet = resolve;
			});
		}
		await closeNow(this.#fd);
	}
}

/** A write into the page cache; a larger one is worth its trip. */
const QUICK_WRITE_BYTES = 32 * 1024;

export class NodeFile implements OpenFile {
	readonly #descriptor: Descriptor;
	readonly #path: string;
	readonly #directory: string;
	/** What closing may have to free. */
	#sizeBytes: number;

	/**
	 * @param directory that of the path
	 * @param sizeBytes how large the file may be
	 */
	constructor(fd: number, path: string, directory: string, sizeBytes: number) {
		this.#descriptor = new Descriptor(fd);
		this.#path = path;
		this.#directory = directory;
		this.#sizeBytes = sizeBytes;
	}

	async write(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<number> {
		if (length <= QUICK_WRITE_BYTES && isQuick(this.#directory, 'change')) {
			return inPlace(this.#directory, 'change', () => this.writeSync(buffer, offset, length, position));
		}
		this.#sizeBytes += length;
		return this.#descriptor.use(
			(fd) =>
				new Promise((resolve, reject) => {
					fs.write(fd, buffer, offset, length, position, (error, written) =>
						error ? reject(error) : resolve(written),
					);
				}),
		);
	}

	writeSync(buffer: Uint8Array, offset: number, length: number, position: number | null): number {
		this.#sizeBytes += length;
		return fs.writeSync(this.#descriptor.fd, buffer, offset, length, position);
	}

	read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
		return this.#descriptor.use(
			(fd) =>
				new Promise((resolve, reject) => {
					fs.read(fd, buffer, offset, length, position, (error, read) => (error ? reject(error) : resolve(read)));
				}),
		);
	}

	sync(): Promise<void> {
		return this.#descriptor.use((fd) => unlessSynchronous(call.fsync(fd)));
	}

	dataSync(): Promise<void> {
		return this.#descriptor.use((fd) => unlessSynchronous(call.fdatasync(fd)));
	}

	truncate(lengthBytes: number): Promise<void> {
		return this.#descriptor.use((fd) => call.ftruncate(fd, lengthBytes));
	}

	async stat(): Promise<FileStat> {
		return this.#descriptor.use(async (fd) => toFileStat(await call.fstat(fd, { bigint: true })));
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#descriptor.fd, { bigint: true }));
	}

	async chmod(mode: number): Promise<void> {
		try {
			if (isQuick(this.#directory, 'change'))
				inPlace(this.#directory, 'change', () => fs.fchmodSync(this.#descriptor.fd, mode));
			else await this.#descriptor.use((fd) => call.fchmod(fd, mode));
		} catch (error) {
			// The permission model forbids fchmod and allows chmod.
			if (codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
			await call.chmod(this.#path, mode);
		}
	}

	chown(uid: number, gid: number): Promise<void> {
		return this.#descriptor.use((fd) => call.fchown(fd, uid, gid));
	}

	tryLock(): LockAttempt {
		return tryLockDescriptor(this.#descriptor.fd);
	}

	/** In the pool, but for a small file: the last close of a large one without a name frees its blocks. */
	close(): Promise<void> {
		const quick = this.#sizeBytes <= QUICK_WRITE_BYTES && isQuick(this.#directory, 'look');
		return this.#descriptor.close(quick ? fs.closeSync : call.close);
	}
}

export class NodeDirectory implements OpenDirectory {
	readonly #descriptor: Descriptor;
	readonly #path: string;

	constructor(fd: number, path: string) {
		this.#descriptor = new Descriptor(fd);
		this.#path = path;
	}

	sync(): Promise<void> {
		return this.#descriptor.use(call.fsync);
	}

	statSync(): FileStat {
		return toFileStat(fs.fstatSync(this.#descriptor.fd, { bigint: true }));
	}

	close(): Promise<void> {
		return this.#descriptor.close(isQuick(this.#path, 'look') ? fs.closeSync : call.close);
	}
}

/** A sync, for a file whose every write is synchronous anyway where the permission model refuses the call. */
async function unlessSynchronous(sync: Promise<void>): Promise<void> {
	try {
		await sync;
	} catch (error) {
		if (!SYNCHRONOUS_WRITES || codeOf(error) !== 'ERR_ACCESS_DENIED') throw error;
	}
}
