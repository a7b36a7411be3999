/**
 * An open journal: gathers appends into groups, applies each group, logs it, and publishes the state when it is durable.
 *
 * One group is under way at a time; the state that it would lead to is kept apart until its sync is through, so that a
 * group that fails leaves nothing to take back.
 */
import { argumentOutOfRange, DurableJsonError, invalidArgument, messageOf, warn } from '../errors.ts';
import { reentrant, runAwaited, validationOf } from '../lock/lease.ts';
import { assertAwaited } from '../options.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileSystem } from '../ports/file-system.ts';
import { CheckpointRule } from './checkpoint-rule.ts';
import { EntryQueue, type QueueBounds, type WaitingEntries } from './entry-queue.ts';
import type { JournalLog } from './journal-log.ts';
import { readEntries } from './read-entries.ts';
import { toTexts } from './record.ts';
import { applyEntry, type Rules } from './rules.ts';
import type {
	AppendReceipt,
	AutomaticCheckpoints,
	CheckpointReceipt,
	Journal,
	JournalEntry,
	JournalOpening,
} from './types.ts';

export interface OpenJournalOptions<State, Entry> extends QueueBounds {
	readonly fileSystem: FileSystem;
	readonly rules: Rules<State, Entry>;
	/** Rejects where the state as JSON gives it back is not valid. Undefined where any is taken. */
	readonly assertState: ((state: State) => Promise<void>) | undefined;
	/** Undefined: none without being asked for. */
	readonly checkpoints: AutomaticCheckpoints | undefined;
	readonly onError: (error: unknown) => void;
	/** Called when the file has been let go. */
	readonly onClosed: () => void;
}

export class OpenJournal<State, Entry> implements Journal<State, Entry> {
	readonly path: string;
	readonly opening: JournalOpening;
	readonly #log: JournalLog;
	readonly #options: OpenJournalOptions<State, Entry>;
	readonly #queue: EntryQueue<AppendReceipt>;
	readonly #checkpoints: CheckpointRule;
	/** After every entry that is durable. */
	#state: State;
	#working: Promise<void> | undefined;
	/** What made it impossible to go on. */
	#broken: { readonly cause: unknown } | undefined;
	#closing: Promise<void> | undefined;

	constructor(
		path: string,
		clock: Clock,
		log: JournalLog,
		state: State,
		opening: JournalOpening,
		options: OpenJournalOptions<State, Entry>,
	) {
		this.path = path;
		this.opening = opening;
		this.#log = log;
		this.#state = state;
		this.#options = options;
		this.#queue = new EntryQueue(path, options);
		this.#checkpoints = new CheckpointRule(options.checkpoints, clock);
		if (log.end.sequence > log.base.sequence) this.#checkpoints.entriesAdded();
	}

	get state(): State {
		return this.#state;
	}

	get sequence(): number {
		return this.#log.end.sequence;
	}

	append(entry: Entry): Promise<AppendReceipt> {
		return this.#submit([entry]);
	}

	async appendAll(entries: Iterable<Entry>): Promise<AppendReceipt> {
		if (typeof entries !== 'object' || entries === null || !(Symbol.iterator in entries)) {
			throw invalidArgument('entries', 'an array or another iterable', entries);
		}
		return this.#submit(Array.from(entries));
	}

	checkpoint(): Promise<CheckpointReceipt> {
		return new Promise((resolve, reject) => {
			this.#assertOpen();
			this.#assertOutside();
			this.#queue.push({ run: () => this.#checkpoint().then(resolve, reject), reject });
			this.#wake();
		});
	}

	async *entries(from?: number): AsyncGenerator<JournalEntry<Entry>, void, undefined> {
		if (from !== undefined) assertSequence(from);
		this.#assertOpen();
		yield* readEntries(this.#log, this.path, from, this.#options.rules.toEntry);
	}

	close(): Promise<void> {
		try {
			this.#assertOutside();
		} catch (error) {
			return Promise.reject(error);
		}
		this.#closing ??= this.#close();
		return this.#closing;
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.close();
	}

	#submit(entries: readonly unknown[]): Promise<AppendReceipt> {
		return new Promise((resolve, reject) => {
			this.#assertOpen();
			this.#assertOutside();
			for (const entry of entries) assertAwaited('entry', entry);
			const { texts, bytes } = toTexts(entries, this.path);
			this.#queue.assertRoom(texts.length, bytes);
			// What a replay will see.
			const raw = texts.map((text) => JSON.parse(text) as unknown);
			const { toEntry } = this.#options.rules;
			const waiting: WaitingEntries<AppendReceipt> = {
				texts,
				bytes,
				entries: toEntry === undefined ? raw : undefined,
				validated: undefined,
				rejected: false,
				resolve,
				reject,
			};
			if (toEntry !== undefined) {
				waiting.validated = this.#awaited(() => validateWaiting(waiting, raw, toEntry));
			}
			this.#queue.push(waiting);
			this.#wake();
		});
	}

	#assertOpen(): void {
		if (this.#closing !== undefined) {
			throw new DurableJsonError('ERR_CLOSED', `the journal ${this.path} is closed`, {
				path: this.path,
				step: 'submit',
			});
		}
		if (this.#broken !== undefined) throw this.#brokenError();
	}

