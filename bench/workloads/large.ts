/** Large documents: one value, and rows that come one by one. */
import fs from 'node:fs';
import path from 'node:path';
import type { Figures } from '../harness/result.ts';
import { Meter } from '../measure/meter.ts';
import { percentile } from '../measure/statistics.ts';
import { type Bench, endsWithRecord, record, recordsOf, type Workload } from './workload.ts';

export const dump: Workload = {
	id: 'dump',
	title: 'A large dump',
	about: 'One array of records, about 200 MB of JSON (40 in a quick run), saved once.',
	headline: 'bytesPerSecond',
	rounds: 3,
	quickRounds: 1,
	async run(bench) {
		const records = recordsOf(bench.quick ? 40e6 : 200e6);
		await bench.store.save('warm-up.json', records.slice(0, 20_000));
		return saveLarge(bench, records.at(-1), () => bench.store.save('dump.json', records));
	},
};

export const rows: Workload = {
	id: 'rows',
	title: 'Rows from an async generator',
	about:
		'A million rows of 200 bytes (100,000 in a quick run) from an async generator, saved as one array. Packages that ' +
		'take no such source collect the rows first.',
	headline: 'callsPerSecond',
	unit: 'rows/s',
	rounds: 3,
	quickRounds: 1,
	async run(bench) {
		const { saveRows } = bench.store;
		if (saveRows === undefined) throw new Error('takes no rows');
		const count = bench.quick ? 100_000 : 1_000_000;
		await saveRows('warm-up.json', generate(20_000));
		const outcome = await saveLarge(bench, record(count - 1), () => saveRows('dump.json', generate(count)));
		const callsPerSecond = count / ((outcome.figures.wallMs ?? 0) / 1000);
		return { ...outcome, figures: { ...outcome.figures, calls: count, callsPerSecond } };
	},
};

async function* generate(count: number): AsyncGenerator<unknown> {
	for (let id = 0; id < count; id++) yield record(id);
}

async function saveLarge(
	bench: Bench,
	last: unknown,
	save: () => Promise<unknown>,
): Promise<{ figures: Figures; verified: boolean }> {
	const meter = new Meter(bench.store);
	await save();
	const figures = await meter.stop();
	const file = path.join(bench.directory, 'dump.json');
	figures.documentBytes = fs.statSync(file).size;
	figures.bytesPerSecond = figures.documentBytes / ((figures.wallMs ?? 0) / 1000);
	return { figures, verified: endsWithRecord(file, last) };
}

/** Records that are different; beyond them they come again. */
const DISTINCT = 200_000;

export const scaleSize: Workload = {
	id: 'scale-size',
	title: 'Size of the document',
	about:
		'An array of records, saved and awaited; the median of up to 30 saves. From 40 MB on records come again in the ' +
		'array, so that 1 GB of JSON fits in memory.',
	headline: 'costMs',
	rounds: 1,
	quickRounds: 1,
	points: [1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
	quickPoints: 4,
	async run(bench) {
		const records = recordsOf(bench.at, DISTINCT);
		const saves = Math.min(30, Math.max(1, Math.floor(2e8 / bench.at)));
		for (let warm = 0; warm < 10; warm++) await bench.store.save('warm-up.json', records.slice(0, 1000));
		const meter = new Meter(bench.store);
		const taken: number[] = [];
		for (let save = 0; save < saves; save++) {
			const startMs = performance.now();
			await bench.store.save('dump.json', records);
			taken.push(performance.now() - startMs);
		}
		const figures = await meter.stop();
		const file = path.join(bench.directory, 'dump.json');
		const costMs = percentile(taken, 50);
		return {
			figures: { ...figures, costMs, documentBytes: fs.statSync(file).size },
			verified: endsWithRecord(file, records.at(-1)),
		};
	},
};
