/**
 * Runs of numbers in an array that need all their digits: those cost V8 less together than one by one.
 */
import type { Frame } from './frame.ts';
import { MAX_NUMBER_BYTES, writeNumber } from './numbers.ts';
import { readElement } from './read-element.ts';
import type { Traversal } from './traversal.ts';

/** Longer ones gain nothing. */
const MAX_RUN = 128;
/** Shorter ones are not worth it. */
export const MIN_RUN = 4;

const stringify = JSON.stringify;

/**
 * Writes `first`, the current element of `frame`, and the numbers that follow it, separated by commas. Reading ahead is
 * not seen: between two numbers JSON.stringify runs nobody's code either. The first element that is no number is left
 * in {@link Traversal.ahead}.
 */
export function writeNumberRun(t: Traversal, frame: Frame, at: number, first: number): number {
	const { buffer } = t;
	const most = Math.min(MAX_RUN, frame.length - frame.index + 1, Math.floor((buffer.length - at) / MAX_NUMBER_BYTES));
	// A toJSON on arrays would be asked about the run.
	if (most < MIN_RUN || at === 0 || 'toJSON' in Array.prototype) return writeNumber(buffer, t.view, at, first);
	// Written in place: an array that grows for each run costs a tenth more.
	const { numberRun: run } = t;
	run[0] = first;
	let length = 1;
	// A getter may be slow: the walk looks at the clock when the countdown has run out.
	while (length < most && --t.countdown >= 0) {
		const value = readElement(frame.holder, frame.index++);
		if (typeof value !== 'number') {
			t.ahead = value;
			break;
		}
		run[length++] = value;
	}
	// The brackets fall on the byte before, which is put back, and behind the end.
	const numbers = length === run.length ? run : run.slice(0, length);
	// A getter among the elements may have given arrays a toJSON.
	const text =
		'toJSON' in Array.prototype ? `[${numbers.map((number) => stringify(number)).join()}]` : stringify(numbers);
	const before = buffer[at - 1] as number;
	buffer.write(text, at - 1, 'latin1');
	buffer[at - 1] = before;
	return at + text.length - 2;
}
