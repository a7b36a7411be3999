/**
 * What a power cut may leave of a file's content: pure.
 *
 * What the last sync covered stays, but for the bytes that were overwritten or cut off since. Each unsynced change may
 * be kept, lost or kept in part, independently of the others, as POSIX orders none; a size may be kept without its data.
 */

/** One unsynced change of a content: bytes written at a place, or a new length. */
export type ContentEdit = { readonly start: number; readonly bytes: Uint8Array } | { readonly lengthBytes: number };

/** One content, and in words which one. */
export type NamedContent = readonly [text: string, content: Uint8Array];

/** Of more unsynced changes than these, not every prefix and every single loss is tried. */
const EDITS_TRIED_ONE_BY_ONE = 6;

/** @returns the content after one change; the one before stays as it is */
export function edited(content: Uint8Array, edit: ContentEdit): Uint8Array {
	if ('lengthBytes' in edit) {
		const result = new Uint8Array(edit.lengthBytes);
		result.set(content.subarray(0, edit.lengthBytes));
		return result;
	}
	const result = new Uint8Array(Math.max(content.length, edit.start + edit.bytes.length));
	result.set(content);
	result.set(edit.bytes, edit.start);
	return result;
}

/**
 * The contents that may be left, each once: `fresh`, which is `old` with all `edits`, comes first and `old` last. Not all that
 * is allowed, which would be any choice for each byte, but each kind of it.
 */
export function contentsAfterCrash(
	old: Uint8Array,
	edits: readonly ContentEdit[],
	fresh: Uint8Array,
): readonly NamedContent[] {
	const found = new DistinctContents();
	found.add('all', fresh);
	if (edits.length > 0) {
		const sizeOnly = edits.reduce(withoutData, old);
		const [from, to] = touched(edits, old);
		const middle = from + Math.floor((to - from) / 2);
		found.add('half', fresh.slice(0, keptLength(old, edits, fresh)));
		found.add('NULs or old bytes', sizeOnly);
		found.add(
			'NULs',
			mixed(new Uint8Array(0), fresh, (at) => at < from || at >= to || old[at] === fresh[at]),
		);
		found.add(
			'the second half',
			mixed(sizeOnly, fresh, (at) => at >= middle),
		);
		found.add(
			'the first half',
			mixed(sizeOnly, fresh, (at) => at < middle),
		);
		const quarter = Math.max(1, Math.ceil((to - from) / 4));
		found.add(
			'every other quarter',
			mixed(sizeOnly, fresh, (at) => Math.floor((at - from) / quarter) % 2 === 0),
		);
		addLostEdits(found, old, edits);
		addLostTruncation(found, old, edits, fresh);
	}
	found.addLast('as last synced', old);
	return found.all;
}

/** Prefixes of the changes, and all but one. */
function addLostEdits(found: DistinctContents, old: Uint8Array, edits: readonly ContentEdit[]): void {
	let prefix = old;
	for (const [index, edit] of edits.entries()) {
		if (!triedOneByOne(index, edits.length)) {
			prefix = edited(prefix, edit);
			continue;
		}
		found.add(`all changes but number ${index + 1}`, edits.toSpliced(index, 1).reduce(edited, old));
		prefix = edited(prefix, edit);
		found.add(`${index + 1} of ${edits.length} changes`, prefix);
	}
}

function triedOneByOne(index: number, count: number): boolean {
	const edge = EDITS_TRIED_ONE_BY_ONE / 2;
	return index < edge || index >= count - edge;
}

/** The new bytes over old ones that were to be cut off first. */
function addLostTruncation(
	found: DistinctContents,
	old: Uint8Array,
	edits: readonly ContentEdit[],
	fresh: Uint8Array,
): void {
	if (edits.every((edit) => !('lengthBytes' in edit))) return;
	found.add('the first half over the old content', edited(old, { start: 0, bytes: fresh.slice(0, fresh.length / 2) }));
	const overOld = new Uint8Array(fresh.length);
	overOld.set(old.subarray(0, fresh.length));
	const quarter = Math.max(1, Math.ceil(fresh.length / 4));
	found.add(
		'every other quarter over the old content',
		mixed(overOld, fresh, (at) => Math.floor(at / quarter) % 2 === 0),
	);
}

/** The new size without the new bytes. */
function withoutData(content: Uint8Array, edit: ContentEdit): Uint8Array {
	if ('lengthBytes' in edit) return edited(content, edit);
	const end = edit.start + edit.bytes.length;
	return end > content.length ? edited(content, { lengthBytes: end }) : content;
}

/** Where the changes begin and end. */
function touched(edits: readonly ContentEdit[], old: Uint8Array): [from: number, to: number] {
	let from = old.length;
	let to = 0;
	for (const edit of edits) {
		const [start, end] =
			'lengthBytes' in edit ? [edit.lengthBytes, edit.lengthBytes] : [edit.start, edit.start + edit.bytes.length];
		from = Math.min(from, start);
		to = Math.max(to, end);
	}
	return [from, to];
}

/** Half of what the changes have added. What was durable and never cut off keeps its size. */
function keptLength(old: Uint8Array, edits: readonly ContentEdit[], fresh: Uint8Array): number {
	let durable = old.length;
	for (const edit of edits) if ('lengthBytes' in edit) durable = Math.min(durable, edit.lengthBytes);
	return Math.min(fresh.length, durable + Math.floor(Math.max(0, fresh.length - durable) / 2));
}

function mixed(base: Uint8Array, fresh: Uint8Array, isFresh: (at: number) => boolean): Uint8Array {
	const result = fresh.slice();
	for (let at = 0; at < result.length; at++) if (!isFresh(at)) result[at] = base[at] ?? 0;
	return result;
}

class DistinctContents {
	all: NamedContent[] = [];

	add(text: string, content: Uint8Array): void {
		if (this.all.every(([, known]) => !equal(known, content))) this.all.push([text, content]);
	}

	/** Takes the place of an equal one in the middle. */
	addLast(text: string, content: Uint8Array): void {
		this.all = this.all.filter(([, known], index) => index === 0 || !equal(known, content));
		this.add(text, content);
	}
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
	return a === b || Buffer.compare(a, b) === 0;
}
