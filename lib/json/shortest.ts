/**
 * The shortest decimal that reads as a given double, of several the nearest one: what JSON.stringify writes (ECMA-262
 * §6.1.6.1.20), here for doubles such as measurements are. What is not decided beyond doubt, such as which of two is nearer
 * that are as near, is left to JSON.stringify.
 *
 * `value * 10^p`, with 17 digits before its point, is known exactly: as the sum of two doubles (Dekker, "A floating-point
 * technique for extending the available precision", 1971; the powers up to 10^22 are doubles). The decimals that read as
 * `value` are those nearer to it than half the distance of doubles, which comes to 0.55 up to 11.2 of those units (powers of
 * two, with a nearer one on one side, are left out). So at most one of them is a multiple of 100, and has the fewest digits
 * then; else the nearest multiple of 10 does, if it is among them; else the nearest integer, which always is.
 */

import { writeNine } from './integers.ts';

/** 10^p is a double from here on. */
const MIN_VALUE = 1e-6;
const DIGITS = 17;
/** The 17 digits are split into the first 9 and these 8. */
const TAIL = 1e8;

const HALF_ULP = 2 ** -53;
/** What is compared is exact to 1e-8, as the sum of integer part and error is; the other figures are exact. */
const DOUBT = 1e-6;

/** Cuts a double into a high and a low part of 26 bits, whose products are exact (Veltkamp): 2^27 + 1. */
const SPLITTER = 134_217_729;
const POWERS = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
const HIGH_POWERS = POWERS.map(highPart);

const ZERO = 0x30;
const POINT = 0x2e;

const scratch = new DataView(new ArrayBuffer(8));

/** Writes a double between 0 and 1e15 that is no integer. @returns the offset after it, or -1 where it wrote nothing */
export function writeShortest(buffer: Buffer, view: DataView, at: number, value: number): number {
	if (value < MIN_VALUE) return -1;
	const exponent = exponentOf(value);
	const p = DIGITS - 1 - exponent;
	const power = POWERS[p] as number;
	const scaled = value * power;
	// Exact, as 10^9 * 10^8 takes 49 bits. The quotient may have been rounded up: then the rest is just below 0.
	let head = Math.floor(scaled / TAIL);
	let tail = nearestShortest(scaled - head * TAIL, productError(value, p, scaled), halfGap(value) * power);
	if (Number.isNaN(tail)) return -1;
	if (tail < 0) {
		head -= 1;
		tail += TAIL;
	} else if (tail >= TAIL) {
		head += 1;
		tail -= TAIL;
	}
	return writeDigits(buffer, view, at, head, tail, exponent);
}

/** Of the first digit. */
function exponentOf(value: number): number {
	let exponent = 0;
	if (value < 1) {
		do exponent--;
		while (value * (POWERS[-exponent] as number) < 1);
	} else {
		while (value >= (POWERS[exponent + 1] as number)) exponent++;
	}
	return exponent;
}

function highPart(value: number): number {
	const shifted = SPLITTER * value;
	return shifted - (shifted - value);
}

/** What is to be added to `product`, value * 10^p, to make it exact. */
function productError(value: number, p: number, product: number): number {
	const high = highPart(value);
	const low = value - high;
	const powerHigh = HIGH_POWERS[p] as number;
	const powerLow = (POWERS[p] as number) - powerHigh;
	return high * powerHigh - product + high * powerLow + low * powerHigh + low * powerLow;
}

/** Half the distance to the next double. NaN for a power of two, where the one before is nearer. */
function halfGap(value: number): number {
	scratch.setFloat64(0, value);
	const upper = scratch.getInt32(0);
	if (scratch.getInt32(4) === 0 && (upper & 0xf_ffff) === 0) return Number.NaN;
	scratch.setInt32(0, upper & 0x7ff0_0000);
	scratch.setInt32(4, 0);
	return scratch.getFloat64(0) * HALF_ULP;
}

/**
 * Of the integers nearer than `reach` to `whole + error` the one with the most zeros at its end, then the nearest; NaN where
 * that is not certain.
 */
function nearestShortest(whole: number, error: number, reach: number): number {
	for (let unit = 100; unit > 1; unit /= 10) {
		const candidate = Math.round((whole + error) / unit) * unit;
		const distance = Math.abs(candidate - whole - error);
		if (distance < reach - DOUBT) return distance < unit / 2 - DOUBT ? candidate : Number.NaN;
		if (!(distance > reach + DOUBT)) return Number.NaN;
	}
	const candidate = Math.round(whole + error);
	return Math.abs(candidate - whole - error) < 0.5 - DOUBT ? candidate : Number.NaN;
}

/** Writes the 17 digits without zeros at the end, the first of which stands for 10^exponent. */
function writeDigits(buffer: Buffer, view: DataView, at: number, head: number, tail: number, exponent: number): number {
	let first = at;
	if (exponent < 0) {
		buffer[first++] = ZERO;
		buffer[first++] = POINT;
		for (let place = exponent + 1; place < 0; place++) buffer[first++] = ZERO;
	} else {
		first++;
	}
	writeNine(view, first, head);
	writeNine(view, first + 9, tail * 10);
	if (exponent >= 0) {
		// Written one place too far: the point comes between them.
		for (let place = 0; place <= exponent; place++) buffer[at + place] = buffer[first + place] as number;
		buffer[first + exponent] = POINT;
	}
	let end = first + DIGITS;
	while (buffer[end - 1] === ZERO) end--;
	return end;
}
