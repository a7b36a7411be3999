/**
 * What follows from what was found of a document and the files beside it: a pure function. The rules, in their order:
 *
 * - A document that is whole stays, and so does one that is none of ours to judge. Beside a directory, a link or a device of its
 *   name nothing counts as left over.
 * - One that is missing or bad is restored from the newest whole survivor: a document moved aside or a backup, whichever is
 *   newer; a complete temporary file (`ready`, by its name); `<document>.tmp`; `<document>.bak`. These two come first where
 *   they were written after what is ours.
 * - Where a writer that may live has moved the document aside, nothing takes its name.
 * - What is then left over of dead writers is removed. What may have a live writer is left alone, whatever it is.
 * - Where nothing whole is left, nothing is touched but worthless temporary files: what is there may be all there is.
 */
import path from 'node:path';
import type { Judgement } from '../commit/condition.ts';
import type { LivenessVerdict } from '../commit/liveness.ts';
import type { TempName } from '../commit/temp-name.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { FileStat } from '../ports/file-system.ts';
import type { Companion } from './companions.ts';
import type { CompanionAction, DocumentCondition, DocumentOutcome, RecoveredFile } from './report.ts';

/** A file beside the document, and what was found out about it. */
export interface Examined {
	readonly companion: Companion;
	readonly path: string;
	readonly stat: FileStat;
	readonly liveness: LivenessVerdict | undefined;
	judgement?: Judgement;
	/** Why it cannot be what the document is restored from. */
	refused?: string | undefined;
	/** What it holds could not be read. */
	isUnreadable?: boolean;
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
	/** Those of the files that are to go. */
	readonly leftovers: readonly Examined[];
	/** Bad documents of before, oldest first. */
	readonly quarantined: readonly string[];
}

export interface Finding {
	readonly document: string;
	/** What its name promises. */
	readonly format: JsonFormat | undefined;
	readonly found: DocumentCondition;
	/** A directory, a link or a device has its name: nothing is known of the document. */
	readonly isNoFile: boolean;
	/** It begins as a journal does, which ends in ways of its own, and is recovered when it is opened. */
	readonly isJournal: boolean;
	readonly judgement: Judgement | undefined;
	readonly examined: readonly Examined[];
	readonly source: Source | undefined;
}

export interface DecideOptions {
	/** May leftovers of the classic pattern be removed where the document is whole? */
	readonly classic: boolean;
	/** Does the caller say which documents may be judged? */
	readonly byMatch: boolean;
}

