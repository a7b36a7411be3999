/** What a piece of work costs this process: time, processor, memory, syncs, bytes, and turns of the event loop. */
import fs from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Store } from '../candidates/candidate.ts';
import type { Figures } from '../harness/result.ts';
import { systemCalls } from './system-calls.ts';

/** The histogram holds the time between two of its own timers, so its resolution is part of each value. */
const RESOLUTION_MS = 1;

setFlagsFromString('--expose-gc');
export const collectGarbage: () => void = runInNewContext('gc');

/** Measures from its creation to {@link Meter.stop}. */
export class Meter {
	readonly #store: Store;
	readonly #commits: number | undefined;
	readonly #baseBytes: number;
	readonly #calls = systemCalls();
	readonly #diskBytes = diskBytes();
	readonly #loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
	readonly #cpu: NodeJS.CpuUsage;
	readonly #startMs: number;

	/** @param collects whether garbage of before is collected first */
	constructor(store: Store, collects = true) {
		this.#store = store;
		this.#commits = store.commits?.();
		if (collects) collectGarbage();
		resetPeak();
		this.#baseBytes = process.memoryUsage.rss();
		this.#loopDelay.enable();
		this.#cpu = process.cpuUsage();
		this.#startMs = performance.now();
	}

	/** The loop gets a turn after the clock has stopped: what held it to the end is counted too. */
	async stop(): Promise<Figures> {
		const wallMs = performance.now() - this.#startMs;
		const { user, system } = process.cpuUsage(this.#cpu);
		const figures: Figures = {
			wallMs,
			cpuSeconds: (user + system) / 1e6,
			peakMemoryBytes: peakBytes() - this.#baseBytes,
		};
		const written = diskBytes();
		if (written !== undefined && this.#diskBytes !== undefined) figures.diskBytes = written - this.#diskBytes;
		this.#count(figures);
		if (figures.commits !== undefined) figures.commitsPerSecond = figures.commits / (wallMs / 1000);
		await sleep(5 * RESOLUTION_MS);
		this.#loopDelay.disable();
		figures.loopDelayP99Ms = Math.max(0, this.#loopDelay.percentile(99) / 1e6 - RESOLUTION_MS);
		figures.loopDelayMaxMs = Math.max(0, this.#loopDelay.max / 1e6 - RESOLUTION_MS);
		return figures;
	}

	#count(figures: Figures): void {
		const calls = systemCalls();
		if (calls !== undefined && this.#calls !== undefined) {
			figures.directorySyncs = calls.directorySyncs - this.#calls.directorySyncs;
			figures.syncs = calls.fileSyncs - this.#calls.fileSyncs + figures.directorySyncs;
			const renames = calls.renames - this.#calls.renames;
			if (renames > 0) figures.commits = renames;
		}
		const commits = this.#store.commits?.();
		if (commits !== undefined && this.#commits !== undefined) figures.commits = commits - this.#commits;
	}
}

/** Bytes that the process made the kernel write, less those of pages that were dropped before they went out. */
function diskBytes(): number | undefined {
	if (process.platform !== 'linux') return undefined;
	const io = fs.readFileSync('/proc/self/io', 'utf8');
	const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(io)?.[1]);
	return field('write_bytes') - field('cancelled_write_bytes');
}

function resetPeak(): void {
	if (process.platform === 'linux') fs.writeFileSync('/proc/self/clear_refs', '5');
}

/** The peak of resident memory since {@link resetPeak}, where Linux tells it; else what there is now. */
function peakBytes(): number {
	if (process.platform !== 'linux') return process.memoryUsage.rss();
	return Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
}
