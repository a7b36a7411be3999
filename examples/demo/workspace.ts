/** A fresh directory for everything that the demo writes, removed however the process ends (but by SIGKILL). */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

const TMPFS_MAGIC = 0x01021994;

const children = new Set<ChildProcess>();

export function openWorkspace(): string {
	const directory = mkdtempSync(join(tmpdir(), 'durable-json-demo-'));
	process.on('exit', () => {
		for (const child of children) child.kill('SIGKILL');
		// A write that is under way may still create a file: the directory is then not empty at the first attempt.
		rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
	});
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
		process.on(signal, () => process.exit(128 + constants.signals[signal]));
	}
	return directory;
}

/** Registers a child, so that it does not outlive this process. */
export function adopt(child: ChildProcess): void {
	children.add(child);
	child.once('exit', () => children.delete(child));
}

/** Is the directory in memory, where fsync costs nothing? */
export function isInMemory(directory: string): boolean {
	return process.platform === 'linux' && statfsSync(directory).type === TMPFS_MAGIC;
}
