/** Progress on stderr: a bar on a terminal, else a line for each workload. */
import cliProgress from 'cli-progress';
import type { Job } from './plan.ts';

export interface Progress {
	start(job: Job, index: number): void;
	stop(): void;
}

export function createProgress(total: number): Progress {
	return process.stderr.isTTY ? bar(total) : lines(total);
}

function nameOf({ workload, at, slowSyncMs }: Job): string {
	return [workload, at, slowSyncMs > 0 ? `syncs ${slowSyncMs} ms slower` : undefined]
		.filter((part) => part !== undefined)
		.join(', ');
}

function bar(total: number): Progress {
	const format = ' {bar} {value}/{total} | {duration_formatted}, {eta_formatted} left | {workload} | {candidate}';
	const bar = new cliProgress.SingleBar(
		{ format, stream: process.stderr, hideCursor: true, etaBuffer: 50, barsize: 24 },
		cliProgress.Presets.shades_classic,
	);
	bar.start(total, 0, { workload: '', candidate: '' });
	return {
		start: (job, index) =>
			bar.update(index, { workload: nameOf(job), candidate: `${job.candidate} #${job.round + 1}` }),
		stop: () => bar.stop(),
	};
}

function lines(total: number): Progress {
	let last = '';
	return {
		start(job, index) {
			const name = nameOf(job);
			if (name !== last) console.error(`${index}/${total} ${name}`);
			last = name;
		},
		stop() {},
	};
}