	/** A validator must not wait for what waits for it. */
	#assertOutside(): void {
		const validation = validationOf(this.#options.fileSystem, this.path);
		if (validation !== undefined) throw reentrant(validation);
	}

	async #awaited(validator: () => Promise<void>): Promise<void> {
		await runAwaited(this.#options.fileSystem, { kind: 'validation', path: this.path }, validator);
	}

	#brokenError(): DurableJsonError {
		const cause = this.#broken?.cause;
		const message = `the journal ${this.path} cannot go on and is to be opened anew: ${messageOf(cause)}`;
		return new DurableJsonError('ERR_JOURNAL_BROKEN', message, { path: this.path, step: 'submit', cause });
	}

	#wake(): void {
		this.#working ??= this.#work();
	}

	/** Works until nothing waits. Never rejects. */
	async #work(): Promise<void> {
		await endOfTurn();
		while (!this.#queue.isEmpty) {
			await this.#next();
			// Whoever waited for that has its turn: what it appends now joins the next group.
			await endOfTurn();
		}
		this.#working = undefined;
	}

	async #next(): Promise<void> {
		const next = await this.#queue.take();
		if ('run' in next) {
			await next.run();
			return;
		}
		await this.#commitGroup(next);
		if (this.#broken === undefined && this.#checkpoints.isDue(this.#log)) await this.#checkpointUnasked();
	}

	async #commitGroup(waiting: readonly WaitingEntries<AppendReceipt>[]): Promise<void> {
		const { state, accepted } = this.#applyAll(waiting);
		const texts = accepted.length === 1 ? (accepted[0]?.texts ?? []) : accepted.flatMap((each) => each.texts);
		let { sequence } = this.#log.end;
		try {
			if (texts.length > 0) await this.#log.append(texts);
		} catch (error) {
			for (const { reject } of accepted) reject(error);
			if (this.#log.givenUp) await this.#startAfresh();
			return;
		}
		this.#state = state;
		if (texts.length > 0) this.#checkpoints.entriesAdded();
		const { durability } = this.#log;
		for (const { resolve, texts } of accepted) {
			const firstSequence = Math.min(sequence + 1, sequence + texts.length);
			sequence += texts.length;
			resolve({ sequence, firstSequence, durability });
		}
	}

	/** The state after all of them that `apply` takes, in their order; the others are rejected. */
	#applyAll(waiting: readonly WaitingEntries<AppendReceipt>[]) {
		const accepted: WaitingEntries<AppendReceipt>[] = [];
		let state = this.#state;
		for (const each of waiting) {
			try {
				let next = state;
				for (const entry of each.entries ?? []) next = applyEntry(this.#options.rules, next, entry as Entry);
				state = next;
				accepted.push(each);
			} catch (error) {
				each.reject(error);
			}
		}
		return { state, accepted };
	}

	async #checkpointUnasked(): Promise<void> {
		try {
			await this.#checkpoint();
		} catch (error) {
			this.#checkpoints.failed();
			this.#tell(error);
		}
	}

	/** An `onError` that throws must not hold up what waits. */
	#tell(error: unknown): void {
		try {
			this.#options.onError(error);
		} catch (thrown) {
			warn(thrown);
		}
	}

	/** The file has been given up: goes on with a new one, or not at all. */
	async #startAfresh(): Promise<void> {
		try {
			await this.#checkpoint();
		} catch {
			// All who wait have been told.
		}
	}

	async #checkpoint(): Promise<CheckpointReceipt> {
		try {
			return await this.#checkpointOnce();
		} catch (error) {
			if (!this.#log.givenUp) throw error;
		}
		try {
			return await this.#checkpointOnce();
		} catch (cause) {
			if (!this.#log.givenUp) throw cause;
			this.#broken = { cause };
			const error = this.#brokenError();
			this.#queue.rejectAll(error);
			throw error;
		}
	}

	async #checkpointOnce(): Promise<CheckpointReceipt> {
		// A state that could not be read again must not take the place of the entries.
		const { assertState } = this.#options;
		if (assertState !== undefined) await this.#awaited(() => assertState(this.#state));
		const checkpointed = await this.#log.checkpoint(this.#state);
		this.#checkpoints.checkpointed();
		return { path: this.path, ...checkpointed };
	}

	async #close(): Promise<void> {
		try {
			await this.#working;
			await this.#log.close();
		} finally {
			this.#options.onClosed();
		}
	}
}

/** Never rejects: whoever appended it is told. */
async function validateWaiting<Entry>(
	waiting: WaitingEntries<AppendReceipt>,
	raw: readonly unknown[],
	toEntry: (raw: unknown) => Promise<Entry>,
): Promise<void> {
	try {
		waiting.entries = await Promise.all(raw.map((each) => toEntry(each)));
	} catch (error) {
		waiting.entries = [];
		waiting.rejected = true;
		waiting.reject(error);
	}
}

function assertSequence(from: unknown): void {
	if (typeof from !== 'number') throw invalidArgument('from', 'a sequence', from);
	if (!Number.isSafeInteger(from) || from < 1) throw argumentOutOfRange('from', 'an integer from 1', from);
}

/** Resolves when all that is ready to run in this turn of the event loop has run. */
function endOfTurn(): Promise<void> {
	// The queue of process.nextTick is looked at when that of the microtasks is empty.
	return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
