/**
 * Renaming over a document that may be open elsewhere, on Windows.
 *
 * There rename fails while another process has the target open: libuv uses MoveFileEx with MOVEFILE_REPLACE_EXISTING. So the
 * rename is repeated; a target that is held on is moved aside, which its holders allow where they share deletion.
 */

import { codeOf } from '../errors.ts';
import type { FileSystem, SyncFileSystem } from '../ports/file-system.ts';
import { NO_LINKS } from './copy-file.ts';
import { isHeld, whileHeld, whileHeldSync } from './held.ts';
import { isReadOnly, setReadOnly, setReadOnlySync } from './read-only.ts';
import type { CommitPorts } from './temp-file.ts';

export interface Replacement {
	readonly from: string;
	readonly to: string;
	/** Where the document goes when it is held on. */
	readonly aside: string;
	/** Was the document read-only when it was looked at last? */
	readonly readOnly: boolean;
	/** Throws when the write is not wanted any more; asked before each attempt. */
	readonly check: () => void;
	/** How long the rename is repeated before the document is moved aside. Default: two seconds. */
	readonly budgetMs?: number | undefined;
}

/**
 * Renames `from` over `to`, which keeps its read-only attribute. @returns how often that was repeated. Rejects with the
 * system's error when the budget is used up and moving aside fails too.
 */
export async function replaceHeldTarget(ports: CommitPorts, job: Replacement): Promise<number> {
	const { fileSystem } = ports;
	if (!job.readOnly) return replaceOrMoveAside(ports, job);
	const attempt = { path: job.to, step: 'rename', check: job.check } as const;
	await whileHeld(ports, attempt, () => setReadOnly(fileSystem, job.to, false)).catch(unlessMissing);
	try {
		return await replaceOrMoveAside(ports, job);
	} finally {
		// Where it was not replaced, that is what counts; where it was, the document is in place all the same.
		await setReadOnly(fileSystem, job.to, true).catch(() => undefined);
	}
}

function unlessMissing(error: unknown): void {
	if (codeOf(error) !== 'ENOENT') throw error;
}

async function replaceOrMoveAside(ports: CommitPorts, job: Replacement): Promise<number> {
	const { fileSystem } = ports;
	let failures = -1;
	try {
		const { check, budgetMs } = job;
		await whileHeld(ports, { path: job.to, step: 'rename', check, budgetMs }, () => {
			failures += 1;
			return fileSystem.rename(job.from, job.to);
		});
	} catch (error) {
		if (!isHeld(error)) throw error;
		await moveAside(fileSystem, job);
	}
	return failures;
}

/** {@link replaceHeldTarget}, holding the event loop; elsewhere than on Windows it is a rename. */
export function renameHeldSync(fileSystem: FileSystem, job: Omit<Replacement, 'check' | 'readOnly'>): void {
	if (fileSystem.semantics === 'posix' || !isReadOnly(fileSystem.sync.lstat(job.to))) {
		renameOrMoveAsideSync(fileSystem, job);
		return;
	}
	setReadOnlySync(fileSystem, job.to, false);
	try {
		renameOrMoveAsideSync(fileSystem, job);
	} finally {
		setReadOnlySync(fileSystem, job.to, true);
	}
}

function renameOrMoveAsideSync(
	fileSystem: FileSystem,
	{ from, to, aside }: Omit<Replacement, 'check' | 'readOnly'>,
): void {
	const { sync } = fileSystem;
	try {
		whileHeldSync({ fileSystem }, () => sync.rename(from, to));
		return;
	} catch (error) {
		if (fileSystem.semantics === 'posix' || !isHeld(error)) throw error;
	}
	sync.rename(to, aside);
	try {
		sync.rename(from, to);
	} catch (error) {
		sync.rename(aside, to);
		throw error;
	}
	try {
		sync.unlink(aside);
	} catch {
		// Still held: the next sweep of the directory removes it.
	}
}

/** Each step leaves the document, or the complete new one under its `ready` name, to be found by recovery. */
async function moveAside(fileSystem: FileSystem, job: Replacement): Promise<void> {
	await fileSystem.rename(job.to, job.aside);
	try {
		await fileSystem.rename(job.from, job.to);
	} catch (error) {
		await putBack(fileSystem, job);
		throw error;
	}
	try {
		await fileSystem.unlink(job.aside);
	} catch {
		// Still held by whoever had it open; the next sweep of the directory removes it.
	}
}

/** Unless a newer document has been put in its place meanwhile. */
async function putBack(fileSystem: FileSystem, { aside, to }: Replacement): Promise<void> {
	if (fileSystem.sync.lstat(to) === undefined) fileSystem.sync.rename(aside, to);
	else await fileSystem.unlink(aside);
}

/** Renames where nothing stands at `to`; else EEXIST. */
export async function renameExclusively(fileSystem: FileSystem, from: string, to: string): Promise<void> {
	try {
		// link(2) never replaces.
		await fileSystem.link(from, to);
	} catch (error) {
		if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
		if (renameWhereFree(fileSystem.sync, from, to)) return;
		throw Object.assign(new Error('EEXIST: it exists'), { code: 'EEXIST' });
	}
	try {
		await fileSystem.unlink(from);
	} catch {
		// A second name of the document: the next sweep of the directory removes it.
	}
}

/**
 * Without links no call of Node leaves alone what it would replace. Looking and renaming are one step of this process: what
 * another one writes between these two calls would be lost, unless a lock keeps it out.
 * @returns false where something stands at `to`
 */
export function renameWhereFree(sync: SyncFileSystem, from: string, to: string): boolean {
	if (sync.lstat(to) !== undefined) return false;
	sync.rename(from, to);
	return true;
}
