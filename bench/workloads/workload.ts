/** What a workload is, and the documents that are saved. */
import fs from 'node:fs';
import path from 'node:path';
import type { Store, WorkloadId } from '../candidates/candidate.ts';
import type { FigureName, Figures } from '../harness/result.ts';

/** What a workload is handed in the child. */
export interface Bench {
	readonly store: Store;
	readonly directory: string;
	readonly quick: boolean;
	/** The candidate writes each save in turn. */
	readonly queues: boolean;
	/** The point on the axis, for a scaling workload. */
	readonly at: number;
}

/** What a run came to. */
export interface Outcome {
	readonly figures: Figures;
	/** Does the document hold what was saved last? */
	readonly verified?: boolean;
}

export interface Workload {
	readonly id: WorkloadId;
	readonly title: string;
	/** What is done, for the report. */
	readonly about: string;
	/** The figure that candidates are compared by. */
	readonly headline: FigureName;
	/** What the headline counts, where it is not saves a second. */
	readonly unit?: string;
	readonly rounds: number;
	readonly quickRounds: number;
	/** The points of a scaling workload, and how many of them a quick run takes. */
	readonly points?: readonly number[];
	readonly quickPoints?: number;
	run(bench: Bench): Promise<Outcome>;
}

/** A state of a service: about so many bytes of JSON, with a counter that tells which state it is. */
export interface State {
	tick: number;
	readonly sensors: unknown[];
}

export function stateOf(bytes: number): State {
	const state: State = { tick: 0, sensors: [] };
	while (JSON.stringify(state).length < bytes) state.sensors.push(record(state.sensors.length));
	return state;
}

/** One row of telemetry, some 200 bytes of JSON. */
export function record(id: number): unknown {
	return {
		id,
		at: new Date(1_700_000_000_000 + id * 137).toISOString(),
		sensor: `sensor-${id % 997}`,
		site: 'north hall',
		values: [((id * 7919) % 100_003) / 97, ((id * 104_729) % 99_991) / 89, (id * 31) % 1000],
		status: id % 50 === 0 ? 'degraded' : 'ok',
		note: `batch ${Math.floor(id / 1000)}, calibrated by the second shift`,
	};
}

/** Records of about so many bytes of JSON together. Beyond `distinct` they come again, so that 1 GB fits in memory. */
export function recordsOf(bytes: number, distinct = Number.POSITIVE_INFINITY): unknown[] {
	const records: unknown[] = [];
	for (let size = 0; size < bytes; ) {
		const next = records.length < distinct ? record(records.length) : records[records.length - distinct];
		size += records.length < 1000 ? JSON.stringify(next).length + 1 : 206;
		records.push(next);
	}
	return records;
}

/** Is this the state that stands under the name? */
export async function holds(bench: Bench, name: string, tick: number): Promise<boolean> {
	const read = bench.store.read ?? ((name) => JSON.parse(fs.readFileSync(path.join(bench.directory, name), 'utf8')));
	return ((await read(name)) as State).tick === tick;
}

const TAIL_BYTES = 1000;

/** Does a file that is too large to be parsed here end with this record, and the bracket? */
export function endsWithRecord(file: string, last: unknown): boolean {
	const fd = fs.openSync(file, 'r');
	const { size } = fs.fstatSync(fd);
	const tail = Buffer.alloc(Math.min(TAIL_BYTES, size));
	fs.readSync(fd, tail, 0, tail.length, size - tail.length);
	fs.closeSync(fd);
	const tight = (text: string): string => text.replaceAll(/\s/g, '');
	return tight(tail.toString()).endsWith(`${tight(JSON.stringify(last))}]`);
}
