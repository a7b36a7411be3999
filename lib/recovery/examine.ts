/**
 * Looks at a document and the files beside it, and decides. Nothing is changed here.
 *
 * The rules, in their order:
 *
 * - A document that is whole stays, and so does one that is none of ours to judge.
 * - One that is missing or bad is restored from the newest whole survivor: a document moved aside or a backup, whichever is
 *   newer; a complete temporary file (`ready`, by its name); `<document>.tmp`; `<document>.bak`. These two come first where
 *   they were written after what is ours.
 * - Where a writer that may live has moved the document aside, nothing takes its name.
 * - What is then left over of dead writers is removed. What may have a live writer is left alone, whatever it is.
 * - Where nothing whole is left, nothing is touched but worthless temporary files: what is there may be all there is.
 */
import path from 'node:path';
import { formatOf, type Judgement, judgeFile, looksLost } from '../commit/condition.ts';
import { type AgeLimit, type LivenessVerdict, withLiveness } from '../commit/liveness.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Companion, Group } from './companions.ts';
import type { CompanionAction, DocumentCondition, DocumentOutcome, RecoveredFile } from './report.ts';

export interface ExamineContext {
	readonly ports: CommitPorts;
	/** The real path of the directory. */
	readonly directory: string;
	readonly limit: AgeLimit;
	/** May leftovers of the classic pattern be removed where the document is whole? */
	readonly classic: boolean;
	/** Told where a temporary file's age was asked. */
	readonly onAgeAsked: () => void;
	/** Told of a file beside the document that cannot be looked at. */
	readonly onFailure: (file: string, error: unknown) => void;
}

/** A file beside the document, and what was found out about it. */
interface Examined {
	readonly companion: Companion;
	readonly path: string;
	readonly stat: FileStat;
	readonly liveness: LivenessVerdict | undefined;
	judgement?: Judgement;
	/** Why it cannot be what the document is restored from. */
	refused?: string | undefined;
}

/** What a document is restored from. */
export interface Source {
	readonly companion: Companion;
	readonly path: string;
	readonly stat: FileStat;
}

export interface Decision {
	readonly document: string;
	readonly found: DocumentCondition;
	readonly judgement: Judgement | undefined;
	readonly outcome: Exclude<DocumentOutcome, 'failed'>;
	readonly why: string;
	readonly source: Source | undefined;
	readonly rolledBack: boolean;
	readonly files: readonly RecoveredFile[];
	/** Bad documents of before, oldest first. */
	readonly quarantined: readonly string[];
}

/** A recovery that looks at the same file takes its lock for a moment: it is asked again before it counts as alive. */
const BUSY_ATTEMPTS = 4;
const BUSY_PAUSE_MS = 10;

