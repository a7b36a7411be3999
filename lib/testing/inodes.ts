/**
 * What a simulated disk holds of a file or a directory: as the running system sees it, and as it is on the medium.
 *
 * Only POSIX's promises hold: a file's fsync keeps its content and metadata but not its name, a directory's fsync keeps
 * the names in it but not what they lead to.
 */
import type { ContentEdit } from './content-after-crash.ts';

/** What fsync(2) of a file makes durable. Content is never changed in place, so that states can share it. */
export interface FileState {
	readonly content: Uint8Array;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly modifiedMs: number;
}

/** Bytes of a file, from `start` up to `end`. */
export interface Span {
	readonly start: number;
	readonly end: number;
}

/** A file: what readers see now, and what the medium holds. */
export interface FileNode {
	readonly kind: 'file';
	readonly number: number;
	now: FileState;
	durable: FileState;
	/** The changes of the content that no sync has covered, oldest first. */
	edits: readonly ContentEdit[];
	/** When its content was last changed and when it last lost its last name or handle, as places in one order. */
	editedAt: number;
	freedAt: number;
	/**
	 * A sync of it failed: the kernel marked the pages clean, so that later syncs succeed and store nothing, until all that
	 * was to be synced has been written again.
	 */
	spoiled: Span | undefined;
	linkCount: number;
}

/** One step in a directory, all or nothing: names that it set (to an inode) or cleared (undefined). */
export interface EntryChange {
	readonly order: number;
	readonly names: ReadonlyArray<readonly [name: string, inode: number | undefined]>;
}

/** A directory: its entries now, those on the medium, and the changes between the two, oldest first. */
export interface DirectoryNode {
	readonly kind: 'directory';
	readonly number: number;
	readonly entries: Map<string, number>;
	readonly durable: Map<string, number>;
	unsynced: EntryChange[];
}

export interface SymlinkNode {
	readonly kind: 'symlink';
	readonly number: number;
	readonly target: string;
	linkCount: number;
}

export type Inode = FileNode | DirectoryNode | SymlinkNode;

/** A sync of a state of a file has failed. */
export function spoil(node: FileNode, { content }: FileState): void {
	const kept = node.durable.content;
	const start = Math.min(firstDifference(kept, content), content.length - 1, node.spoiled?.start ?? content.length);
	const end = Math.max(lastDifference(kept, content, start), node.spoiled?.end ?? 0);
	node.spoiled = { start: Math.max(0, start), end };
}

/** Bytes of a file have been written, or are gone: no sync is owed to them any more. */
export function rewritten(node: FileNode, from: number, to: number): void {
	if (node.spoiled === undefined) return;
	let { start, end } = node.spoiled;
	if (from <= start) start = Math.max(start, to);
	else if (to >= end) end = Math.min(end, from);
	node.spoiled = start < end ? { start, end } : undefined;
}

/** Where two files begin to differ. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
	const limit = Math.min(a.length, b.length);
	let at = 0;
	while (at < limit && a[at] === b[at]) at++;
	return at;
}

/** Behind which all is equal in two files of the same length, at least `start`; else the end of the second. */
function lastDifference(a: Uint8Array, b: Uint8Array, start: number): number {
	let end = b.length;
	if (a.length !== b.length) return end;
	while (end > start && a[end - 1] === b[end - 1]) end--;
	return end;
}

/** What a sync of a file covers: all that was done before it was given. */
export interface CoveredBySync {
	readonly state: FileState;
	readonly edits: readonly ContentEdit[];
}

/** Puts a file on the medium as it was when the sync was given. */
export function syncFile(node: FileNode, covered: CoveredBySync): void {
	node.durable = covered.state;
	node.edits = node.edits.filter((edit) => !covered.edits.includes(edit));
}

/** Puts the changes of a directory on the medium: those given, in their order. */
export function syncDirectory(node: DirectoryNode, changes: readonly EntryChange[] = node.unsynced): void {
	for (const change of node.unsynced) if (changes.includes(change)) applyChange(node.durable, change);
	node.unsynced = node.unsynced.filter((change) => !changes.includes(change));
}

/** Every inode that a directory names, now, on the medium, or by a change that may still reach it. */
export function* namedIn(node: DirectoryNode): Generator<number> {
	yield* node.entries.values();
	yield* node.durable.values();
	for (const { names } of node.unsynced) for (const [, inode] of names) if (inode !== undefined) yield inode;
}

export function applyChange(entries: Map<string, number>, change: EntryChange): void {
	for (const [name, inode] of change.names) setEntry(entries, name, inode);
}

export function setEntry(entries: Map<string, number>, name: string, inode: number | undefined): void {
	if (inode === undefined) entries.delete(name);
	else entries.set(name, inode);
}

export function directoryNode(number: number): DirectoryNode {
	return { kind: 'directory', number, entries: new Map(), durable: new Map(), unsynced: [] };
}
