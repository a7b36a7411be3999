/**
 * One measurement in a process of its own: builds a data set, writes it once by one candidate, prints what it cost as
 * one line of JSON. Started by end-to-end.ts.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { WORKLOADS, type Workload } from './data.ts';

/** What one run gave; times in milliseconds, memory in bytes. */
export interface Measurement {
	readonly bytes: number;
	readonly wallMs: number;
	readonly cpuMs: number;
	readonly extraRss: number;
	/** Longest and 99.9th percentile of the time that one fill held the event loop; of `source` only. */
	readonly holds?: Holds;
}

interface Holds {
	readonly fills: number;
	readonly maxMs: number;
	readonly maxNetMs: number;
	readonly p999NetMs: number;
	/** The longest without garbage collection where the first fill, which runs cold code, is left out. */
	readonly maxNetWarmMs: number;
}

type Interval = readonly [start: number, end: number];

const BUFFER_BYTES = 262_144;
const BUFFERS = 3;

const [candidate = '', dataSet = '', scale = '1', file = '', packages = ''] = process.argv.slice(2);

async function load(name: string): Promise<Record<string, (...args: unknown[]) => unknown>> {
	return import(pathToFileURL(createRequire(packages).resolve(name)).href);
}

/** Fills pooled buffers while earlier ones are being written, as the library's commit does. */
async function writeSource(work: Workload, fills: Interval[]): Promise<void> {
	const source = createJsonSource(work.value, { replacer: work.replacer, space: work.space, finalNewline: false });
	const handle = await fs.promises.open(file, 'w');
	const free = Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(BUFFER_BYTES));
	const writing: Array<Promise<Buffer>> = [];
	let position = 0;
	while (!source.done) {
		const buffer = free.pop() ?? ((await writing.shift()) as Buffer);
		const start = performance.now();
		const end = source.fill(buffer, 0);
		fills.push([start, performance.now()]);
		writing.push(writeAll(handle.fd, buffer, end, position));
		position += end;
		if (performance.now() - start > 5) await turn();
	}
	await Promise.all(writing);
	await handle.close();
}

function writeAll(fd: number, buffer: Buffer, length: number, position: number): Promise<Buffer> {
	return new Promise((resolve, reject) => {
		fs.write(fd, buffer, 0, length, position, (error, written) => {
			if (error) reject(error);
			else if (written !== length) reject(new Error('short write'));
			else resolve(buffer);
		});
	});
}

type WriteJson = typeof import('../../lib/index.ts').writeJson;

/** Loaded before the clock starts, and only where it is measured. */
const writeJson: WriteJson | undefined =
	candidate === 'writeJson' ? (await import('../../lib/index.ts')).writeJson : undefined;

async function write(work: Workload, fills: Interval[]): Promise<void> {
	const { value, replacer, space } = work;
	switch (candidate) {
		case 'native':
			return fs.promises.writeFile(file, JSON.stringify(value, replacer as never, space));
		case 'source':
			return writeSource(work, fills);
		case 'writeJson':
			await writeJson?.(file, value, { durability: 'none', replacer, space, finalNewline: false });
			return;
		case '@discoveryjs/json-ext': {
			const { stringifyChunked } = await load(candidate);
			const chunks = stringifyChunked?.(value, { replacer, space, highWaterMark: 65_536 }) as Iterable<string>;
			return pipeline(Readable.from(chunks), fs.createWriteStream(file));
		}
		case 'json-stream-stringify': {
			const { JsonStreamStringify } = await load(candidate);
			const Stream = JsonStreamStringify as unknown as new (...args: unknown[]) => Readable;
			return pipeline(new Stream(value, replacer, space), fs.createWriteStream(file));
		}
		default:
			throw new Error(`no candidate ${candidate}`);
	}
}

/** The peak since the last {@link resetPeak}. */
function peakRss(): number {
	const line = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'));
	return Number(line?.[1] ?? 0) * 1024;
}

function resetPeak(): void {
	fs.writeFileSync('/proc/self/clear_refs', '5');
}

function summarize(fills: readonly Interval[], pauses: readonly Interval[]): Holds {
	const net: number[] = [];
	let maxMs = 0;
	let pause = 0;
	for (const [start, end] of fills) {
		maxMs = Math.max(maxMs, end - start);
		let collected = 0;
		while (pause < pauses.length && (pauses[pause] as Interval)[1] < start) pause++;
		for (let index = pause; index < pauses.length && (pauses[index] as Interval)[0] < end; index++) {
			const [from, to] = pauses[index] as Interval;
			collected += Math.max(0, Math.min(to, end) - Math.max(from, start));
		}
		net.push(end - start - collected);
	}
	const maxNetWarmMs = Math.max(0, ...net.slice(1));
	net.sort((a, b) => a - b);
	return {
		fills: net.length,
		maxMs,
		maxNetMs: net.at(-1) ?? 0,
		p999NetMs: net[Math.ceil(net.length * 0.999) - 1] ?? 0,
		maxNetWarmMs,
	};
}

const work = WORKLOADS[dataSet]?.(Number(scale), packages) as Workload;
globalThis.gc?.();
await new Promise((resolve) => setTimeout(resolve, 100));
const pauses: Interval[] = [];
const observer = new PerformanceObserver((list) => {
	for (const { startTime, duration } of list.getEntries()) pauses.push([startTime, startTime + duration]);
});
observer.observe({ entryTypes: ['gc'] });
const fills: Interval[] = [];
resetPeak();
const rss = process.memoryUsage.rss();
const cpu = process.cpuUsage();
const start = performance.now();
await write(work, fills);
const wallMs = performance.now() - start;
const { user, system } = process.cpuUsage(cpu);
const extraRss = peakRss() - rss;
await new Promise((resolve) => setTimeout(resolve, 20));
for (const { startTime, duration } of observer.takeRecords()) pauses.push([startTime, startTime + duration]);
const measurement: Measurement = {
	bytes: fs.statSync(file).size,
	wallMs,
	cpuMs: (user + system) / 1000,
	extraRss,
	...(fills.length > 0 ? { holds: summarize(fills, pauses) } : {}),
};
console.log(JSON.stringify(measurement));
