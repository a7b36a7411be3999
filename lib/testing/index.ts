/**
 * durable-json/testing: a simulated disk that tries every crash, for the tests of whoever saves files.
 *
 * @packageDocumentation
 */

export type { Clock } from '../ports/clock.ts';
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
} from '../ports/file-system.ts';
export type { CrashStateOptions } from './crash-states.ts';
export {
	type CallName,
	type CrashSide,
	type Delay,
	type DiskCall,
	type Fault,
	type FaultTiming,
	type ShortWrite,
	SimulatedCrash,
} from './disk-calls.ts';
export { drive } from './drive.ts';
export {
	type Check,
	CrashFailure,
	type CrashKind,
	type CrashPoint,
	type Exploration,
	type ExploreOptions,
	exploreCrashes,
	type Scenario,
	type Stage,
} from './explore-crashes.ts';
export { type FsPromises, fsPromisesOf } from './fs-promises.ts';
export { type Content, History } from './history.ts';
export { ManualClock } from './manual-clock.ts';
export { type CrashState, type PlantedMetadata, SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts';
