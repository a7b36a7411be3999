/** Runs one job: a fresh directory, a fresh process, and a disk that has nothing left to write from the run before. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { preload } from '../measure/system-calls.ts';
import type { ChildResult } from './child.ts';
import type { Job } from './plan.ts';
import type { Run } from './result.ts';

const LIMIT_MS = 240_000;

export interface JobContext {
	/** Where the documents go: the disk that is measured. */
	readonly directory: string;
	readonly quick: boolean;
	/** The library that counts and slows system calls. */
	readonly library: string | undefined;
	readonly signal: AbortSignal;
}

export async function runJob(job: Job, context: JobContext): Promise<Run> {
	const directory = mkdtempSync(path.join(context.directory, 'run-'));
	const documents = path.join(directory, 'documents');
	try {
		mkdirSync(documents);
		if (process.platform === 'linux') spawnSync('sync');
		return { ...job, ...(await inChild(job, directory, documents, context)) };
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
}

async function inChild(job: Job, directory: string, cwd: string, context: JobContext): Promise<ChildResult> {
	const { library, quick, signal } = context;
	if (job.slowSyncMs > 0 && library === undefined) {
		return { figures: {}, error: 'slower syncs need Linux and a C compiler' };
	}
	const child = spawn(
		process.execPath,
		[
			'--max-old-space-size=8000',
			path.join(import.meta.dirname, 'child.js'),
			job.workload,
			job.candidate,
			String(job.at ?? 0),
			quick ? 'quick' : 'full',
		],
		{
			cwd,
			env: { ...process.env, ...(library && preload(library, directory, job.slowSyncMs)) },
			stdio: ['ignore', 'pipe', 'pipe'],
			signal,
			killSignal: 'SIGKILL',
			timeout: LIMIT_MS,
		},
	);
	const ended = new Promise<string>((resolve, reject) => {
		child.on('error', reject);
		child.on('close', (code, killedBy) => resolve(killedBy ? `killed by ${killedBy}` : `exit ${code}`));
	});
	const [end, output, complaints] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
	try {
		return JSON.parse(output) as ChildResult;
	} catch {
		const why = complaints.trim().split('\n').slice(-3).join(' ').slice(0, 300);
		return { figures: {}, error: `the process ended (${end}) ${why}`.trim() };
	}
}
