/** Looks at a document and the files beside it: what each is, and which is the newest whole survivor. Nothing is changed here. */
import path from 'node:path';
import { beginsAsJournal, formatOf, judgeFile, looksLost } from '../commit/condition.ts';
import { type AgeLimit, type LivenessVerdict, withLiveness } from '../commit/liveness.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Companion, Group } from './companions.ts';
import { byAge, type Decision, decide, type Examined, mayBePutBack, ofKind, type Source } from './decide.ts';
import type { RecoveredFile } from './report.ts';

export interface ExamineContext {
	readonly ports: CommitPorts;
	/** The real path of the directory. */
	readonly directory: string;
	readonly limit: AgeLimit;
	/** Is it the document itself that was asked for? Then it is judged also where it stands alone. */
	readonly named: boolean;
	/** May leftovers of the classic pattern be removed where the document is whole? */
	readonly classic: boolean;
	/** Told where a temporary file's age was asked. */
	readonly onAgeAsked: () => void;
	/** Does the caller say which documents may be judged? */
	readonly byMatch: boolean;
	/** Ends the reading of files. */
	readonly signal: AbortSignal | undefined;
	/** Told of a file beside the document that cannot be looked at. */
	readonly onFailure: (file: string, error: unknown) => void;
}

/** A recovery that looks at the same file takes its lock for a moment: it is asked again before it counts as alive. */
const BUSY_ATTEMPTS = 4;
const BUSY_PAUSE_MS = 10;

/** So often a document is looked at anew that is removed between two looks. */
const MAX_LOOKS = 5;

/** @returns undefined where there is nothing to say about a document that is not named: whole as far as is looked, and alone. */
export async function examine(context: ExamineContext, group: Group): Promise<Decision | undefined> {
	for (let look = 1; ; look++) {
		context.signal?.throwIfAborted();
		try {
			return await lookAt(context, group);
		} catch (error) {
			if (codeOf(error) !== 'ENOENT' || look === MAX_LOOKS) throw error;
		}
	}
}

async function lookAt(context: ExamineContext, group: Group): Promise<Decision | undefined> {
	const { signal, ports } = context;
	const { fileSystem } = ports;
	const document = path.join(context.directory, group.document);
	const stat = await fileSystem.lstat(document);
	if (!context.named && !(await isRemarkable(context, group, document, stat))) return undefined;
	const isJudged = group.format !== undefined && stat?.kind === 'file';
	const judged = isJudged ? await judgeFile(fileSystem, document, group.format, { signal }) : undefined;
	const isBad = judged !== undefined && judged.condition !== 'good';
	const isJournal = isBad && (await beginsAsJournal(fileSystem, document));
	const judgement = isJournal ? undefined : judged;
	const found = judgement?.condition ?? (stat === undefined ? 'missing' : 'unjudged');
	const examined = await examineCompanions(context, group, found === 'missing');
	if (!context.named && found === 'missing' && examined.length === 0) return undefined;
	const stands = found === 'good' || found === 'unjudged';
	if (found === 'missing') await judgeYoungAsides(context, group, examined);
	const awaited = found === 'missing' && examined.some(mayBePutBack);
	const source = stands || awaited ? undefined : await findSource(context, group, examined);
	const { format } = group;
	const isNoFile = stat !== undefined && stat.kind !== 'file';
	return decide({ document, format, found, isNoFile, isJournal, judgement, examined, source }, context);
}

/** A document moved aside that is bad is nothing to wait for. */
async function judgeYoungAsides(
	{ ports, signal }: ExamineContext,
	{ format }: Group,
	examined: Examined[],
): Promise<void> {
	if (format === undefined) return;
	for (const one of ofKind(examined, 'aside')) {
		if (one.liveness?.liveness !== 'young') continue;
		const judgement = await judgeFile(ports.fileSystem, one.path, format, { signal });
		if (judgement.condition !== 'good') one.judgement = judgement;
	}
}

/** Is a document of a directory worth a closer look? Reading all of those that stand alone would cost as much as they hold. */
async function isRemarkable(
	context: ExamineContext,
	{ companions, format }: Group,
	document: string,
	stat: FileStat | undefined,
): Promise<boolean> {
	if (stat === undefined) return true;
	// A directory, a link or a device is none of ours; its companions would be those of something else.
	if (stat.kind !== 'file') return companions.length > 0;
	const alone = companions.every(({ kind }) => kind === 'quarantined');
	return format === undefined || !alone || (await isSuspect(context, document, stat));
}

/** Without a companion, only a file that holds nothing or begins with NUL is worth reading. */
async function isSuspect({ ports }: ExamineContext, document: string, stat: FileStat): Promise<boolean> {
	if (stat.sizeBytes === 0) return formatOf(document) !== 'lines';
	return looksLost(ports.fileSystem, document);
}

async function examineCompanions(
	context: ExamineContext,
	{ companions }: Group,
	documentMissing: boolean,
): Promise<Examined[]> {
	const examined: Examined[] = [];
	for (const companion of companions) {
		const one = await examineCompanion(context, companion, documentMissing);
		if (one !== undefined) examined.push(one);
	}
	// The writer of an aside file holds the lock of its other file.
	const live = new Set(examined.filter(({ liveness }) => liveness?.liveness === 'live').map(identityOf));
	return examined.map((one) =>
		one.companion.kind === 'aside' && live.has(identityOf(one))
			? { ...one, liveness: { liveness: 'live', by: 'lock' } }
			: one,
	);
}

