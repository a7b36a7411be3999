/** Which of the names in a directory belong to which document. */
import { formatOf } from '../commit/condition.ts';
import { parseKeptName } from '../commit/kept-name.ts';
import type { NamedAfter } from '../commit/spelling.ts';
import { hashDocumentName, mayBeHashed, parseTempName, type TempName } from '../commit/temp-name.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { CompanionKind } from './report.ts';

/** A file beside a document. */
export interface Companion {
	readonly name: string;
	readonly kind: CompanionKind;
	/** Of a temporary file. */
	readonly temp?: TempName;
	/** Of a backup: 1 is the newest. */
	readonly number?: number;
	/** Of temporary files and quarantined documents: sorts by age. */
	readonly order?: string;
}

export interface Group {
	/** The document's name. */
	readonly document: string;
	/** How the document is judged; undefined where it is not. */
	readonly format: JsonFormat | undefined;
	readonly companions: readonly Companion[];
}

export interface Grouped {
	readonly groups: readonly Group[];
	/** Files of ours that belong to no document whose name is known. */
	readonly orphans: readonly Companion[];
}

/** How the document of this name is to be judged; undefined where it is not. */
export type FormatChoice = (name: string) => JsonFormat | undefined;

/** The documents that `match` names; without it, those whose names say JSON. */
export function formatChoice(match: RegExp | ((name: string) => boolean) | undefined): FormatChoice {
	if (match === undefined) return formatOf;
	const matches = typeof match === 'function' ? match : (name: string): boolean => name.search(match) >= 0;
	return (name) => (matches(name) ? (formatOf(name) ?? 'json') : undefined);
}

/** How all names of this library's own files begin: lock files, too, which recovery leaves alone. */
const OWN_TAG = '.dj1';

/**
 * Sorts the names of a directory.
 * @param spellingOf how the document is spelt that a file is named after
 * @param also a document that counts as known, whether or not it is there
 */
export function groupNames(
	names: readonly string[],
	formatFor: FormatChoice,
	spellingOf: (named: NamedAfter) => string,
	also?: string,
): Grouped {
	const companions = new Map<string, Companion[]>();
	const orphans: Companion[] = [];
	const documents = new Set<string>(also === undefined ? [] : [also]);
	const hashes = hashedDocuments(names, also);
	for (const name of names) {
		const own = asOwn(name);
		const named = own === undefined ? classicName(name, formatFor) : own.named;
		const document = typeof named === 'string' ? hashes().get(named) : named && spellingOf(named);
		if (own !== undefined && document === undefined) orphans.push(own.companion);
		if (document === undefined) {
			if (own === undefined && !name.startsWith(OWN_TAG) && formatFor(name) !== undefined) documents.add(name);
			continue;
		}
		const companion = own?.companion ?? { name, kind: name.endsWith('.tmp') ? 'tmp' : 'bak' };
		documents.add(document);
		const others = companions.get(document);
		if (others === undefined) companions.set(document, [companion]);
		else others.push(companion);
	}
	const groups = Array.from(documents, (document) => ({
		document,
		format: formatFor(document),
		companions: companions.get(document) ?? [],
	}));
	return { groups, orphans };
}

interface Own {
	readonly companion: Companion;
	/** The document, or the hash of its name. */
	readonly named: NamedAfter | string;
}

/** A name of one of this library's formats. */
function asOwn(name: string): Own | undefined {
	const temp = parseTempName(name);
	if (temp !== undefined) {
		const companion = { name, kind: temp.state, temp, order: temp.order };
		return { companion, named: namedAfter(name, temp.document, `.${temp.state}`) };
	}
	const kept = parseKeptName(name);
	if (kept === undefined) return undefined;
	const { kind, document } = kept;
	const companion = kind === 'backup' ? { name, kind, number: kept.number } : { name, kind, order: kept.order };
	return { companion, named: namedAfter(name, document, '') };
}

function namedAfter(file: string, document: TempName['document'], suffix: string): NamedAfter | string {
	return 'hash' in document ? document.hash : { file, document: document.name, suffix };
}

/** The document that `<document>.tmp` or `.bak` belongs to, where it is one that is judged. */
function classicName(file: string, formatFor: FormatChoice): NamedAfter | undefined {
	const [suffix = ''] = /\.(tmp|bak)$/.exec(file) ?? [];
	const document = file.slice(0, file.length - suffix.length);
	return suffix === '' || formatFor(document) === undefined ? undefined : { file, document, suffix };
}

/** Names by their hash, worked out at the first question. */
function hashedDocuments(names: readonly string[], also: string | undefined): () => ReadonlyMap<string, string> {
	let hashes: Map<string, string> | undefined;
	return () => {
		hashes ??= new Map(
			[...names, ...(also === undefined ? [] : [also])]
				.filter((name) => mayBeHashed(name) && asOwn(name) === undefined)
				.map((name) => [hashDocumentName(name), name]),
		);
		return hashes;
	};
}
