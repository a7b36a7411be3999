/**
 * The public, stand-alone face of the serializer.
 */
import { Buffer } from 'node:buffer';
import { setImmediate as turn } from 'node:timers/promises';
import { onAbort } from '../abort.ts';
import type { Replacer, Space } from '../types.ts';
import { createJsonSource } from './json-source.ts';

/** How {@link stringifyChunks} works. */
export interface StringifyChunksOptions {
	/**
	 * Throws a TypeError for what JSON would silently drop or change, such as NaN, undefined, a Map. Default: false.
	 */
	readonly strict?: boolean | undefined;
	/** Ends the iteration with the signal's reason, unchanged. Default: none. */
	readonly signal?: AbortSignal | undefined;
}

const CHUNK_BYTES = 65_536;

/**
 * `JSON.stringify(value, replacer, space)` as chunks of UTF-8 of up to 64 KiB, made as they are asked for. Each chunk is
 * the consumer's to keep. Adds no newline, and yields nothing where JSON.stringify gives undefined.
 *
 * An object with `Symbol.asyncIterator` is written as an array of what it yields; leaving the loop early closes it.
 * A chunk is handed out early where such an iterable takes longer than a turn of the event loop. The value is read
 * between the chunks too: leave it unchanged until the loop ends. One whose text fits a chunk is read in one go.
 *
 * @throws What JSON.stringify would throw, unwrapped; what the caller's code threw; the signal's reason.
 */
export async function* stringifyChunks(
	value: unknown,
	replacer?: Replacer,
	space?: Space,
	options: StringifyChunksOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	const { signal, strict } = options;
	signal?.throwIfAborted();
	const source = createJsonSource(value, { replacer, space, strict, finalNewline: false });
	try {
		let buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
		let end = 0;
		for (;;) {
			end = source.fill(buffer, end);
			const { waiting } = source;
			if (waiting !== undefined && (await settlesInTurn(waiting))) continue;
			if (end > CHUNK_BYTES / 2) {
				yield buffer.subarray(0, end);
				buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
			} else if (end > 0) {
				yield Buffer.from(buffer.subarray(0, end));
			}
			end = 0;
			if (source.done) return;
			// Consumers that never wait would keep the event loop from turning.
			await (waiting === undefined ? turn() : settledOrAborted(waiting, signal));
			signal?.throwIfAborted();
		}
	} finally {
		await source.close();
	}
}

/** True where `waiting` settles before the event loop turns. */
function settlesInTurn(waiting: Promise<void>): Promise<boolean> {
	return Promise.race([waiting.then(() => true), turn(false)]);
}

function settledOrAborted(waiting: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
	if (signal === undefined) return waiting;
	return new Promise((resolve, reject) => {
		const stopListening = onAbort(signal, () => reject(signal.reason));
		void waiting.then(() => {
			stopListening();
			resolve();
		});
	});
}
