/** Opening a journal. */
import { claimSweep, sweepDirectory } from './commit/sweep.ts';
import { resolveTarget, type Target } from './commit/target.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { DurableJsonError, invalidArgument, messageOf, warn } from './errors.ts';
import { type JournalLock, openLocked } from './journal/open-file.ts';
import { OpenJournal } from './journal/open-journal.ts';
import { createNew, type Opened, openFound, type Replay } from './journal/opening.ts';
import { closeQuietly } from './journal/read-file.ts';
import type { GroupLine } from './journal/record.ts';
import { applyEntry, type Rules } from './journal/rules.ts';
import type { AutomaticCheckpoints, Journal, JournalOptions } from './journal/types.ts';
import { holderOf } from './lock/file-lock.ts';
import {
	asOptions,
	assertAwaited,
	checkCount,
	checkFunction,
	checkMode,
	checkPorts,
	checkPositive,
	checkSchema,
	checkTimeout,
	toAbsolutePath,
} from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import { recover } from './recover.ts';
import { sharedPart } from './shared-state.ts';
import type { Bytes, Milliseconds, Typed } from './types.ts';
import { validate } from './validation.ts';

const DEFAULT_QUEUED_ENTRIES = 100_000;
const DEFAULT_QUEUED_BYTES = 256 * 1024 * 1024;

/** So often a journal that is open elsewhere is tried again. */
const LOCK_PAUSE_MS = 25;

/**
 * Opens a journal, or makes it where there is none: a state, and a file to which each change of it is appended durably.
 * What a crash has cut off at its end is cut off, the rest is replayed. Missing directories are made.
 *
 * Rejects with ERR_CORRUPT (damage before good entries, with `offset`; nothing is changed), ERR_LOCK_TIMEOUT (it is open
 * elsewhere), ERR_VALIDATION, ERR_READ_FAILED (with step `replay` where `apply` throws: its exception is the cause),
 * ERR_WRITE_FAILED, ERR_NOT_SERIALIZABLE (`initial`), ERR_UNSUPPORTED, or a TypeError or RangeError of code
 * ERR_INVALID_ARGUMENT.
 *
 * @example
 * ```ts
 * await using journal = await openJournal<number, { add: number }>('count.journal', {
 * 	initial: 0,
 * 	apply: (count, { add }) => count + add,
 * });
 * const { sequence } = await journal.append({ add: 1 });
 * ```
 */
export async function openJournal<State, Entry>(
	path: string | URL,
	options: Omit<JournalOptions<State, Entry>, 'schema' | 'initial'> & Typed<State>,
): Promise<Journal<State, Entry>>;
export async function openJournal<State, Entry>(
	path: string | URL,
	options: JournalOptions<State, Entry>,
): Promise<Journal<State, Entry>>;
export async function openJournal<State, Entry>(
	path: string | URL,
	options: JournalOptions<State, Entry>,
): Promise<Journal<State, Entry>> {
	const absolute = toAbsolutePath(path);
	const checked = checkJournalOptions<State, Entry>(options, absolute);
	const { ports } = checked;
	const startMs = ports.clock.monotonicMs();
	const target = await resolveTarget(ports.fileSystem, absolute);
	const restored = new Restored(absolute, checked);
	const { opened, release } = await openWhenFree(target, checked, restored);
	const { log, replayedEntries, cutBytes } = opened;
	const durationMs = ports.clock.monotonicMs() - startMs;
	const opening = { created: restored.created, replayedEntries, cutBytes, durationMs };
	return new OpenJournal(absolute, ports.clock, log, restored.state, opening, {
		...checked,
		fileSystem: ports.fileSystem,
		onClosed: release,
	});
}

