/** A part of `node:fs/promises` over the file-system port, so that code written for Node can be tried on a simulated disk. */
import type { Stats } from 'node:fs';
import type * as nodeFsPromises from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { invalidArgument } from '../errors.ts';
import type { Awaitable, FileStat, FileSystem, OpenFile, OpenMode } from '../ports/file-system.ts';
import { systemError } from './system-error.ts';

/** What there is of `node:fs/promises`. Options beyond those of files as text or bytes are not supported, and refused. */
export type FsPromises = Pick<
	typeof nodeFsPromises,
	| 'access'
	| 'appendFile'
	| 'chmod'
	| 'chown'
	| 'copyFile'
	| 'link'
	| 'lstat'
	| 'mkdir'
	| 'open'
	| 'readdir'
	| 'readFile'
	| 'readlink'
	| 'realpath'
	| 'rename'
	| 'rm'
	| 'stat'
	| 'truncate'
	| 'unlink'
	| 'writeFile'
>;

type Data = string | NodeJS.ArrayBufferView;

interface FileOptions {
	readonly encoding?: BufferEncoding | null;
	readonly flag?: string;
	readonly mode?: number;
	readonly flush?: boolean;
}

interface ReaddirOptions {
	readonly recursive?: boolean;
	readonly withFileTypes?: boolean;
}

/** What a flag means: how the port opens the file, and what is done to it then. */
interface OpenPlan {
	/** Tried one after the other, as the file exists or not. */
	readonly modes: readonly OpenMode[];
	readonly truncates?: boolean;
}

const PLANS: Readonly<Record<string, OpenPlan>> = {
	r: { modes: ['read'] },
	'r+': { modes: ['update'] },
	w: { modes: ['update', 'create-exclusive'], truncates: true },
	'w+': { modes: ['update', 'create-exclusive'], truncates: true },
	wx: { modes: ['create-exclusive'] },
	'wx+': { modes: ['create-exclusive'] },
	a: { modes: ['append-create'] },
	'a+': { modes: ['append-create'] },
};

/** As much of a `FileHandle` as is simulated: the calls of text and bytes. */
class SimulatedFileHandle {
	readonly #file: OpenFile;
	readonly #appends: boolean;
	#position = 0;

	constructor(file: OpenFile, appends: boolean) {
		this.#file = file;
		this.#appends = appends;
	}

	async write(data: Data, offset?: number | null, length?: number, position?: number | null): Promise<object> {
		const bytes = bytesOf(data);
		// Of a string the second argument is the position, and the third the encoding.
		const isText = typeof data === 'string';
		const from = isText ? 0 : (offset ?? 0);
		const count = isText ? bytes.length : (length ?? bytes.length - from);
		const at = (isText ? offset : position) ?? null;
		const start = this.#appends ? null : (at ?? this.#position);
		const bytesWritten = await this.#file.write(bytes, from, count, start);
		if (at === null) this.#position += bytesWritten;
		return { bytesWritten, buffer: data };
	}

	async writeFile(data: Data): Promise<void> {
		const bytes = bytesOf(data);
		for (let done = 0; done < bytes.length; ) {
			const start = this.#appends ? null : this.#position;
			const taken = await this.#file.write(bytes, done, bytes.length - done, start);
			done += taken;
			this.#position += taken;
		}
	}

	appendFile(data: Data): Promise<void> {
		return this.writeFile(data);
	}

	async read(buffer: Uint8Array, offset = 0, length = buffer.length - offset, position?: number): Promise<object> {
		const bytesRead = await this.#file.read(buffer, offset, length, position ?? this.#position);
		if (typeof position !== 'number') this.#position += bytesRead;
		return { bytesRead, buffer };
	}

