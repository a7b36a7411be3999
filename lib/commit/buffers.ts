/** Buffers that documents are serialised into. A few are kept for the next commit, so that none is allocated per write. */

/** Size of each buffer: the unit of writing. Half of it costs a twentieth of the throughput, twice as much gains nothing. */
export const BUFFER_BYTES: number = 128 * 1024;

const MAX_KEPT = 8;
const kept: Buffer[] = [];

export function takeBuffer(): Buffer {
	return kept.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

export function giveBuffer(buffer: Buffer): void {
	if (kept.length < MAX_KEPT) kept.push(buffer);
}
