/** The `FileHandle` of the simulated `node:fs/promises`, and what it shares with the functions there. */
import type { Stats } from 'node:fs';
import { invalidArgument } from '../errors.ts';
import { asOptions, checkInteger } from '../options.ts';
import type { FileStat, OpenFile } from '../ports/file-system.ts';

export type Data = string | NodeJS.ArrayBufferView;

export interface FileOptions {
	readonly encoding?: BufferEncoding | null;
	readonly flag?: string;
	readonly mode?: number;
	readonly flush?: boolean;
	readonly signal?: AbortSignal;
}

/** As much of a `FileHandle` as is simulated: the calls of text and bytes. */
export class SimulatedFileHandle {
	readonly #file: OpenFile;
	readonly #appends: boolean;
	#position = 0;

	constructor(file: OpenFile, appends: boolean) {
		this.#file = file;
		this.#appends = appends;
	}

	async write(
		data: Data,
		offset?: number | null,
		length?: number | BufferEncoding | null,
		position?: number | null,
	): Promise<object> {
		// Of a string the second argument is the position, and the third the encoding.
		const isText = typeof data === 'string';
		const bytes = bytesOf(data, isText && typeof length === 'string' ? length : undefined);
		const [from, count] = isText ? [0, bytes.length] : spanIn(bytes, offset, length);
		const at = isText ? offset : position;
		const start = this.#appends ? null : (at ?? this.#position);
		const bytesWritten = await this.#file.write(bytes, from, count, start);
		if (at === undefined || at === null) this.#position += bytesWritten;
		return { bytesWritten, buffer: data };
	}

	async writeFile(data: Data, options?: FileOptions | BufferEncoding | null): Promise<void> {
		const bytes = bytesOf(data, options);
		for (let done = 0; done < bytes.length; ) {
			const start = this.#appends ? null : this.#position;
			const taken = await this.#file.write(bytes, done, bytes.length - done, start);
			done += taken;
			this.#position += taken;
		}
	}

	appendFile(data: Data, options?: FileOptions | BufferEncoding | null): Promise<void> {
		return this.writeFile(data, options);
	}

	async read(
		buffer: NodeJS.ArrayBufferView,
		offset?: number | null,
		length?: number | null,
		position?: number | null,
	): Promise<object> {
		if (!ArrayBuffer.isView(buffer)) throw invalidArgument('buffer', 'a view of bytes', buffer);
		const into = bytesOf(buffer);
		const bytesRead = await this.#file.read(into, ...spanIn(into, offset, length), position ?? this.#position);
		if (typeof position !== 'number') this.#position += bytesRead;
		return { bytesRead, buffer };
	}

	async readFile(options?: FileOptions | BufferEncoding | null): Promise<Buffer | string> {
		const { sizeBytes } = await this.#file.stat();
		const content = Buffer.alloc(Math.max(0, sizeBytes - this.#position));
		for (let done = 0; done < content.length; ) {
			const taken = await this.#file.read(content, done, content.length - done, this.#position);
			if (taken === 0) return decoded(content.subarray(0, done), options);
			done += taken;
			this.#position += taken;
		}
		return decoded(content, options);
	}

	sync(): Promise<void> {
		return this.#file.sync();
	}

	datasync(): Promise<void> {
		return this.#file.dataSync();
	}

	truncate(lengthBytes: number = 0): Promise<void> {
		return this.#file.truncate(lengthBytes);
	}

	async stat(): Promise<object> {
		return statsOf(await this.#file.stat());
	}

	async chmod(mode: number): Promise<void> {
		await this.#file.chmod(mode);
	}

	chown(uid: number, gid: number): Promise<void> {
		return this.#file.chown(uid, gid);
	}

	async close(): Promise<void> {
		await this.#file.close();
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}
}

export function bytesOf(data: Data, options?: FileOptions | BufferEncoding | null): Uint8Array {
	if (typeof data === 'string') return Buffer.from(data, optionsOf(options).encoding ?? 'utf8');
	if (!ArrayBuffer.isView(data)) {
		throw invalidArgument('data', 'a string or a view of bytes: iterables are not simulated', data);
	}
	return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** What Node takes for options of a file: an object, or an encoding alone. */
export function optionsOf(options: FileOptions | BufferEncoding | null | undefined): Partial<FileOptions> {
	if (typeof options === 'string') return { encoding: options };
	const checked = asOptions<FileOptions>(options ?? undefined);
	refuse('options.signal', checked.signal);
	return checked;
}

export function refuse(option: string, value: unknown): void {
	if (value !== undefined && value !== false) {
		throw invalidArgument(option, 'left out: it is not simulated', value);
	}
}

/** Which bytes of a buffer are meant. */
function spanIn(bytes: Uint8Array, offset: unknown, length: unknown): [offset: number, length: number] {
	const from = offset ?? 0;
	checkInteger('offset', from, 0, bytes.length);
	const left = bytes.length - Number(from);
	checkInteger('length', length ?? left, 0, left);
	return [Number(from), Number(length ?? left)];
}

export function decoded(content: Buffer, options?: FileOptions | BufferEncoding | null): Buffer | string {
	const { encoding } = optionsOf(options);
	return encoding === undefined || encoding === null ? content : content.toString(encoding);
}

/** As many of the `Stats` as the port knows. */
export function statsOf(stat: FileStat): Partial<Stats> {
	const { kind, mode, uid, gid, sizeBytes, linkCount, modifiedMs, identity } = stat;
	return {
		isFile: () => kind === 'file',
		isDirectory: () => kind === 'directory',
		isSymbolicLink: () => kind === 'symlink',
		mode,
		uid,
		gid,
		size: sizeBytes,
		nlink: linkCount,
		ino: Number(identity.slice(identity.indexOf(':') + 1)),
		mtimeMs: modifiedMs,
		mtime: new Date(modifiedMs),
	};
}
