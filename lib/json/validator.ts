/**
 * Is this JSON? An incremental answer for bytes that come in pieces, in memory that does not grow with them: a state, a bit
 * for each open container, and where the text stands. It accepts what `JSON.parse` accepts (RFC 8259), a byte order mark
 * before a text, and nothing that is not UTF-8 (RFC 3629).
 */

import { MAX_DEPTH, Nesting } from './nesting.ts';
import { afterNumber, expectedIn, STATE, ZERO } from './validator-states.ts';

/** `json`: one text. `lines`: a text a line, as `readJsonLines` reads them: empty lines are passed over. */
export type JsonFormat = 'json' | 'lines';

/** Where a text stops being JSON, and why. */
export interface JsonProblem {
	/** In bytes, from 0. */
	readonly offset: number;
	/** From 1; lines end with a line feed. */
	readonly line: number;
	/** From 1, in characters (code points). */
	readonly column: number;
	readonly message: string;
}

const LITERALS = new Map([
	[0x74, 'true'],
	[0x66, 'false'],
	[0x6e, 'null'],
]);
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const BYTE_ORDER_MARK = '\xef\xbb\xbf';

export class JsonValidator {
	readonly #lines: boolean;
	#state = STATE.start;
	/** True while the string under way is a key. */
	#isKey = false;
	/** Of the hexadecimal digits or of the literal or of the byte order mark under way: how many have come. */
	#matched = 0;
	#literal = '';
	/** True where nothing but a carriage return has come of a line. */
	#returned = false;
	readonly #nesting = new Nesting();
	/** Bytes of the character under way that are still to come, and the bounds of the next one (RFC 3629, section 4). */
	#continuations = 0;
	#low = 0x80;
	#high = 0xbf;
	#offset = 0;
	#line = 1;
	#lineStart = 0;
	/** Of the current line: bytes that continue a character. */
	#continued = 0;
	#problem: JsonProblem | undefined;
	#endedInNumber = false;

	constructor(format: JsonFormat = 'json') {
		this.#lines = format === 'lines';
	}

	/** The first thing that is wrong; undefined so far. */
	get problem(): JsonProblem | undefined {
		return this.#problem;
	}

	/** After {@link end}: was the last byte part of a number that is no member or element? It may have been cut off. */
	get endsInNumber(): boolean {
		return this.#endedInNumber;
	}

