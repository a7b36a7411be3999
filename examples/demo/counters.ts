/** This process's and this machine's live counters. */
import { readFileSync } from 'node:fs';
import { cpus, freemem, loadavg, totalmem, uptime } from 'node:os';

const MACHINE_EVERY_MS = 100;

export type MachineCounters = Readonly<Record<string, unknown>>;

let machine: { readonly counters: MachineCounters; readonly takenMs: number } | undefined;

export interface Telemetry {
	readonly save: number;
	/** On the clock of `performance.now()`. */
	readonly takenMs: number;
	readonly takenAt: string;
	readonly process: object;
	readonly machine: MachineCounters;
}

export function readTelemetry(save: number): Telemetry {
	const takenMs = performance.now();
	return {
		save,
		takenMs,
		takenAt: new Date().toISOString(),
		process: {
			pid: process.pid,
			uptimeSeconds: process.uptime(),
			memory: process.memoryUsage(),
			resources: process.resourceUsage(),
			eventLoop: performance.eventLoopUtilization(),
		},
		machine: recentMachine(takenMs),
	};
}

/** The machine's counters are dearer to read and change slowly: ten times a second is enough. */
function recentMachine(nowMs: number): MachineCounters {
	if (machine === undefined || nowMs - machine.takenMs >= MACHINE_EVERY_MS) {
		machine = { counters: readMachine(), takenMs: nowMs };
	}
	return machine.counters;
}

function readMachine(): MachineCounters {
	return {
		uptimeSeconds: uptime(),
		loadAverage: loadavg(),
		memory: { totalBytes: totalmem(), freeBytes: freemem() },
		cpus: cpus().map(({ model, times }) => ({ model, times })),
		interrupts: lineOf('/proc/stat', 'intr')?.split(' ', 2)[1],
		contextSwitches: lineOf('/proc/stat', 'ctxt')?.split(' ', 2)[1],
		dirtyMemory: lineOf('/proc/meminfo', 'Dirty:'),
		writeback: lineOf('/proc/meminfo', 'Writeback:'),
	};
}

/** A line of a /proc file, where there is one. */
function lineOf(path: string, start: string): string | undefined {
	if (process.platform !== 'linux') return undefined;
	return readFileSync(path, 'utf8')
		.split('\n')
		.find((line) => line.startsWith(start));
}