	async readFile(options?: FileOptions | BufferEncoding): Promise<Buffer | string> {
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

/** A directory, which Node opens as it opens a file: to sync it. */
async function openDirectory(port: FileSystem, path: string): Promise<object> {
	const directory = await port.openDirectory(path);
	return {
		sync: () => directory.sync(),
		datasync: () => directory.sync(),
		stat: async () => statsOf(directory.statSync()),
		close: () => directory.close(),
		[Symbol.asyncDispose]: () => directory.close(),
	};
}

async function openFile(port: FileSystem, path: string, flag: string, mode?: number): Promise<SimulatedFileHandle> {
	const plan = PLANS[flag];
	if (plan === undefined)
		throw invalidArgument('flag', `one of ${Object.keys(PLANS).join(', ')}: others are not simulated`, flag);
	const file = await openFirst(port, path, plan.modes, mode);
	try {
		if (plan.truncates === true) await file.truncate(0);
	} catch (error) {
		// O_TRUNC is a part of open(2), which gives no descriptor where it fails.
		await file.close();
		throw error;
	}
	return new SimulatedFileHandle(file, flag.startsWith('a'));
}

/** O_CREAT without O_EXCL: what exists is opened, what does not is made, whoever comes in between. */
async function openFirst(
	port: FileSystem,
	path: string,
	modes: readonly OpenMode[],
	permissions?: number,
): Promise<OpenFile> {
	const [mode = 'read', ...others] = modes;
	try {
		return await port.open(path, mode, permissions);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (others.length > 0 && code === 'ENOENT') return openFirst(port, path, [...others, mode], permissions);
		if (others.length > 0 && code === 'EEXIST') return openFirst(port, path, [...others, mode], permissions);
		throw error;
	}
}

/**
 * The functions of `node:fs/promises` that read and write files as text or bytes, on a simulated disk or any other
 * implementation of the port. Paths are absolute. Streams, watchers, buffers for names and other flags are not simulated.
 */
export function fsPromisesOf(port: FileSystem): FsPromises {
	const functions = { ...fileFunctions(port), ...nameFunctions(port) };
	// The overloads of Node's types cannot be spelt out here; each function takes what its documentation says.
	return functions as unknown as FsPromises;
}

function fileFunctions(port: FileSystem): Record<string, (...args: never[]) => Promise<unknown>> {
	const writeFile = async (
		target: string | URL | SimulatedFileHandle,
		data: Data,
		options: FileOptions | BufferEncoding = {},
		usualFlag = 'w',
	): Promise<void> => {
		if (target instanceof SimulatedFileHandle) return target.writeFile(data);
		const { flag = usualFlag, mode, flush = false } = typeof options === 'string' ? {} : options;
		const file = await openFile(port, pathOf(target), flag, mode);
		try {
			await file.writeFile(data);
			if (flush) await file.sync();
		} finally {
			await file.close();
		}
	};
	const open = async (path: string | URL, flag = 'r', mode?: number): Promise<object> => {
		const isDirectory = flag === 'r' && (await port.lstat(pathOf(path)))?.kind === 'directory';
		return isDirectory ? openDirectory(port, pathOf(path)) : openFile(port, pathOf(path), flag, mode);
	};
	const withFile = async (path: string | URL, act: (file: OpenFile) => Awaitable<void>): Promise<void> => {
		const file = await port.open(pathOf(path), 'update');
		try {
			await act(file);
		} finally {
			await file.close();
		}
	};
	return {
		open,
		writeFile,
		appendFile: (target: string | URL | SimulatedFileHandle, data: Data, options?: FileOptions | BufferEncoding) =>
			writeFile(target, data, options, 'a'),
		readFile: async (target: string | URL | SimulatedFileHandle, options?: FileOptions | BufferEncoding) => {
			if (target instanceof SimulatedFileHandle) return target.readFile(options);
			return decoded(Buffer.from(await port.readFile(pathOf(target))), options);
		},
		copyFile: async (from: string | URL, to: string | URL) => writeFile(to, await port.readFile(pathOf(from))),
		truncate: (path: string | URL, lengthBytes = 0) => withFile(path, (file) => file.truncate(lengthBytes)),
		chmod: (path: string | URL, mode: number) => withFile(path, (file) => file.chmod(mode)),
		chown: (path: string | URL, uid: number, gid: number) => withFile(path, (file) => file.chown(uid, gid)),
	};
}

function nameFunctions(port: FileSystem): Record<string, (...args: never[]) => Promise<unknown>> {
	return {
		rename: async (from: string | URL, to: string | URL) => port.rename(pathOf(from), pathOf(to)),
		link: (existing: string | URL, created: string | URL) => port.link(pathOf(existing), pathOf(created)),
		unlink: (path: string | URL) => port.unlink(pathOf(path)),
		rm: async (path: string | URL, options: { readonly force?: boolean; readonly recursive?: boolean } = {}) => {
			refuse('recursive', options.recursive);
			if (options.force === true && (await port.lstat(pathOf(path))) === undefined) return;
			await port.unlink(pathOf(path));
		},
		mkdir: async (path: string | URL, options: { readonly recursive?: boolean } = {}) => {
			const names = pathOf(path)
				.split('/')
				.filter((name) => name !== '');
			const isThere = (await port.lstat(pathOf(path))) !== undefined;
			if (isThere && options.recursive !== true) throw systemError('EEXIST', 'mkdir', pathOf(path));
			const first = options.recursive === true ? 1 : names.length;
			for (let count = first; count <= names.length; count++) {
				await port.ensureDirectory(`/${names.slice(0, count).join('/')}`);
			}
		},
		readdir: async (path: string | URL, options: ReaddirOptions = {}) => {
			refuse('recursive', options.recursive);
			refuse('withFileTypes', options.withFileTypes);
			return port.readdir(pathOf(path));
		},
		realpath: async (path: string | URL) => port.realpath(pathOf(path)),
		readlink: (path: string | URL) => port.readlink(pathOf(path)),
		access: async (path: string | URL) => void (await port.stat(pathOf(path))),
		stat: async (path: string | URL) => statsOf(await port.stat(pathOf(path))),
		lstat: async (path: string | URL) => {
			const found = await port.lstat(pathOf(path));
			if (found === undefined) throw systemError('ENOENT', 'lstat', pathOf(path));
			return statsOf(found);
		},
	};
}

function pathOf(path: string | URL): string {
	return path instanceof URL ? fileURLToPath(path) : path;
}

function refuse(option: string, value: unknown): void {
	if (value !== undefined && value !== false) {
		throw invalidArgument(`options.${option}`, 'left out: it is not simulated', value);
	}
}

function bytesOf(data: Data): Uint8Array {
	if (typeof data !== 'string' && !ArrayBuffer.isView(data)) {
		throw invalidArgument('data', 'a string or a view of bytes: iterables are not simulated', data);
	}
	return typeof data === 'string' ? Buffer.from(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function decoded(content: Buffer, options?: FileOptions | BufferEncoding): Buffer | string {
	const encoding = typeof options === 'string' ? options : options?.encoding;
	return encoding === undefined || encoding === null ? content : content.toString(encoding);
}

/** As many of the `Stats` as the port knows. */
function statsOf(stat: FileStat): Partial<Stats> {
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
