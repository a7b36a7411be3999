/** The real disk: the only room that touches `node:fs`. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { link, lstat, readdir, readFile, readlink, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '../errors.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { localScope } from '../shared-state.ts';
import { lockHolder } from './lock-holder.ts';
import { NodeDirectory, NodeFile } from './node-file.ts';
import { nodeSyncFileSystem } from './node-sync-file-system.ts';
import { inPlace, isQuick } from './quick-directories.ts';
import { openFlags, toFileStat } from './translate.ts';

const open = promisify(fs.open);

/**
 * The native call is one trip to the thread pool; fs.promises.realpath is the same call, fs.realpath one lstat for each
 * component of the path.
 */
const realpath = promisify(fs.realpath.native);

const DIRECTORY_FLAGS = fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0);

/** Freeing the blocks of a larger file takes its time. */
const QUICK_REPLACED_BYTES = 1024 * 1024;

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
	sync: nodeSyncFileSystem,
	uniqueId,
	async open(path, mode, permissions) {
		const directory = dirname(path);
		const flags = openFlags(mode);
		// A name that exists is never opened in place: it may be that of a pipe, which waits for its other end.
		const quick = mode === 'create-exclusive' && isQuick(directory, 'change');
		const fd = quick
			? inPlace(directory, 'change', () => fs.openSync(path, flags, permissions))
			: await open(path, flags, permissions);
		return new NodeFile(fd, path, directory, mode === 'create-exclusive' ? 0 : Number.POSITIVE_INFINITY);
	},
	async openDirectory(path) {
		const fd = isQuick(path, 'look')
			? inPlace(path, 'look', () => fs.openSync(path, DIRECTORY_FLAGS))
			: await open(path, DIRECTORY_FLAGS);
		return new NodeDirectory(fd, path);
	},
	async stat(path) {
		const directory = dirname(path);
		if (isQuick(directory, 'look'))
			return toFileStat(inPlace(directory, 'look', () => fs.statSync(path, { bigint: true })));
		return toFileStat(await stat(path, { bigint: true }));
	},
	async lstat(path) {
		const directory = dirname(path);
		if (isQuick(directory, 'look')) return inPlace(directory, 'look', () => nodeSyncFileSystem.lstat(path));
		try {
			return toFileStat(await lstat(path, { bigint: true }));
		} catch (error) {
			if (codeOf(error) === 'ENOENT') return undefined;
			throw error;
		}
	},
	async realpath(path) {
		return isQuick(path, 'look') ? inPlace(path, 'look', () => nodeSyncFileSystem.realpath(path)) : realpath(path);
	},
	readlink: (path) => readlink(path),
	readdir: (path) => readdir(path),
	readFile: (path, options) => readFile(path, options),
	async rename(from, to, replacedBytes = Number.POSITIVE_INFINITY) {
		const directory = dirname(to);
		const quick = replacedBytes <= QUICK_REPLACED_BYTES && isQuick(directory, 'change');
		if (quick) inPlace(directory, 'change', () => fs.renameSync(from, to));
		else await rename(from, to);
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
