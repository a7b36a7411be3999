/**
 * QuoteJSONString (ECMA-262 §25.5.2.3) for short strings, straight into bytes.
 */

/** Strings up to this length are written character by character; longer ones cost less through JSON.stringify. */
export const SHORT_STRING_LENGTH = 64;

/** The most bytes of one UTF-16 unit: a control character or a lone surrogate is written as \u and four digits. */
export const MAX_UNIT_BYTES = 6;

/** The most bytes that a short string takes, quotes included. */
export const SHORT_STRING_BYTES: number = SHORT_STRING_LENGTH * MAX_UNIT_BYTES + 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;
const LETTER_U = 0x75;

/**
 * For each ASCII character 1 where it stands for itself inside quotes, else the letter of its escape: n for a line feed,
 * u where there is no short form.
 */
const ESCAPES = new Uint8Array(128).fill(1, FIRST_PRINTABLE).fill(LETTER_U, 0, FIRST_PRINTABLE);
for (const [character, letter] of ['""', '\\\\', '\bb', '\tt', '\nn', '\ff', '\rr'].map((pair) => [...pair])) {
	ESCAPES[(character as string).charCodeAt(0)] = (letter as string).charCodeAt(0);
}

/**
 * Writes a short `text` in quotes as UTF-8, with what must be escaped escaped, and returns the offset after it. Needs
 * {@link SHORT_STRING_BYTES}.
 */
export function writeShortString(buffer: Buffer, from: number, text: string): number {
	const { length } = text;
	let at = from;
	buffer[at++] = QUOTE;
	for (let index = 0; index < length; index++) {
		const code = text.charCodeAt(index);
		if (code < 0x80) {
			if (ESCAPES[code] === 1) buffer[at++] = code;
			else at = writeEscape(buffer, at, code);
		} else if (code < 0x800) {
			buffer[at++] = 0xc0 | (code >> 6);
			buffer[at++] = 0x80 | (code & 0x3f);
		} else if ((code & 0xf800) !== 0xd800) {
			buffer[at++] = 0xe0 | (code >> 12);
			buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
			buffer[at++] = 0x80 | (code & 0x3f);
		} else if (isPair(code, text.charCodeAt(index + 1))) {
			at = writePair(buffer, at, code, text.charCodeAt(++index));
		} else {
			at = writeHexEscape(buffer, at, code);
		}
	}
	buffer[at] = QUOTE;
	return at + 1;
}

function writeEscape(buffer: Buffer, at: number, code: number): number {
	const letter = ESCAPES[code] as number;
	if (letter === LETTER_U) return writeHexEscape(buffer, at, code);
	buffer[at] = BACKSLASH;
	buffer[at + 1] = letter;
	return at + 2;
}

function writeHexEscape(buffer: Buffer, at: number, code: number): number {
	buffer[at] = BACKSLASH;
	buffer[at + 1] = LETTER_U;
	for (let digit = 0; digit < 4; digit++) buffer[at + 2 + digit] = hexDigit((code >> (12 - 4 * digit)) & 15);
	return at + MAX_UNIT_BYTES;
}

function hexDigit(value: number): number {
	return value < 10 ? 0x30 + value : 0x57 + value;
}

/** True for a high surrogate and a low one. NaN, which stands behind the end of a string, is none. */
function isPair(first: number, second: number): boolean {
	return (first & 0xfc00) === 0xd800 && (second & 0xfc00) === 0xdc00;
}

function writePair(buffer: Buffer, at: number, high: number, low: number): number {
	const point = 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
	buffer[at] = 0xf0 | (point >> 18);
	buffer[at + 1] = 0x80 | ((point >> 12) & 0x3f);
	buffer[at + 2] = 0x80 | ((point >> 6) & 0x3f);
	buffer[at + 3] = 0x80 | (point & 0x3f);
	return at + 4;
}

/**
 * Where a slice of at most `count` characters from `start` ends: one character later where a surrogate pair would be
 * split, so that no slice makes a lone surrogate of half a pair.
 */
export function sliceEnd(text: string, start: number, count: number): number {
	const end = start + count;
	if (end >= text.length) return text.length;
	return isPair(text.charCodeAt(end - 1), text.charCodeAt(end)) ? end + 1 : end;
}