interface CheckedOptions<State, Entry> {
	readonly ports: CommitPorts;
	readonly initial: State;
	/** The state as JSON gives it back, validated. */
	readonly toState: (raw: unknown) => Promise<State>;
	readonly assertState: ((state: State) => Promise<void>) | undefined;
	readonly rules: Rules<State, Entry>;
	readonly checkpoints: AutomaticCheckpoints | undefined;
	readonly lock: JournalLock;
	readonly lockTimeoutMs: Milliseconds;
	readonly mode: number | undefined;
	readonly maxQueuedEntries: number;
	readonly maxQueuedBytes: Bytes;
	readonly onError: (error: unknown) => void;
}

function checkJournalOptions<State, Entry>(options: unknown, path: string): CheckedOptions<State, Entry> {
	const checked = asOptions<JournalOptions<State, Entry>>(options);
	const { fileSystem = nodeFileSystem, clock = systemClock, initial, apply, schema, entrySchema } = checked;
	const { checkpoint = {}, lock = 'file', lockTimeoutMs = 0, mode, onError = warn } = checked;
	const { maxQueuedEntries = DEFAULT_QUEUED_ENTRIES, maxQueuedBytes = DEFAULT_QUEUED_BYTES } = checked;
	checkPorts(checked);
	if (initial === undefined) throw invalidArgument('options.initial', 'a state', initial);
	assertAwaited('options.initial', initial);
	if (typeof apply !== 'function') throw invalidArgument('options.apply', 'a function', apply);
	checkSchema(schema);
	checkSchema(entrySchema, 'options.entrySchema');
	if (lock !== 'file' && lock !== 'process') throw invalidArgument('options.lock', "'file' or 'process'", lock);
	checkTimeout('lockTimeoutMs', lockTimeoutMs);
	if (mode !== undefined) checkMode(mode);
	checkFunction('options.onError', onError);
	checkCount('maxQueuedEntries', maxQueuedEntries);
	checkPositive('maxQueuedBytes', maxQueuedBytes, Number.POSITIVE_INFINITY);
	return {
		ports: { fileSystem, clock },
		initial,
		toState: async (raw) => (schema === undefined ? (raw as State) : validate(schema, raw, path, ', the state,')),
		assertState:
			schema &&
			(async (state: State) => {
				await validate(schema, throughJson(state, path, 'the state'), path, ', the state,');
			}),
		rules: { apply, toEntry: entrySchema && (async (raw, place = '') => validate(entrySchema, raw, path, place)) },
		checkpoints: checkpoint === false ? undefined : checkCheckpoints(checkpoint),
		lock,
		lockTimeoutMs,
		mode,
		maxQueuedEntries,
		maxQueuedBytes,
		onError,
	};
}

function checkCheckpoints(checkpoint: unknown): AutomaticCheckpoints {
	if (typeof checkpoint !== 'object' || checkpoint === null) {
		throw invalidArgument('options.checkpoint', 'an object or false', checkpoint);
	}
	const { maxBytes, maxEntries, maxAgeMs } = checkpoint as AutomaticCheckpoints;
	for (const [name, value] of Object.entries({ maxBytes, maxEntries, maxAgeMs })) {
		if (value !== undefined) checkPositive(`checkpoint.${name}`, value, Number.POSITIVE_INFINITY);
	}
	return { maxBytes, maxEntries, maxAgeMs };
}

/** The state of a journal that is being opened. */
class Restored<State, Entry> implements Replay {
	readonly #path: string;
	readonly #options: CheckedOptions<State, Entry>;
	#state: State;
	created = false;

	constructor(path: string, options: CheckedOptions<State, Entry>) {
		this.#path = path;
		this.#options = options;
		this.#state = options.initial;
	}

	get state(): State {
		return this.#state;
	}

	async begin(raw: unknown): Promise<void> {
		this.#state = await this.#options.toState(raw);
		this.created = false;
	}

