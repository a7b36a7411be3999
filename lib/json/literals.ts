/**
 * The three literals, straight into bytes.
 */

// Little-endian words for the literals; "false" is an f and a word.
const NULL_WORD = 0x6c6c756e;
const TRUE_WORD = 0x65757274;
const ALSE_WORD = 0x65736c61;
const LETTER_F = 0x66;

export function writeNull(view: DataView, at: number): number {
	view.setInt32(at, NULL_WORD, true);
	return at + 4;
}

export function writeBoolean(buffer: Buffer, view: DataView, at: number, value: boolean): number {
	if (value) {
		view.setInt32(at, TRUE_WORD, true);
		return at + 4;
	}
	buffer[at] = LETTER_F;
	view.setInt32(at + 1, ALSE_WORD, true);
	return at + 5;
}
