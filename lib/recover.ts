/** Recovery: whatever a crash has left, the document is whole afterwards, or the report says what it is. */
import { UNLOCKED_MAX_AGE_MS } from './commit/liveness.ts';
import { invalidArgument } from './errors.ts';
import { asOptions, checkBoolean, checkFunction, checkInteger, checkPorts, checkSignal } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import { formatChoice } from './recovery/companions.ts';
import { Recovery, type RecoveryJob } from './recovery/recovery.ts';
import type { RecoveryProgress, RecoveryReport } from './recovery/report.ts';
import type { Milliseconds, Ports } from './types.ts';

/** Options of `recover`. */
export interface RecoverOptions extends Ports {
	/** Go into the directories below. Links are not followed. @defaultValue `false` */
	readonly recursive?: boolean | undefined;
	/** Change nothing: the report says what would be done. @defaultValue `false` */
	readonly dryRun?: boolean | undefined;
	/**
	 * Which documents may be judged, by their names; JSON Lines where the name ends in `.jsonl` or `.ndjson`, else JSON.
	 * Default: `.json`, `.jsonl` and `.ndjson`. Others are never read, and restored from files of this library only.
	 */
	readonly match?: RegExp | ((name: string) => boolean) | undefined;
	/**
	 * Remove `<document>.tmp` and `<document>.bak` beside a whole document. Default: only where `recover` is given the
	 * document itself, as in a directory other programs may have such files. A second name (hard link) of the document always
	 * goes.
	 */
	readonly classic?: boolean | undefined;
	/** The time by which ages are told, milliseconds since 1970. Default: now. */
	readonly now?: Milliseconds | undefined;
	/** A temporary file without a lock counts as dead when nothing was written to it for so long. @defaultValue an hour */
	readonly unlockedMaxAgeMs?: Milliseconds | undefined;
	/** How many bad documents are kept of each in quarantine, the newest ones. @defaultValue `10` */
	readonly maxQuarantined?: number | undefined;
	/**
	 * Aborted before the call: nothing is looked at. Later: reading, copying and waiting for a lock end at once, the restoration
	 * of a document that has begun is finished. The promise rejects with the signal's reason, when nothing is under way any
	 * more; what was done is whole and stays, and another call does the rest.
	 */
	readonly signal?: AbortSignal | undefined;
	/** Called after each document. */
	readonly onProgress?: ((progress: RecoveryProgress) => void) | undefined;
}

const DEFAULT_QUARANTINED = 10;

/**
 * Puts a document, or all documents of a directory, into the state that no crash has interrupted: a missing or bad document
 * is restored from the newest whole survivor, the bad one is kept in quarantine, and what dead writers left is removed.
 * Of the names that promise JSON, or that `match` names, one that is named itself is judged in any case; in a directory one
 * that stands alone is read only where it is empty or begins with NUL. A journal is left as it is. Safe beside live writers and other recoveries; a second call finds nothing to do.
 *
 * Resolves with a report, also where documents are lost or the disk refused something: see
 * {@link RecoveredDocument.outcome} and {@link RecoveryReport.failures}. Rejects with ERR_READ_FAILED where the path itself
 * cannot be looked at, ERR_UNSUPPORTED where it is a device or a pipe, the signal's reason, or a TypeError or RangeError of
 * code ERR_INVALID_ARGUMENT.
 */
export async function recover(fileOrDirectory: string | URL, options?: RecoverOptions): Promise<RecoveryReport> {
	return new Recovery(checkRecoverOptions(options)).run(fileOrDirectory);
}

function checkRecoverOptions(options: RecoverOptions | undefined): RecoveryJob {
	const checked = asOptions<RecoverOptions>(options);
	checkPorts(checked);
	const { fileSystem = nodeFileSystem, clock = systemClock, signal, onProgress, classic, match } = checked;
	const { recursive = false, dryRun = false, maxQuarantined = DEFAULT_QUARANTINED } = checked;
	const { now = clock.epochMs(), unlockedMaxAgeMs = UNLOCKED_MAX_AGE_MS } = checked;
	checkSignal(signal);
	checkFunction('options.onProgress', onProgress);
	for (const [name, value] of Object.entries({ recursive, dryRun, classic: classic ?? false })) {
		checkBoolean(`options.${name}`, value);
	}
	if (match !== undefined && typeof match !== 'function' && !(match instanceof RegExp)) {
		throw invalidArgument('options.match', 'a regular expression or a function', match);
	}
	checkInteger('options.now', now, 0, Number.MAX_SAFE_INTEGER);
	checkInteger('options.unlockedMaxAgeMs', unlockedMaxAgeMs, 0, Number.MAX_SAFE_INTEGER);
	checkInteger('options.maxQuarantined', maxQuarantined, 0, Number.MAX_SAFE_INTEGER);
	const limit = { nowMs: now, maxAgeMs: unlockedMaxAgeMs };
	return {
		ports: { fileSystem, clock },
		recursive,
		dryRun,
		formatFor: formatChoice(match),
		byMatch: match !== undefined,
		classic,
		limit,
		maxQuarantined,
		signal,
		onProgress,
	};
}
