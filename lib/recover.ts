/** Recovery: whatever a crash has left, the document is whole afterwards, or the report says what it is. */
import path from 'node:path';
import { UNLOCKED_MAX_AGE_MS } from './commit/liveness.ts';
import { resolveTarget } from './commit/target.ts';
import type { CommitPorts } from './commit/temp-file.ts';
import { codeOf, DurableJsonError, invalidArgument, messageOf } from './errors.ts';
import { underStandingLock } from './lock/document-lock.ts';
import { documentRegistry } from './lock/document-registry.ts';
import { leaseOf } from './lock/lease.ts';
import { asOptions, checkBoolean, checkFunction, checkInteger, checkSignal, toAbsolutePath } from './options.ts';
import { nodeFileSystem } from './platform/node-file-system.ts';
import { systemClock } from './platform/system-clock.ts';
import type { FileStat, FileSystem } from './ports/file-system.ts';
import { type CarriedOut, carryOut, changesSomething, removeLeftover } from './recovery/carry-out.ts';
import { type Companion, formatChoice, type Group, groupNames } from './recovery/companions.ts';
import { type Decision, type ExamineContext, examine, examineOrphan } from './recovery/examine.ts';
import type { RecoveredDocument, RecoveredFile, RecoveryReport } from './recovery/report.ts';
import type { Milliseconds, Ports } from './types.ts';

/** What a recovery tells while it is at work. */
export interface RecoveryProgress {
	/** Documents looked at so far. */
	readonly examined: number;
	/** Documents known so far: directories still to come have more. */
	readonly known: number;
}

/** Options of `recover`. */
export interface RecoverOptions extends Ports {
	/** Go into the directories below. Links are not followed. @defaultValue `false` */
	readonly recursive?: boolean | undefined;
	/** Change nothing: the report says what would be done. @defaultValue `false` */
	readonly dryRun?: boolean | undefined;
	/**
	 * Which documents may be judged, by their names; JSON Lines where the name ends in `.jsonl` or `.ndjson`, else JSON.
	 * Default: `.json`, `.jsonl` and `.ndjson`. Others are never read, and restored from files of this library only.
	 */
	readonly match?: RegExp | ((name: string) => boolean) | undefined;
	/**
	 * Remove `<document>.tmp` and `<document>.bak` beside a whole document. Default: only where `recover` is given the
	 * document itself, as in a directory other programs may have such files. A second name (hard link) of the document always
	 * goes.
	 */
	readonly classic?: boolean | undefined;
	/** The time by which ages are told, milliseconds since 1970. Default: now. */
	readonly now?: Milliseconds | undefined;
	/** A temporary file without a lock counts as dead when nothing was written to it for so long. @defaultValue an hour */
	readonly unlockedMaxAgeMs?: Milliseconds | undefined;
	/** How many bad documents are kept of each in quarantine, the newest ones. @defaultValue `10` */
	readonly maxQuarantined?: number | undefined;
	/** Stops between documents; the promise rejects with the signal's reason. What was done stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called after each document. */
	readonly onProgress?: ((progress: RecoveryProgress) => void) | undefined;
}

const DEFAULT_QUARANTINED = 10;

/** So many documents are looked at at a time: fewer than libuv has threads. */
const CONCURRENCY = 3;

/** So often a document is looked at anew that others change meanwhile. */
const MAX_ATTEMPTS = 5;

/**
 * Puts a document, or all documents of a directory, into the state that no crash has interrupted: a missing or bad document
 * is restored from the newest whole survivor, the bad one is kept in quarantine, and what dead writers left is removed.
 * Safe beside live writers and other recoveries; a second call finds nothing to do.
 *
 * Resolves with a report, also where documents are lost or the disk refused something: see
 * {@link RecoveredDocument.outcome} and {@link RecoveryReport.failures}. Rejects with ERR_READ_FAILED where the path itself
 * cannot be looked at, ERR_UNSUPPORTED where it is a device or a pipe, the signal's reason, or a TypeError or RangeError of
 * code ERR_INVALID_ARGUMENT.
 */
export async function recover(fileOrDirectory: string | URL, options?: RecoverOptions): Promise<RecoveryReport> {
	return new Recovery(checkRecoverOptions(options)).run(fileOrDirectory);
}

type CheckedOptions = ReturnType<typeof checkRecoverOptions>;

function checkRecoverOptions(options: RecoverOptions | undefined) {
	const checked = asOptions<RecoverOptions>(options);
	const { fileSystem = nodeFileSystem, clock = systemClock, signal, onProgress, classic, match } = checked;
	const { recursive = false, dryRun = false, maxQuarantined = DEFAULT_QUARANTINED } = checked;
	const { now = clock.epochMs(), unlockedMaxAgeMs = UNLOCKED_MAX_AGE_MS } = checked;
	checkSignal(signal);
	checkFunction('options.onProgress', onProgress);
	for (const [name, value] of Object.entries({ recursive, dryRun, classic: classic ?? false })) {
		checkBoolean(`options.${name}`, value);
	}
	if (match !== undefined && typeof match !== 'function' && !(match instanceof RegExp)) {
		throw invalidArgument('options.match', 'a regular expression or a function', match);
	}
	checkInteger('options.now', now, 0, Number.MAX_SAFE_INTEGER);
	checkInteger('options.unlockedMaxAgeMs', unlockedMaxAgeMs, 0, Number.MAX_SAFE_INTEGER);
	checkInteger('options.maxQuarantined', maxQuarantined, 0, Number.MAX_SAFE_INTEGER);
	const ports: CommitPorts = { fileSystem, clock };
	const limit = { nowMs: now, maxAgeMs: unlockedMaxAgeMs };
	return {
		ports,
		recursive,
		dryRun,
		formatFor: formatChoice(match),
		classic,
		limit,
		maxQuarantined,
		signal,
		onProgress,
	};
}

