/**
 * One measurement in a process of its own: builds a data set, writes it several times by one candidate, prints what it
 * cost as one line of JSON. Started by main.ts.
 */
import fs from 'node:fs';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { WORKLOADS, type Workload } from './data.ts';

/** What one write took, in milliseconds. */
export interface Times {
	readonly wallMs: number;
	/** Of all threads, V8's compiler included. */
	readonly cpuMs: number;
}

/** What one process gave. */
export interface Measurement {
	readonly bytes: number;
	/** The first write of the process, when nothing is compiled yet. */
	readonly cold: Times;
	/** The median of those that follow, each after a garbage collection. */
	readonly warm: Times;
	/** Peak resident memory in bytes over what the process had with the value built, in the first write. */
	readonly extraRss: number;
	/** Only where holds were asked for: watching for them costs time, so such a run's times do not count. */
	readonly holds?: Holds;
}

/** How long the event loop was held: turns of more than half a millisecond, net of garbage collection and gross. */
export interface Holds {
	readonly count: number;
	readonly maxMs: number;
	readonly maxNetMs: number;
	readonly p999NetMs: number;
	/** The longest without the time that the thread waited for a processor, where Linux tells it; else the same. */
	readonly maxCpuMs: number;
	readonly p999CpuMs: number;
}

type Interval = readonly [start: number, end: number];
type Write = (file: string, work: Workload) => Promise<unknown>;

const SHORTEST_HOLD_MS = 0.5;
/** V8 throws code away and compiles it again between them; some effects show only after several. */
const WARM_WRITES = 5;

/** Loaded before the clock starts, and only the one that is measured. */
const candidates: Record<string, () => Promise<Write>> = {
	native: async () => (file, work) =>
		fs.promises.writeFile(file, JSON.stringify(work.value, work.replacer as never, work.space)),
	'durable-json': async () => {
		const { writeJson } = await import('durable-json');
		return (file, { value, replacer, space }) =>
			writeJson(file, value, { durability: 'none', replacer, space, finalNewline: false });
	},
	'@discoveryjs/json-ext': async () => {
		const { stringifyChunked } = await import('@discoveryjs/json-ext');
		return (file, { value, replacer, space }) => {
			const chunks = stringifyChunked(value, replacer as never, space);
			return pipeline(Readable.from(chunks), fs.createWriteStream(file));
		};
	},
	'json-stream-stringify': async () => {
		const { JsonStreamStringify } = await import('json-stream-stringify');
		return (file, { value, replacer, space }) =>
			pipeline(new JsonStreamStringify(value, replacer as never, space), fs.createWriteStream(file));
	},
};

/** The peak since {@link resetPeak}, where Linux tells it; else what there is now. */
function peakRss(): number {
	if (process.platform !== 'linux') return process.memoryUsage.rss();
	const line = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
	return Number(line?.[1] ?? 0) * 1024;
}

function resetPeak(): void {
	if (process.platform === 'linux') fs.writeFileSync('/proc/self/clear_refs', '5');
}

/** Records the turns of the event loop from its creation to {@link Watch.stop}. */
class Watch {
	readonly #turns: Interval[] = [];
	readonly #waits: number[] = [];
	readonly #pauses: Interval[] = [];
	readonly #observer = new PerformanceObserver((list) => this.#collect(list.getEntries()));
	#from = performance.now();
	#waited = waitedMs();
	#stopped = false;

	constructor() {
		this.#observer.observe({ entryTypes: ['gc'] });
		this.#turn();
	}

	/** Bound by setImmediate, which runs once in each turn. */
	readonly #turn = (): void => {
		const now = performance.now();
		const waited = waitedMs();
		if (now - this.#from > SHORTEST_HOLD_MS) {
			this.#turns.push([this.#from, now]);
			this.#waits.push(waited - this.#waited);
		}
		this.#waited = waited;
		this.#from = performance.now();
		if (!this.#stopped) setImmediate(this.#turn);
	};

	#collect(entries: ReadonlyArray<{ startTime: number; duration: number }>): void {
		for (const { startTime, duration } of entries) this.#pauses.push([startTime, startTime + duration]);
	}

	async stop(): Promise<Holds> {
		this.#stopped = true;
		await sleep(20);
		this.#collect(this.#observer.takeRecords());
		this.#observer.disconnect();
		const net = this.#turns.map(([start, end]) => end - start - overlap(start, end, this.#pauses));
		const onCpu = net.map((ms, index) => Math.max(0, ms - (this.#waits[index] ?? 0)));
		for (const list of [net, onCpu]) list.sort((a, b) => a - b);
		return {
			count: net.length,
			maxMs: Math.max(0, ...this.#turns.map(([start, end]) => end - start)),
			maxNetMs: net.at(-1) ?? 0,
			p999NetMs: net[Math.ceil(net.length * 0.999) - 1] ?? 0,
			maxCpuMs: onCpu.at(-1) ?? 0,
			p999CpuMs: onCpu[Math.ceil(net.length * 0.999) - 1] ?? 0,
		};
	}
}

/** How long this thread was ready to run and did not: another process had the processor, or a thread of V8's. */
function waitedMs(): number {
	if (process.platform !== 'linux') return 0;
	return Number(fs.readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[1]) / 1e6;
}

function overlap(start: number, end: number, pauses: readonly Interval[]): number {
	let sum = 0;
	for (const [from, to] of pauses) sum += Math.max(0, Math.min(to, end) - Math.max(from, start));
	return sum;
}

async function measure(name: string, work: Workload, file: string, watched: boolean): Promise<Measurement> {
	const write = await candidates[name]?.();
	if (write === undefined) throw new Error(`no candidate ${name}`);
	globalThis.gc?.();
	await sleep(100);
	const watch = watched ? new Watch() : undefined;
	resetPeak();
	const rss = process.memoryUsage.rss();
	const cold = await time(() => write(file, work));
	const extraRss = peakRss() - rss;
	const warm: Times[] = [];
	for (let count = 0; count < WARM_WRITES; count++) {
		// A collection in between, as there is in a service; while holds are watched V8 chooses the time.
		if (!watched) globalThis.gc?.();
		warm.push(await time(() => write(file, work)));
	}
	const holds = await watch?.stop();
	return { bytes: fs.statSync(file).size, cold, warm: median(warm), extraRss, ...(holds && { holds }) };
}

function median(times: readonly Times[]): Times {
	const middle = (pick: (one: Times) => number) =>
		times.map(pick).sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
	return { wallMs: middle(({ wallMs }) => wallMs), cpuMs: middle(({ cpuMs }) => cpuMs) };
}

async function time(work: () => Promise<unknown>): Promise<Times> {
	const cpu = process.cpuUsage();
	const start = performance.now();
	await work();
	const wallMs = performance.now() - start;
	const { user, system } = process.cpuUsage(cpu);
	return { wallMs, cpuMs: (user + system) / 1000 };
}

const [candidate = '', dataSet = '', scale = '1', file = '', mode = ''] = process.argv.slice(2);
const workload = WORKLOADS[dataSet];
if (workload === undefined) throw new Error(`no data set ${dataSet}`);
console.log(JSON.stringify(await measure(candidate, workload(Number(scale)), file, mode === 'holds')));
