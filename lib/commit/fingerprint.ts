import type { FileStat, SyncFileSystem } from '../ports/file-system.ts';

/** What tells that a file is still the one that was seen, as far as its metadata does. */
export function fingerprint({ identity, sizeBytes, modifiedMs }: FileStat): string {
	return `${identity} ${sizeBytes} ${modifiedMs}`;
}

/** Is a file still the one that was seen? Looks at once, so that the next call may follow with nothing in between. */
export function lookAgain(sync: SyncFileSystem, file: string, seen: FileStat): 'same' | 'changed' | 'gone' {
	const stat = sync.lstat(file);
	if (stat === undefined) return 'gone';
	return fingerprint(stat) === fingerprint(seen) ? 'same' : 'changed';
}
