/** What a power cut may leave of a volume: every outcome that POSIX allows, as far as a bound lets them be tried. */
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import {
	type DirectoryNode,
	type EntryChange,
	type FileNode,
	type FileState,
	firstDifference,
	lastDifference,
	type Survivors,
	type Volume,
} from './volume.ts';

/** A bound on the states of one crash, and the seed of the choice where there are more. */
export interface CrashStateOptions {
	/** Default 256. */
	readonly statesMax?: number;
	/** Default 1. */
	readonly seed?: number;
}

/** One outcome, and in words which one. */
export interface VolumeAfterCrash {
	readonly volume: Volume;
	readonly description: string;
}

/** A part of the volume whose fate is open, and what may become of it; the first outcome is that nothing is lost. */
interface OpenFate {
	readonly outcomes: ReadonlyArray<{ readonly text: string; readonly put: (survivors: DraftSurvivors) => void }>;
}

interface DraftSurvivors {
	readonly changes: Map<number, readonly EntryChange[]>;
	readonly files: Map<number, FileState>;
}

/** Up to this many unsynced changes of one directory, every subset is tried; beyond it, prefixes and single losses. */
const SUBSETS_OF_MAX = 4;

/**
 * The states in which a power cut may leave `volume`, without repetition. Directories are independent of each other,
 * and so are the unsynced changes within one: POSIX orders neither. With `ordered` the medium keeps the order of all
 * directory changes, as a metadata journal does.
 */
export function volumesAfterPowerCut(
	volume: Volume,
	ordered: boolean,
	options?: CrashStateOptions,
): VolumeAfterCrash[] {
	const fates = ordered ? [orderedFate(volume)] : directoryFates(volume);
	for (const node of volume.unsyncedFiles()) fates.push(fileFate(node));
	const seen = new Set<string>();
	const states: VolumeAfterCrash[] = [];
	const statesMax = options?.statesMax ?? 256;
	for (const choice of choices(fates, statesMax, seededRandom(options?.seed ?? 1))) {
		const survivors: DraftSurvivors = { changes: new Map(), files: new Map() };
		const texts: string[] = [];
		for (const [index, fate] of fates.entries()) {
			const outcome = fate.outcomes[choice[index] ?? 0];
			outcome?.put(survivors);
			if (outcome !== undefined) texts.push(outcome.text);
		}
		const after = volume.afterPowerCut(survivors satisfies Survivors);
		const fingerprint = after.fingerprint();
		if (seen.has(fingerprint)) continue;
		seen.add(fingerprint);
		states.push({ volume: after, description: texts.join('; ') || 'all durable' });
	}
	return states;
}

/** All combinations where they are few; else all kept, all lost, one thing otherwise, and a seeded choice of the rest. */
function* choices(fates: readonly OpenFate[], statesMax: number, random: SeededRandom): Generator<number[]> {
	const sizes = fates.map((fate) => fate.outcomes.length);
	const combinations = sizes.reduce((product, size) => product * size, 1);
	if (combinations <= statesMax) {
		for (let index = 0; index < combinations; index++) {
			let rest = index;
			yield sizes.map((size) => {
				const choice = rest % size;
				rest = Math.floor(rest / size);
				return choice;
			});
		}
		return;
	}
	let given = 0;
	for (const extreme of [sizes.map(() => 0), sizes.map((size) => size - 1)]) {
		yield extreme;
		for (const [index, size] of sizes.entries()) {
			for (let choice = 0; choice < size && given < statesMax / 2; choice++, given++) yield extreme.with(index, choice);
		}
	}
	for (; given < statesMax - 2; given++) yield sizes.map((size) => Math.floor(random() * size));
}

function directoryFates(volume: Volume): OpenFate[] {
	const fates: OpenFate[] = [];
	for (const node of volume.inodes) {
		if (node.kind !== 'directory' || node.unsynced.length === 0) continue;
		fates.push({
			outcomes: survivingSets(node.unsynced).map((kept) => ({
				text: `directory ${node.number}: ${describe(kept, node)}`,
				put: (survivors) => survivors.changes.set(node.number, kept),
			})),
		});
	}
	return fates;
}

/** Subsets of few changes; of many: every prefix, and all but each one. All of them first, none last. */
function survivingSets(changes: readonly EntryChange[]): EntryChange[][] {
	const { length } = changes;
	if (length <= SUBSETS_OF_MAX) {
		const all = 2 ** length - 1;
		return Array.from({ length: all + 1 }, (_, index) => changes.filter((_change, bit) => ((all - index) >> bit) & 1));
	}
	const withoutOne = changes.map((_, lost) => changes.toSpliced(lost, 1));
	return [[...changes], ...withoutOne, ...changes.map((_, index) => changes.slice(0, length - 1 - index))];
}

