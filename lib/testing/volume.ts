/**
 * The tree of a simulated disk: its inodes, the paths that lead to them, and what a crash leaves of both. Everything here is
 * immediate and knows nothing of calls.
 */
import { checkPath } from './arguments.ts';
import { type ContentEdit, edited } from './content-after-crash.ts';
import {
	applyChange,
	type DirectoryNode,
	directoryNode,
	type EntryChange,
	type FileNode,
	type FileState,
	type Inode,
	namedIn,
	type SymlinkNode,
	setEntry,
	syncDirectory,
	syncFile,
} from './inodes.ts';
import { systemError } from './system-error.ts';

/** Where a path leads: the directory and name, the inode there if any, and the path without links. */
export interface Located {
	readonly directory: DirectoryNode;
	readonly name: string;
	readonly node: Inode | undefined;
	readonly path: string;
}

/** What a power cut keeps: for each directory the unsynced changes that survive, for each file what it then holds. */
export interface Survivors {
	readonly changes: ReadonlyMap<number, readonly EntryChange[]>;
	readonly files: ReadonlyMap<number, FileState>;
}

const LINKS_FOLLOWED_MAX = 40;
const ROOT = 1;

/** Inodes, directories and the walk from one to the next. */
export class Volume {
	readonly nameBytesMax: number;
	readonly ignoresCase: boolean;
	readonly #inodes = new Map<number, Inode>();
	#nextInode = ROOT + 1;
	#nextOrder = 0;

	/** @param ignoresCase names keep their case, and are found by any other */
	constructor(nameBytesMax: number, ignoresCase: boolean) {
		this.nameBytesMax = nameBytesMax;
		this.ignoresCase = ignoresCase;
		this.#inodes.set(ROOT, directoryNode(ROOT));
	}

	get inodes(): Iterable<Inode> {
		return this.#inodes.values();
	}

	/** Files that have a name, or may have one again after a power cut. */
	reachableFiles(): FileNode[] {
		const named = new Set<number>();
		for (const node of this.#inodes.values()) {
			if (node.kind === 'directory') for (const number of namedIn(node)) named.add(number);
		}
		const files = [...this.#inodes.values()].filter((node) => node.kind === 'file');
		return files.filter((node) => named.has(node.number));
	}

	get root(): DirectoryNode {
		return this.#directory(ROOT);
	}

	/** Follows a path; `follow` says whether a link in the last place is followed too. */
	locate(path: string, follow: boolean, syscall: string): Located {
		checkPath('path', path);
		const trail: Array<{ name: string; node: DirectoryNode }> = [{ name: '', node: this.root }];
		const ahead = path.split('/').reverse();
		let links = 0;
		let last: Located = { directory: this.root, name: '', node: this.root, path: '/' };
		const fail = (code: string): never => {
			throw systemError(code, syscall, path);
		};
		while (ahead.length > 0) {
			const spelt = ahead.pop() ?? '';
			if (spelt === '' || spelt === '.') continue;
			if (last.node === undefined) return fail('ENOENT');
			if (last.node.kind !== 'directory') return fail('ENOTDIR');
			if (spelt === '..') {
				if (trail.length > 1) trail.pop();
				last = this.#locatedDirectory(trail);
				continue;
			}
			if (Buffer.byteLength(spelt) > this.nameBytesMax) return fail('ENAMETOOLONG');
			const directory = last.node;
			const name = this.#nameIn(directory, spelt);
			const node = this.#inodes.get(directory.entries.get(name) ?? 0);
			const isLast = ahead.every((rest) => rest === '' || rest === '.');
			if (node?.kind === 'symlink' && (follow || !isLast)) {
				if (++links > LINKS_FOLLOWED_MAX) return fail('ELOOP');
				if (node.target.startsWith('/')) trail.length = 1;
				last = this.#locatedDirectory(trail);
				ahead.push(...node.target.split('/').reverse());
				continue;
			}
			last = { directory, name, node, path: `${trail.map((step) => `${step.name}/`).join('')}${name}` };
			if (node?.kind === 'directory') trail.push({ name, node });
		}
		return last;
	}

	/** The name as the directory has it, where that has one. */
	#nameIn({ entries }: DirectoryNode, spelt: string): string {
		if (!this.ignoresCase || entries.has(spelt)) return spelt;
		return [...entries.keys()].find((name) => name.toUpperCase() === spelt.toUpperCase()) ?? spelt;
	}

