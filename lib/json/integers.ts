/** Integers as decimal digits, straight into bytes. */

const GROUP = 1000;
/** Digits of 0 to 999 as little-endian bytes, filled up with zeros in front: 7 is "007". */
const PADDED = new Int32Array(GROUP);
/** The same without zeros in front, and the count of digits in the highest byte. */
const TRIMMED = new Int32Array(GROUP);
for (let value = 0; value < GROUP; value++) {
	const digits = String(value);
	const pack = (text: string): number =>
		text.split('').reduce((word, digit, index) => word | (digit.charCodeAt(0) << (8 * index)), 0);
	PADDED[value] = pack(digits.padStart(3, '0'));
	TRIMMED[value] = pack(digits) | (digits.length << 24);
}

/** Writes an integer from 0 to 1e15 - 1. Up to three bytes behind its end are scribbled on. */
export function writeUnsigned(view: DataView, at: number, value: number): number {
	if (value < GROUP) {
		const word = TRIMMED[value] as number;
		view.setInt32(at, word, true);
		return at + (word >>> 24);
	}
	if (value < 1e9) return writeGroups(view, at, value | 0);
	const high = Math.floor(value / 1e9);
	return writeNine(view, writeUnsigned(view, at, high), value - high * 1e9);
}

function writeGroups(view: DataView, at: number, value: number): number {
	const upper = (value / GROUP) | 0;
	const next = upper < GROUP ? writeUnsigned(view, at, upper) : writeGroups(view, at, upper);
	view.setInt32(next, PADDED[value - upper * GROUP] as number, true);
	return next + 3;
}

/** Writes an integer below 1e9 as nine digits, and a byte behind them. */
export function writeNine(view: DataView, at: number, value: number): number {
	const upper = (value / GROUP) | 0;
	const top = (upper / GROUP) | 0;
	view.setInt32(at, PADDED[top] as number, true);
	view.setInt32(at + 3, PADDED[upper - top * GROUP] as number, true);
	view.setInt32(at + 6, PADDED[value - upper * GROUP] as number, true);
	return at + 9;
}

/** Writes an integer below 1000 as three digits, and a byte behind them. */
export function writeThree(view: DataView, at: number, value: number): number {
	view.setInt32(at, PADDED[value] as number, true);
	return at + 3;
}