function orderedFate(volume: Volume): OpenFate {
	const changes: Array<{ readonly directory: DirectoryNode; readonly change: EntryChange }> = [];
	for (const directory of volume.inodes) {
		if (directory.kind !== 'directory') continue;
		for (const change of directory.unsynced) changes.push({ directory, change });
	}
	changes.sort((a, b) => a.change.order - b.change.order);
	const outcomes = Array.from({ length: changes.length + 1 }, (_, lost) => {
		const kept = changes.slice(0, changes.length - lost);
		return {
			text: `${kept.length} of ${changes.length} directory changes kept`,
			put: (survivors: DraftSurvivors): void => {
				for (const { directory, change } of kept) {
					survivors.changes.set(directory.number, [...(survivors.changes.get(directory.number) ?? []), change]);
				}
			},
		};
	});
	return { outcomes };
}

/**
 * What was synced and not written to since stays: the bytes before the first and, in a file of the same length, behind the last
 * that differ, and a length that the file has not fallen below.
 */
function fileFate(node: FileNode): OpenFate {
	const { now, durable, cutToBytes } = node;
	const fresh = now.content;
	const old = durable.content;
	const contents: Array<[string, Uint8Array]> = [['all', fresh]];
	if (fresh !== old) {
		const minBytes = Math.min(old.length, fresh.length, cutToBytes);
		const start = Math.min(minBytes, firstDifference(old, fresh));
		const end = cutToBytes >= old.length ? lastDifference(old, fresh, start) : fresh.length;
		const part = fresh.subarray(start, end);
		const oldPart = old.subarray(start, end < fresh.length ? end : undefined);
		const half = Math.floor(part.length / 2);
		const parts: Array<[string, Uint8Array]> = [
			['half', part.subarray(0, half)],
			['NULs', new Uint8Array(part.length)],
			['NULs, then the second half', overlay(new Uint8Array(part.length), part.subarray(half), half)],
			['the first half over the old content', overlay(oldPart, part.subarray(0, half), 0)],
			['every other quarter over the old content', mixed(oldPart, part)],
			['empty', new Uint8Array(0)],
		];
		for (const [text, bytes] of parts) {
			const cut = overlay(fresh.slice(0, start), bytes, start);
			// Where it is not cut short, what stood behind it stands there still.
			const kept = old.subarray(Math.min(cut.length, old.length), Math.max(cut.length, minBytes));
			const whole = overlay(cut, kept, cut.length);
			contents.push([text, end < fresh.length ? overlay(whole, fresh.subarray(end), end) : whole]);
		}
	}
	contents.push(['as last synced', old]);
	const outcomes: Array<[string, FileState]> = contents.map(([text, content]) => [text, { ...now, content }]);
	if (now.mode !== durable.mode || now.uid !== durable.uid || now.gid !== durable.gid) {
		outcomes.push(['new content, old metadata', { ...durable, content: fresh }], ['old content and metadata', durable]);
	}
	return {
		outcomes: outcomes.map(([text, state]) => ({
			text: `file ${node.number}: ${text}`,
			put: (survivors) => survivors.files.set(node.number, state),
		})),
	};
}

function overlay(base: Uint8Array, piece: Uint8Array, offset: number): Uint8Array {
	const result = new Uint8Array(Math.max(base.length, offset + piece.length));
	result.set(base);
	result.set(piece, offset);
	return result;
}

/** Of the new length; each odd quarter as it was, NUL where there was nothing. */
function mixed(old: Uint8Array, fresh: Uint8Array): Uint8Array {
	const result = fresh.slice();
	const quarter = Math.ceil(fresh.length / 4);
	for (const start of [quarter, 3 * quarter]) {
		result.fill(0, start, start + quarter);
		result.set(old.subarray(start, Math.min(start + quarter, fresh.length)), Math.min(start, fresh.length));
	}
	return result;
}

function describe(kept: readonly EntryChange[], node: DirectoryNode): string {
	const names = kept.map((change) => change.names.map(([name, inode]) => `${inode === undefined ? '-' : '+'}${name}`));
	return `${kept.length} of ${node.unsynced.length} changes kept [${names.map((step) => step.join(' ')).join(', ')}]`;
}
