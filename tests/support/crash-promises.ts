/** What must hold after any crash, and how many different crashes were tried. */
import { hash } from 'node:crypto';
import { basename } from 'node:path/posix';
import { expect } from 'vitest';
import { parseTempName } from '../../lib/commit/temp-name.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import type { Check, Exploration, Stage } from './simulation.ts';

/** Longer loops in `npm run test:crash`. */
export const LONG: boolean = process.env['MODE'] === 'crash';

/** Temporary files of the library, by name. */
export function temps(disk: SimulatedDisk): string[] {
	return disk.paths().filter((path) => parseTempName(basename(path)) !== undefined);
}

/** G6: no temporary file and no open handle is left. `expect` is for a failure, as it takes longer than many a check. */
export function checkNoLitter(disk: SimulatedDisk): void {
	const left = { temps: temps(disk), handles: disk.openHandles() };
	if (left.temps.length + left.handles.length > 0) expect(left).toEqual({ temps: [], handles: [] });
}

/** Files that nobody but their owners may touch, though their names come close to ours. */
const NEIGHBOURS: Readonly<Record<string, string>> = {
	'/data/notes.txt': 'mine',
	'/data/other.json.tmp': '{"half": ',
	'/data/.dj1-notes': 'no temporary file',
	'/data/.dj1nl-0-0-a.json.part': 'nor this',
	'/data/empty.dat': '',
};

/** The names of {@link plantNeighbours}. */
export const NEIGHBOUR_PATHS: readonly string[] = Object.keys(NEIGHBOURS);

export function plantNeighbours(disk: SimulatedDisk): void {
	for (const [path, content] of Object.entries(NEIGHBOURS)) disk.plantFile(path, content);
}

/** G10: they are as they were. */
export function checkNeighbours(disk: SimulatedDisk): void {
	for (const [path, content] of Object.entries(NEIGHBOURS)) {
		const now = disk.peekFile(path)?.toString();
		if (now !== content) expect(now, path).toBe(content);
	}
}

/** Counts the different states that were checked, however often each of them came up. */
export class Census {
	readonly #seen = new Set<string>();
	#tried = 0;
	#crashPoints = 0;
	#durationMs = 0;

	get distinct(): number {
		return this.#seen.size;
	}

	/**
	 * @param rules what else makes two states different, such as the rules of the disk
	 * @returns the check, which counts the states that it is given, and leaves out those that it has seen
	 */
	counting(rules: string, check: Check): Check {
		return (stage, kind) => {
			this.#tried++;
			const key = hash('sha1', `${rules}\n${kind}\n${promised(stage)}\n${treeOf(stage.disk)}`, 'base64');
			if (this.#seen.has(key)) return undefined;
			this.#seen.add(key);
			return check(stage, kind);
		};
	}

	add({ crashPoints, durationMs }: Exploration): void {
		this.#crashPoints += crashPoints;
		this.#durationMs += durationMs;
	}

	toString(): string {
		return `${this.#crashPoints} crash points, ${this.#tried} states tried, ${this.distinct} distinct, ${this.#durationMs} ms`;
	}
}

function promised({ history }: Pick<Stage, 'history'>): string {
	return JSON.stringify(history.paths.map((path) => [path, history.allowed(path)]));
}

/** What is on the disk, with what differs from run to run made equal: the places in the order of the process's writes. */
function treeOf(disk: SimulatedDisk): string {
	const ranks = new Map<string, number>();
	const text = disk.fingerprint('with unsynced');
	const orders = [...new Set(text.match(ORDER) ?? [])].sort();
	for (const [rank, order] of orders.entries()) ranks.set(order, rank);
	return text.replaceAll(ORDER, (order) => String(ranks.get(order)));
}

const ORDER = /(?<=\.dj1[a-z][a-z]-)[0-9a-z]{15}(?=-)/g;
