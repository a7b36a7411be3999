import type { FileSystem } from '../ports/file-system.ts';

/** A random number from 0 up to 1, from the port's source of randomness: for pauses that are to spread. */
export function jitter(fileSystem: FileSystem): number {
	return Number.parseInt(fileSystem.uniqueId().slice(0, 8), 16) / 2 ** 32;
}