	/** Takes the next bytes. @returns false once something is wrong. */
	push(bytes: Uint8Array): boolean {
		const { length } = bytes;
		for (let index = 0; index < length && this.#problem === undefined; index++) {
			if (this.#state === STATE.string && this.#continuations === 0) {
				const plain = plainSpan(bytes, index);
				this.#offset += plain - index;
				index = plain;
				if (index === length) break;
			}
			this.#state = this.#after(bytes[index] ?? 0);
			if (this.#problem === undefined) this.#offset += 1;
		}
		return this.#problem === undefined;
	}

	/** The bytes are all there. @returns what is wrong, or undefined. */
	end(): JsonProblem | undefined {
		if (this.#problem !== undefined) return this.#problem;
		this.#endedInNumber = this.#nesting.depth === 0 && this.#state >= ZERO;
		if (this.#continuations > 0) this.#fail('the text ends within a character');
		if (this.#state >= ZERO) this.#state = this.#ended();
		const nothing = this.#state === STATE.start && this.#matched === 0;
		if (this.#state !== STATE.end && !(this.#lines && nothing)) {
			this.#fail(nothing ? 'there is no text' : `the text ends where ${expectedIn(this.#state)} is missing`);
		}
		return this.#problem;
	}

	/** What may come after the byte. */
	#after(byte: number): number {
		if (this.#continuations > 0) return this.#continueCharacter(byte);
		if (this.#state === STATE.string) return this.#inString(byte);
		return this.#state >= STATE.escape ? this.#inToken(byte) : this.#between(byte);
	}

	/** Between tokens: white space, structure, or the beginning of a token. */
	#between(byte: number): number {
		if (byte === 0x0a) return this.#newline();
		return byte === 0x20 || byte === 0x09 || byte === 0x0d ? this.#blank(byte) : this.#structure(byte);
	}

	#blank(byte: number): number {
		if (this.#state !== STATE.start) return this.#state;
		if (this.#matched > 0 && this.#matched < BYTE_ORDER_MARK.length) return this.#unexpected(byte);
		// A line of white space is not empty, but for the carriage return before its end.
		if (!this.#lines || byte !== 0x0d || this.#matched > 0 || this.#returned) return STATE.value;
		this.#returned = true;
		return STATE.start;
	}

	#newline(): number {
		let next = this.#state;
		if (this.#lines) {
			const blank = this.#state === STATE.start && this.#matched === 0;
			if (this.#state !== STATE.end && !blank)
				return this.#fail(`the line ends where ${expectedIn(this.#state)} is missing`);
			this.#matched = 0;
			this.#returned = false;
			next = STATE.start;
		} else if (this.#state === STATE.start) {
			next = this.#blank(0x0a);
		}
		this.#line += 1;
		this.#lineStart = this.#offset + 1;
		this.#continued = 0;
		return next;
	}

	#structure(byte: number): number {
		switch (this.#state) {
			case STATE.start:
				return this.#begin(byte);
			case STATE.value:
				return this.#value(byte);
			case STATE.firstElement:
				return byte === 0x5d ? this.#close() : this.#value(byte);
			case STATE.firstKey:
				return byte === 0x7d ? this.#close() : this.#key(byte);
			case STATE.key:
				return this.#key(byte);
			case STATE.colon:
				return byte === 0x3a ? STATE.value : this.#unexpected(byte);
			case STATE.afterElement:
				if (byte === 0x2c) return STATE.value;
				return byte === 0x5d ? this.#close() : this.#unexpected(byte);
			case STATE.afterMember:
				if (byte === 0x2c) return STATE.key;
				return byte === 0x7d ? this.#close() : this.#unexpected(byte);
			default:
				return this.#unexpected(byte);
		}
	}

	/** The beginning of a text: a byte order mark, or the value. */
	#begin(byte: number): number {
		// A byte order mark comes before everything, also before a carriage return.
		if (byte === BYTE_ORDER_MARK.charCodeAt(this.#matched) && !this.#returned) {
			if (this.#matched > 0) this.#continued += 1;
			this.#matched += 1;
			return STATE.start;
		}
		const started = this.#matched > 0 && this.#matched < BYTE_ORDER_MARK.length;
		return started ? this.#unexpected(byte) : this.#value(byte);
	}

	#value(byte: number): number {
		if (byte === 0x22) {
			this.#isKey = false;
			return STATE.string;
		}
		if (byte === 0x7b) return this.#open(true);
		if (byte === 0x5b) return this.#open(false);
		if (byte === 0x2d) return STATE.minus;
		if (byte === 0x30) return ZERO;
		if (byte > 0x30 && byte <= 0x39) return STATE.integer;
		const literal = LITERALS.get(byte);
		if (literal === undefined) return this.#unexpected(byte);
		this.#literal = literal;
		this.#matched = 1;
		return STATE.literal;
	}

	#key(byte: number): number {
		if (byte !== 0x22) return this.#unexpected(byte);
		this.#isKey = true;
		return STATE.string;
	}

	#inString(byte: number): number {
		if (byte === 0x22) return this.#isKey ? STATE.colon : this.#ended();
		if (byte === 0x5c) return STATE.escape;
		if (byte < 0x20) return this.#fail(`a control character (${hex(byte)}) in a string`);
		return byte < 0x80 ? STATE.string : this.#beginCharacter(byte);
	}

	/** The first byte of a character of several, and what that says of the second: no overlong form, no surrogate. */
	#beginCharacter(byte: number): number {
		if (byte < 0xc2 || byte > 0xf4) return this.#fail(`not UTF-8 (${hex(byte)})`);
		this.#continuations = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
		this.#low = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
		this.#high = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
		return STATE.string;
	}

	#continueCharacter(byte: number): number {
		if (byte < this.#low || byte > this.#high) return this.#fail(`not UTF-8 (${hex(byte)})`);
		this.#continuations -= 1;
		this.#continued += 1;
		this.#low = 0x80;
		this.#high = 0xbf;
		return STATE.string;
	}

	#inToken(byte: number): number {
		if (this.#state > STATE.literal) return this.#inNumber(byte);
		if (this.#state === STATE.escape) {
			this.#matched = 0;
			if (byte === 0x75) return STATE.hex;
			return ESCAPES.has(byte) ? STATE.string : this.#unexpected(byte);
		}
		const isHex = this.#state === STATE.hex;
		if (isHex ? !isHexadecimal(byte) : byte !== this.#literal.charCodeAt(this.#matched)) return this.#unexpected(byte);
		this.#matched += 1;
		if (isHex) return this.#matched === 4 ? STATE.string : STATE.hex;
		return this.#matched === this.#literal.length ? this.#ended() : STATE.literal;
	}

	#inNumber(byte: number): number {
		const next = afterNumber(this.#state, byte);
		if (next !== undefined) return next;
		const isDigit = byte >= 0x30 && byte <= 0x39;
		if (this.#state < ZERO || isDigit) return this.#unexpected(byte);
		this.#state = this.#ended();
		return this.#between(byte);
	}

	#open(isObject: boolean): number {
		if (!this.#nesting.open(isObject)) return this.#fail(`nested more than ${MAX_DEPTH} deep`);
		return isObject ? STATE.firstKey : STATE.firstElement;
	}

	#close(): number {
		this.#nesting.close();
		return this.#ended();
	}

	/** A value has ended. @returns what may come after it. */
	#ended(): number {
		if (this.#nesting.depth === 0) return STATE.end;
		return this.#nesting.inObject ? STATE.afterMember : STATE.afterElement;
	}

	#unexpected(byte: number): number {
		const found = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : hex(byte);
		return this.#fail(`${expectedIn(this.#state)} is expected, not ${found}`);
	}

	#fail(message: string): number {
		const column = this.#offset - this.#lineStart - this.#continued + 1;
		this.#problem ??= { offset: this.#offset, line: this.#line, column, message };
		return this.#state;
	}
}

/** Where the run of plain characters of a string ends. */
function plainSpan(bytes: Uint8Array, from: number): number {
	let index = from;
	for (; index < bytes.length; index++) {
		const byte = bytes[index] ?? 0;
		if (byte < 0x20 || byte === 0x22 || byte === 0x5c || byte >= 0x80) break;
	}
	return index;
}

function isHexadecimal(byte: number): boolean {
	const lower = byte | 0x20;
	return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

function hex(byte: number): string {
	return `0x${byte.toString(16).padStart(2, '0')}`;
}
