/** What a power cut may leave of a volume: every outcome that POSIX allows, as far as a bound lets them be tried. */
import { contentsAfterCrash, type NamedContent } from './content-after-crash.ts';
import type { DirectoryNode, EntryChange, FileNode, FileState } from './inodes.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';
import type { Survivors, Volume } from './volume.ts';

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
	/** As {@link Volume.fingerprint}. */
	readonly fingerprint: string;
}

/** What the medium promises less, or more, than POSIX. */
export interface MediumRules {
	/** It keeps the order of all directory changes, as a metadata journal does. */
	readonly ordered: boolean;
	/** Blocks of a file without a name are given to others before the change of the name is durable. */
	readonly reusesFreedBlocks: boolean;
	/** Whether a handle keeps the blocks of a file. */
	isOpen(node: FileNode): boolean;
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
 * and so are the unsynced changes within one: POSIX orders neither.
 */
export function volumesAfterPowerCut(
	volume: Volume,
	rules: MediumRules,
	options?: CrashStateOptions,
): VolumeAfterCrash[] {
	const names = namesNow(volume);
	const fates = rules.ordered ? [orderedFate(volume)] : directoryFates(volume, names);
	fates.push(...fileFates(volume, rules, names));
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
		states.push({ volume: after, description: texts.join('; ') || 'all durable', fingerprint });
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

type Names = ReadonlyMap<number, string>;

/** By the numbers of the inodes: a path that they have in the running system. */
function namesNow(volume: Volume): Names {
	const names = new Map([[volume.root.number, '/']]);
	for (const [path, { number }] of volume.walk()) if (!names.has(number)) names.set(number, path);
	return names;
}

function nameOf({ kind, number }: FileNode | DirectoryNode, names: Names): string {
	return `${kind} ${names.get(number) ?? `${number}, which has no name any more`}`;
}

function directoryFates(volume: Volume, names: Names): OpenFate[] {
	const fates: OpenFate[] = [];
	for (const node of volume.inodes) {
		if (node.kind !== 'directory' || node.unsynced.length === 0) continue;
		fates.push({
			outcomes: survivingSets(node.unsynced).map((kept) => ({
				text: `${nameOf(node, names)}: ${describe(kept, node)}`,
				put: (survivors) => survivors.changes.set(node.number, kept),
			})),
		});
	}
	return fates;
}

function fileFates(volume: Volume, rules: MediumRules, names: Names): OpenFate[] {
	const files = volume.reachableFiles();
	const fates: OpenFate[] = [];
	for (const node of files) {
		const reusing = rules.reusesFreedBlocks ? reuserOf(node, files, rules.isOpen) : undefined;
		if (node.now !== node.durable || reusing !== undefined) fates.push(fileFate(node, nameOf(node, names), reusing));
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

/** What has been worked out for a state of a file: states are shared by many crash points. */
const knownContents = new WeakMap<
	FileState,
	{ readonly durable: FileState; readonly contents: readonly NamedContent[] }
>();

function contentsOf(node: FileNode): readonly NamedContent[] {
	const known = knownContents.get(node.now);
	if (known?.durable === node.durable) return known.contents;
	const contents = contentsAfterCrash(node.durable.content, node.edits, node.now.content);
	knownContents.set(node.now, { durable: node.durable, contents });
	return contents;
}

function fileFate(node: FileNode, name: string, reusing: FileNode | undefined): OpenFate {
	const { now, durable } = node;
	const outcomes = contentsOf(node).map(([text, content]): [string, FileState] => [text, { ...now, content }]);
	if (now.mode !== durable.mode || now.uid !== durable.uid || now.gid !== durable.gid) {
		outcomes.push(
			['new content, old metadata', { ...durable, content: now.content }],
			['old content and metadata', durable],
		);
	}
	if (reusing !== undefined) outcomes.push(['its blocks reused', { ...durable, content: reused(durable, reusing) }]);
	return {
		outcomes: outcomes.map(([text, state]) => ({
			text: `${name}: ${text}`,
			put: (survivors) => survivors.files.set(node.number, state),
		})),
	};
}

/** The file that has been written last since this one was freed: whose data may lie in its blocks. */
function reuserOf(
	node: FileNode,
	files: readonly FileNode[],
	isOpen: (node: FileNode) => boolean,
): FileNode | undefined {
	if (node.linkCount > 0 || isOpen(node)) return undefined;
	const later = files.filter((other) => other.editedAt > node.freedAt && other.now.content.length > 0);
	return later.toSorted((a, b) => b.editedAt - a.editedAt)[0];
}

/** Of the old length, beginning with another file's data. */
function reused({ content }: FileState, by: FileNode): Uint8Array {
	const result = content.slice();
	result.set(by.now.content.subarray(0, content.length));
	return result;
}

function describe(kept: readonly EntryChange[], { unsynced }: DirectoryNode): string {
	const lost = unsynced.filter((change) => !kept.includes(change));
	return [list('kept', kept), list('lost', lost)].filter((text) => text !== '').join(', ');
}

function list(what: string, changes: readonly EntryChange[]): string {
	const texts = changes.map(({ names }) =>
		names.map(([name, inode]) => `${inode === undefined ? '-' : '+'}${name}`).join(' '),
	);
	return texts.length === 0 ? '' : `${what} [${texts.join(', ')}]`;
}
