/** The real disk, on which files are opened only once they are let go. */
import { nodeFileSystem } from '../../lib/platform/node-file-system.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';

export interface GatedFileSystem {
	readonly fileSystem: FileSystem;
	letGo(): void;
}

/** @param waits whether opening this path waits */
export function gatedFileSystem(waits: (path: string) => boolean = () => true): GatedFileSystem {
	let letGo = (): void => undefined;
	const gate = new Promise<void>((resolve) => {
		letGo = resolve;
	});
	const fileSystem: FileSystem = {
		...nodeFileSystem,
		async open(path, mode, permissions) {
			if (waits(path)) await gate;
			return nodeFileSystem.open(path, mode, permissions);
		},
	};
	return { fileSystem, letGo: () => letGo() };
}
