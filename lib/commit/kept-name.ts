/**
 * The names of the files that are kept beside a document. docs/formats/backups.md describes them.
 *
 *     .dj1bn-{number}-{document}              a backup; the hash of the document's name in `.dj1bh-` where it is too long
 *     .dj1qn-{order}-{random}-{document}      a bad document that recovery has put something else in the place of
 *
 * The number of a backup has three digits, 001 is the newest. `order` and `random` are those of temporary files.
 */
import { hashDocumentName, NAME_MAX_BYTES, type TempName } from './temp-name.ts';

export interface BackupName extends Pick<TempName, 'document'> {
	readonly kind: 'backup';
	/** 1 is the newest. */
	readonly number: number;
}

export interface QuarantinedName extends Pick<TempName, 'document'> {
	readonly kind: 'quarantined';
	readonly order: string;
}

const PATTERN = /^\.dj1([bq])([nh])-(?:(\d{3})|([0-9a-z]{15})-[0-9a-f]{16})-(.+)$/s;

export function formatBackupName(document: string, number: number): string {
	return format('b', String(number).padStart(3, '0'), document);
}

/** @param order as of a temporary file; `random` 16 hexadecimal digits */
export function formatQuarantinedName(document: string, order: string, random: string): string {
	return format('q', `${order}-${random}`, document);
}

function format(kind: string, which: string, document: string): string {
	const plain = `.dj1${kind}n-${which}-${document}`;
	return Buffer.byteLength(plain) <= NAME_MAX_BYTES ? plain : `.dj1${kind}h-${which}-${hashDocumentName(document)}`;
}

/** @returns undefined for a name that is not of this format. */
export function parseKeptName(name: string): BackupName | QuarantinedName | undefined {
	const match = PATTERN.exec(name);
	if (match === null) return undefined;
	const [, kind, form, digits, order, text = ''] = match;
	const document = form === 'n' ? { name: text } : { hash: text };
	if (kind === 'b') {
		const number = Number(digits ?? 0);
		return number > 0 ? { kind: 'backup', number, document } : undefined;
	}
	return order === undefined ? undefined : { kind: 'quarantined', order, document };
}