class Recovery {
	readonly #options: CheckedOptions;
	readonly #fileSystem: FileSystem;
	readonly #documents: RecoveredDocument[] = [];
	readonly #orphans: RecoveredFile[] = [];
	/** By path: what is looked at twice fails but once. */
	readonly #failures = new Map<string, unknown>();
	#livenessBy: 'lock' | 'age' = 'lock';
	#examined = 0;
	#known = 0;

	constructor(options: CheckedOptions) {
		this.#options = options;
		this.#fileSystem = options.ports.fileSystem;
	}

	async run(input: string | URL): Promise<RecoveryReport> {
		const { clock } = this.#options.ports;
		const startMs = clock.monotonicMs();
		const { absolute, isDirectory } = await this.#lookAt(input);
		if (isDirectory) await this.#recoverDirectories(absolute);
		else await this.#recoverFile(absolute);
		return {
			path: absolute,
			dryRun: this.#options.dryRun,
			examined: this.#examined,
			documents: this.#documents,
			orphans: this.#orphans,
			livenessBy: this.#livenessBy,
			failures: Array.from(this.#failures, ([file, error]) => ({ path: file, error })),
			durationMs: clock.monotonicMs() - startMs,
		};
	}

	/** A path that names a directory, or one where nothing stands yet, is what its spelling says. */
	async #lookAt(input: string | URL): Promise<{ absolute: string; isDirectory: boolean }> {
		const { absolute, saysDirectory } = toAbsolute(input);
		let stat: FileStat | undefined;
		try {
			stat = await this.#fileSystem.stat(absolute);
		} catch (error) {
			const code = codeOf(error);
			if (saysDirectory || (code !== 'ENOENT' && code !== 'ENOTDIR')) throw cannotRead(absolute, error);
		}
		return { absolute, isDirectory: saysDirectory || stat?.kind === 'directory' };
	}

	async #recoverFile(file: string): Promise<void> {
		const target = await resolveTarget(this.#fileSystem, file);
		const names = await this.#namesIn(target.directory);
		const { formatFor, classic = true } = this.#options;
		const { groups } = groupNames(names, formatFor, target.name);
		const group = groups.find(({ document }) => document === target.name);
		if (group === undefined) return;
		this.#known = 1;
		await this.#recoverGroup(this.#contextOf(target.directory, classic), group, true);
	}

	async #recoverDirectories(root: string): Promise<void> {
		const { recursive, formatFor, classic = false, signal } = this.#options;
		const ahead = [root];
		for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
			signal?.throwIfAborted();
			const names = await this.#attempt(next, next === root, async (directory) => this.#namesIn(directory, true));
			if (names === undefined) continue;
			const directory = await this.#fileSystem.realpath(next);
			const context = this.#contextOf(directory, classic);
			const { groups, orphans } = groupNames(names, formatFor);
			this.#known += groups.length;
			await inParallel(groups, (group) => this.#recoverGroup(context, group, false), signal);
			for (const orphan of orphans) await this.#recoverOrphan(context, orphan);
			if (recursive) ahead.push(...(await this.#directoriesIn(directory, names)));
		}
	}

	/** The names in a directory; none where it is missing and need not be there. */
	async #namesIn(directory: string, mustExist = false): Promise<string[]> {
		try {
			return await this.#fileSystem.readdir(directory);
		} catch (error) {
			const code = codeOf(error);
			if (!mustExist && (code === 'ENOENT' || code === 'ENOTDIR')) return [];
			throw cannotRead(directory, error);
		}
	}

