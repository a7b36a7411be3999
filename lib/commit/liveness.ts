/**
 * Does the writer of a temporary file live? A file that was locked, and whose lock can be taken, has lost its writer: locks
 * end with the process. Where the writer or the one who asks has no locks, age decides.
 */
import type { FileStat, LockAttempt, OpenFile } from '../ports/file-system.ts';
import type { Milliseconds } from '../types.ts';
import type { CommitPorts } from './temp-file.ts';
import type { Life } from './temp-name.ts';

/** Without locks a temporary file is taken for dead when nothing was written to it for so long. */
export const UNLOCKED_MAX_AGE_MS: Milliseconds = 60 * 60 * 1000;

/** When a file without a lock is too old to have a writer. */
export interface AgeLimit {
	/** Milliseconds since 1970. */
	readonly nowMs: Milliseconds;
	readonly maxAgeMs: Milliseconds;
}

/** `young`: nobody can tell, so it is left alone. */
export type Liveness = 'live' | 'dead' | 'young';

export interface LivenessVerdict {
	readonly liveness: Liveness;
	readonly by: 'lock' | 'age';
}

export function ageLimit({ clock }: CommitPorts): AgeLimit {
	return { nowMs: clock.epochMs(), maxAgeMs: UNLOCKED_MAX_AGE_MS };
}

/** @param life what the file's name says of its writer */
export function judgeLiveness(
	lock: LockAttempt,
	{ modifiedMs }: FileStat,
	life: Life,
	limit: AgeLimit,
): LivenessVerdict {
	if (lock === 'busy') return { liveness: 'live', by: 'lock' };
	if (life === 'lock' && lock === 'locked') return { liveness: 'dead', by: 'lock' };
	return { liveness: limit.nowMs - modifiedMs > limit.maxAgeMs ? 'dead' : 'young', by: 'age' };
}

/**
 * Opens a temporary file, takes its lock, and holds it while `work` runs.
 * @returns undefined for what is none of ours: a link, a pipe or a directory of such a name, or nothing
 */
export async function withLiveness<T>(
	{ fileSystem }: CommitPorts,
	file: string,
	life: Life,
	limit: AgeLimit,
	work: (verdict: LivenessVerdict, opened: OpenFile) => Promise<T>,
): Promise<T | undefined> {
	if ((await fileSystem.lstat(file))?.kind !== 'file') return undefined;
	const opened = await fileSystem.open(file, 'update');
	try {
		return await work(judgeLiveness(opened.tryLock(), opened.statSync(), life, limit), opened);
	} finally {
		await opened.close();
	}
}
