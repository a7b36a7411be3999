/**
 * Short runs of ASCII bytes that are written again and again (keys, indentation), kept as 64-bit words.
 *
 * Copying a `"temperature":` takes two eight-byte stores instead of fourteen one-byte stores. The words are doubles,
 * since a DataView stores those without allocating; bytes below 0x7F never form a NaN, whose payload could change.
 */

/** Longest run in bytes; writers keep this much room, rounded up to whole words, before they call {@link writeRun}. */
export const MAX_RUN_BYTES = 256;

const WORD_BYTES = 8;
const DELETE = 0x7f;

/** Eight bytes each. */
export type Words = Float64Array<ArrayBuffer>;

/** A run of ASCII bytes. */
export interface Run {
	readonly words: Words;
	readonly byteLength: number;
}

/** The run for `text`, or `undefined` where the text is too long or holds a character from U+007F up. */
export function toRun(text: string): Run | undefined {
	const byteLength = text.length;
	if (byteLength > MAX_RUN_BYTES) return undefined;
	const words = new Float64Array(Math.ceil(byteLength / WORD_BYTES));
	const bytes = new DataView(new ArrayBuffer(words.length * WORD_BYTES));
	for (let index = 0; index < byteLength; index++) {
		const code = text.charCodeAt(index);
		if (code >= DELETE) return undefined;
		bytes.setUint8(index, code);
	}
	for (let index = 0; index < words.length; index++) words[index] = bytes.getFloat64(index * WORD_BYTES, true);
	return { words, byteLength };
}

/** Writes whole words from `at` on; what lies behind the run's last byte is scratch. */
export function writeRun(view: DataView, at: number, words: Words): void {
	for (let index = 0, to = at; index < words.length; index++, to += WORD_BYTES) {
		view.setFloat64(to, words[index] as number, true);
	}
}
