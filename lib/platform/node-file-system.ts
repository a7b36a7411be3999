/** The real disk: the only room that touches `node:fs`. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { link, lstat, readdir, readFile, readlink, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '../errors.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { localScope } from '../shared-state.ts';
import { lockHolder } from './lock-holder.ts';
import { callsUnderWay, NodeDirectory, NodeFile } from './node-file.ts';
import { nodeSyncFileSystem } from './node-sync-file-system.ts';
import { quickDirectory } from './quick-directories.ts';
import { openFlags, toFileStat } from './translate.ts';

const open = promisify(fs.open);

/**
 * The native call is one trip to the thread pool; fs.promises.realpath is the same call, fs.realpath one lstat for each
 * component of the path. On Windows, drives that the mount manager does not know (some RAM disks) answer the native call
 * with EISDIR.
 */
const nativeRealpath = promisify(fs.realpath.native);
const componentwiseRealpath = promisify(fs.realpath);

async function realpath(path: string): Promise<string> {
	try {
		return await nativeRealpath(path);
	} catch (error) {
		if (process.platform !== 'win32' || codeOf(error) === 'ENOENT') throw error;
		return componentwiseRealpath(path);
	}
}

/** open(2): a handle that keeps the file and reads nothing. Linux' own, on all architectures that Node runs on. */
const O_PATH = 0o10000000;

/** Keeps what stands at a path from being freed when it loses its name. @returns undefined where that cannot be. */
function hold(path: string): number | undefined {
	try {
		return fs.openSync(path, O_PATH | (fs.constants.O_NOFOLLOW ?? 0));
	} catch {
		// Nothing stands there, or no handle is left: the rename says so itself, or frees it.
		return undefined;
	}
}

/** Nothing was written by this handle. */
function ignoreHeld(): void {}

async function lookUp(path: string): Promise<FileStat | undefined> {
	try {
		return toFileStat(await lstat(path, { bigint: true }));
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		throw error;
	}
}

const DIRECTORY_FLAGS = fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0);

/**
 * To free the blocks of a larger file takes its time; so does it to begin to write them, as ext4 does with what is not synced
 * when it replaces a file (ext4(5), auto_da_alloc).
 */
const QUICK_RENAME_BYTES = 1024 * 1024;

const ID_BYTES = 8;
/** Random bytes are drawn for many ids at once: each draw takes some 10 µs, whatever its size. */
let randomPool = Buffer.alloc(0);
let drawn = 0;

function uniqueId(): string {
	if (drawn === randomPool.length) {
		randomPool = randomBytes(128 * ID_BYTES);
		drawn = 0;
	}
	drawn += ID_BYTES;
	return randomPool.toString('hex', drawn - ID_BYTES, drawn);
}

export const nodeFileSystem: FileSystem = {
	scope: localScope,
	semantics: process.platform === 'win32' ? 'win32' : 'posix',
	ignoresCase: process.platform === 'win32' || process.platform === 'darwin',
	sync: nodeSyncFileSystem,
	uniqueId,
	open(path, mode, permissions) {
		const directory = quickDirectory(dirname(path));
		const flags = openFlags(mode);
		// A name that exists is never opened in place: it may be that of a pipe, which waits for its other end.
		if (mode !== 'create-exclusive') {
			return open(path, flags, permissions).then((fd) => new NodeFile(fd, path, directory, Number.POSITIVE_INFINITY));
		}
		if (directory.isQuick('change')) {
			return new NodeFile(
				directory.inPlace('change', () => fs.openSync(path, flags, permissions)),
				path,
				directory,
				0,
			);
		}
		return open(path, flags, permissions).then((fd) => new NodeFile(fd, path, directory, 0));
	},
	openDirectory(path) {
		const directory = quickDirectory(path);
		return directory.isQuick('look')
			? new NodeDirectory(
					directory.inPlace('look', () => fs.openSync(path, DIRECTORY_FLAGS)),
					directory,
				)
			: open(path, DIRECTORY_FLAGS).then((fd) => new NodeDirectory(fd, directory));
	},
	stat(path) {
		const directory = quickDirectory(dirname(path));
		return directory.isQuick('look')
			? toFileStat(directory.inPlace('look', () => fs.statSync(path, { bigint: true })))
			: stat(path, { bigint: true }).then(toFileStat);
	},
	lstat(path) {
		const directory = quickDirectory(dirname(path));
		return directory.isQuick('look') ? directory.inPlace('look', () => nodeSyncFileSystem.lstat(path)) : lookUp(path);
	},
	realpath(path) {
		const directory = quickDirectory(path);
		return directory.isQuick('look')
			? directory.inPlace('look', () => nodeSyncFileSystem.realpath(path))
			: realpath(path);
	},
	readlink: (path) => readlink(path),
	readdir: (path) => readdir(path),
	readFile: (path, options) => readFile(path, options),
	rename(from, to, replacedBytes = Number.POSITIVE_INFINITY, unsyncedBytes = 0) {
		const directory = quickDirectory(dirname(to));
		if (unsyncedBytes > QUICK_RENAME_BYTES || !directory.isQuick('change')) return rename(from, to);
		// To free what is replaced takes longer than the rename itself: left to the pool where there is other work meanwhile.
		const large = replacedBytes > QUICK_RENAME_BYTES;
		const held = large || (replacedBytes > 0 && callsUnderWay() > 0) ? hold(to) : undefined;
		if (large && held === undefined) return rename(from, to);
		try {
			directory.inPlace('change', () => fs.renameSync(from, to));
		} finally {
			if (held !== undefined) fs.close(held, ignoreHeld);
		}
	},
	link,
	unlink,
	lockHolder,
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
