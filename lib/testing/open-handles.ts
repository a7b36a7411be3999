/** The open files of a simulated disk: what a handle may do, what a write takes, and who holds which lock. */
import type { FileStat, LockAttempt, OpenDirectory, OpenFile, OpenFileSync, OpenMode } from '../ports/file-system.ts';
import type { CallName, CallPlan, CallSequence } from './disk-calls.ts';
import { type DirectoryNode, type FileNode, type Inode, rewritten, spoil, syncDirectory, syncFile } from './inodes.ts';
import { systemError } from './system-error.ts';
import type { Volume } from './volume.ts';

/** One open handle. `elsewhere`: another program's, neither counted nor ever closed by the library. */
export interface Handle {
	readonly id: number;
	readonly node: Inode;
	/** Where it was opened; it does not follow renames. */
	readonly path: string;
	readonly mode: OpenMode | 'directory' | 'elsewhere';
	closed: boolean;
}

/** What the handles of a disk need to know of it. */
export interface HandleRules {
	readonly semantics: 'posix' | 'win32';
	capacityBytes: number;
	readonly fileSizeBytesMax: number;
	readonly openFilesMax: number;
	readonly locks: boolean;
	epochMs(): number;
}

/** Syncs are slow, so that whoever does not wait for one goes on before it is done. */
const SYNC_TURNS = 4;

/** @returns what the port reports of an inode. */
export function statOf(node: Inode): FileStat {
	const identity = `1:${node.number}`;
	const blank = { identity, mode: 0o755, uid: 1000, gid: 1000, sizeBytes: 0, linkCount: 1, modifiedMs: 0 };
	if (node.kind === 'directory') return { ...blank, kind: 'directory', linkCount: 2 };
	if (node.kind === 'symlink') return { ...blank, kind: 'symlink', mode: 0o777, sizeBytes: node.target.length };
	const { content, mode, uid, gid, modifiedMs } = node.now;
	return { kind: 'file', identity, mode, uid, gid, sizeBytes: content.length, linkCount: node.linkCount, modifiedMs };
}

/** The table of open handles, and the calls on them. */
export class HandleTable {
	readonly #volume: Volume;
	readonly #rules: HandleRules;
	readonly #calls: CallSequence;
	readonly #open = new Set<Handle>();
	readonly #lockHolders = new Map<Inode, Handle>();
	#lastId = 0;

	constructor(volume: Volume, rules: HandleRules, calls: CallSequence) {
		this.#volume = volume;
		this.#rules = rules;
		this.#calls = calls;
	}

