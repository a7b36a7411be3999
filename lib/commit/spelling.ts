/**
 * Names that differ in case only, which may be one name to the file system. Not every directory of a system that ignores case
 * does so (NTFS has a flag, macOS two formats): case decides what may be the same, and the disk what is.
 */
import path from 'node:path';
import type { FileSystem, SyncFileSystem } from '../ports/file-system.ts';
import { hashDocumentName, type TempName, type TempState } from './temp-name.ts';

type CaseRule = Pick<FileSystem, 'ignoresCase'>;

/** Equal for names that differ in case only, or in how their accents are composed, which macOS ignores, too. */
function fold(text: string): string {
	return text.normalize('NFC').toUpperCase();
}

/** Windows' prefix of paths that are taken literally; with UNC, that of paths to a server. */
const LITERAL = /^\\\\\?\\(UNC\\)?/i;

/**
 * What a document is known by to all who work on it: equal for all spellings of its path, whether or not it exists.
 * @param file the real path of its directory, and its name
 */
export function documentKey({ ignoresCase }: CaseRule, file: string): string {
	if (!ignoresCase) return file;
	return fold(file.replace(LITERAL, (_, server: string | undefined) => (server === undefined ? '' : '\\\\')));
}

/** May two paths lead to one document, as far as their spelling tells? */
export function mayBeSame(rule: CaseRule, one: string, other: string): boolean {
	return one === other || (rule.ignoresCase && documentKey(rule, one) === documentKey(rule, other));
}

const MAX_LOOKS = 10;

/** Do two paths of one key lead to one file? Where neither exists, they are taken to. */
export function isSameFile(sync: SyncFileSystem, file: string, other: string): boolean {
	if (file === other) return true;
	const identityOf = (name: string): string | undefined => sync.lstat(name)?.identity;
	let first = identityOf(file);
	for (let looks = 0; looks < MAX_LOOKS; looks++) {
		if (identityOf(other) === first) return true;
		const again = identityOf(file);
		if (again === first) return false;
		// It was replaced between the two looks.
		first = again;
	}
	return false;
}

/** A file whose name holds that of its document, at the end but for a suffix. */
export interface NamedAfter {
	readonly file: string;
	readonly document: string;
	/** Such as `.part`. */
	readonly suffix: string;
}

/** Does a file that is named after a document belong to the one of this name? */
export function isNamedAfter(
	{ sync, ignoresCase }: Pick<FileSystem, 'sync'> & CaseRule,
	directory: string,
	{ file, document, suffix }: NamedAfter,
	name: string,
): boolean {
	if (document === name) return true;
	if (!ignoresCase || fold(document) !== fold(name)) return false;
	const respelt = file.slice(0, file.length - suffix.length - document.length) + name + suffix;
	return sync.lstat(path.join(directory, respelt)) !== undefined;
}

/** Does a file of ours belong to the document of this name? A hash knows one spelling only. */
export function belongsTo(
	fileSystem: Pick<FileSystem, 'sync'> & CaseRule,
	directory: string,
	file: string,
	{ document, state }: Pick<TempName, 'document'> & { readonly state?: TempState },
	name: string,
): boolean {
	if ('hash' in document) return document.hash === hashDocumentName(name);
	const suffix = state === undefined ? '' : `.${state}`;
	return isNamedAfter(fileSystem, directory, { file, document: document.name, suffix }, name);
}

/**
 * How the documents of a directory are spelt that files are named after: as they stand there, else as the first of those
 * files has it. @param names what stands in the directory; the last of several spellings counts
 */
export function spellingsIn(
	fileSystem: Pick<FileSystem, 'sync'> & CaseRule,
	directory: string,
	names: readonly string[],
): (named: NamedAfter) => string {
	if (!fileSystem.ignoresCase) return ({ document }) => document;
	const known = new Map(names.map((name) => [fold(name), name]));
	return (named) => {
		const { document } = named;
		const spelling = known.get(fold(document));
		if (spelling === undefined) known.set(fold(document), document);
		return spelling !== undefined && isNamedAfter(fileSystem, directory, named, spelling) ? spelling : document;
	};
}
