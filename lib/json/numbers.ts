/**
 * Numbers as ECMA-262's Number::toString (§6.1.6.1.20) writes them, straight into bytes.
 */
import { writeThree, writeUnsigned } from './integers.ts';
import { writeShortest } from './shortest.ts';

/** The most bytes that one number takes, with what {@link writeNumber} may scribble behind its end. */
export const MAX_NUMBER_BYTES = 32;

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;
const GROUP = 1000;

/** Largest integer part that can be split into groups of digits without rounding. */
const MAX_GROUPED = 1e15;
/** Decimals tried by the short way, as their power of ten. */
const SCALE = 1e6;
/** Below this, value * SCALE has at most 15 digits, so that decimal and double determine each other. */
const MAX_SCALED = 1e9;

/**
 * Writes any number: `null` for those that are not finite.
 *
 * Integers and decimals with at most six places take the short way: where value * 1e6 has at most 15 digits and dividing back gives
 * the very same double, those digits are the shortest that determine it, which is what ECMA-262 asks for, since any two
 * decimals of up to 15 digits are different doubles. The others take the way of shortest.ts, or that of JSON.stringify.
 */
export function writeNumber(buffer: Buffer, view: DataView, at: number, value: number): number {
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
		const end = writeShortest(buffer, view, next, rest);
		if (end >= 0) return end;
	}
	return writeNative(buffer, at, value);
}

/** Writes scaled / 1e6, not an integer, without zeros at the end. */
function writeDecimal(buffer: Buffer, view: DataView, at: number, scaled: number): number {
	const whole = Math.floor(scaled / SCALE);
	const places = (scaled - whole * SCALE) | 0;
	let next = writeUnsigned(view, at, whole);
	buffer[next++] = POINT;
	const upper = (places / GROUP) | 0;
	const lower = places - upper * GROUP;
	next = writeThree(view, next, upper);
	if (lower !== 0) next = writeThree(view, next, lower);
	while (buffer[next - 1] === ZERO) next--;
	return next;
}

const stringify = JSON.stringify;

function writeNative(buffer: Buffer, at: number, value: number): number {
	// Not `${value}`: that fills V8's number-string cache and is no faster.
	const digits = stringify(value);
	for (let index = 0; index < digits.length; index++) buffer[at + index] = digits.charCodeAt(index);
	return at + digits.length;
}
