/**
 * The name of a document's lock file. docs/formats/lock-files.md describes it.
 *
 *     .dj1ln-{document}      the document's name, plain; its hash in `.dj1lh-` where that would become too long
 */
import { hashDocumentName, NAME_MAX_BYTES } from './temp-name.ts';

export function formatLockName(document: string): string {
	const plain = `.dj1ln-${document}`;
	return Buffer.byteLength(plain) <= NAME_MAX_BYTES ? plain : `.dj1lh-${hashDocumentName(document)}`;
}

/** Is it the name of a lock file? */
export function isLockName(name: string): boolean {
	return /^\.dj1l[nh]-./s.test(name);
}