	async #directoriesIn(directory: string, names: readonly string[]): Promise<string[]> {
		const found: string[] = [];
		for (const name of names.toSorted()) {
			await this.#attempt(path.join(directory, name), false, async (file) => {
				if ((await this.#fileSystem.lstat(file))?.kind === 'directory') found.push(file);
			});
		}
		return found;
	}

	/** What cannot be looked at is reported, unless it is what was asked for. */
	async #attempt<T>(file: string, essential: boolean, action: (file: string) => Promise<T>): Promise<T | undefined> {
		try {
			return await action(file);
		} catch (error) {
			if (essential) throw error;
			if (codeOf(error) !== 'ENOENT') this.#failures.set(file, error);
			return undefined;
		}
	}

	#contextOf(directory: string, classic: boolean): ExamineContext {
		const { ports, limit } = this.#options;
		const onAgeAsked = (): void => {
			this.#livenessBy = 'age';
		};
		const onFailure = (file: string, error: unknown): void => {
			this.#failures.set(file, error);
		};
		return { ports, directory, limit, classic, onAgeAsked, onFailure };
	}

	/** @param always also a document of which there is nothing to say goes into the report */
	async #recoverGroup(context: ExamineContext, group: Group, always: boolean): Promise<void> {
		const document = path.join(context.directory, group.document);
		try {
			const recovered = await this.#recoverDocument(context, group);
			if (recovered !== undefined) this.#documents.push(recovered);
			else if (always) this.#documents.push(await this.#unremarkable(document));
		} catch (error) {
			this.#failures.set(document, error);
			const why = `the disk refused: ${messageOf(error)}`;
			this.#documents.push({
				path: document,
				found: 'unjudged',
				outcome: 'failed',
				why,
				rolledBack: false,
				files: [],
				error,
			});
		}
		this.#examined += 1;
		this.#options.onProgress?.({ examined: this.#examined, known: this.#known });
	}

	async #recoverDocument(context: ExamineContext, group: Group): Promise<RecoveredDocument | undefined> {
		const first = await examine(context, group);
		if (first === undefined) return undefined;
		if (this.#options.dryRun || !changesSomething(first)) return toReport(first);
		const registry = documentRegistry(this.#fileSystem.scope);
		const carryOutContext = { ...context, maxQuarantined: this.#options.maxQuarantined };
		const change = async (): Promise<RecoveredDocument | undefined> => {
			for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
				// Whoever was at work on the document may have changed everything.
				const decision = await examine(context, group);
				if (decision === undefined) return undefined;
				const done = await carryOut(carryOutContext, decision);
				if (done !== undefined) return toReport(decision, done);
			}
			throw new Error(`it was changed by others ${MAX_ATTEMPTS} times`);
		};
		const lease = leaseOf(this.#fileSystem, first.document);
		const ports = this.#options.ports;
		const changing = registry.exclusive(
			first.document,
			(entry) => underStandingLock(ports, entry, first.document, lease, change),
			{ lease },
		);
		lease?.track(changing);
		return changing;
	}

	async #unremarkable(document: string): Promise<RecoveredDocument> {
		const missing = (await this.#fileSystem.lstat(document)) === undefined;
		return {
			path: document,
			found: missing ? 'missing' : 'unjudged',
			outcome: missing ? 'absent' : 'kept',
			why: missing
				? 'there is no document, and nothing beside it'
				: 'it is not empty, and nothing is beside it: not read',
			rolledBack: false,
			files: [],
		};
	}

	async #recoverOrphan(context: ExamineContext, orphan: Companion): Promise<void> {
		const file = path.join(context.directory, orphan.name);
		await this.#attempt(file, false, async () => {
			const found = await examineOrphan(context, orphan);
			if (found === undefined) return;
			const removes = found.action === 'removed' && !this.#options.dryRun;
			this.#orphans.push(removes && !(await removeLeftover(context, file)) ? asSpared(found) : found);
		});
	}
}

function toReport(decision: Decision, { quarantined, spared }: Partial<CarriedOut> = {}): RecoveredDocument {
	const { document, found, judgement, outcome, why, source, rolledBack } = decision;
	const files = decision.files.map((file) => (spared?.has(file.path) ? asSpared(file) : file));
	const { problem } = judgement ?? {};
	const restored = { ...(source && { source: source.path }), ...(quarantined !== undefined && { quarantined }) };
	return { path: document, found, ...(problem && { problem }), outcome, why, ...restored, rolledBack, files };
}

function asSpared(file: RecoveredFile): RecoveredFile {
	return { ...file, liveness: 'live', action: 'kept', why: 'a live writer holds it' };
}

function toAbsolute(input: string | URL): { absolute: string; saysDirectory: boolean } {
	const text = input instanceof URL ? input.pathname : input;
	if (typeof text !== 'string' || text === '') return { absolute: toAbsolutePath(input), saysDirectory: false };
	const saysDirectory = /[/\\]$/.test(text) || /(^|[/\\])\.\.?$/.test(text);
	if (!saysDirectory) return { absolute: toAbsolutePath(input), saysDirectory };
	// The name of a file in it has a path like any other, whose checks hold for the directory, too.
	const inside = input instanceof URL ? new URL('./x', input) : path.join(text, 'x');
	return { absolute: path.dirname(toAbsolutePath(inside)), saysDirectory };
}

/** Runs the work for each item, a few at a time. */
async function inParallel<T>(
	items: readonly T[],
	work: (item: T) => Promise<void>,
	signal: AbortSignal | undefined,
): Promise<void> {
	const iterator = items.values();
	const run = async (): Promise<void> => {
		for (const item of iterator) {
			signal?.throwIfAborted();
			await work(item);
		}
	};
	await Promise.all(Array.from({ length: CONCURRENCY }, run));
}

function cannotRead(file: string, cause: unknown): DurableJsonError {
	const message = `recovering ${file} failed: ${messageOf(cause)}`;
	return new DurableJsonError('ERR_READ_FAILED', message, { path: file, step: 'recover', cause });
}
