/**
 * The names of this library's own files beside a document. docs/formats/temporary-files.md describes the format.
 *
 *     .dj1n{life}-{order}-{random}-{document}.{state}       the document's name, plain
 *     .dj1h{life}-{order}-{random}-{hash}.{state}           its hash, where the name would become too long
 *
 * `life` says how to tell whether its writer lives: `l` by the kernel lock that it holds, `a` by the age of the file.
 * `order` is the time of creation and the place in the order of writes (9 and 6 digits, base 36), so that names sort by
 * age; `random` is 64 random bits. A process id is no part of it: two containers that share a volume both have pid 1.
 */
import { createHash } from 'node:crypto';

/**
 * - `part`: being written; worth nothing after a crash
 * - `ready`: complete and synced, about to take the document's name
 * - `aside`: the document itself, moved aside on Windows while its successor takes the name
 */
export type TempState = 'part' | 'ready' | 'aside';

/** How to tell whether the writer of a temporary file lives. */
export type Life = 'lock' | 'age';

/** What all names of one temporary file have in common. */
export interface TempIdentity {
	readonly life: Life;
	readonly order: string;
	readonly random: string;
}

export interface TempName extends TempIdentity {
	readonly state: TempState;
	/** The document's name, or its hash. */
	readonly document: { readonly name: string } | { readonly hash: string };
}

/** The shortest NAME_MAX met in the field: eCryptfs has 143 bytes where others have 255. */
export const NAME_MAX_BYTES = 143;

const PATTERN = /^\.dj1([nh])([la])-([0-9a-z]{15})-([0-9a-f]{16})-(.+)\.(part|ready|aside)$/s;

/** `order` of a name: sorts by creation time, then by the place in the order of writes of one process. */
export function formatOrder(epochMs: number, sequence: number): string {
	const time = Math.max(0, Math.floor(epochMs)).toString(36).padStart(9, '0').slice(-9);
	return time + (sequence % 36 ** 6).toString(36).padStart(6, '0');
}

export function formatTempName(document: string, { life, order, random }: TempIdentity, state: TempState): string {
	const tail = `${life === 'lock' ? 'l' : 'a'}-${order}-${random}`;
	const plain = `.dj1n${tail}-${document}.${state}`;
	// Measured with the longest state, so that all states of one temp have the same form.
	const longest = Buffer.byteLength(plain) - state.length + 'ready'.length;
	return longest <= NAME_MAX_BYTES ? plain : `.dj1h${tail}-${hashDocumentName(document)}.${state}`;
}

/** @returns undefined for a name that is not of this format. */
export function parseTempName(name: string): TempName | undefined {
	const match = PATTERN.exec(name);
	if (match === null) return undefined;
	const [, form, life, order = '', random = '', document = '', state] = match;
	return {
		state: state as TempState,
		life: life === 'l' ? 'lock' : 'age',
		order,
		random,
		document: form === 'n' ? { name: document } : { hash: document },
	};
}

/** Shorter names are never hashed: name and frame fit in 143 bytes even at three bytes a character. */
const MIN_HASHED_LENGTH = 30;

/** Is the name long enough that a hash may stand for it? */
export function mayBeHashed(document: string): boolean {
	return document.length > MIN_HASHED_LENGTH;
}

/** What stands for a document's name where that is too long. */
export function hashDocumentName(document: string): string {
	return createHash('sha256').update(document).digest('hex').slice(0, 32);
}