	/** Begins with the initial state, as JSON gives it back. @returns what goes into the file */
	async create(): Promise<unknown> {
		const raw = throughJson(this.#options.initial, this.#path, 'the initial state');
		await this.begin(raw);
		this.created = true;
		return raw;
	}

	/** A promise only where there is something to wait for. */
	apply({ entries, sequence }: GroupLine): Promise<void> | undefined {
		if (this.#options.rules.toEntry !== undefined) return this.#applyValidated(entries, sequence);
		for (const [index, raw] of entries.entries()) this.#applyOne(raw as Entry, sequence + index);
		return undefined;
	}

	async #applyValidated(entries: readonly unknown[], sequence: number): Promise<void> {
		const { toEntry } = this.#options.rules;
		for (const [index, raw] of entries.entries()) {
			const entry = await toEntry?.(raw, `, entry ${sequence + index},`);
			this.#applyOne(entry as Entry, sequence + index);
		}
	}

	#applyOne(entry: Entry, sequence: number): void {
		try {
			this.#state = applyEntry(this.#options.rules, this.#state, entry);
		} catch (cause) {
			const path = this.#path;
			const message = `${path} cannot be replayed: apply threw at entry ${sequence}: ${messageOf(cause)}`;
			throw new DurableJsonError('ERR_READ_FAILED', message, { path, step: 'replay', cause });
		}
	}
}

/** @returns the value as JSON gives it back. Throws ERR_NOT_SERIALIZABLE. */
function throughJson(value: unknown, path: string, what: string): unknown {
	try {
		return JSON.parse(JSON.stringify(value)) as unknown;
	} catch (cause) {
		const message = `${what} cannot be written to ${path}: ${messageOf(cause)}`;
		throw new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path, step: 'serialize', cause });
	}
}

/** Opens it when nobody else has it open, or says that somebody has. @returns what lets others of this process in again */
async function openWhenFree<State, Entry>(
	target: Target,
	options: CheckedOptions<State, Entry>,
	restored: Restored<State, Entry>,
): Promise<{ opened: Opened; release: () => void }> {
	const { fileSystem, clock } = options.ports;
	const { key, path } = target;
	const inThisProcess = sharedPart(fileSystem.scope, 'open-journals', () => new Set<string>());
	const deadlineMs = clock.monotonicMs() + options.lockTimeoutMs;
	for (;;) {
		if (!inThisProcess.has(key)) {
			inThisProcess.add(key);
			const release = (): void => void inThisProcess.delete(key);
			const opened = await open(target, options, restored).catch((error: unknown) => {
				release();
				throw error;
			});
			if (opened !== 'busy') return { opened, release };
			release();
		}
		if (clock.monotonicMs() >= deadlineMs) break;
		await new Promise<void>((resolve) => clock.schedule(LOCK_PAUSE_MS, resolve));
	}
	const holder = inThisProcess.has(key) ? 'this process' : await holderOf(fileSystem, target.file);
	const message = `${path} is open already, in ${holder} (waited ${options.lockTimeoutMs} ms)`;
	throw new DurableJsonError('ERR_LOCK_TIMEOUT', message, { path, step: 'lock' });
}

async function open<State, Entry>(
	target: Target,
	options: CheckedOptions<State, Entry>,
	restored: Restored<State, Entry>,
): Promise<Opened | 'busy'> {
	const { ports, lock, mode } = options;
	const { fileSystem } = ports;
	const { directory } = target;
	if (claimSweep(fileSystem, directory)) await sweepDirectory(ports, directory);
	let found = await openLocked(fileSystem, target, lock);
	if (found === 'between-names') {
		await recover(target.file, ports);
		found = await openLocked(fileSystem, target, lock);
	}
	if (found === 'busy' || found === 'between-names') return 'busy';
	if (found === 'missing') {
		const opened = await createNew(ports, target, await restored.create(), { mode, lock });
		// What a process that was killed here has left.
		await sweepDirectory(ports, directory);
		return opened ?? 'busy';
	}
	try {
		return await openFound(ports, target, lock, found, restored);
	} catch (error) {
		await closeQuietly(found, target.path);
		throw error;
	}
}
