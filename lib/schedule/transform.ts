/** Making a document's bytes in memory, in steps that may have to be waited for. */
import { giveBuffer, takeBuffer } from '../commit/buffers.ts';
import { noText, notSerializable } from '../commit/own-failure.ts';
import type { ByteSource } from '../json/byte-source.ts';

/** Where it waits: for a promise, or (undefined) for the event loop to have its turn. */
export type Pause = Promise<unknown> | undefined;

/** Makes a document's bytes from those before, undefined where there are none. What it throws is its own caller's. */
export type Transform = (base: Uint8Array | undefined, document: Place) => Generator<Pause, Uint8Array, unknown>;

export interface Place {
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	/** The document. */
	readonly key: string;
	/** Where it lies, by its real path: a link may lead elsewhere by now. */
	readonly file: string;
}

/** All bytes of a source. Throws an {@link OwnFailure}. */
export function* bytesOf(source: ByteSource, path: string): Generator<Pause, Uint8Array, unknown> {
	const buffer = takeBuffer();
	const pieces: Buffer[] = [];
	try {
		for (let filled = 0; ; filled = 0) {
			try {
				filled = source.fill(buffer, 0);
				if (source.done && filled === 0 && pieces.length === 0) throw noText();
			} catch (cause) {
				throw notSerializable(path, cause, source.jsonPath());
			}
			pieces.push(Buffer.from(buffer.subarray(0, filled)));
			if (source.done) break;
			yield source.waiting;
		}
	} finally {
		giveBuffer(buffer);
		if (!source.done) void source.close();
	}
	return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
}