async function examineCompanion(
	context: ExamineContext,
	companion: Companion,
	documentMissing: boolean,
): Promise<Examined | undefined> {
	const file = path.join(context.directory, companion.name);
	const stat = await context.ports.fileSystem.lstat(file);
	if (stat?.kind !== 'file') return undefined;
	const examined = { companion, path: file, stat, liveness: undefined };
	if (companion.temp === undefined) return examined;
	const patient = documentMissing && companion.kind !== 'part';
	try {
		const liveness = await askLiveness(context, file, companion.temp.life, patient);
		// It was removed between the two looks.
		return liveness && { ...examined, liveness };
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined;
		// Another user's, or held without sharing (Windows): whoever has it may live.
		context.onFailure(file, error);
		return { ...examined, refused: cannotBeOpened(error) };
	}
}

function cannotBeOpened(error: unknown): string {
	return `it cannot be looked at: ${messageOf(error)}`;
}

function identityOf({ companion: { temp } }: Examined): string {
	return `${temp?.order}-${temp?.random}`;
}

async function askLiveness(
	{ ports, limit, onAgeAsked }: ExamineContext,
	file: string,
	life: 'lock' | 'age',
	patient: boolean,
): Promise<LivenessVerdict | undefined> {
	for (let attempt = 1; ; attempt++) {
		const verdict = await withLiveness(ports, file, life, limit, async (found) => found);
		if (verdict?.by === 'age') onAgeAsked();
		if (!patient || verdict?.liveness !== 'live' || attempt === BUSY_ATTEMPTS) return verdict;
		await new Promise<void>((resolve) => ports.clock.schedule(BUSY_PAUSE_MS, resolve));
	}
}

/** The newest whole survivor. */
async function findSource(context: ExamineContext, group: Group, examined: Examined[]): Promise<Source | undefined> {
	const candidates = [...byNewest(examined), ...ofKind(examined, 'ready').toReversed()];
	// Of the classic pattern only dates are known. What another program wrote after the newest of ours is newer.
	for (const classic of [...ofKind(examined, 'tmp'), ...ofKind(examined, 'bak')]) {
		const older = candidates.findIndex(
			({ companion, stat }) => companion.kind !== 'tmp' && stat.modifiedMs < classic.stat.modifiedMs,
		);
		candidates.splice(older === -1 ? candidates.length : older, 0, classic);
	}
	let source: Source | undefined;
	for (const candidate of candidates) {
		// One aside is looked at in any case: a bad one goes into quarantine.
		if (source !== undefined && candidate.companion.kind !== 'aside') continue;
		candidate.refused = await refuse(context, group, candidate);
		if (candidate.refused === undefined) source ??= candidate;
	}
	return source;
}

/** Documents moved aside and backups. The numbers of backups and the order of names count more than dates do. */
function byNewest(examined: readonly Examined[]): Examined[] {
	const aside = ofKind(examined, 'aside').toReversed();
	const backups = ofKind(examined, 'backup');
	const merged: Examined[] = [];
	while (aside.length + backups.length > 0) {
		const [first, second] = [aside[0], backups[0]];
		const takesAside = second === undefined || (first && first.stat.modifiedMs >= second.stat.modifiedMs);
		const next = (takesAside ? aside : backups).shift();
		if (next !== undefined) merged.push(next);
	}
	return merged;
}

/** @returns why the document cannot be restored from it; undefined where it can. */
async function refuse(context: ExamineContext, group: Group, candidate: Examined): Promise<string | undefined> {
	const { liveness, companion } = candidate;
	if (candidate.refused !== undefined) return candidate.refused;
	if (liveness?.liveness === 'live') return 'a live writer holds it';
	if (liveness?.liveness === 'young') return 'its writer may live: it has no lock, and is not old enough';
	// What is not JSON by its name is whole by its own: it was synced before it got it.
	if (group.format === undefined) return undefined;
	const { signal, ports } = context;
	try {
		candidate.judgement = await judgeFile(ports.fileSystem, candidate.path, group.format, { signal });
	} catch (error) {
		signal?.throwIfAborted();
		// Others have removed it, or given it another name: everything is looked at anew.
		if (codeOf(error) === 'ENOENT') throw error;
		context.onFailure(candidate.path, error);
		candidate.isUnreadable = companion.kind === 'backup';
		return cannotBeOpened(error);
	}
	const { condition, endsInNumber } = candidate.judgement;
	if (condition !== 'good') return `it is not whole (${condition})`;
	if (companion.kind !== 'tmp') return undefined;
	if (group.format === 'lines') return 'nothing tells whether all of its lines are there';
	return endsInNumber ? 'it ends in a number, of which the rest may be missing' : undefined;
}

export interface ExaminedOrphan {
	readonly report: RecoveredFile;
	readonly stat: FileStat;
}

/** A file of ours whose document's name is not known: the beginnings of a dead writer are worth nothing all the same. */
export async function examineOrphan(context: ExamineContext, orphan: Companion): Promise<ExaminedOrphan | undefined> {
	const file = path.join(context.directory, orphan.name);
	const stat = await context.ports.fileSystem.lstat(file);
	if (stat?.kind !== 'file') return undefined;
	const liveness = orphan.temp && (await askLiveness(context, file, orphan.temp.life, false));
	const isWorthless = orphan.kind === 'part' && liveness?.liveness === 'dead';
	const why = isWorthless ? `its writer is dead${byAge(liveness)}` : "its document's name is not known here";
	const action = isWorthless ? 'removed' : 'kept';
	return { report: { path: file, kind: orphan.kind, liveness: liveness?.liveness, action, why }, stat };
}