/** @returns undefined where there is nothing to say about the document: whole as far as is looked, and alone. */
export async function examine(context: ExamineContext, group: Group): Promise<Decision | undefined> {
	const { fileSystem } = context.ports;
	const document = path.join(context.directory, group.document);
	const stat = await fileSystem.lstat(document);
	const isFile = stat?.kind === 'file';
	// A directory, a link or a device is none of ours; its companions would be those of something else.
	if (stat !== undefined && !isFile && group.companions.length === 0) return undefined;
	const judged = group.format !== undefined && isFile;
	const alone = group.companions.every(({ kind }) => kind === 'quarantined');
	if (judged && alone && !(await isSuspect(context, document, stat))) return undefined;
	const judgement = judged ? await judgeFile(fileSystem, document, group.format) : undefined;
	const found = judgement?.condition ?? (stat === undefined ? 'missing' : 'unjudged');
	const examined = await examineCompanions(context, group, found === 'missing');
	if (found === 'missing' && examined.length === 0) return undefined;
	const stands = found === 'good' || found === 'unjudged';
	const awaited = found === 'missing' && examined.some(mayBePutBack);
	const source = stands || awaited ? undefined : await findSource(context, group, examined);
	return decide(context, { document, found, judgement, examined, source });
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
		return { ...examined, liveness: await askLiveness(context, file, companion.temp.life, patient) };
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

/**
 * A document moved aside by a writer that may live: it is about to be replaced or put back. Nothing older takes its name
 * meanwhile, as beside a whole document the one aside would count as left over.
 */
function mayBePutBack({ companion, liveness }: Examined): boolean {
	return companion.kind === 'aside' && liveness?.liveness !== 'dead';
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
	for (const candidate of candidates) {
		candidate.refused = await refuse(context, group, candidate);
		if (candidate.refused === undefined) return candidate;
	}
	return undefined;
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

/** Backups by their number, others by their order: oldest first. */
function ofKind(examined: readonly Examined[], wanted: Companion['kind']): Examined[] {
	const found = examined.filter(({ companion }) => companion.kind === wanted);
	return found.sort((a, b) => {
		if (wanted === 'backup') return (a.companion.number ?? 0) - (b.companion.number ?? 0);
		return (a.companion.order ?? '') < (b.companion.order ?? '') ? -1 : 1;
	});
}

/** @returns why the document cannot be restored from it; undefined where it can. */
async function refuse(context: ExamineContext, group: Group, candidate: Examined): Promise<string | undefined> {
	const { liveness, companion } = candidate;
	if (candidate.refused !== undefined) return candidate.refused;
	if (liveness?.liveness === 'live') return 'a live writer holds it';
	if (liveness?.liveness === 'young') return 'its writer may live: it has no lock, and is not old enough';
	// What is not JSON by its name is whole by its own: it was synced before it got it.
	if (group.format === undefined) return undefined;
	try {
		candidate.judgement = await judgeFile(context.ports.fileSystem, candidate.path, group.format);
	} catch (error) {
		context.onFailure(candidate.path, error);
		return cannotBeOpened(error);
	}
	const { condition, endsInNumber } = candidate.judgement;
	if (condition !== 'good') return `it is not whole (${condition})`;
	if (companion.kind !== 'tmp') return undefined;
	if (group.format === 'lines') return 'nothing tells whether all of its lines are there';
	return endsInNumber ? 'it ends in a number, of which the rest may be missing' : undefined;
}

interface Finding {
	readonly document: string;
	readonly found: DocumentCondition;
	readonly judgement: Judgement | undefined;
	readonly examined: readonly Examined[];
	readonly source: Source | undefined;
}

function decide(context: ExamineContext, finding: Finding): Decision {
	const { document, found, judgement, examined, source } = finding;
	const stands = found === 'good' || found === 'unjudged';
	const outcome = stands ? 'kept' : source === undefined ? outcomeWithoutSource(finding) : 'restored';
	const whole = stands || source !== undefined;
	const files = examined.map((one): RecoveredFile => {
		const isTwin = found === 'good' && judgement?.stat.identity === one.stat.identity;
		const [action, why] = fate(context, one, source, whole, isTwin);
		const { path: file, companion, liveness, judgement: judged } = one;
		return {
			path: file,
			kind: companion.kind,
			liveness: liveness?.liveness,
			condition: judged?.condition,
			action,
			why,
		};
	});
	return {
		document,
		found,
		judgement,
		outcome,
		why: explain(finding, outcome),
		source,
		rolledBack: source !== undefined && (found !== 'missing' || source.companion.kind === 'backup'),
		files,
		quarantined: ofKind(examined, 'quarantined').map((one) => one.path),
	};
}

/** Was there ever a whole document? A bad one or a bad survivor says so; the beginnings of a first write do not. */
function outcomeWithoutSource({ found, examined }: Finding): 'lost' | 'absent' {
	const lost = examined.some(
		({ companion, judgement, liveness }) =>
			companion.kind !== 'tmp' && judgement !== undefined && liveness?.liveness !== 'live',
	);
	return found !== 'missing' || lost ? 'lost' : 'absent';
}

function explain({ found, judgement, examined, source }: Finding, outcome: Decision['outcome']): string {
	if (found === 'good') return 'it is whole';
	if (found === 'unjudged') return 'its name says nothing of JSON: it is left as it is';
	const problem = judgement?.problem;
	const place =
		problem && found === 'torn' ? ` (line ${problem.line}, column ${problem.column}: ${problem.message})` : '';
	const what =
		found === 'missing' ? 'there is no document' : found === 'torn' ? `it is no JSON${place}` : NOTHING[found];
	if (source !== undefined) return `${what}; ${path.basename(source.path)} is the newest whole survivor`;
	if (outcome === 'lost') return `${what}, and nothing whole is left to restore it from`;
	const live = examined.some(({ liveness }) => liveness?.liveness === 'live');
	if (!live && found === 'missing' && examined.some(mayBePutBack)) {
		return `${what}; the one that was moved aside may have a live writer, and is left to it`;
	}
	return `${what}${live ? ' yet: a live writer is at work' : ', and nothing says that there ever was one'}`;
}

const NOTHING = { empty: 'it is empty', nul: 'it holds nothing but NUL bytes' } as const;

/** What becomes of a file beside the document. `whole`: there will be a whole document. `isTwin`: it is that document. */
function fate(
	context: ExamineContext,
	{ companion, liveness, refused, path: file }: Examined,
	source: Source | undefined,
	whole: boolean,
	isTwin: boolean,
): [CompanionAction, string] {
	if (file === source?.path) {
		return companion.kind === 'backup'
			? ['copied', 'the newest whole survivor']
			: ['promoted', 'the newest whole survivor'];
	}
	const { kind } = companion;
	if (kind === 'backup') return ['kept', refused ?? 'a backup'];
	if (kind === 'quarantined') return ['kept', 'a bad document of before'];
	if (kind === 'tmp' || kind === 'bak') {
		// A recovery was cut off between two names. Who next writes to this one would write into the document.
		if (isTwin) return ['removed', 'another name of the document'];
		if (whole && context.classic) return ['removed', 'a leftover: the document is whole'];
		return [
			'kept',
			refused ?? (whole ? 'the document is whole; removed only where that is asked for' : 'it may be all that is left'),
		];
	}
	if (liveness?.liveness === 'live') return ['kept', 'a live writer holds it'];
	if (liveness === undefined) return ['kept', refused ?? 'nothing is known of its writer'];
	if (liveness.liveness !== 'dead') return ['kept', 'its writer may live: it has no lock, and is not old enough'];
	if (kind === 'part') return ['removed', `its writer is dead${byAge(liveness)}`];
	return whole
		? ['removed', `its writer is dead${byAge(liveness)}, and the document is whole`]
		: ['kept', refused ?? 'it may be all that is left'];
}

function byAge({ by }: LivenessVerdict): string {
	return by === 'age' ? ' by its age' : '';
}

/** A file of ours whose document's name is not known: the beginnings of a dead writer are worth nothing all the same. */
export async function examineOrphan(context: ExamineContext, orphan: Companion): Promise<RecoveredFile | undefined> {
	const file = path.join(context.directory, orphan.name);
	const stat = await context.ports.fileSystem.lstat(file);
	if (stat?.kind !== 'file') return undefined;
	const liveness = orphan.temp && (await askLiveness(context, file, orphan.temp.life, false));
	const isWorthless = orphan.kind === 'part' && liveness?.liveness === 'dead';
	const why = isWorthless ? `its writer is dead${byAge(liveness)}` : "its document's name is not known here";
	const action = isWorthless ? 'removed' : 'kept';
	return { path: file, kind: orphan.kind, liveness: liveness?.liveness, action, why };
}
