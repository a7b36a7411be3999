/** (c) A process killed while it saves: what it acknowledged is there, whole. (d) The same with fs.promises.writeFile. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from './outcome.ts';
import { heading, Progress, table } from './output.ts';
import { createDocument, judge, type Message, type Mode, type Verdict } from './versions.ts';
import { adopt } from './workspace.ts';

const KILLS = 80;
/** The kill comes at a random moment of this span, from the child's first save on. */
const KILL_WITHIN_MS = 150;
/** Each start numbers its versions from here on, far above what the one before can have reached. */
const VERSIONS_A_START = 1_000_000;
/** Saves of the last start, which is not killed. */
const LAST_SAVES = 3;

export async function killed(directory: string): Promise<Outcome[]> {
	heading(`(c) kill -9 a process while it saves, ${KILLS} times; (d) the same with fs.promises.writeFile`);
	const durable = await trial('durable', join(directory, 'durable'));
	const plain = await trial('plain', join(directory, 'plain'));
	const rows: [label: string, number: keyof Tally][] = [
		['saves acknowledged before the kill', 'acknowledged'],
		['kills after which the document was whole and not older than acknowledged', 'good'],
		['kills after which it was missing, empty, cut off or mixed', 'torn'],
		['kills after which it was older than acknowledged', 'stale'],
		['kills that left a temporary file', 'littered'],
		['starts that found temporary files of earlier kills, and cleared them', 'cleared'],
		['temporary files at the end', 'litter'],
	];
	table([
		[`of ${KILLS} kills`, 'durable-json', 'fs.promises.writeFile'],
		...rows.map(([label, number]) => [label, String(durable[number]), String(plain[number])]),
	]);
	return [
		{ name: '(c) kill -9', summary: summary(durable), broken: brokenPromises(durable) },
		{ name: '(d) the same with fs.promises.writeFile', summary: summary(plain), broken: undefined },
	];
}

function summary({ good, torn, stale }: Tally): string {
	return `${KILLS} kills: ${good} good, ${torn} torn, ${stale} older than acknowledged`;
}

interface Tally extends Record<Verdict, number> {
	acknowledged: number;
	/** Kills that left a file beside the document. */
	littered: number;
	/** Starts that cleared what a kill before them had left. */
	cleared: number;
	/** Files beside the document at the very end, after a start that was not killed. */
	litter: number;
}

async function trial(mode: Mode, directory: string): Promise<Tally> {
	const tally: Tally = { good: 0, torn: 0, stale: 0, acknowledged: 0, littered: 0, cleared: 0, litter: 0 };
	const path = join(directory, 'state.json');
	const progress = new Progress(mode);
	let newestAcknowledged = 0;
	mkdirSync(directory);
	place(path, 0);

	for (let kill = 1; kill <= KILLS; kill++) {
		const start = new Start(mode, path, kill * VERSIONS_A_START, Number.POSITIVE_INFINITY);
		await start.kill();
		newestAcknowledged = Math.max(newestAcknowledged, start.newestAcknowledged);
		const verdict = judge(path, newestAcknowledged);
		record(tally, start, verdict, countCompanions(directory));
		// Someone brings the backup back; otherwise one torn document would be counted again at the next kill.
		if (verdict !== 'good') place(path, newestAcknowledged);
		progress.show(kill / KILLS, `${tally.good} of ${kill} good`);
	}
	progress.end();

	const last = new Start(mode, path, (KILLS + 1) * VERSIONS_A_START, LAST_SAVES);
	await last.end();
	tally.litter = countCompanions(directory);
	return tally;
}

function record(tally: Tally, start: Start, verdict: Verdict, companions: number): void {
	tally[verdict]++;
	tally.acknowledged += start.acknowledgements;
	if (companions > 0) tally.littered++;
	if (start.cleared > 0) tally.cleared++;
}

/** One life of the child. */
class Start {
	newestAcknowledged = 0;
	acknowledgements = 0;
	/** How many leftovers of earlier kills were there at the start and are gone since. */
	cleared = 0;
	readonly #child: ChildProcess;
	readonly #ended: Promise<unknown>;
	readonly #ready: Promise<void>;

	constructor(mode: Mode, path: string, firstVersion: number, saves: number) {
		this.#child = fork(join(import.meta.dirname, 'saver.js'), [mode, path, String(firstVersion), String(saves)]);
		adopt(this.#child);
		// Acknowledgements may still be in the channel when the process is gone: they count, so both ends are waited for.
		this.#ended = Promise.all([once(this.#child, 'exit'), once(this.#child, 'disconnect')]);
		this.#ready = new Promise((resolve) => {
			this.#child.on('message', (message: Message) => this.#take(message, resolve));
		});
	}

	async kill(): Promise<void> {
		await Promise.race([this.#ready, this.#ended]);
		await sleep(Math.random() * KILL_WITHIN_MS);
		this.#child.kill('SIGKILL');
		await this.#ended;
		if (this.#child.signalCode !== 'SIGKILL') throw new Error(`the child ended by itself: ${this.#child.exitCode}`);
	}

	/** Waits until it has done its saves. */
	async end(): Promise<void> {
		await this.#ended;
		if (this.#child.exitCode !== 0) throw new Error(`the child failed: ${this.#child.exitCode}`);
	}

	#take(message: Message, ready: () => void): void {
		if (message.kind === 'ready') ready();
		else if (message.kind === 'swept') this.cleared = message.leftovers;
		else {
			this.acknowledgements++;
			this.newestAcknowledged = message.version;
		}
	}
}

function brokenPromises({ torn, stale, litter }: Tally): string[] {
	const faults: [number, string][] = [
		[torn, 'documents torn'],
		[stale, 'acknowledged versions lost'],
		[litter, 'temporary files left'],
	];
	return faults.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
}

function place(path: string, version: number): void {
	writeFileSync(path, JSON.stringify(createDocument(version)));
}

function countCompanions(directory: string): number {
	return readdirSync(directory).length - 1;
}
