/** (b) Live state saved a thousand times a second, nobody waiting: coalescing keeps the disk's work small. */
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWriter, type JsonWriter, readJson } from 'durable-json';
import { readTelemetry, type Telemetry } from './counters.ts';
import type { Outcome } from './outcome.ts';
import { heading, integer, milliseconds, Progress, table } from './output.ts';

const SAVES_PER_SECOND = 1000;
const SECONDS = 5;
const SAVES = SAVES_PER_SECOND * SECONDS;

export async function telemetry(directory: string): Promise<Outcome> {
	heading(`(b) save live telemetry ${integer(SAVES_PER_SECOND)} times a second for ${SECONDS} seconds`);
	const path = `${directory}/telemetry.json`;
	const writer = createWriter();
	const feed = new Feed(writer, path);
	await feed.run();
	await writer.close();

	const { calls, commits, fileSyncs, directorySyncs, bytes } = writer.stats();
	const { staleness, settled, failures } = feed;
	const onDisk = await readJson<Telemetry>(path);
	const broken: string[] = failures.slice(0, 3);
	if (settled !== SAVES) broken.push(`${settled} of ${SAVES} promises settled`);
	if (calls !== SAVES) broken.push(`${calls} calls counted in place of ${SAVES}`);
	if (onDisk.save !== SAVES) broken.push(`the file holds save ${onDisk.save}, not the last one`);

	const [p50, p99] = [50, 99].map((percent) => milliseconds(staleness.percentile(percent) / 1e3));
	table([
		['calls', 'commits', 'fsyncs (file + directory)', 'calls a commit', 'bytes', 'staleness p50', 'p99', 'verified'],
		[
			integer(calls),
			integer(commits),
			`${integer(fileSyncs)} + ${integer(directorySyncs)}`,
			(calls / commits).toFixed(1),
			integer(bytes),
			p50 ?? '',
			p99 ?? '',
			onDisk.save === SAVES ? 'yes' : 'no',
		],
	]);
	console.log('Staleness: the age of the newest state that would survive a power cut, asked at each save.');
	return {
		name: '(b) telemetry',
		summary: `${integer(calls)} saves in ${integer(commits)} commits, staleness p99 ${p99}`,
		broken,
	};
}

/** Saves at a fixed rate, whatever the disk does, and watches how old the newest durable state is. */
class Feed {
	readonly staleness = createHistogram();
	readonly failures: string[] = [];
	settled = 0;
	readonly #writer: JsonWriter;
	readonly #path: string;
	readonly #progress = new Progress('telemetry');
	#saves = 0;
	#durableTakenMs: number | undefined;

	constructor(writer: JsonWriter, path: string) {
		this.#writer = writer;
		this.#path = path;
	}

	async run(): Promise<void> {
		const startedMs = performance.now();
		while (this.#saves < SAVES) {
			// The saves that are due by now: timers are late now and then, the rate must not suffer from it.
			const due = Math.min(SAVES, Math.floor(((performance.now() - startedMs) * SAVES_PER_SECOND) / 1000));
			while (this.#saves < due) this.#save();
			this.#progress.show(this.#saves / SAVES, `${integer(this.#writer.stats().commits)} commits`);
			await sleep(1);
		}
		await this.#writer.flush();
		this.#progress.end();
	}

	#save(): void {
		const state = readTelemetry(++this.#saves);
		this.#writer.write(this.#path, state).then(
			() => {
				this.settled++;
				this.#durableTakenMs = Math.max(this.#durableTakenMs ?? 0, state.takenMs);
			},
			(error: Error) => {
				this.settled++;
				this.failures.push(`save ${state.save} failed: ${error.message}`);
			},
		);
		if (this.#durableTakenMs === undefined) return;
		this.staleness.record(Math.max(1, Math.round((state.takenMs - this.#durableTakenMs) * 1e3)));
	}
}
