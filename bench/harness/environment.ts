/** The machine and the disk, as the report states them. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { percentile } from '../measure/statistics.ts';
import type { Environment } from './result.ts';

const PROBES = 200;

export function readEnvironment(directory: string, counted: boolean): Environment {
	return {
		date: new Date().toISOString(),
		cpu: `${os.cpus().length} x ${os.cpus()[0]?.model.trim() || 'unknown'}`,
		kernel: `${os.type()} ${os.release()} ${os.arch()}`,
		memoryBytes: os.totalmem(),
		fileSystem: fileSystemOf(directory),
		...probeSyncs(directory),
		node: process.version,
		loadAverage: os.loadavg()[0] ?? 0,
		counted: counted
			? 'fsync, fdatasync, msync and writes to files opened with O_DSYNC, counted at the C library by a preloaded shim'
			: 'not counted: that needs Linux and a C compiler',
		versions: peerVersions(),
	};
}

function fileSystemOf(directory: string): string {
	const { stdout, status } = spawnSync('df', ['--output=fstype', directory], { encoding: 'utf8' });
	return (status === 0 && stdout.trim().split('\n').at(-1)?.trim()) || `type ${fs.statfsSync(directory).type}`;
}

/** What a sync costs here. */
function probeSyncs(directory: string): Pick<Environment, 'fileSyncMs' | 'directorySyncMs'> {
	const file = path.join(directory, 'probe');
	const parent = fs.openSync(directory, 'r');
	const fd = fs.openSync(file, 'w');
	const block = Buffer.alloc(4096, 1);
	const files: number[] = [];
	const directories: number[] = [];
	const timed = (list: number[], work: () => void): void => {
		const startMs = performance.now();
		work();
		list.push(performance.now() - startMs);
	};
	for (let probe = 0; probe < PROBES; probe++) {
		timed(files, () => {
			fs.writeSync(fd, block, 0, block.length, 0);
			fs.fsyncSync(fd);
		});
		fs.renameSync(probe % 2 ? `${file}-moved` : file, probe % 2 ? file : `${file}-moved`);
		timed(directories, () => {
			if (process.platform !== 'win32') fs.fsyncSync(parent);
		});
	}
	for (const open of [fd, parent]) fs.closeSync(open);
	fs.rmSync(file, { force: true });
	fs.rmSync(`${file}-moved`, { force: true });
	return { fileSyncMs: percentile(files, 50), directorySyncMs: percentile(directories, 50) };
}

function peerVersions(): Record<string, string> {
	const root = path.join(import.meta.dirname, '../..');
	const require = createRequire(path.join(root, 'package.json'));
	const { dependencies, optionalDependencies } = require('./package.json') as Record<string, Record<string, string>>;
	const own = require('../package.json') as { version: string };
	return { ...dependencies, ...optionalDependencies, 'durable-json': own.version };
}
