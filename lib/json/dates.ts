/**
 * Dates as Date.prototype.toISOString (ECMA-262 §21.4.4.36) writes them, straight into bytes.
 *
 * V8 takes most of a microsecond for the string, which is the whole cost of a value full of dates.
 */
import { types } from 'node:util';

const datePrototype = Date.prototype;
const { toISOString, valueOf: toTime, getTime } = datePrototype;
const toPrimitive = datePrototype[Symbol.toPrimitive];
const toJSON: unknown = datePrototype.toJSON;
/** False where a polyfill or the like has replaced one of them before this module was loaded. */
const PRISTINE = [toJSON, toISOString, toTime, toPrimitive].every(
	(method) =>
		typeof method === 'function' && /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(method)),
);

/** The times with a year of four digits. */
const FIRST_TIME = -62_167_219_200_000;
const LAST_TIME = 253_402_300_799_999;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1000;

const QUOTE = 0x22;
const DASH = 0x2d;
const COLON = 0x3a;
const POINT = 0x2e;
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const ZERO = 0x30;

/** Two digits as little-endian bytes. */
const PAIRS = Int16Array.from(
	{ length: 100 },
	(_, value) => (ZERO + Math.floor(value / 10)) | ((ZERO + (value % 10)) << 8),
);

/** The bytes of a date, quotes included. */
const LENGTH = 26;

/**
 * True where writing a Date's time could not be told from calling `method`, which its toJSON property gave: it is
 * Date's own, and so is everything that it calls. Years before 0 and after 9999 are left to it, and invalid dates.
 */
export function isPlainDate(value: unknown, method: unknown): value is Date {
	if (!PRISTINE || method !== toJSON || !types.isDate(value) || Object.getPrototypeOf(value) !== datePrototype)
		return false;
	if (datePrototype.toISOString !== toISOString || datePrototype.valueOf !== toTime) return false;
	if (datePrototype[Symbol.toPrimitive] !== toPrimitive || Reflect.ownKeys(value).length > 0) return false;
	const time = Reflect.apply(getTime, value, []);
	return time >= FIRST_TIME && time <= LAST_TIME;
}

/** Writes a date that {@link isPlainDate} holds for, in quotes. */
export function writeDate(buffer: Buffer, view: DataView, at: number, date: Date): number {
	const time = Reflect.apply(getTime, date, []);
	const days = Math.floor(time / DAY_MS);
	writeDay(view, at + 1, days);
	writeTime(buffer, view, at + 12, time - days * DAY_MS);
	buffer[at] = QUOTE;
	buffer[at + 5] = DASH;
	buffer[at + 8] = DASH;
	buffer[at + 11] = LETTER_T;
	buffer[at + 24] = LETTER_Z;
	buffer[at + 25] = QUOTE;
	return at + LENGTH;
}

/** `days` since 1970-01-01; years are counted from March, whose leap day comes last, in cycles of 400 years. */
function writeDay(view: DataView, at: number, days: number): void {
	const sinceMarch0 = days + 719_468;
	const cycle = Math.floor(sinceMarch0 / 146_097);
	const day = sinceMarch0 - cycle * 146_097;
	const year = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
	const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
	const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
	const dayOfMonth = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
	const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
	const fullYear = year + cycle * 400 + (month <= 2 ? 1 : 0);
	const century = Math.floor(fullYear / 100);
	writePair(view, at, century);
	writePair(view, at + 2, fullYear - century * 100);
	writePair(view, at + 5, month);
	writePair(view, at + 8, dayOfMonth);
}

function writeTime(buffer: Buffer, view: DataView, at: number, time: number): void {
	const hours = Math.floor(time / HOUR_MS);
	const minutes = Math.floor((time - hours * HOUR_MS) / MINUTE_MS);
	const inMinute = time - hours * HOUR_MS - minutes * MINUTE_MS;
	const seconds = Math.floor(inMinute / SECOND_MS);
	const milliseconds = inMinute - seconds * SECOND_MS;
	const hundreds = Math.floor(milliseconds / 100);
	writePair(view, at, hours);
	buffer[at + 2] = COLON;
	writePair(view, at + 3, minutes);
	buffer[at + 5] = COLON;
	writePair(view, at + 6, seconds);
	buffer[at + 8] = POINT;
	buffer[at + 9] = ZERO + hundreds;
	writePair(view, at + 10, milliseconds - hundreds * 100);
}

function writePair(view: DataView, at: number, value: number): void {
	view.setInt16(at, PAIRS[value] as number, true);
}
