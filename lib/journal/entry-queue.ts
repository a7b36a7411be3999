/** What waits to be written to a journal, in the order of the calls. */
import { DurableJsonError } from '../errors.ts';
import type { Bytes } from '../types.ts';

/** Entries that are appended as one, or another action in its place among them. */
export type Waiting<Receipt> = WaitingEntries<Receipt> | WaitingAction;

export interface WaitingEntries<Receipt> {
	readonly texts: readonly string[];
	/** What they take of a line. */
	readonly bytes: Bytes;
	/** As they are to be applied; undefined while they are being validated. */
	entries: readonly unknown[] | undefined;
	/** Resolves when they have been validated, whatever came of it. */
	validated: Promise<void> | undefined;
	/** True where its caller has been told that it failed. */
	rejected: boolean;
	resolve(receipt: Receipt): void;
	reject(error: unknown): void;
}

/** Something that is done when all before it has been written. It must not reject. */
export interface WaitingAction {
	readonly run: () => Promise<void>;
	reject(error: unknown): void;
}

/** Larger groups make no faster journal, and others wait for them. One append is never divided. */
const MAX_GROUP_BYTES = 1024 * 1024;
const MAX_GROUP_ENTRIES = 4096;

export interface QueueBounds {
	readonly maxQueuedEntries: number;
	readonly maxQueuedBytes: Bytes;
}

export class EntryQueue<Receipt> {
	readonly #path: string;
	readonly #bounds: QueueBounds;
	#waiting: Waiting<Receipt>[] = [];
	#entries = 0;
	#bytes = 0;

	constructor(path: string, bounds: QueueBounds) {
		this.#path = path;
		this.#bounds = bounds;
	}

	get isEmpty(): boolean {
		return this.#waiting.length === 0;
	}

	/** Throws ERR_QUEUE_FULL where so much more is too much. */
	assertRoom(entries: number, bytes: Bytes): void {
		if (this.#entries === 0) return;
		const { maxQueuedEntries, maxQueuedBytes } = this.#bounds;
		if (this.#entries + entries <= maxQueuedEntries && this.#bytes + bytes <= maxQueuedBytes) return;
		const message = `too much waits to be appended to ${this.#path}: ${this.#entries} entries of ${this.#bytes} bytes`;
		throw new DurableJsonError('ERR_QUEUE_FULL', message, { path: this.#path, step: 'submit' });
	}

	push(waiting: Waiting<Receipt>): void {
		this.#waiting.push(waiting);
		if ('run' in waiting) return;
		this.#entries += waiting.texts.length;
		this.#bytes += waiting.bytes;
	}

	/** What comes next: an action, or the appends that go out as one group. At least one must wait. */
	async take(): Promise<WaitingAction | readonly WaitingEntries<Receipt>[]> {
		const [first] = this.#waiting;
		if (first !== undefined && 'run' in first) {
			this.#waiting.shift();
			return first;
		}
		await first?.validated;
		let count = 0;
		let bytes = 0;
		let entries = 0;
		const group: WaitingEntries<Receipt>[] = [];
		for (const next of this.#waiting) {
			if ('run' in next || next.entries === undefined) break;
			bytes += next.bytes;
			entries += next.texts.length;
			if (count > 0 && (bytes > MAX_GROUP_BYTES || entries > MAX_GROUP_ENTRIES)) break;
			count += 1;
			this.#entries -= next.texts.length;
			this.#bytes -= next.bytes;
			if (!next.rejected) group.push(next);
		}
		this.#waiting.splice(0, count);
		return group;
	}

	/** Nothing that waits will be written. */
	rejectAll(error: unknown): void {
		const waiting = this.#waiting;
		this.#waiting = [];
		this.#entries = 0;
		this.#bytes = 0;
		for (const each of waiting) each.reject(error);
	}
}