	/** As {@link Volume.locate}, where something must stand. */
	locateExisting(path: string, follow: boolean, syscall: string): Located & { readonly node: Inode } {
		const located = this.locate(path, follow, syscall);
		if (located.node === undefined) throw systemError('ENOENT', syscall, path);
		return { ...located, node: located.node };
	}

	createFile(directory: DirectoryNode, name: string, mode: number, modifiedMs: number): FileNode {
		const state = { content: new Uint8Array(0), mode, uid: 1000, gid: 1000, modifiedMs };
		const number = this.#nextInode++;
		const open = { edits: [], editedAt: 0, freedAt: 0, spoiled: undefined, linkCount: 0 };
		return this.#place(directory, name, { kind: 'file', number, now: state, durable: state, ...open });
	}

	createDirectory(directory: DirectoryNode, name: string): DirectoryNode {
		return this.#place(directory, name, directoryNode(this.#nextInode++));
	}

	createSymlink(directory: DirectoryNode, name: string, target: string): SymlinkNode {
		return this.#place(directory, name, { kind: 'symlink', number: this.#nextInode++, target, linkCount: 0 });
	}

	/** Sets and clears names in one directory as one step. */
	change(directory: DirectoryNode, names: EntryChange['names']): void {
		for (const [name, inode] of names) {
			this.#count(directory.entries.get(name), -1);
			this.#count(inode, 1);
			setEntry(directory.entries, name, inode);
		}
		directory.unsynced.push({ order: this.#nextOrder++, names });
	}

	/** Changes the content of a file. */
	edit(node: FileNode, edit: ContentEdit, modifiedMs: number): void {
		node.now = { ...node.now, content: edited(node.now.content, edit), modifiedMs };
		node.edits = [...node.edits, edit];
		node.editedAt = this.#nextOrder++;
	}

	/** Nothing holds the file open any more: without a name its blocks are free. */
	released(node: Inode): void {
		if (node.kind === 'file' && node.linkCount === 0) node.freedAt = this.#nextOrder++;
	}

	/** Everything is on the medium, as after a sync(2) that worked. */
	settle(): void {
		for (const node of this.#inodes.values()) {
			if (node.kind === 'file') syncFile(node, { state: node.now, edits: node.edits });
			if (node.kind === 'directory') syncDirectory(node);
		}
	}

	/** Bytes in files that have a name, and in those given. */
	usedBytes(held: ReadonlySet<Inode>): number {
		let bytes = 0;
		for (const node of this.#inodes.values()) {
			if (node.kind === 'file' && (node.linkCount > 0 || held.has(node))) bytes += node.now.content.length;
		}
		return bytes;
	}

	/** What kill -9 leaves: all that the running system saw, synced or not; files without a name are gone. */
	afterProcessCrash(): Volume {
		return this.#copy(
			(node) => ({
				...node,
				entries: new Map(node.entries),
				durable: new Map(node.durable),
				unsynced: [...node.unsynced],
			}),
			(node) => ({ ...node }),
		);
	}

	/** What a power cut leaves where just `survivors` reached the medium in time. */
	afterPowerCut(survivors: Survivors): Volume {
		return this.#copy(
			(node) => {
				const entries = new Map(node.durable);
				for (const change of survivors.changes.get(node.number) ?? []) applyChange(entries, change);
				return { ...node, entries, durable: new Map(entries), unsynced: [] };
			},
			(node) => {
				const state = survivors.files.get(node.number) ?? node.durable;
				return { ...node, now: state, durable: state, edits: [], spoiled: undefined };
			},
		);
	}

