/**
 * Counts the syncs and renames of a process, native code included, and can slow its syncs: by a small library that is
 * compiled here and preloaded (Linux with a C compiler; elsewhere nothing is counted).
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

export interface SystemCalls {
	readonly fileSyncs: number;
	readonly directorySyncs: number;
	readonly renames: number;
}

const BYTES = 8;
const COUNTERS = 3;

/** Compiles the library; undefined where that cannot be done. */
export function compileSystemCalls(directory: string): string | undefined {
	if (process.platform !== 'linux') return undefined;
	const source = path.join(import.meta.dirname, '../../measure/system-calls.c');
	const library = path.join(directory, 'system-calls.so');
	const { status } = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'ignore' });
	return status === 0 ? library : undefined;
}

/** What a child's environment must hold to be counted, and to have its syncs slowed. */
export function preload(library: string, directory: string, slowSyncMs: number): Record<string, string> {
	const counters = path.join(directory, 'counters');
	fs.writeFileSync(counters, Buffer.alloc(BYTES * COUNTERS));
	return { LD_PRELOAD: library, BENCH_COUNTERS: counters, BENCH_SYNC_DELAY_US: String(slowSyncMs * 1000) };
}

/** In the child: what was counted so far; undefined where nothing counts. */
export function systemCalls(): SystemCalls | undefined {
	const { BENCH_COUNTERS: file } = process.env;
	if (file === undefined) return undefined;
	const bytes = fs.readFileSync(file);
	const counter = (index: number): number => Number(bytes.readBigUInt64LE(index * BYTES));
	return { fileSyncs: counter(0), directorySyncs: counter(1), renames: counter(2) };
}
