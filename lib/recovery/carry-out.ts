/**
 * Carries a decision out. Whatever it is interrupted by, the document is never without a whole survivor, and another
 * recovery ends in the same state:
 *
 * - A survivor gets the document's name by link(2), which never replaces: what a writer puts there meanwhile stays. Its old
 *   name goes after the new one is durable. Where there are no links, it is renamed if nothing stands there.
 * - A bad document is renamed into quarantine, and looked at again there: where it is not the one that was judged, it goes
 *   back.
 */
import path from 'node:path';
import { copyToTemp, NO_LINKS } from '../commit/copy-file.ts';
import { syncNames } from '../commit/directory-sync.ts';
import { fingerprint } from '../commit/fingerprint.ts';
import { formatQuarantinedName } from '../commit/kept-name.ts';
import type { AgeLimit } from '../commit/liveness.ts';
import { syncFile } from '../commit/read-only.ts';
import { renameWhereFree } from '../commit/replace.ts';
import { removeIfDead } from '../commit/sweep.ts';
import { targetAt } from '../commit/target.ts';
import { type CommitPorts, removeIfPresent } from '../commit/temp-file.ts';
import { formatOrder, parseTempName } from '../commit/temp-name.ts';
import { recoverChannel } from '../diagnostics.ts';
import { codeOf } from '../errors.ts';
import type { FileStat } from '../ports/file-system.ts';
import { nextSequence } from '../shared-state.ts';
import type { Decision, Source } from './decide.ts';

interface RemovalContext {
	readonly ports: CommitPorts;
	readonly limit: AgeLimit;
}

export interface CarryOutContext extends RemovalContext {
	readonly directory: string;
	/** How many bad documents are kept of each. */
	readonly maxQuarantined: number;
}

export interface CarriedOut {
	readonly quarantined: string | undefined;
	/** Files that were to be removed, and whose writers have shown to live. */
	readonly spared: ReadonlySet<string>;
}

/** @returns undefined where something has changed since the decision, so that another one is needed. */
export async function carryOut(context: CarryOutContext, decision: Decision): Promise<CarriedOut | undefined> {
	const { source } = decision;
	let quarantined: string | undefined;
	if (source !== undefined) {
		const restored = await restore(context, decision, source);
		if (restored === undefined) return undefined;
		quarantined = restored.quarantined;
		tell(decision.document, 'restored');
	}
	const leftovers = decision.files.filter(({ action }) => action === 'removed');
	const spared = new Set<string>();
	for (const { path: file } of leftovers) {
		if (!(await removeLeftover(context, file))) spared.add(file);
	}
	if (leftovers.length > spared.size) await syncNames(context.ports, context.directory);
	return { quarantined, spared };
}

/**
 * Removes a file that the decision found worthless. Of a temporary file that is asked again, holding its lock: its writer may
 * have been between opening and locking it. @returns false where a writer has it
 */
export async function removeLeftover({ ports, limit }: RemovalContext, file: string): Promise<boolean> {
	const temp = parseTempName(path.basename(file));
	try {
		if (temp !== undefined) {
			if (await removeIfDead(ports, file, temp.life, limit)) return true;
			return (await ports.fileSystem.lstat(file)) === undefined;
		}
		await removeIfPresent(ports.fileSystem, file);
	} catch (error) {
		// Another recovery was faster.
		if (codeOf(error) !== 'ENOENT') throw error;
	}
	tell(file, 'removed');
	return true;
}

/** Does the decision change anything on the disk? */
export function changesSomething({ source, files }: Decision): boolean {
	return source !== undefined || files.some(({ action }) => action === 'removed');
}

type Restored = Pick<CarriedOut, 'quarantined'>;

async function restore(context: CarryOutContext, decision: Decision, source: Source): Promise<Restored | undefined> {
	const { fileSystem } = context.ports;
	if (source.companion.kind !== 'backup') {
		// The classic pattern may not have synced it.
		if (source.companion.temp === undefined) await syncFile(context.ports.fileSystem, source.path);
		return putInPlace(context, decision, source.path);
	}
	// A copy: as another name of the backup's file, the document could be spoiled together with it.
	const copy = await copyToTemp(context.ports, targetAt(fileSystem, decision.document), source, nextSequence());
	try {
		return await putInPlace(context, decision, copy.path);
	} finally {
		await removeIfPresent(fileSystem, copy.path);
		await copy.file.close();
	}
}

/** Gives the file the document's name, and puts what had it into quarantine. */
async function putInPlace(context: CarryOutContext, decision: Decision, from: string): Promise<Restored | undefined> {
	const { document, judgement } = decision;
	let quarantined: string | undefined;
	if (judgement !== undefined) {
		quarantined = await quarantine(context, document, judgement.stat);
		if (quarantined === undefined) return undefined;
	}
	const placed = await nameWithoutReplacing(context, from, document);
	if (!placed && quarantined === undefined) return undefined;
	if (quarantined !== undefined) await dropOldest(context, decision, quarantined);
	return placed ? { quarantined: context.maxQuarantined > 0 ? quarantined : undefined } : undefined;
}

/** @returns false where something stands there. */
async function nameWithoutReplacing(context: CarryOutContext, from: string, document: string): Promise<boolean> {
	const { fileSystem } = context.ports;
	try {
		await fileSystem.link(from, document);
	} catch (error) {
		const code = codeOf(error);
		// EEXIST: a writer was faster. ENOENT: another recovery was, and has moved the survivor.
		if (code === 'EEXIST' || code === 'ENOENT') return false;
		if (!NO_LINKS.has(code ?? '')) throw error;
		try {
			if (!renameWhereFree(fileSystem.sync, from, document)) return false;
		} catch (renameError) {
			if (codeOf(renameError) === 'ENOENT') return false;
			throw renameError;
		}
		await syncNames(context.ports, context.directory);
		return true;
	}
	// In this order: a power cut may keep either of two changes that are not synced.
	await syncNames(context.ports, context.directory);
	await removeIfPresent(fileSystem, from);
	await syncNames(context.ports, context.directory);
	return true;
}

/** @returns where it is; undefined where something else than what was judged stood there. */
async function quarantine(context: CarryOutContext, document: string, judged: FileStat): Promise<string | undefined> {
	const { fileSystem, clock } = context.ports;
	const order = formatOrder(clock.epochMs(), nextSequence());
	const name = formatQuarantinedName(path.basename(document), order, fileSystem.uniqueId());
	const to = path.join(context.directory, name);
	try {
		await fileSystem.rename(document, to);
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		throw error;
	}
	const moved = await fileSystem.lstat(to);
	if (moved === undefined || fingerprint(moved) !== fingerprint(judged)) {
		await nameWithoutReplacing(context, to, document);
		return undefined;
	}
	// Before the name is another file's: a power cut may keep the second of two changes and lose the first.
	await syncNames(context.ports, context.directory);
	tell(to, 'quarantined');
	return to;
}

async function dropOldest(context: CarryOutContext, { quarantined }: Decision, newest: string): Promise<void> {
	const all = [...quarantined, newest];
	for (const file of all.slice(0, Math.max(0, all.length - context.maxQuarantined))) {
		await removeIfPresent(context.ports.fileSystem, file);
		tell(file, 'removed');
	}
}

function tell(file: string, action: string): void {
	if (recoverChannel.hasSubscribers) recoverChannel.publish({ path: file, action });
}