	/** The tree as text: equal for equal states. */
	fingerprint(): string {
		const lines: string[] = [];
		for (const [path, node] of this.walk()) {
			if (node.kind !== 'file') lines.push(`${path} ${node.kind} ${node.kind === 'symlink' ? node.target : ''}`);
			else {
				const { content, mode, uid, gid } = node.now;
				lines.push(
					`${path} ${node.number} ${mode.toString(8)} ${uid} ${gid} ${Buffer.from(content).toString('latin1')}`,
				);
			}
		}
		return lines.join('\n');
	}

	/** What is not on the medium, as text: empty where all is. */
	unsyncedFingerprint(): string {
		const lines: string[] = [];
		for (const node of this.#inodes.values()) {
			if (node.kind === 'directory' && node.unsynced.length > 0) {
				lines.push(`${node.number} ${JSON.stringify([[...node.durable], node.unsynced.map(({ names }) => names)])}`);
			}
			if (node.kind === 'file' && node.now !== node.durable) {
				const { content, mode, uid, gid } = node.durable;
				lines.push(`${node.number} ${mode} ${uid} ${gid} ${Buffer.from(content).toString('latin1')}`);
			}
		}
		return lines.join('\n');
	}

	/** Every path below the root with its inode, sorted. */
	*walk(): Generator<[path: string, node: Inode]> {
		const ahead: Array<[string, DirectoryNode]> = [['', this.root]];
		for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
			const [prefix, directory] = next;
			for (const [name, number] of [...directory.entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
				const node = this.#inodes.get(number);
				if (node === undefined) continue;
				yield [`${prefix}/${name}`, node];
				if (node.kind === 'directory') ahead.push([`${prefix}/${name}`, node]);
			}
		}
	}

	#copy(copyDirectory: (node: DirectoryNode) => DirectoryNode, copyFile: (node: FileNode) => FileNode): Volume {
		const copy = new Volume(this.nameBytesMax, this.ignoresCase);
		copy.#nextInode = this.#nextInode;
		copy.#nextOrder = this.#nextOrder;
		const ahead = [ROOT];
		for (let number = ahead.pop(); number !== undefined; number = ahead.pop()) {
			const node = this.#inodes.get(number);
			if (node === undefined || (number !== ROOT && copy.#inodes.has(number))) continue;
			const copied =
				node.kind === 'file' ? copyFile(node) : node.kind === 'directory' ? copyDirectory(node) : { ...node };
			if (copied.kind !== 'directory') copied.linkCount = 0;
			else ahead.push(...namedIn(copied));
			copy.#inodes.set(number, copied);
		}
		for (const node of copy.#inodes.values()) {
			if (node.kind === 'directory') for (const number of node.entries.values()) copy.#count(number, 1);
		}
		return copy;
	}

	#place<N extends Inode>(directory: DirectoryNode, name: string, node: N): N {
		this.#inodes.set(node.number, node);
		this.change(directory, [[name, node.number]]);
		return node;
	}

	#count(number: number | undefined, by: number): void {
		const node = this.#inodes.get(number ?? 0);
		if (node === undefined || node.kind === 'directory') return;
		node.linkCount += by;
		if (by < 0) this.released(node);
	}

	#directory(number: number): DirectoryNode {
		const node = this.#inodes.get(number);
		if (node?.kind !== 'directory') throw new Error(`inode ${number} is no directory`);
		return node;
	}

	#locatedDirectory(trail: ReadonlyArray<{ name: string; node: DirectoryNode }>): Located {
		const at = trail.at(-1) ?? { name: '', node: this.root };
		const path = trail.map((step) => step.name).join('/');
		return { directory: trail.at(-2)?.node ?? this.root, name: at.name, node: at.node, path: path === '' ? '/' : path };
	}
}
