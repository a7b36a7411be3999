/** The states of a text of JSON that is read byte by byte, and the steps between those of a number. */

/** What may come next; in this order, between tokens, in a string, in other tokens, in numbers that could end here. */
const stateNames = [
	'start',
	'value',
	'firstElement',
	'firstKey',
	'key',
	'colon',
	'afterElement',
	'afterMember',
	'end',
	'string',
	'escape',
	'hex',
	'literal',
	'minus',
	'point',
	'exponent',
	'exponentSign',
	'zero',
	'integer',
	'fraction',
	'exponentDigits',
] as const;

type StateName = (typeof stateNames)[number];
export const STATE: Readonly<Record<StateName, number>> = Object.fromEntries(
	stateNames.map((name, index) => [name, index]),
) as Record<StateName, number>;
/** Here and after it a number is whole. */
export const ZERO: number = STATE.zero;

const EXPECTED: Record<StateName, string> = {
	start: 'a value',
	value: 'a value',
	firstElement: "a value or ']'",
	firstKey: "a key or '}'",
	key: 'a key',
	colon: "':'",
	afterElement: "',' or ']'",
	afterMember: "',' or '}'",
	end: 'the end of the text',
	string: 'a character of a string',
	escape: 'a character that may be escaped',
	hex: 'a hexadecimal digit',
	literal: 'true, false or null',
	minus: 'a digit',
	point: 'a digit',
	exponent: "a digit, '+' or '-'",
	exponentSign: 'a digit',
	zero: 'the end of the number',
	integer: 'a digit',
	fraction: 'a digit',
	exponentDigits: 'a digit',
};

/** What may come next in a state, in words. */
export function expectedIn(state: number): string {
	return EXPECTED[stateNames[state] ?? 'value'];
}

/** @returns the state after a byte of a number; undefined where the byte is none of it */
export function afterNumber(state: number, byte: number): number | undefined {
	if (byte >= 0x30 && byte <= 0x39) return afterDigit(state, byte);
	const inInteger = state === ZERO || state === STATE.integer;
	if (byte === 0x2e && inInteger) return STATE.point;
	if ((byte | 0x20) === 0x65 && (inInteger || state === STATE.fraction)) return STATE.exponent;
	return (byte === 0x2b || byte === 0x2d) && state === STATE.exponent ? STATE.exponentSign : undefined;
}

function afterDigit(state: number, byte: number): number | undefined {
	switch (state) {
		case STATE.minus:
			return byte === 0x30 ? ZERO : STATE.integer;
		case STATE.point:
			return STATE.fraction;
		case STATE.exponent:
		case STATE.exponentSign:
			return STATE.exponentDigits;
		default:
			return state === ZERO ? undefined : state;
	}
}
