/** A log, none of whose entries may be lost: entries that are awaited one by one, by many tasks, and read again. */
import fs from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { collectGarbage, Meter } from '../measure/meter.ts';
import { closedLoop } from '../measure/open-loop.ts';
import { percentile } from '../measure/statistics.ts';
import { type Bench, record, type Workload } from './workload.ts';

const ENTRY = record(1);
const TASKS = 64;

function appends(id: 'append' | 'append-64', title: string, tasks: number, about: string): Workload {
	return {
		id,
		title,
		about: `${about} Entries of some 200 bytes, for 4 seconds (1.5 in a quick run), after a second that does not count.`,
		headline: 'callsPerSecond',
		unit: 'entries/s',
		rounds: 5,
		quickRounds: 3,
		async run({ store, quick }: Bench) {
			const { append } = store;
			if (append === undefined) throw new Error('has no log');
			collectGarbage();
			const before = await closedLoop(tasks, quick ? 500 : 1000, () => append(ENTRY));
			const meter = new Meter(store, false);
			const taken = await closedLoop(tasks, quick ? 1500 : 4000, () => append(ENTRY));
			const figures = await meter.stop();
			const calls = taken.length;
			return {
				figures: {
					...figures,
					calls,
					callsPerSecond: calls / ((figures.wallMs ?? 0) / 1000),
					latencyP50Ms: percentile(taken, 50),
					latencyP99Ms: percentile(taken, 99),
					latencyMaxMs: percentile(taken, 100),
				},
				verified: (await store.appended?.()) === before.length + calls,
			};
		},
	};
}

export const append: Workload = appends(
	'append',
	'Log entries awaited one by one',
	1,
	'Each is appended durably when the one before is through.',
);

export const append64: Workload = appends(
	'append-64',
	'Log entries of 64 tasks',
	TASKS,
	`${TASKS} tasks append durably, each waiting for its own entry.`,
);

const ENTRIES = 1_000_000;

export const replay: Workload = {
	id: 'replay',
	title: 'A journal of 1,000,000 entries is opened',
	about:
		`${ENTRIES.toLocaleString('en-US')} entries of some 200 bytes (100,000 in a quick run), one in a line, are replayed into a counter, and read by ` +
		'`entries()`, whose peak memory over the start is shown; against JSON.parse of the same lines, in memory.',
	headline: 'timesJsonParse',
	rounds: 3,
	quickRounds: 1,
	async run({ directory, quick, store }: Bench) {
		const { openJournal } = await import('durable-json');
		const calls = quick ? ENTRIES / 10 : ENTRIES;
		const file = path.join(directory, 'replay.journal');
		const options = { initial: 0, apply: (count: number): number => count + 1, checkpoint: false } as const;
		makeJournal(file, calls);
		const lines = fs.readFileSync(file).toString('latin1').trimEnd().split('\n');
		const parse = (): number => {
			const startMs = performance.now();
			for (const line of lines) JSON.parse(line);
			return performance.now() - startMs;
		};
		parse();
		const parseMs = Math.min(parse(), parse());
		lines.length = 0;
		collectGarbage();
		let wallMs = Number.POSITIVE_INFINITY;
		for (let time = 0; time < 3; time++) {
			const journal = await openJournal<number, unknown>(file, options);
			wallMs = Math.min(wallMs, journal.opening.durationMs);
			await journal.close();
		}
		const journal = await openJournal<number, unknown>(file, options);
		const meter = new Meter(store);
		let read = 0;
		for await (const _ of journal.entries()) read++;
		const figures = await meter.stop();
		const verified = journal.state === calls && read === calls;
		await journal.close();
		return { figures: { ...figures, calls, wallMs, timesJsonParse: wallMs / parseMs }, verified };
	},
};

/** One entry a line, as docs/formats/journal.md has it: what entries become that are awaited one by one. */
function makeJournal(file: string, entries: number): void {
	const id = '0123456789abcdef';
	const hex = (crc: number): string => crc.toString(16).padStart(8, '0');
	const base = `{"journal":"durable-json","version":1,"id":"${id}","seq":0,"state":0`;
	let prev = hex(crc32(base));
	let text = `${base},"crc":"${prev}"}\n`;
	const fd = fs.openSync(file, 'w');
	for (let sequence = 1; sequence <= entries; sequence++) {
		const group = `{"prev":"${prev}","seq":${sequence},"entries":[${JSON.stringify(record(sequence))}]`;
		prev = hex(crc32(id + group));
		text += `${group},"crc":"${prev}"}\n`;
		if (text.length < 1e6 && sequence < entries) continue;
		fs.writeSync(fd, text);
		text = '';
	}
	fs.closeSync(fd);
}
