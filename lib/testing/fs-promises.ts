/** A part of `node:fs/promises` over the file-system port, so that code written for Node can be tried on a simulated disk. */
import type * as nodeFsPromises from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { codeOf, invalidArgument } from '../errors.ts';
import type { Awaitable, FileSystem, OpenFile, OpenMode } from '../ports/file-system.ts';
import { checkPath, checkPort } from './arguments.ts';
import {
	bytesOf,
	type Data,
	decoded,
	type FileOptions,
	optionsOf,
	refuse,
	SimulatedFileHandle,
	statsOf,
} from './file-handle.ts';
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

interface ReaddirOptions {
	readonly recursive?: boolean;
	readonly withFileTypes?: boolean;
}

/** What a flag means: how the port opens the file, and what is done to it then. */
interface OpenPlan {
	readonly mode: OpenMode | 'update-or-create';
	readonly truncates?: boolean;
}

const PLANS: Readonly<Record<string, OpenPlan>> = {
	r: { mode: 'read' },
	'r+': { mode: 'update' },
	w: { mode: 'update-or-create', truncates: true },
	'w+': { mode: 'update-or-create', truncates: true },
	wx: { mode: 'create-exclusive' },
	'wx+': { mode: 'create-exclusive' },
	a: { mode: 'append-create' },
	'a+': { mode: 'append-create' },
};

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
	const plan = Object.hasOwn(PLANS, flag) ? PLANS[flag] : undefined;
	if (plan === undefined)
		throw invalidArgument('flag', `one of ${Object.keys(PLANS).join(', ')}: others are not simulated`, flag);
	const file =
		plan.mode === 'update-or-create' ? await openOrCreate(port, path, mode) : await port.open(path, plan.mode, mode);
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
async function openOrCreate(port: FileSystem, path: string, permissions?: number): Promise<OpenFile> {
	for (;;) {
		try {
			return await port.open(path, 'update');
		} catch (error) {
			if (codeOf(error) !== 'ENOENT') throw error;
		}
		try {
			return await port.open(path, 'create-exclusive', permissions);
		} catch (error) {
			if (codeOf(error) !== 'EEXIST') throw error;
		}
		// Somebody was faster, or a link leads to what is not there yet: that is made.
		await (await port.open(path, 'append-create', permissions)).close();
	}
}

/**
 * The functions of `node:fs/promises` that read and write files as text or bytes, on a simulated disk or any other
 * implementation of the port. Paths are absolute. Streams, watchers, buffers for names and other flags are not simulated.
 */
export function fsPromisesOf(port: FileSystem): FsPromises {
	checkPort(port);
	const functions = { ...fileFunctions(port), ...nameFunctions(port) };
	// The overloads of Node's types cannot be spelt out here; each function takes what its documentation says.
	return functions as unknown as FsPromises;
}

function fileFunctions(port: FileSystem): Record<string, (...args: never[]) => Promise<unknown>> {
	const writeFile = async (
		target: string | URL | SimulatedFileHandle,
		data: Data,
		options?: FileOptions | BufferEncoding | null,
		usualFlag = 'w',
	): Promise<void> => {
		if (target instanceof SimulatedFileHandle) return target.writeFile(data, options);
		const { flag = usualFlag, mode, flush = false } = optionsOf(options);
		const bytes = bytesOf(data, options);
		const file = await openFile(port, pathOf(target), flag, mode);
		try {
			await file.writeFile(bytes);
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
		appendFile: (
			target: string | URL | SimulatedFileHandle,
			data: Data,
			options?: FileOptions | BufferEncoding | null,
		) => writeFile(target, data, options, 'a'),
		readFile: async (target: string | URL | SimulatedFileHandle, options?: FileOptions | BufferEncoding | null) => {
			if (target instanceof SimulatedFileHandle) return target.readFile(options);
			const checked = optionsOf(options);
			return decoded(Buffer.from(await port.readFile(pathOf(target))), checked);
		},
		copyFile: async (from: string | URL, to: string | URL, mode = 0) => {
			refuse('mode', mode === 0 ? undefined : mode);
			await writeFile(to, await port.readFile(pathOf(from)));
		},
		truncate: async (path: string | URL, lengthBytes = 0) => withFile(path, (file) => file.truncate(lengthBytes)),
		chmod: async (path: string | URL, mode: number) => withFile(path, (file) => file.chmod(mode)),
		chown: async (path: string | URL, uid: number, gid: number) => withFile(path, (file) => file.chown(uid, gid)),
	};
}

function nameFunctions(port: FileSystem): Record<string, (...args: never[]) => Promise<unknown>> {
	return {
		rename: async (from: string | URL, to: string | URL) => port.rename(pathOf(from), pathOf(to)),
		link: async (existing: string | URL, created: string | URL) => port.link(pathOf(existing), pathOf(created)),
		unlink: async (path: string | URL) => port.unlink(pathOf(path)),
		rm: async (path: string | URL, options: { readonly force?: boolean; readonly recursive?: boolean } = {}) => {
			refuse('options.recursive', options.recursive);
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
			refuse('options.recursive', options.recursive);
			refuse('options.withFileTypes', options.withFileTypes);
			return port.readdir(pathOf(path));
		},
		realpath: async (path: string | URL) => port.realpath(pathOf(path)),
		readlink: async (path: string | URL) => port.readlink(pathOf(path)),
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
	const text = path instanceof URL ? fileURLToPath(path) : path;
	checkPath('path', text);
	return text;
}
