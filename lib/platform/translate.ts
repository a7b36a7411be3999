/** Between the words of the port and those of `node:fs`. */
import fs, { type BigIntStats } from 'node:fs';
import type { FileKind, FileStat, OpenMode } from '../ports/file-system.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = fs.constants;
// Missing on Windows before Node 26.
const O_SYNC: number | undefined = fs.constants.O_SYNC;

/**
 * True where files are opened with O_SYNC: under Node's permission model, which may refuse fsync (Node 26 does), so that
 * each write is a sync of its own.
 */
export const SYNCHRONOUS_WRITES: boolean =
	'permission' in process && process.permission !== undefined && O_SYNC !== undefined;

const WRITABLE = O_RDWR | (SYNCHRONOUS_WRITES && O_SYNC !== undefined ? O_SYNC : 0);

/** open(2) flags of a mode of the port. */
export function openFlags(mode: OpenMode): number {
	switch (mode) {
		case 'create-exclusive':
			return WRITABLE | O_CREAT | O_EXCL;
		case 'read':
			return O_RDONLY;
		case 'update':
			return WRITABLE;
		case 'append-create':
			return WRITABLE | O_CREAT | O_APPEND;
	}
}

/** Inode numbers exceed 2 ** 53 on some file systems (overlayfs with xino, ReFS), hence the bigint stats. */
export function toFileStat(stats: BigIntStats): FileStat {
	const kind = kindOf(Number(stats.mode));
	// A directory that is removed and made anew may get the same inode number; its time of birth differs.
	const born = kind === 'directory' ? `:${stats.birthtimeNs}` : '';
	return {
		kind,
		identity: `${stats.dev}:${stats.ino}${born}`,
		mode: Number(stats.mode) & 0o7777,
		uid: Number(stats.uid),
		gid: Number(stats.gid),
		sizeBytes: Number(stats.size),
		linkCount: Number(stats.nlink),
		// With what is below a millisecond: two versions of a file are mostly told apart by it.
		modifiedMs: Number(stats.mtimeNs) / 1e6,
	};
}

function kindOf(mode: number): FileKind {
	switch (mode & S_IFMT) {
		case S_IFREG:
			return 'file';
		case S_IFDIR:
			return 'directory';
		case S_IFLNK:
			return 'symlink';
		default:
			return 'other';
	}
}
