/** The public types of a journal: its options, its face and its receipts. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Bytes, Durability, Milliseconds, Ports } from '../types.ts';
import type { JournalLock } from './open-file.ts';

/** When a checkpoint is made without being asked for: whichever comes first. It is looked at after each group. */
export interface AutomaticCheckpoints {
	/**
	 * The entries take so many bytes in the file. Default: 16 MiB, or as many as the state takes where that is more, so that
	 * checkpoints write no more than the entries do.
	 */
	readonly maxBytes?: Bytes | undefined;
	/** There are so many entries in the file. @defaultValue no bound */
	readonly maxEntries?: number | undefined;
	/**
	 * The oldest entry in the file is so old, by the time that this journal appended or replayed it, when another one is
	 * appended; a journal where nothing happens makes no checkpoint. @defaultValue no bound
	 */
	readonly maxAgeMs?: Milliseconds | undefined;
}

/** Options of `openJournal`. */
export interface JournalOptions<State, Entry> extends Ports {
	/** The state before the first entry, for a journal that does not exist yet. It is used as JSON gives it back. */
	readonly initial: State;
	/**
	 * The state after an entry. It must be a pure function: it returns a new state and leaves the given one and the entry as
	 * they are, and gives the same for the same, since it is called again for every entry when the journal is opened.
	 * The entry is what JSON gives back. Where it throws, the append rejects with that, and nothing is logged.
	 */
	readonly apply: (state: State, entry: Entry) => State;
	/** Any Standard Schema validator. The state is read from the file, and taken from `initial`, through it. */
	readonly schema?: StandardSchemaV1<unknown, State> | undefined;
	/** As `schema`, for entries: each goes through it as JSON gives it back, before `apply`, when appended and when read. */
	readonly entrySchema?: StandardSchemaV1<unknown, Entry> | undefined;
	/** When checkpoints are made without being asked for; `false`: never. */
	readonly checkpoint?: AutomaticCheckpoints | false | undefined;
	/**
	 * `file`: no other process can open the journal meanwhile; ERR_UNSUPPORTED where the system has no locks for that
	 * (`fs-native-extensions` is not installed, or a network file system has none). `process`: there the journal is opened
	 * all the same, and you see to it that no other process does.
	 * @defaultValue `'file'`
	 */
	readonly lock?: JournalLock | undefined;
	/** How long to wait for a journal that is open elsewhere, until it is ERR_LOCK_TIMEOUT. @defaultValue 0 */
	readonly lockTimeoutMs?: Milliseconds | undefined;
	/** Permission bits for a journal that does not exist yet; an existing one keeps its own. */
	readonly mode?: number | undefined;
	/** How many entries may wait to be written; an append beyond that rejects with ERR_QUEUE_FULL. @defaultValue 100,000 */
	readonly maxQueuedEntries?: number | undefined;
	/** How many bytes of JSON may wait; one append is always taken. @defaultValue 256 MiB */
	readonly maxQueuedBytes?: Bytes | undefined;
	/** Told of an automatic checkpoint that failed; the journal goes on. @defaultValue `process.emitWarning` */
	readonly onError?: ((error: unknown) => void) | undefined;
}

/** What an append has achieved. */
export interface AppendReceipt {
	/** The place of the entry in the journal, from 1, without gaps; of several entries the last one's. */
	readonly sequence: number;
	/** Of several entries the first one's. */
	readonly firstSequence: number;
	/** `full`, or `file` where the platform cannot sync a directory. */
	readonly durability: Durability;
}

/** What a checkpoint has achieved. */
export interface CheckpointReceipt {
	/** The journal's path, absolute, as the caller spelt it. */
	readonly path: string;
	/** Of the last entry that is part of the state that was written. */
	readonly sequence: number;
	/** What the state takes in the file. */
	readonly bytes: Bytes;
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly durationMs: Milliseconds;
}

/** What was found when the journal was opened. */
export interface JournalOpening {
	/** There was none. */
	readonly created: boolean;
	/** Entries applied to the state in the file. */
	readonly replayedEntries: number;
	/** What was cut off at the end: a write that a crash had cut off, never acknowledged. */
	readonly cutBytes: Bytes;
	readonly durationMs: Milliseconds;
}

/** An entry in the file. */
export interface JournalEntry<Entry> {
	readonly sequence: number;
	readonly entry: Entry;
}

/** An open journal. */
export interface Journal<State, Entry> extends AsyncDisposable {
	/** Absolute, as the caller spelt it. */
	readonly path: string;
	/** The state after every entry that is durable, and no other. To be left unchanged. */
	readonly state: State;
	/** Of the last entry that is part of {@link Journal.state}; 0 before the first. */
	readonly sequence: number;
	readonly opening: JournalOpening;
	/**
	 * Appends an entry, read at the call. All that are called for in one turn of the event loop, and while a sync is under
	 * way, become durable together; they keep the order of the calls.
	 *
	 * Rejects with what `apply` throws, ERR_INVALID_ARGUMENT (a promise), ERR_NOT_SERIALIZABLE, ERR_VALIDATION,
	 * ERR_QUEUE_FULL, ERR_CLOSED, ERR_LOCK_REENTRANT (called by a validator of the journal), ERR_JOURNAL_BROKEN, or
	 * ERR_WRITE_FAILED; that one has the outcome `unknown` where the entry may come back when the journal is opened after a
	 * crash. An entry whose append rejected is not part of {@link Journal.state}.
	 */
	append(entry: Entry): Promise<AppendReceipt>;
	/** Appends several as one: all of them become durable, or none, also where the power fails. */
	appendAll(entries: Iterable<Entry>): Promise<AppendReceipt>;
	/**
	 * Writes the state, with all that was appended before this call, into a new file that takes the place of the one with
	 * the entries. Appends wait meanwhile. Where it rejects, the journal goes on as it was, unless it is
	 * ERR_JOURNAL_BROKEN.
	 */
	checkpoint(): Promise<CheckpointReceipt>;
	/**
	 * The durable entries that are still in the file, those since the last checkpoint, in bounded memory; as many as there
	 * are when the reading begins.
	 *
	 * Rejects with ERR_READ_FAILED where somebody else has removed or replaced the file, ERR_CORRUPT where somebody has
	 * written to it (the entries before are told), ERR_VALIDATION, ERR_CLOSED or ERR_JOURNAL_BROKEN.
	 *
	 * @param from the sequence to begin with. Default: the first in the file. A RangeError of code ERR_INVALID_ARGUMENT
	 * where that entry is part of a checkpoint already.
	 */
	entries(from?: number): AsyncIterable<JournalEntry<Entry>>;
	/**
	 * Writes what was appended before this call, and lets go of the file. Appends after it reject with ERR_CLOSED. Called by a
	 * validator of the journal it rejects with ERR_LOCK_REENTRANT, and the journal stays open.
	 */
	close(): Promise<void>;
	/** As {@link Journal.close}. */
	[Symbol.asyncDispose](): Promise<void>;
}
