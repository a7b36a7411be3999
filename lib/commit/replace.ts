/**
 * Renaming over a document that may be open elsewhere, on Windows.
 *
 * There rename fails while another process (a virus scanner, an indexer, an editor) has the target open: libuv uses
 * MoveFileEx with MOVEFILE_REPLACE_EXISTING. The hold is mostly short, so the rename is repeated; a target that is held
 * on is moved aside, which its holders allow where they share deletion.
 */

import { retryChannel } from '../diagnostics.ts';
import { codeOf } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { NO_LINKS } from './copy-file.ts';
import { jitter } from './jitter.ts';
import { isReadOnly, isReadOnlySync, setReadOnly, setReadOnlySync } from './read-only.ts';

const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** First pause, growth and longest pause of the repetition, and how long it goes on. */
const FIRST_PAUSE_MS = 2;
const PAUSE_GROWTH = 1.7;
const MAX_PAUSE_MS = 60;
const BUDGET_MS = 2000;

export interface Replacement {
	readonly from: string;
	readonly to: string;
	/** Where the document goes when it is held on. */
	readonly aside: string;
	/** Throws when the write is not wanted any more; asked before each attempt. */
	readonly check: () => void;
	/** How long the rename is repeated before the document is moved aside. Default {@link BUDGET_MS}. */
	readonly budgetMs?: number | undefined;
}

/**
 * Renames `from` over `to`, which keeps its read-only attribute. @returns how often that was repeated. Rejects with the
 * system's error when the budget is used up and moving aside fails too.
 */
export async function replaceHeldTarget(fileSystem: FileSystem, clock: Clock, job: Replacement): Promise<number> {
	try {
		return await replaceOrMoveAside(fileSystem, clock, job);
	} catch (error) {
		if (!HELD.has(codeOf(error) ?? '') || !(await isReadOnly(fileSystem, job.to))) throw error;
	}
	await setReadOnly(fileSystem, job.to, false);
	const attempts = await replaceOrMoveAside(fileSystem, clock, job).catch(async (error: unknown) => {
		await setReadOnly(fileSystem, job.to, true).catch(whyItFailedCounts);
		throw error;
	});
	await setReadOnly(fileSystem, job.to, true);
	return attempts;
}

/** The document is as it was but for its attribute. */
function whyItFailedCounts(): void {}

async function replaceOrMoveAside(fileSystem: FileSystem, clock: Clock, job: Replacement): Promise<number> {
	const startMs = clock.monotonicMs();
	let pauseMs = FIRST_PAUSE_MS;
	let attempt = 1;
	for (; ; attempt++) {
		job.check();
		try {
			await fileSystem.rename(job.from, job.to);
			return attempt - 1;
		} catch (error) {
			if (!HELD.has(codeOf(error) ?? '')) throw error;
			if (attempt === 1 && (await isReadOnly(fileSystem, job.to))) throw error;
			if (clock.monotonicMs() - startMs >= (job.budgetMs ?? BUDGET_MS)) break;
			const delayMs = Math.min(MAX_PAUSE_MS, pauseMs) * (0.5 + jitter(fileSystem));
			if (retryChannel.hasSubscribers) {
				retryChannel.publish({ path: job.to, step: 'rename', error, attempt, delayMs });
			}
			await new Promise<void>((resolve) => clock.schedule(delayMs, resolve));
			pauseMs *= PAUSE_GROWTH;
		}
	}
	await moveAside(fileSystem, job);
	return attempt;
}

/** So often, and with such pauses, a synchronous rename is tried where the target is held. */
const SYNC_ATTEMPTS = 10;
const SYNC_PAUSE_MS = 10;

/** {@link replaceHeldTarget}, holding the event loop; elsewhere than on Windows it is a rename. */
export function renameHeldSync(fileSystem: FileSystem, job: Omit<Replacement, 'check'>): void {
	if (fileSystem.semantics === 'posix' || !isReadOnlySync(fileSystem, job.to)) {
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

function renameOrMoveAsideSync({ sync, semantics }: FileSystem, { from, to, aside }: Omit<Replacement, 'check'>): void {
	for (let attempt = 1; attempt <= SYNC_ATTEMPTS; attempt++) {
		try {
			sync.rename(from, to);
			return;
		} catch (error) {
			if (semantics !== 'win32' || !HELD.has(codeOf(error) ?? '')) throw error;
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, SYNC_PAUSE_MS);
		}
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
		if ((await fileSystem.lstat(to)) !== undefined)
			throw Object.assign(new Error('EEXIST: it exists'), { code: 'EEXIST' });
		await fileSystem.rename(from, to);
		return;
	}
	try {
		await fileSystem.unlink(from);
	} catch {
		// A second name of the document: the next sweep of the directory removes it.
	}
}
