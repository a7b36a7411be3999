/** The calls on paths of a simulated disk: what they look for, what they change, how they fail. */
import type { FileStat, OpenMode } from '../ports/file-system.ts';
import type { CallName, CallPlan } from './disk-calls.ts';
import { type DirectoryNode, type FileNode, type Inode, syncDirectory } from './inodes.ts';
import { type Handle, type HandleTable, statOf } from './open-handles.ts';
import { systemError } from './system-error.ts';
import type { Volume } from './volume.ts';

/** What the calls on paths need to know of their disk. */
export interface PathRules {
	readonly semantics: 'posix' | 'win32';
	readonly umask: number;
	epochMs(): number;
}

/** Each method plans one call; the disk's call sequence carries it out. */
export class PathCalls {
	readonly #volume: Volume;
	readonly #handles: HandleTable;
	readonly #rules: PathRules;

	constructor(volume: Volume, handles: HandleTable, rules: PathRules) {
		this.#volume = volume;
		this.#handles = handles;
		this.#rules = rules;
	}

	open(path: string, mode: OpenMode, permissions = 0o666): CallPlan<Handle> {
		return {
			name: 'open',
			path,
			apply: (call) => {
				this.#handles.requireRoom('open', path);
				const located = this.#volume.locate(path, mode !== 'create-exclusive', 'open');
				let { node } = located;
				if (node !== undefined && mode === 'create-exclusive') throw systemError('EEXIST', 'open', path);
				if (node === undefined && (mode === 'read' || mode === 'update')) throw systemError('ENOENT', 'open', path);
				if (node?.kind === 'directory' && mode !== 'read') throw systemError('EISDIR', 'open', path);
				const writes = mode === 'update' || mode === 'append-create';
				if (this.#rules.semantics === 'win32' && writes && isReadOnly(node)) throw systemError('EPERM', 'open', path);
				node ??= this.createFile(path, permissions);
				const handle = this.#handles.add(node, path, mode);
				call.handle = handle.id;
				return handle;
			},
		};
	}

	openDirectory(path: string): CallPlan<Handle> {
		return {
			name: 'openDirectory',
			path,
			apply: (call) => {
				this.#handles.requireRoom('open', path);
				const handle = this.#handles.add(this.#directory(path, 'open'), path, 'directory');
				call.handle = handle.id;
				return handle;
			},
		};
	}

	/** Opens, syncs and closes, as the synchronous half of the port does in one call. */
	syncDirectory(path: string): CallPlan<void> {
		return {
			name: 'syncDirectory',
			path,
			apply: () => {
				this.#handles.requireRoom('open', path);
				const node = this.#directory(path, 'open');
				if (this.#rules.semantics === 'win32') throw systemError('EPERM', 'fsync', path);
				syncDirectory(node);
			},
		};
	}

	stat(path: string): CallPlan<FileStat> {
		return lookUp('stat', path, () => statOf(this.#volume.locateExisting(path, true, 'stat').node));
	}

	lstat(path: string): CallPlan<FileStat | undefined> {
		return lookUp('lstat', path, () => {
			const node = this.peek(path, false);
			return node && statOf(node);
		});
	}

	realpath(path: string): CallPlan<string> {
		return lookUp('realpath', path, () => this.#volume.locateExisting(path, true, 'realpath').path);
	}

	readlink(path: string): CallPlan<string> {
		return lookUp('readlink', path, () => {
			const { node } = this.#volume.locateExisting(path, false, 'readlink');
			if (node.kind !== 'symlink') throw systemError('EINVAL', 'readlink', path);
			return node.target;
		});
	}

	readdir(path: string): CallPlan<string[]> {
		return lookUp('readdir', path, () => {
			this.#handles.requireRoom('scandir', path);
			return [...this.#directory(path, 'scandir').entries.keys()];
		});
	}

	readFile(path: string): CallPlan<Uint8Array> {
		return lookUp('readFile', path, () => {
			this.#handles.requireRoom('open', path);
			const { node } = this.#volume.locateExisting(path, true, 'open');
			if (node.kind !== 'file') throw systemError('EISDIR', 'read', path);
			return node.now.content.slice();
		});
	}

	rename(from: string, to: string): CallPlan<void> {
		return { name: 'rename', path: from, to, apply: () => this.#rename(from, to) };
	}

	link(existing: string, created: string): CallPlan<void> {
		return {
			name: 'link',
			path: existing,
			to: created,
			apply: () => {
				const { node } = this.#volume.locateExisting(existing, false, 'link');
				const target = this.#volume.locate(created, false, 'link');
				if (target.node !== undefined) throw systemError('EEXIST', 'link', created);
				if (node.kind === 'directory') throw systemError('EPERM', 'link', existing);
				this.#volume.change(target.directory, [[target.name, node.number]]);
			},
		};
	}

	unlink(path: string): CallPlan<void> {
		return {
			name: 'unlink',
			path,
			apply: () => {
				const { directory, name, node } = this.#volume.locateExisting(path, false, 'unlink');
				if (node.kind === 'directory') throw systemError('EISDIR', 'unlink', path);
				this.#volume.change(directory, [[name, undefined]]);
			},
		};
	}

	ensureDirectory(path: string): CallPlan<void> {
		return { name: 'ensureDirectory', path, apply: () => this.#makeDirectory(path) };
	}

	// Not calls: parts of them, and what planting and peeking need.

	makeDirectories(path: string): void {
		const names = path.split('/').filter((name) => name !== '');
		for (const [index] of names.entries()) this.#makeDirectory(`/${names.slice(0, index + 1).join('/')}`);
	}

	createFile(path: string, permissions: number): FileNode {
		const { directory, name } = this.#volume.locate(path, true, 'open');
		return this.#volume.createFile(directory, name, permissions & ~this.#rules.umask, this.#rules.epochMs());
	}

	/** The inode at a path; undefined where nothing stands. */
	peek(path: string, follow: boolean): Inode | undefined {
		try {
			return this.#volume.locate(path, follow, 'lstat').node;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
			throw error;
		}
	}

	#makeDirectory(path: string): void {
		const { directory, name, node } = this.#volume.locate(path, true, 'mkdir');
		if (node === undefined) this.#volume.createDirectory(directory, name);
		else if (node.kind !== 'directory') throw systemError('EEXIST', 'mkdir', path);
	}

	#directory(path: string, syscall: string): DirectoryNode {
		const { node } = this.#volume.locateExisting(path, true, syscall);
		if (node.kind !== 'directory') throw systemError('ENOTDIR', syscall, path);
		return node;
	}

	#rename(from: string, to: string): void {
		const source = this.#volume.locateExisting(from, false, 'rename');
		const target = this.#volume.locate(to, false, 'rename');
		if (source.node === target.node) return; // two names of one file: POSIX does nothing
		if (target.node !== undefined) this.#mayReplace(source.node, target.node, to);
		const { number } = source.node;
		if (source.directory === target.directory) {
			this.#volume.change(source.directory, [
				[target.name, number],
				[source.name, undefined],
			]);
		} else {
			this.#volume.change(target.directory, [[target.name, number]]);
			this.#volume.change(source.directory, [[source.name, undefined]]);
		}
	}

	#mayReplace(source: Inode, target: Inode, to: string): void {
		if (source.kind !== 'directory' && target.kind === 'directory') throw systemError('EISDIR', 'rename', to);
		if (source.kind === 'directory' && target.kind !== 'directory') throw systemError('ENOTDIR', 'rename', to);
		if (target.kind === 'directory' && target.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to);
		const isOpen = this.#handles.isOpen(target);
		if (this.#rules.semantics === 'win32' && (isOpen || isReadOnly(target))) throw systemError('EPERM', 'rename', to);
	}
}

/** Windows' attribute: the only permission that it has. */
function isReadOnly(node: Inode | undefined): boolean {
	return node?.kind === 'file' && (node.now.mode & 0o200) === 0;
}

function lookUp<T>(name: CallName, path: string, apply: () => T): CallPlan<T> {
	return { name, path, apply };
}
