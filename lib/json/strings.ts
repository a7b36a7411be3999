/**
 * QuoteJSONString (ECMA-262 §25.5.2.3) for short strings, straight into bytes.
 */

/** Strings up to this length are written character by character; longer ones cost less through JSON.stringify. */
export const SHORT_STRING_LENGTH = 64;

/** The most bytes that a short string takes, quotes included. */
export const SHORT_STRING_BYTES: number = SHORT_STRING_LENGTH * 3 + 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PRINTABLE = 0x20;

/** 1 for ASCII characters that stand for themselves inside quotes. */
const PLAIN = new Uint8Array(128).fill(1, FIRST_PRINTABLE);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/**
 * Writes `text` in quotes as UTF-8 and returns the offset after it, or -1 where it holds something that is rare: a
 * character to be escaped or a surrogate. Needs three bytes a character and two for the quotes.
 */
export function writePlainString(buffer: Buffer, from: number, text: string): number {
	const { length } = text;
	let at = from;
	buffer[at++] = QUOTE;
	for (let index = 0; index < length; index++) {
		const code = text.charCodeAt(index);
		if (code < 0x80) {
			if (PLAIN[code] === 0) return -1;
			buffer[at++] = code;
		} else if (code < 0x800) {
			buffer[at++] = 0xc0 | (code >> 6);
			buffer[at++] = 0x80 | (code & 0x3f);
		} else if ((code & 0xf800) !== 0xd800) {
			buffer[at++] = 0xe0 | (code >> 12);
			buffer[at++] = 0x80 | ((code >> 6) & 0x3f);
			buffer[at++] = 0x80 | (code & 0x3f);
		} else {
			return -1;
		}
	}
	buffer[at] = QUOTE;
	return at + 1;
}

/**
 * Where a slice of at most `count` characters from `start` ends: one character later where a surrogate pair would be
 * split, so that no slice makes a lone surrogate of half a pair.
 */
export function sliceEnd(text: string, start: number, count: number): number {
	const end = start + count;
	if (end >= text.length) return text.length;
	const last = text.charCodeAt(end - 1);
	const following = text.charCodeAt(end);
	return (last & 0xfc00) === 0xd800 && (following & 0xfc00) === 0xdc00 ? end + 1 : end;
}
