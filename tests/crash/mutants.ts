/**
 * Ports that lie: each breaks one rule of the commit protocol, as a careless implementation would, in both halves of the port.
 * Whatever is written over one of them must be caught by the exploration, or the exploration proves nothing.
 */
import type { FileSystem } from '../../lib/ports/file-system.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import {
	DirectorySyncBeforeNaming,
	DirectorySyncCountedForLaterNames,
	DirectorySyncDropped,
	DirectorySyncNotAwaited,
	isParentOfHolder,
	SomeDirectoriesSynced,
} from './mutants/directory-syncs.ts';
import { ShortWritesTakenAsWhole, SyncErrorsSwallowed, SyncRetriedOnSameHandle } from './mutants/failures.ts';
import {
	BackupsRotatedBeforeSync,
	FileSyncAfterRename,
	FileSyncDropped,
	FileSyncedBeforeWriting,
	FileSyncNotAwaited,
	FoundContentNotWrittenAgain,
	FoundFileSyncDropped,
	MetadataAfterRename,
	MetadataAfterSync,
} from './mutants/file-syncs.ts';
import {
	AcknowledgedEarly,
	FixedTempName,
	LockFilesRemoved,
	LocksIgnored,
	RenameNotAwaited,
	WrittenInPlace,
} from './mutants/names.ts';

/** A port that breaks one rule; with a scope, as another process would have it. */
export type MutantPort = (disk: SimulatedDisk, scope?: object) => FileSystem;

export type MutantName =
	| 'file sync dropped'
	| 'sync of files that were found dropped'
	| 'found content not written again'
	| 'file sync not awaited'
	| 'file sync after the rename'
	| 'file sync before the write'
	| 'backup rotated before the sync'
	| 'mode and owner set after the rename'
	| 'mode and owner set after the sync'
	| 'rename not awaited'
	| 'directory sync dropped'
	| 'directory sync not awaited'
	| 'directory sync before the rename'
	| 'directory sync counted for later names'
	| 'sync of created parents dropped'
	| 'sync of the nearest parent dropped'
	| 'sync of farther parents dropped'
	| 'sync errors swallowed'
	| 'failed sync retried on the same handle'
	| 'short writes taken as whole'
	| 'written in place'
	| 'fixed temporary name'
	| 'locks ignored'
	| 'lock files removed as litter'
	| 'acknowledged early';

/** All of them, by what they do wrong. */
export const mutants: Readonly<Record<MutantName, MutantPort>> = {
	'file sync dropped': (disk, scope) => new FileSyncDropped(disk, scope),
	'sync of files that were found dropped': (disk, scope) => new FoundFileSyncDropped(disk, scope),
	'found content not written again': (disk, scope) => new FoundContentNotWrittenAgain(disk, scope),
	'file sync not awaited': (disk, scope) => new FileSyncNotAwaited(disk, scope),
	'file sync after the rename': (disk, scope) => new FileSyncAfterRename(disk, scope),
	'file sync before the write': (disk, scope) => new FileSyncedBeforeWriting(disk, scope),
	'backup rotated before the sync': (disk, scope) => new BackupsRotatedBeforeSync(disk, scope),
	'mode and owner set after the rename': (disk, scope) => new MetadataAfterRename(disk, scope),
	'mode and owner set after the sync': (disk, scope) => new MetadataAfterSync(disk, scope),
	'rename not awaited': (disk, scope) => new RenameNotAwaited(disk, scope),
	'directory sync dropped': (disk, scope) => new DirectorySyncDropped(disk, scope),
	'directory sync not awaited': (disk, scope) => new DirectorySyncNotAwaited(disk, scope),
	'directory sync before the rename': (disk, scope) => new DirectorySyncBeforeNaming(disk, scope),
	'directory sync counted for later names': (disk, scope) => new DirectorySyncCountedForLaterNames(disk, scope),
	'sync of created parents dropped': (disk, scope) =>
		new SomeDirectoriesSynced(disk, scope, (path, holders) => holders.has(path)),
	'sync of the nearest parent dropped': (disk, scope) =>
		new SomeDirectoriesSynced(disk, scope, (path, holders) => !isParentOfHolder(path, holders)),
	'sync of farther parents dropped': (disk, scope) =>
		new SomeDirectoriesSynced(disk, scope, (path, holders) => holders.has(path) || isParentOfHolder(path, holders)),
	'sync errors swallowed': (disk, scope) => new SyncErrorsSwallowed(disk, scope),
	'failed sync retried on the same handle': (disk, scope) => new SyncRetriedOnSameHandle(disk, scope),
	'short writes taken as whole': (disk, scope) => new ShortWritesTakenAsWhole(disk, scope),
	'written in place': (disk, scope) => new WrittenInPlace(disk, scope),
	'fixed temporary name': (disk, scope) => new FixedTempName(disk, scope),
	'locks ignored': (disk, scope) => new LocksIgnored(disk, scope),
	'lock files removed as litter': (disk, scope) => new LockFilesRemoved(disk, scope),
	'acknowledged early': (disk, scope) => new AcknowledgedEarly(disk, scope),
};
