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
import { toAbsolutePath } from '../options.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { type CarriedOut, carryOut, changesSomething, removeLeftover } from './carry-out.ts';
import { type Companion, type FormatChoice, type Group, groupNames } from './companions.ts';
import type { Decision } from './decide.ts';
import { type ExamineContext, examine, examineOrphan } from './examine.ts';
import type { RecoveredDocument, RecoveredFile, RecoveryProgress, RecoveryReport } from './report.ts';

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
		const target = await resolveTarget(this.#fileSystem, file);
		const names = await this.#namesIn(target.directory);
		const { formatFor, classic = true } = this.#job;
		const { directory, name } = target;
		const { groups } = groupNames(names, formatFor, spellingsIn(this.#fileSystem, directory, [...names, name]), name);
		const group = groups.find(({ document }) => document === name);
		if (group === undefined) return;
		this.#known = 1;
		await this.#recoverGroup(this.#contextOf(directory, classic, true), group);
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

	#contextOf(directory: string, classic: boolean, named: boolean): ExamineContext {
		const { ports, limit } = this.#job;
		const onAgeAsked = (): void => {
			this.#livenessBy = 'age';
		};
		const onFailure = (file: string, error: unknown): void => {
			this.#failures.set(file, error);
		};
		return { ports, directory, limit, named, classic, onAgeAsked, onFailure };
	}

	async #recoverGroup(context: ExamineContext, group: Group): Promise<void> {
		const document = path.join(context.directory, group.document);
		try {
			const recovered = await this.#recoverDocument(context, group);
			if (recovered !== undefined) this.#documents.push(recovered);
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
		this.#job.onProgress?.({ examined: this.#examined, known: this.#known });
	}

	async #recoverDocument(context: ExamineContext, group: Group): Promise<RecoveredDocument | undefined> {
		const first = await examine(context, group);
		if (first === undefined) return undefined;
		if (this.#job.dryRun || !changesSomething(first)) return toReport(first);
		const registry = documentRegistry(this.#fileSystem.scope);
		const carryOutContext = { ...context, maxQuarantined: this.#job.maxQuarantined };
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
		const ports = this.#job.ports;
		const changing = registry.exclusive(
			documentKey(this.#fileSystem, first.document),
			(entry) => underStandingLock(ports, entry, first.document, lease, change),
			{ lease },
		);
		lease?.track(changing);
		return changing;
	}

	async #recoverOrphan(context: ExamineContext, orphan: Companion): Promise<void> {
		const file = path.join(context.directory, orphan.name);
		await this.#attempt(file, false, async () => {
			const found = await examineOrphan(context, orphan);
			if (found === undefined) return;
			const removes = found.action === 'removed' && !this.#job.dryRun;
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
