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
import { count, heading, megabytes, milliseconds, Progress, table } from './output.ts';

const AT_LEAST_BYTES = 200e6;
/** What a dump may add to the process, whatever the size of the document. */
const MEMORY_BOUND_BYTES = 128e6;

export async function dump(directory: string): Promise<Outcome> {
	heading('(a) dump a real dataset, row by row');
	const rows = [['document', 'rows', 'size', 'speed', 'peak memory over start', 'worst event-loop delay', 'verified']];
	const broken: string[] = [];

	for (const task of [cityArray(directory), featureLines(directory)]) {
		const { receipt, cost } = await measured(task);
		const fault = await verify(task);
		if (fault) broken.push(`${task.name}: ${fault}`);
		if (receipt.bytes < AT_LEAST_BYTES) broken.push(`${task.name}: only ${receipt.bytes} bytes`);
		if (cost.peakMemoryBytes > MEMORY_BOUND_BYTES) broken.push(`${task.name}: memory is not bounded`);
		rows.push([
			task.name,
			count(task.dataset.rowCount),
			megabytes(receipt.bytes),
			`${(receipt.bytes / 1e6 / cost.seconds).toFixed(0)} MB/s`,
			megabytes(cost.peakMemoryBytes),
			milliseconds(cost.worstLoopDelayMs),
			fault ?? 'yes',
		]);
	}
	table(rows);
	return {
		name: '(a) dump',
		summary: rows
			.slice(1)
			.map((row) => `${row[2]} at ${row[3]}`)
			.join(', '),
		broken,
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

async function measured({ name, dataset, write }: Task): Promise<{ receipt: WriteReceipt; cost: Cost }> {
	const progress = new Progress(name);
	const meter = new Meter();
	const receipt = await write(({ bytes, rows, elapsedMs }) => {
		progress.show(rows / dataset.rowCount, `${megabytes(bytes)}, ${(bytes / 1e3 / elapsedMs).toFixed(0)} MB/s`);
	});
	const cost = meter.stop();
	progress.end();
	return { receipt, cost };
}

/** Reads the document back. @returns what is wrong with it */
async function verify({ dataset, read }: Task): Promise<string | undefined> {
	let rows = 0;
	let last: Row | undefined;
	for await (const row of await read()) {
		if (row.id !== rows) return `row ${rows} has the id ${row.id}`;
		rows++;
		last = row;
	}
	if (rows !== dataset.rowCount) return `${rows} rows in place of ${dataset.rowCount}`;
	return isDeepStrictEqual(last, dataset.rowAt(rows - 1)) ? undefined : 'the last row differs';
}
