/** What a program asked for and what it was promised: the measure of what a crash may leave. */
import { checkDisk, checkVersion } from './arguments.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** What a document holds, as text; undefined where it does not exist. */
export type Content = string | undefined;

interface Versions {
	readonly submitted: readonly Content[];
	/** Index of the newest acknowledged one. */
	readonly acknowledged: number;
}

/** For each document the versions submitted and the newest one acknowledged. The first version is what stood there before. */
export class History {
	/** Counts the changes. */
	revision = 0;
	/** Shared with the copies. */
	readonly #use: { checked: boolean };
	readonly #documents = new Map<string, Versions>();

	constructor();
	/** @internal a copy */
	constructor(use: { checked: boolean });
	constructor(use = { checked: false }) {
		this.#use = use;
	}

	/** Says what a document holds before the first submission. Without it: nothing. */
	begin(path: string, content: Content): void {
		checkVersion(path, content);
		this.#set(path, { submitted: [content], acknowledged: 0 });
	}

	/**
	 * Counts a version as submitted: call it before the save begins. `content` undefined means a removal.
	 * @returns what acknowledges it: call that when the save has said that it is durable
	 */
	submit(path: string, content: Content): () => void {
		checkVersion(path, content);
		const { submitted, acknowledged } = this.#get(path);
		const version = submitted.length;
		this.#set(path, { submitted: [...submitted, content], acknowledged });
		return () => {
			const now = this.#get(path);
			this.#set(path, { ...now, acknowledged: Math.max(now.acknowledged, version) });
		};
	}

	/** What the document may hold after a crash: the newest acknowledged version or any submitted after it. */
	allowed(path: string): readonly Content[] {
		const { submitted, acknowledged } = this.#get(path);
		return submitted.slice(acknowledged);
	}

	/** The documents that have a version. */
	get paths(): string[] {
		return [...this.#documents.keys()];
	}

	/** @internal Whether this or a copy was asked what a disk has kept. */
	get checked(): boolean {
		return this.#use.checked;
	}

	/** @returns a copy that later changes do not touch */
	snapshot(): History {
		const copy = new History(this.#use);
		for (const [path, versions] of this.#documents) copy.#set(path, versions);
		return copy;
	}

	/**
	 * Throws an Error where a document on the disk is torn (no version that was submitted), missing, or older than what was
	 * acknowledged.
	 */
	check(disk: SimulatedDisk): void {
		checkDisk('disk', disk);
		this.#use.checked = true;
		for (const path of this.paths) {
			const content = disk.peekFile(path)?.toString();
			const { submitted, acknowledged } = this.#get(path);
			if (submitted.slice(acknowledged).includes(content)) continue;
			const shown = content === undefined ? '' : `: ${JSON.stringify(content.slice(0, 80))}`;
			const hint = differsInNewline(content, submitted)
				? ', a version that was submitted without the final newline'
				: '';
			throw new Error(`${path} ${verdict(content, submitted, acknowledged)}${shown}${hint}`);
		}
	}

	toString(): string {
		const parts = this.paths.map((path) => {
			const { submitted, acknowledged } = this.#get(path);
			return `${path}: submitted ${submitted.length - 1}, acknowledged ${acknowledged}`;
		});
		return parts.join('; ');
	}

	#get(path: string): Versions {
		return this.#documents.get(path) ?? { submitted: [undefined], acknowledged: 0 };
	}

	#set(path: string, versions: Versions): void {
		this.#documents.set(path, versions);
		this.revision++;
	}
}

/** What most writers of JSON add is easily forgotten. */
function differsInNewline(content: Content, submitted: readonly Content[]): boolean {
	return content?.endsWith('\n') === true && !submitted.includes(content) && submitted.includes(content.slice(0, -1));
}

function verdict(content: Content, submitted: readonly Content[], acknowledged: number): string {
	if (content === undefined) return 'is missing';
	const version = submitted.indexOf(content);
	return version < 0 ? 'is torn' : `is version ${version}, older than acknowledged ${acknowledged}`;
}
