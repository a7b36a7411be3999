/**
 * durable-json: writes JSON files that survive crashes and power cuts.
 *
 * @packageDocumentation
 */

export type { Condition } from './commit/condition.ts';
export type { Liveness } from './commit/liveness.ts';
export type { CommitEvent, RecoverEvent, RetryEvent } from './diagnostics.ts';
export {
	DurableJsonError,
	type ErrorCode,
	type ErrorDetails,
	type Outcome,
	type Step,
	type ValidationIssue,
} from './errors.ts';
export type { JournalLock } from './journal/open-file.ts';
export type {
	AppendReceipt,
	AutomaticCheckpoints,
	CheckpointReceipt,
	Journal,
	JournalEntry,
	JournalOpening,
	JournalOptions,
} from './journal/types.ts';
export { openJournal } from './journal.ts';
export { type StringifyChunksOptions, stringifyChunks } from './json/stringify-chunks.ts';
export type { JsonProblem } from './json/validator.ts';
export { openJsonFile } from './json-file.ts';
export type { JsonFile, JsonFileOptions, JsonFileWriteOptions } from './json-file-types.ts';
export type { LockMode } from './lock/claims.ts';
export { createWriteStream, openPendingFile } from './pending-file.ts';
export type { Clock } from './ports/clock.ts';
export type {
	Awaitable,
	FileKind,
	FileStat,
	FileSystem,
	LockAttempt,
	OpenDirectory,
	OpenFile,
	OpenFileSync,
	OpenMode,
	SyncFileSystem,
} from './ports/file-system.ts';
export { readJson, readJsonLines } from './read.ts';
export { type RecoverOptions, recover } from './recover.ts';
export type {
	CompanionAction,
	CompanionKind,
	DocumentCondition,
	DocumentOutcome,
	RecoveredDocument,
	RecoveredFile,
	RecoveryProgress,
	RecoveryReport,
} from './recovery/report.ts';
export type { DurationSummary } from './schedule/counters.ts';
export {
	type AdaptiveOptions,
	adaptive,
	type BatchOptions,
	batch,
	coalesce,
	type DebounceOptions,
	debounce,
	immediate,
	type ThrottleOptions,
	throttle,
} from './schedule/strategies.ts';
export type { PendingWrites, Strategy } from './schedule/strategy.ts';
export type {
	Bytes,
	Changed,
	Durability,
	FallbackReason,
	FileData,
	FileOptions,
	Milliseconds,
	PendingFile,
	PendingFileOptions,
	Ports,
	ReadLinesOptions,
	ReadOptions,
	Replacer,
	ReplacerFunction,
	Rows,
	Space,
	Typed,
	UpdateOptions,
	ValueOrThunk,
	WriteFileOptions,
	WriteLinesOptions,
	WriteOptions,
	WriteProgress,
	WriteReceipt,
} from './types.ts';
export { type HeldLock, type LockOptions, withLock } from './with-lock.ts';
export { defaultWriter, remove, writeFile, writeJson, writeJsonLines } from './write.ts';
export { createWriter } from './writer.ts';
export type { JsonWriter, WriterOptions, WriterStats } from './writer-types.ts';
