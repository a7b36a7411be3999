import type { FileStat } from '../ports/file-system.ts';

/** What tells that a file is still the one that was seen, as far as its metadata does. */
export function fingerprint({ identity, sizeBytes, modifiedMs }: FileStat): string {
	return `${identity} ${sizeBytes} ${modifiedMs}`;
}
