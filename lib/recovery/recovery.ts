/** One recovery, of a document or of the documents of directories. */
import path from 'node:path';
import type { AgeLimit } from '../commit/liveness.ts';
import { documentKey, spellingsIn } from '../commit/spelling.ts';
import { resolveTarget } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { codeOf, DurableJsonError, messageOf } from '../errors.ts';
import { underStandingLock } from '../lock/document-lock.ts';
import { documentRegistry } from '../lock/document-registry.ts';
import { leaseOf } from '../lock/lease.ts';
import { LockWait } from '../lock/lock-wait.ts';
import { namesDirectory, toAbsolutePath } from '../options.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { carryOut, changesSomething } from './carry-out.ts';
import type { Done, Leftover } from './changes.ts';
import { type Companion, type FormatChoice, type Group, groupNames } from './companions.ts';
import type { Decision } from './decide.ts';
import { type ExamineContext, examine, examineOrphan } from './examine.ts';
import { removeLeftover } from './leftovers.ts';
import type {
	DocumentCondition,
	RecoveredDocument,
	RecoveredFile,
	RecoveryProgress,
	RecoveryReport,
} from './report.ts';

/** So many documents are looked at at a time: fewer than libuv has threads. */
const CONCURRENCY = 3;

/** So often a document is looked at anew that others change meanwhile. */
const MAX_ATTEMPTS = 5;

/** What a recovery is to do: checked options. */
export interface RecoveryJob {
	readonly ports: CommitPorts;
	readonly recursive: boolean;
	readonly dryRun: boolean;
	readonly formatFor: FormatChoice;
	/** Does the caller say which documents may be judged? */
	readonly byMatch: boolean;
	/** Undefined: where the document itself is given. */
	readonly classic: boolean | undefined;
	readonly limit: AgeLimit;
	readonly maxQuarantined: number;
	readonly signal: AbortSignal | undefined;
	readonly onProgress: ((progress: RecoveryProgress) => void) | undefined;
}

/** Goes through the documents of a path: looks at each, and carries out what follows. */
export class Recovery {
	readonly #job: RecoveryJob;
	readonly #fileSystem: FileSystem;
	readonly #documents: RecoveredDocument[] = [];
	readonly #orphans: RecoveredFile[] = [];
	/** By path: what is looked at twice fails but once. */
	readonly #failures = new Map<string, unknown>();
	#livenessBy: 'lock' | 'age' = 'lock';
	#examined = 0;
	#known = 0;

	constructor(job: RecoveryJob) {
		this.#job = job;
		this.#fileSystem = job.ports.fileSystem;
	}

