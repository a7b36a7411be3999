/** What a recovery found, what it decided, and why. */
import type { Condition } from '../commit/condition.ts';
import type { Liveness } from '../commit/liveness.ts';
import type { JsonProblem } from '../json/validator.ts';
import type { Milliseconds } from '../types.ts';

/**
 * What stood at a document's path. `unjudged`: something that was not read, because its name says nothing of JSON (and `match`
 * does not name it), because it is no file, or because the disk refused; `why` says which.
 */
export type DocumentCondition = Condition | 'missing' | 'unjudged';

/**
 * - `kept`: the document stands as it was
 * - `restored`: something whole was put in its place
 * - `absent`: there is none, and nothing says that there ever was a whole one, or a writer that may live has moved it aside
 * - `lost`: it is missing or bad, and nothing whole is left to restore it from
 * - `failed`: the disk refused, or others changed it again and again (ERR_CONFLICT); `error` says what
 */
export type DocumentOutcome = 'kept' | 'restored' | 'absent' | 'lost' | 'failed';

/**
 * What a file beside a document is: a temporary file in one of its states, a backup, a bad document of before, or
 * `<document>.tmp` and `<document>.bak` of the classic pattern.
 */
export type CompanionKind = 'part' | 'ready' | 'aside' | 'backup' | 'quarantined' | 'tmp' | 'bak';

/**
 * What became of a file beside a document. `promoted`: it is the document now. `copied`: the document was made from it.
 * `quarantined`: it was a bad document that an interrupted recovery had moved aside.
 */
export type CompanionAction = 'kept' | 'removed' | 'promoted' | 'copied' | 'quarantined';

/** A file beside a document. */
export interface RecoveredFile {
	readonly path: string;
	readonly kind: CompanionKind;
	/** Of a temporary file: whether its writer lives. */
	readonly liveness?: Liveness | undefined;
	/** Where its content was judged. */
	readonly condition?: Condition | undefined;
	readonly action: CompanionAction;
	readonly why: string;
}

/** What was found of one document, and done for it. */
export interface RecoveredDocument {
	/** Its real path. */
	readonly path: string;
	readonly found: DocumentCondition;
	/** Where a bad one stops being JSON. */
	readonly problem?: JsonProblem | undefined;
	readonly outcome: DocumentOutcome;
	readonly why: string;
	/** What it was restored from. */
	readonly source?: string | undefined;
	/** True where what was restored may be older than what had been written last. */
	readonly rolledBack: boolean;
	/** Where a bad one was put; also where others have written the document meanwhile, or the disk refused what was to follow. */
	readonly quarantined?: string | undefined;
	readonly files: readonly RecoveredFile[];
	readonly error?: unknown;
}

/** What `recover` did, or would do. */
export interface RecoveryReport {
	/** What was asked for, absolute. */
	readonly path: string;
	readonly dryRun: boolean;
	/** How many documents were looked at. */
	readonly examined: number;
	/**
	 * The document that was asked for. Of a directory those with a file of ours or of the classic pattern beside them, and
	 * those that are empty or begin with NUL and are bad: others that stand alone are counted, and not read.
	 */
	readonly documents: readonly RecoveredDocument[];
	/** Files of ours whose document's name is not known: the directory has none of that hash. `recover(<document>)` knows it. */
	readonly orphans: readonly RecoveredFile[];
	/** `age` where a temporary file had no lock, or none could be taken, so that its age was asked whether its writer lives. */
	readonly livenessBy: 'lock' | 'age';
	/** What could not be looked at, and why. */
	readonly failures: readonly { readonly path: string; readonly error: unknown }[];
	readonly durationMs: Milliseconds;
}

/** What a recovery tells while it is at work. */
export interface RecoveryProgress {
	/** Documents looked at so far. */
	readonly examined: number;
	/** Documents known so far: directories still to come have more. */
	readonly known: number;
}
