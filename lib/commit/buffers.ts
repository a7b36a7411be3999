/** Buffers that documents are serialised into. A few are kept for the next commit, so that none is allocated per write. */

/** Size of each buffer: the unit of writing, and what a value's JSON must fit in to be read in one synchronous pass. */
export const BUFFER_BYTES: number = 256 * 1024;

const MAX_KEPT = 8;
const kept: Buffer[] = [];

export function takeBuffer(): Buffer {
	return kept.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

export function giveBuffer(buffer: Buffer): void {
	if (kept.length < MAX_KEPT) kept.push(buffer);
}