	/** Handles of the library that are open. */
	get open(): Handle[] {
		return [...this.#open].filter((handle) => handle.mode !== 'elsewhere');
	}

	isOpen(node: Inode): boolean {
		return [...this.#open].some((handle) => handle.node === node);
	}

	/** Fails where no more handles may be open. */
	requireRoom(syscall: string, path: string): void {
		if (this.#open.size >= this.#rules.openFilesMax) throw systemError('EMFILE', syscall, path);
	}

	add(node: Inode, path: string, mode: Handle['mode']): Handle {
		const handle = { id: ++this.#lastId, node, path, mode, closed: false };
		this.#open.add(handle);
		return handle;
	}

	release(handle: Handle): void {
		handle.closed = true;
		this.#open.delete(handle);
		if (this.#lockHolders.get(handle.node) === handle) this.#lockHolders.delete(handle.node);
		if (!this.isOpen(handle.node)) this.#volume.released(handle.node);
	}

	/** The asynchronous face of a file's handle. */
	file(handle: Handle): OpenFile {
		const calls = this.#calls;
		return {
			write: (...span) => calls.later(this.#write(handle, ...span)),
			writeSync: (...span) => calls.now(this.#write(handle, ...span)),
			read: (...span) => calls.later(this.#read(handle, ...span)),
			sync: () => calls.later(this.#sync(handle, 'sync')),
			dataSync: () => calls.later(this.#sync(handle, 'dataSync')),
			truncate: (lengthBytes) => calls.later(this.#truncate(handle, lengthBytes)),
			stat: () => calls.later(this.#stat(handle)),
			statSync: () => calls.now(this.#stat(handle)),
			chmod: (mode) => calls.later(this.#chmod(handle, mode)),
			chown: (uid, gid) => calls.later(this.#chown(handle, uid, gid)),
			tryLock: () => calls.now(this.#tryLock(handle)),
			close: async () => {
				if (!handle.closed) await calls.later(this.#close(handle, 'close'));
			},
		};
	}

	/** The synchronous face of a file's handle. */
	fileSync(handle: Handle): OpenFileSync {
		const calls = this.#calls;
		return {
			write: (...span) => calls.now(this.#write(handle, ...span)),
			sync: () => calls.now(this.#sync(handle, 'sync')),
			stat: () => calls.now(this.#stat(handle)),
			chmod: (mode) => calls.now(this.#chmod(handle, mode)),
			chown: (uid, gid) => calls.now(this.#chown(handle, uid, gid)),
			tryLock: () => calls.now(this.#tryLock(handle)),
			close: () => {
				if (!handle.closed) calls.now(this.#close(handle, 'close'));
			},
		};
	}

	directory(handle: Handle): OpenDirectory {
		return {
			sync: () => this.#calls.later(this.#syncDirectory(handle)),
			statSync: () => this.#calls.now(this.#stat(handle)),
			close: async () => {
				if (!handle.closed) await this.#calls.later(this.#close(handle, 'closeDirectory'));
			},
		};
	}

	#plan<T>(handle: Handle, name: CallName, apply: (bytesMax: number) => T): CallPlan<T> {
		return {
			name,
			path: handle.path,
			handle: handle.id,
			apply: (_call, bytesMax) => {
				if (handle.closed) throw systemError('EBADF', name, handle.path);
				return apply(bytesMax);
			},
		};
	}

	#write(
		handle: Handle,
		buffer: Uint8Array,
		offset: number,
		length: number,
		position: number | null,
	): CallPlan<number> {
		return this.#plan(handle, 'write', (bytesMax) => {
			const node = writable(handle, 'write');
			const { content } = node.now;
			const start = position === null || handle.mode === 'append-create' ? content.length : position;
			const wanted = Math.min(length, bytesMax);
			const overwritten = Math.max(0, Math.min(content.length - start, wanted));
			const gap = Math.max(0, start - content.length);
			const belowLimit = Math.max(0, this.#rules.fileSizeBytesMax - start);
			if (belowLimit === 0 && wanted > 0) throw systemError('EFBIG', 'write', handle.path);
			const taken = Math.min(wanted, belowLimit, overwritten + Math.max(0, this.#freeBytes() - gap));
			if (taken === 0 && wanted > 0) throw systemError('ENOSPC', 'write', handle.path);
			const bytes = new Uint8Array(buffer.subarray(offset, offset + taken));
			if (taken > 0) this.#volume.edit(node, { start, bytes }, this.#rules.epochMs());
			rewritten(node, start, start + taken);
			return taken;
		});
	}

	#read(handle: Handle, buffer: Uint8Array, offset: number, length: number, position: number): CallPlan<number> {
		return this.#plan(handle, 'read', () => {
			if (handle.node.kind !== 'file') throw systemError('EISDIR', 'read', handle.path);
			const piece = handle.node.now.content.subarray(position, position + length);
			buffer.set(piece, offset);
			return piece.length;
		});
	}

	/** What was written while the sync was under way is not covered by it, nor is it by POSIX. */
	#sync(handle: Handle, name: 'sync' | 'dataSync'): CallPlan<void> {
		const { node } = handle;
		if (node.kind !== 'file') return this.#plan(handle, name, () => {});
		let covered = { state: node.now, edits: node.edits };
		const plan = this.#plan(handle, name, () => {
			if (node.spoiled !== undefined) return;
			const { content, modifiedMs } = covered.state;
			const state = name === 'sync' ? covered.state : { ...node.durable, content, modifiedMs };
			syncFile(node, { ...covered, state });
		});
		return {
			...plan,
			turns: SYNC_TURNS,
			begin: () => {
				covered = { state: node.now, edits: node.edits };
			},
			applyFailed: () => {
				spoil(node, covered.state);
			},
		};
	}

	#syncDirectory(handle: Handle): CallPlan<void> {
		const node = handle.node as DirectoryNode;
		let covered = node.unsynced;
		const plan = this.#plan(handle, 'syncDirectory', () => {
			if (this.#rules.semantics === 'win32') throw systemError('EPERM', 'fsync', handle.path);
			syncDirectory(node, covered);
		});
		return {
			...plan,
			turns: SYNC_TURNS,
			begin: () => {
				covered = [...node.unsynced];
			},
		};
	}

	#truncate(handle: Handle, lengthBytes: number): CallPlan<void> {
		return this.#plan(handle, 'truncate', () => {
			const node = writable(handle, 'ftruncate');
			if (lengthBytes > this.#rules.fileSizeBytesMax) throw systemError('EFBIG', 'ftruncate', handle.path);
			if (lengthBytes - node.now.content.length > this.#freeBytes())
				throw systemError('ENOSPC', 'ftruncate', handle.path);
			this.#volume.edit(node, { lengthBytes }, this.#rules.epochMs());
			rewritten(node, lengthBytes, Number.POSITIVE_INFINITY);
		});
	}

	#stat(handle: Handle): CallPlan<FileStat> {
		return this.#plan(handle, 'fstat', () => statOf(handle.node));
	}

	#chmod(handle: Handle, mode: number): CallPlan<void> {
		return this.#plan(handle, 'chmod', () => {
			// Windows knows one bit: whether the file may be written.
			const kept = this.#rules.semantics === 'posix' ? mode & 0o7777 : mode & 0o200 ? 0o666 : 0o444;
			if (handle.node.kind === 'file') handle.node.now = { ...handle.node.now, mode: kept };
		});
	}

	#chown(handle: Handle, uid: number, gid: number): CallPlan<void> {
		return this.#plan(handle, 'chown', () => {
			if (handle.node.kind === 'file' && this.#rules.semantics === 'posix')
				handle.node.now = { ...handle.node.now, uid, gid };
		});
	}

	#tryLock(handle: Handle): CallPlan<LockAttempt> {
		return this.#plan(handle, 'tryLock', () => {
			if (!this.#rules.locks) return 'unsupported';
			writable(handle, 'fcntl');
			const holder = this.#lockHolders.get(handle.node) ?? handle;
			if (holder !== handle) return 'busy';
			this.#lockHolders.set(handle.node, handle);
			return 'locked';
		});
	}

	#close(handle: Handle, name: CallName): CallPlan<void> {
		// Linux gives the descriptor back whatever close(2) reports.
		const release = (): void => this.release(handle);
		return { name, path: handle.path, handle: handle.id, apply: release, applyFailed: release };
	}

	#freeBytes(): number {
		if (this.#rules.capacityBytes === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
		const held = new Set([...this.#open].map((handle) => handle.node));
		return Math.max(0, this.#rules.capacityBytes - this.#volume.usedBytes(held));
	}
}

/** The file behind a handle that may write; an exclusive lock needs such a handle too, as OFD locks do. */
function writable(handle: Handle, syscall: string): FileNode {
	const mayWrite = handle.mode !== 'read' && handle.mode !== 'directory' && handle.mode !== 'elsewhere';
	if (!mayWrite || handle.node.kind !== 'file') throw systemError('EBADF', syscall, handle.path);
	return handle.node;
}