	async run(input: string | URL): Promise<RecoveryReport> {
		this.#job.signal?.throwIfAborted();
		const { clock } = this.#job.ports;
		const startMs = clock.monotonicMs();
		const { absolute, isDirectory } = await this.#lookAt(input);
		if (isDirectory) await this.#recoverDirectories(absolute);
		else await this.#recoverFile(absolute);
		return {
			path: absolute,
			dryRun: this.#job.dryRun,
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
		const { directory, name } = await resolveTarget(this.#fileSystem, file);
		const group = await this.#groupOf(directory, name);
		if (group === undefined) return;
		this.#known = 1;
		await this.#recoverGroup(this.#contextOf(directory, this.#job.classic ?? true, true), group);
	}

	/** A document, whether or not it is there, and the files beside it. */
	async #groupOf(directory: string, name: string): Promise<Group | undefined> {
		const names = await this.#namesIn(directory);
		const spellings = spellingsIn(this.#fileSystem, directory, [...names, name]);
		const { groups } = groupNames(names, this.#job.formatFor, spellings, name);
		return groups.find(({ document }) => document === name);
	}

	async #recoverDirectories(root: string): Promise<void> {
		const { recursive, formatFor, classic = false, signal } = this.#job;
		const ahead = [root];
		for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
			signal?.throwIfAborted();
			const names = await this.#attempt(next, next === root, async (directory) => this.#namesIn(directory, true));
			if (names === undefined) continue;
			const directory = await this.#fileSystem.realpath(next);
			const context = this.#contextOf(directory, classic, false);
			const { groups, orphans } = groupNames(names, formatFor, spellingsIn(this.#fileSystem, directory, names));
			this.#known += groups.length;
			await inParallel(groups, (group) => this.#recoverGroup(context, group), signal);
			for (const orphan of orphans) {
				signal?.throwIfAborted();
				await this.#recoverOrphan(context, orphan);
			}
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

	/**
	 * Windows: a document that is missing may have been moved aside since the names were listed, and then nothing older may
	 * take its place. What had been moved before it was found missing a new list shows.
	 */
	async #anew(context: ExamineContext, group: Group, found: DocumentCondition | undefined): Promise<Group> {
		if (found !== 'missing' || this.#fileSystem.semantics !== 'win32') return group;
		return (await this.#groupOf(context.directory, group.document)) ?? group;
	}

	/** What cannot be looked at is reported, unless it is what was asked for. */
	async #attempt<T>(file: string, essential: boolean, action: (file: string) => Promise<T>): Promise<T | undefined> {
		try {
			return await action(file);
		} catch (error) {
			this.#job.signal?.throwIfAborted();
			if (essential) throw error;
			if (codeOf(error) !== 'ENOENT') this.#failures.set(file, error);
			return undefined;
		}
	}

	#contextOf(directory: string, classic: boolean, named: boolean): ExamineContext {
		const { ports, limit, signal, byMatch } = this.#job;
		const onAgeAsked = (): void => {
			this.#livenessBy = 'age';
		};
		const onFailure = (file: string, error: unknown): void => {
			this.#failures.set(file, error);
		};
		return { ports, directory, limit, named, classic, byMatch, signal, onAgeAsked, onFailure };
	}

	async #recoverGroup(context: ExamineContext, group: Group): Promise<void> {
		const document = path.join(context.directory, group.document);
		const attempt: Attempt = { decision: undefined, done: { quarantined: undefined, leftovers: new Map() } };
		try {
			await this.#recoverDocument(context, group, attempt);
			if (attempt.decision !== undefined) this.#documents.push(toReport(attempt.decision, attempt.done));
		} catch (error) {
			this.#job.signal?.throwIfAborted();
			this.#failures.set(document, error);
			this.#documents.push(asFailed(document, attempt, error));
		}
		this.#examined += 1;
		this.#job.onProgress?.({ examined: this.#examined, known: this.#known });
	}

	async #recoverDocument(context: ExamineContext, group: Group, attempt: Attempt): Promise<void> {
		const { ports, dryRun, maxQuarantined, signal } = this.#job;
		const first = await examine(context, group);
		attempt.decision = first;
		if (first === undefined || dryRun || !changesSomething(first)) return;
		const registry = documentRegistry(this.#fileSystem.scope);
		const change = async (): Promise<void> => {
			for (let number = 1; number <= MAX_ATTEMPTS; number++) {
				// Whoever was at work on the document may have changed everything. What has been changed is worth a word in any case.
				const named = context.named || attempt.done.quarantined !== undefined;
				const current = await this.#anew(context, group, attempt.decision?.found);
				const decision = await examine({ ...context, named }, current);
				attempt.decision = decision;
				attempt.done.leftovers.clear();
				if (decision === undefined || (await carryOut({ ...context, maxQuarantined }, decision, attempt.done))) return;
			}
			throw changedAgain(first.document);
		};
		const lease = leaseOf(this.#fileSystem, first.document);
		const wait = new LockWait(ports.clock, { path: first.document, timeoutMs: Number.POSITIVE_INFINITY, signal });
		const changing = registry.exclusive(
			documentKey(this.#fileSystem, first.document),
			(entry) => underStandingLock(ports, entry, first.document, { lease, signal }, change),
			{ lease, wait: signal && wait },
		);
		lease?.track(changing);
		await changing;
	}

	async #recoverOrphan(context: ExamineContext, orphan: Companion): Promise<void> {
		const file = path.join(context.directory, orphan.name);
		await this.#attempt(file, false, async () => {
			const found = await examineOrphan(context, orphan);
			if (found === undefined) return;
			const { report, stat } = found;
			const removes = report.action === 'removed' && !this.#job.dryRun;
			this.#orphans.push(...became(report, removes ? await removeLeftover(context, { path: file, stat }) : undefined));
		});
	}
}

/** What is known and done of a document so far. */
interface Attempt {
	decision: Decision | undefined;
	readonly done: Done;
}

function toReport(decision: Decision, { quarantined, leftovers }: Done): RecoveredDocument {
	const { document, found, judgement, outcome, why, source, rolledBack } = decision;
	const files = decision.files.flatMap((file) => became(file, leftovers.get(file.path)));
	const { problem } = judgement ?? {};
	const restored = { ...(source && { source: source.path }), ...(quarantined !== undefined && { quarantined }) };
	return { path: document, found, ...(problem && { problem }), outcome, why, ...restored, rolledBack, files };
}

function asFailed(document: string, { decision, done }: Attempt, error: unknown): RecoveredDocument {
	const { quarantined } = done;
	return {
		path: document,
		found: decision?.found ?? 'unjudged',
		outcome: 'failed',
		why: error instanceof DurableJsonError ? error.message : `the disk refused: ${messageOf(error)}`,
		...(quarantined !== undefined && { quarantined }),
		rolledBack: false,
		files: [],
		error,
	};
}

/** What is told of a file that was to go; nothing where others have removed it. */
function became(file: RecoveredFile, leftover: Leftover | undefined): RecoveredFile[] {
	if (leftover === undefined || leftover === 'removed') return [file];
	if (leftover === 'gone') return [];
	if (leftover === 'live') return [{ ...file, liveness: 'live', action: 'kept', why: 'a live writer holds it' }];
	const why =
		leftover === 'changed' ? 'it has been changed meanwhile' : `it cannot be removed: ${messageOf(leftover.error)}`;
	return [{ ...file, action: 'kept', why }];
}

function toAbsolute(input: string | URL): { absolute: string; saysDirectory: boolean } {
	const text = input instanceof URL ? input.pathname : input;
	if (typeof text !== 'string' || text === '') return { absolute: toAbsolutePath(input), saysDirectory: false };
	const saysDirectory = namesDirectory(text);
	if (!saysDirectory) return { absolute: toAbsolutePath(input), saysDirectory };
	// The name of a file in it has a path like any other, whose checks hold for the directory, too.
	const inside = input instanceof URL ? new URL('./x', input) : path.join(text, 'x');
	return { absolute: path.dirname(toAbsolutePath(inside)), saysDirectory };
}

/** Runs the work for each item, a few at a time; after a failure, or an abort, what is under way is waited for. */
async function inParallel<T>(
	items: readonly T[],
	work: (item: T) => Promise<void>,
	signal: AbortSignal | undefined,
): Promise<void> {
	const iterator = items.values();
	const failures: unknown[] = [];
	const run = async (): Promise<void> => {
		for (const item of iterator) {
			if (signal?.aborted || failures.length > 0) return;
			await work(item).catch((error: unknown) => failures.push(error));
		}
	};
	await Promise.all(Array.from({ length: CONCURRENCY }, run));
	signal?.throwIfAborted();
	if (failures.length > 0) throw failures[0];
}

function changedAgain(document: string): DurableJsonError {
	const message = `${document} was not recovered: others changed it ${MAX_ATTEMPTS} times while it was looked at`;
	return new DurableJsonError('ERR_CONFLICT', message, { path: document, step: 'recover' });
}

function cannotRead(file: string, cause: unknown): DurableJsonError {
	const message = `recovering ${file} failed: ${messageOf(cause)}`;
	return new DurableJsonError('ERR_READ_FAILED', message, { path: file, step: 'recover', cause });
}
