/** From the file of a journal to a log that can go on: what it holds is replayed, and made sure to be durable. */
import { syncNames } from '../commit/directory-sync.ts';
import type { Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { recoverChannel } from '../diagnostics.ts';
import { codeOf, DurableJsonError, messageOf } from '../errors.ts';
import type { OpenFile } from '../ports/file-system.ts';
import type { Bytes } from '../types.ts';
import { JournalFile } from './journal-file.ts';
import { JournalLog } from './journal-log.ts';
import { type NewFileOptions, putNewFile } from './new-file.ts';
import type { JournalLock } from './open-file.ts';
import { guarded, readGroups } from './read-file.ts';
import type { GroupLine } from './record.ts';
import { JournalScanner } from './scanner.ts';

/** What is done with what a journal holds. Errors of its own pass through. */
export interface Replay {
	/** Takes the state in the file. */
	begin(state: unknown): Promise<void>;
	/** Takes the entries after it, in their order. */
	apply(group: GroupLine): Promise<void> | undefined;
}

export interface Opened {
	readonly log: JournalLog;
	readonly replayedEntries: number;
	readonly cutBytes: Bytes;
}

/**
 * Replays an open, locked file. What a crash has cut off at its end is cut off.
 *
 * @throws DurableJsonError ERR_CORRUPT, ERR_UNSUPPORTED, ERR_READ_FAILED, ERR_WRITE_FAILED, or what `replay` throws. The file
 * is open still.
 */
export async function openFound(
	ports: CommitPorts,
	target: Target,
	lock: JournalLock,
	file: OpenFile,
	replay: Replay,
): Promise<Opened> {
	const { path } = target;
	const scanner = new JournalScanner(path);
	let base: JournalScanner['position'];
	const begin = async (): Promise<void> => {
		if (base !== undefined || scanner.base === undefined) return;
		base = scanner.baseEnd;
		await replay.begin(scanner.base.state);
	};
	for await (const groups of readGroups(file, path, scanner)) {
		await begin();
		for (const group of groups) await replay.apply(group);
	}
	const { torn, ...end } = scanner.end();
	await begin();
	const { identity, sizeBytes } = await guarded(path, 'read', () => file.statSync());
	const journal = new JournalFile(file, { path, identity, base: base ?? end, end, sizeBytes });
	const directorySynced = await hardened(path, async () => {
		await journal.settle(scanner.lastGroup ?? end.offset);
		// A process that was killed after a checkpoint may not have synced the name.
		return (await syncNames(ports, target.directory)).directorySynced;
	});
	const cutBytes = torn ? sizeBytes - end.offset : 0;
	if (torn) recoverChannel.publish({ path: target.file, action: 'cut' });
	const log = new JournalLog(ports, target, lock, journal, directorySynced);
	return { log, replayedEntries: end.sequence - journal.base.sequence, cutBytes };
}

/**
 * Makes a journal that begins with the state.
 *
 * @returns undefined where another has come meanwhile.
 * @throws DurableJsonError of the commit protocol, or ERR_NOT_SERIALIZABLE.
 */
export async function createNew(
	ports: CommitPorts,
	target: Target,
	state: unknown,
	options: Pick<NewFileOptions, 'mode' | 'lock'>,
): Promise<Opened | undefined> {
	try {
		const { file, harden } = await putNewFile(ports, target, { sequence: 0, state, create: true, ...options });
		try {
			const { directorySynced } = await harden();
			return {
				log: new JournalLog(ports, target, options.lock, file, directorySynced),
				replayedEntries: 0,
				cutBytes: 0,
			};
		} catch (error) {
			await file.abandon();
			throw error;
		}
	} catch (error) {
		if (error instanceof DurableJsonError && codeOf(error.cause) === 'EEXIST') return undefined;
		throw error;
	}
}

async function hardened<T>(path: string, action: () => Promise<T>): Promise<T> {
	try {
		return await action();
	} catch (cause) {
		const message = `opening ${path} failed at sync: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_WRITE_FAILED', message, { path, step: 'sync', cause });
	}
}
