/**
 * Numbers as ECMA-262's Number::toString (§6.1.6.1.20) writes them, straight into bytes.
 */

/** The most bytes that one number takes, with what {@link writeNumber} may scribble behind its end. */
export const MAX_NUMBER_BYTES = 32;

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;

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

/** Largest integer part that can be split into groups of digits without rounding. */
const MAX_GROUPED = 1e15;
/** Decimals tried by the short way, as their power of ten. */
const SCALE = 1e6;
/** Below this, value * SCALE has at most 15 digits, so that decimal and double determine each other. */
const MAX_SCALED = 1e9;

/** Writes an integer from 0 to 1e15 - 1. */
export function writeUnsigned(view: DataView, at: number, value: number): number {
	if (value < GROUP) {
		const word = TRIMMED[value] as number;
		view.setInt32(at, word, true);
		return at + (word >>> 24);
	}
	if (value < 1e9) return writeGroups(view, at, value | 0);
	const high = Math.floor(value / 1e9);
	const low = (value - high * 1e9) | 0;
	const next = writeUnsigned(view, at, high);
	const middle = (low / GROUP) | 0;
	const top = (middle / GROUP) | 0;
	view.setInt32(next, PADDED[top] as number, true);
	view.setInt32(next + 3, PADDED[middle - top * GROUP] as number, true);
	view.setInt32(next + 6, PADDED[low - middle * GROUP] as number, true);
	return next + 9;
}

function writeGroups(view: DataView, at: number, value: number): number {
	const upper = (value / GROUP) | 0;
	const next = upper < GROUP ? writeUnsigned(view, at, upper) : writeGroups(view, at, upper);
	view.setInt32(next, PADDED[value - upper * GROUP] as number, true);
	return next + 3;
}

/** What {@link writeShortNumber} returns where it wrote nothing of use. */
export const NEEDS_DIGITS = -1;

/**
 * Writes an integer or a decimal with few places and returns the offset after it, else {@link NEEDS_DIGITS}.
 *
 * Decimals with at most six places take the short way: where value * 1e6 has at most 15 digits and dividing back gives
 * the very same double, those digits are the shortest that determine it, which is what ECMA-262 asks for, since any two
 * decimals of up to 15 digits are different doubles.
 */
export function writeShortNumber(buffer: Buffer, view: DataView, at: number, value: number): number {
	let next = at;
	let rest = value;
	if (value < 0) {
		buffer[next++] = MINUS;
		rest = -value;
	}
	if (rest < MAX_GROUPED) {
		const whole = Math.floor(rest);
		if (whole === rest) return writeUnsigned(view, next, whole);
		if (rest < MAX_SCALED) {
			const scaled = Math.round(rest * SCALE);
			if (scaled / SCALE === rest) return writeDecimal(buffer, view, next, scaled);
		}
	}
	return NEEDS_DIGITS;
}

/** Writes any number: `null` for those that are not finite. */
export function writeNumber(buffer: Buffer, view: DataView, at: number, value: number): number {
	const end = writeShortNumber(buffer, view, at, value);
	return end === NEEDS_DIGITS ? writeDigits(buffer, at, value) : end;
}

/** Writes scaled / 1e6, not an integer, without zeros at the end. */
function writeDecimal(buffer: Buffer, view: DataView, at: number, scaled: number): number {
	const whole = Math.floor(scaled / SCALE);
	const places = (scaled - whole * SCALE) | 0;
	let next = writeUnsigned(view, at, whole);
	buffer[next++] = POINT;
	const upper = (places / GROUP) | 0;
	const lower = places - upper * GROUP;
	view.setInt32(next, PADDED[upper] as number, true);
	next += 3;
	if (lower !== 0) {
		view.setInt32(next, PADDED[lower] as number, true);
		next += 3;
	}
	while (buffer[next - 1] === ZERO) next--;
	return next;
}

const stringify = JSON.stringify;

function writeDigits(buffer: Buffer, at: number, value: number): number {
	// Not `${value}`: that fills V8's number-string cache and is no faster.
	const digits = stringify(value);
	for (let index = 0; index < digits.length; index++) buffer[at + index] = digits.charCodeAt(index);
	return at + digits.length;
}
