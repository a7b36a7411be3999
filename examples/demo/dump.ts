/** (a) Large documents from async generators: bounded memory, an event loop that turns, and bytes that are all there. */
import { isDeepStrictEqual } from 'node:util';
import {
	readJson,
	readJsonLines,
	type WriteProgress,
	type WriteReceipt,
	writeJson,
	writeJsonLines,
} from 'durable-json';
import { browserFeatures, cities, type Dataset, type Row } from './dataset.ts';
import { type Cost, Meter } from './meter.ts';
import type { Outcome } from './outcome.ts';
import { heading, integer, megabytes, milliseconds, Progress, speed, table } from './output.ts';

const AT_LEAST_BYTES = 200e6;
/** What a dump may add to the process, whatever the size of the document. */
const MEMORY_BOUND_BYTES = 64e6;

export async function dump(directory: string): Promise<Outcome> {
	heading('(a) dump a real dataset, row by row');
	const tasks = [cityArray(directory), featureLines(directory)];
	const results: Result[] = [];
	for (const task of tasks) results.push(await measured(task));
	// Verified afterwards: parsing the whole array takes memory that would hide what the next dump needs.
	const faults = await Promise.all(results.map(faultsOf));

	table([
		['document', 'rows', 'size', 'speed', 'peak memory over start', 'worst event-loop delay', 'verified'],
		...results.map(({ task, receipt, cost }, index) => [
			task.name,
			integer(task.dataset.rowCount),
			megabytes(receipt.bytes),
			speed(receipt.bytes, cost.seconds),
			megabytes(cost.peakMemoryBytes),
			milliseconds(cost.worstLoopDelayMs),
			faults[index]?.length === 0 ? 'yes' : 'NO',
		]),
	]);
	return {
		name: '(a) dump',
		summary: results
			.map(({ receipt, cost }) => `${megabytes(receipt.bytes)} at ${speed(receipt.bytes, cost.seconds)}`)
			.join(', '),
		broken: faults.flat(),
	};
}

interface Task {
	readonly name: string;
	readonly dataset: Dataset;
	write(onProgress: (progress: WriteProgress) => void): Promise<WriteReceipt>;
	read(): AsyncIterable<Row> | Promise<Row[]>;
}

function cityArray(directory: string): Task {
	const dataset = cities(AT_LEAST_BYTES);
	const path = `${directory}/cities.json`;
	return {
		name: 'cities.json',
		dataset,
		write: (onProgress) => writeJson(path, dataset.rows(), { onProgress }),
		read: () => readJson<Row[]>(path),
	};
}

function featureLines(directory: string): Task {
	const dataset = browserFeatures(AT_LEAST_BYTES);
	const path = `${directory}/browser-features.jsonl`;
	return {
		name: 'browser-features.jsonl',
		dataset,
		write: (onProgress) => writeJsonLines(path, dataset.rows(), { onProgress }),
		read: () => readJsonLines<Row>(path),
	};
}

interface Result {
	readonly task: Task;
	readonly receipt: WriteReceipt;
	readonly cost: Cost;
}

async function measured(task: Task): Promise<Result> {
	const { name, dataset, write } = task;
	const progress = new Progress(name);
	const meter = new Meter();
	const receipt = await write(({ bytes, rows, elapsedMs }) => {
		progress.show(rows / dataset.rowCount, `${megabytes(bytes)}, ${speed(bytes, elapsedMs / 1000)}`);
	});
	const cost = meter.stop();
	progress.end();
	return { task, receipt, cost };
}

async function faultsOf({ task, receipt, cost }: Result): Promise<string[]> {
	const faults = await contentFaults(task);
	if (receipt.bytes < AT_LEAST_BYTES) faults.push(`only ${integer(receipt.bytes)} bytes`);
	if (cost.peakMemoryBytes > MEMORY_BOUND_BYTES) faults.push(`took ${megabytes(cost.peakMemoryBytes)} of memory`);
	return faults.map((fault) => `${task.name}: ${fault}`);
}

/** Reads the document back and compares it with what was written. */
async function contentFaults({ dataset, read }: Task): Promise<string[]> {
	let rows = 0;
	let last: Row | undefined;
	for await (const row of await read()) {
		if (row.id !== rows) return [`row ${rows} has the id ${row.id}`];
		rows++;
		last = row;
	}
	if (rows !== dataset.rowCount) return [`${integer(rows)} rows in place of ${integer(dataset.rowCount)}`];
	return isDeepStrictEqual(last, dataset.rowAt(rows - 1)) ? [] : ['the last row differs'];
}