export function decide(finding: Finding, { classic, byMatch }: DecideOptions): Decision {
	const { document, found, judgement, examined, source } = finding;
	const stands = found === 'good' || found === 'unjudged';
	const outcome = stands ? 'kept' : source === undefined ? outcomeWithoutSource(finding) : 'restored';
	const whole = (stands && !finding.isNoFile) || source !== undefined;
	const leftovers: Examined[] = [];
	const files = examined.map((one): RecoveredFile => {
		const isTwin = found === 'good' && judgement?.stat.identity === one.stat.identity;
		const [action, why] = fate(one, source, classic, whole, isTwin);
		const { path: file, companion, liveness, judgement: judged } = one;
		if (action === 'removed' || action === 'quarantined') leftovers.push(one);
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
		why: explain(finding, outcome, byMatch),
		source,
		rolledBack: source !== undefined && (found !== 'missing' || source.companion.kind === 'backup'),
		files,
		leftovers,
		quarantined: ofKind(examined, 'quarantined').map((one) => one.path),
	};
}

/** Was there ever a whole document? A bad one or a bad survivor says so; the beginnings of a first write do not. */
function outcomeWithoutSource({ found, examined }: Finding): 'lost' | 'absent' {
	const lost = examined.some(
		({ companion, judgement, liveness, isUnreadable }) =>
			companion.kind !== 'tmp' && (judgement !== undefined || isUnreadable) && liveness?.liveness !== 'live',
	);
	return found !== 'missing' || lost ? 'lost' : 'absent';
}

function explain(
	{ found, format, isNoFile, isJournal, judgement, examined, source }: Finding,
	outcome: Decision['outcome'],
	byMatch: boolean,
): string {
	if (found === 'good') return 'it is whole';
	if (isJournal) return 'it is a journal, which is recovered when it is opened: it is left as it is';
	if (found === 'unjudged') {
		const unread = byMatch ? 'match does not name it' : 'its name says nothing of JSON';
		return `${format !== undefined || isNoFile ? 'it is no file' : unread}: it is left as it is`;
	}
	const problem = judgement?.problem;
	const place = problem && `(line ${problem.line}, column ${problem.column}: ${problem.message})`;
	const what = {
		missing: 'there is no document',
		empty: 'it is empty',
		nul: 'it holds nothing but NUL bytes',
		torn: `it is cut off ${place}`,
		malformed: `it is no JSON ${place}`,
	}[found];
	if (source !== undefined) return `${what}; ${path.basename(source.path)} is the newest whole survivor`;
	if (outcome === 'lost' && examined.some(({ isUnreadable }) => isUnreadable)) {
		return `${what}, and what it might be restored from cannot be looked at`;
	}
	if (outcome === 'lost') return `${what}, and nothing whole is left to restore it from`;
	const live = examined.some(({ liveness }) => liveness?.liveness === 'live');
	if (!live && found === 'missing' && examined.some(mayBePutBack)) {
		return `${what}; the one that was moved aside may have a live writer, and is left to it`;
	}
	return `${what}${live ? ' yet: a live writer is at work' : ', and nothing says that there ever was one'}`;
}

/** What becomes of a file beside the document. `whole`: there will be a whole document. `isTwin`: it is that document. */
function fate(
	one: Examined,
	source: Source | undefined,
	classic: boolean,
	whole: boolean,
	isTwin: boolean,
): [CompanionAction, string] {
	const { companion, liveness, refused, path: file } = one;
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
		if (whole && classic) return ['removed', 'a leftover: the document is whole'];
		return [
			'kept',
			refused ?? (whole ? 'the document is whole; removed only where that is asked for' : 'it may be all that is left'),
		];
	}
	if (liveness?.liveness === 'live') return ['kept', 'a live writer holds it'];
	if (liveness === undefined) return ['kept', refused ?? 'nothing is known of its writer'];
	if (liveness.liveness !== 'dead') return ['kept', 'its writer may live: it has no lock, and is not old enough'];
	if (kind === 'part') return ['removed', `its writer is dead${byAge(liveness)}`];
	if (whole && isBadAside(one)) return ['quarantined', 'a bad document, which a recovery had moved aside'];
	return whole
		? ['removed', `its writer is dead${byAge(liveness)}, and the document is whole`]
		: ['kept', refused ?? 'it may be all that is left'];
}

export function byAge({ by }: LivenessVerdict): string {
	return by === 'age' ? ' by its age' : '';
}

/**
 * A document moved aside by a writer that may live: it is about to be replaced or put back. Nothing older takes its name
 * meanwhile, as beside a whole document the one aside would count as left over.
 */
export function mayBePutBack(one: Examined): boolean {
	return one.companion.kind === 'aside' && one.liveness?.liveness !== 'dead' && !isBadAside(one);
}

/** A bad document that a recovery has moved aside, and had no time to put into quarantine. */
export function isBadAside(one: Examined): one is Examined & { companion: { temp: TempName } } {
	const { companion, judgement } = one;
	return companion.kind === 'aside' && judgement !== undefined && judgement.condition !== 'good';
}

/** Backups by their number, others by their order: oldest first. */
export function ofKind(examined: readonly Examined[], wanted: Companion['kind']): Examined[] {
	const found = examined.filter(({ companion }) => companion.kind === wanted);
	return found.sort((a, b) => {
		if (wanted === 'backup') return (a.companion.number ?? 0) - (b.companion.number ?? 0);
		return (a.companion.order ?? '') < (b.companion.order ?? '') ? -1 : 1;
	});
}
