/** Helpers of the serializer's tests: running a source to its end in pieces of chosen sizes, and comparing with native. */
import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import { type ByteSource, MIN_BUFFER_BYTES } from '../../lib/json/byte-source.ts';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { RESERVED_BYTES } from '../../lib/json/traversal.ts';
import type { Replacer, Space } from '../../lib/types.ts';

/** What a serialisation came to. */
export type Outcome = { text: string | undefined } | { error: string };

/** Room for each fill, taken in turn; small rooms make the source pause at nearly every token. */
export type Rooms = readonly number[];

/** The smallest room in which a source must make progress, found from the buffer's end. */
export const SMALL_ROOM: number = RESERVED_BYTES + 1;

/** Fills until the source is done or must wait; never more often than `maxFills`. */
export function drainSync(source: ByteSource, rooms: Rooms = [MIN_BUFFER_BYTES], maxFills = 500_000): Buffer {
	const buffer = Buffer.alloc(Math.max(MIN_BUFFER_BYTES, ...rooms));
	const parts: Buffer[] = [];
	for (let fills = 0; !source.done; fills++) {
		if (fills > maxFills) throw new Error('no progress');
		if (source.waiting !== undefined) throw new Error('a value without async iterables must not wait');
		const start = buffer.length - (rooms[fills % rooms.length] as number);
		const end = source.fill(buffer, start);
		// Not by expect, which takes longer than a fill.
		if (end < start || end > buffer.length) throw new Error(`filled from ${start} to ${end} of ${buffer.length}`);
		if (end > start) parts.push(Buffer.from(buffer.subarray(start, end)));
	}
	return Buffer.concat(parts);
}

/** The same, waiting where the source waits. */
export async function drain(source: ByteSource, rooms: Rooms = [MIN_BUFFER_BYTES]): Promise<string> {
	const buffer = Buffer.alloc(Math.max(MIN_BUFFER_BYTES, ...rooms));
	const parts: Buffer[] = [];
	for (let fills = 0; !source.done; fills++) {
		const start = buffer.length - (rooms[fills % rooms.length] as number);
		const end = source.fill(buffer, start);
		parts.push(Buffer.from(buffer.subarray(start, end)));
		await source.waiting;
	}
	return Buffer.concat(parts).toString();
}

/** What our serializer makes of a value. */
export function ours(value: unknown, replacer?: Replacer, space?: Space, rooms?: Rooms): Outcome {
	return outcome(() => {
		const bytes = drainSync(createJsonSource(value, { replacer, space, finalNewline: false }), rooms);
		return bytes.length === 0 ? undefined : bytes.toString();
	});
}

/** What JSON.stringify makes of it, as it looks in a UTF-8 file. */
export function native(value: unknown, replacer?: Replacer, space?: Space): Outcome {
	return outcome(() => {
		const text = JSON.stringify(value, replacer as never, space as never) as string | undefined;
		return text === undefined ? undefined : Buffer.from(text).toString();
	});
}

function outcome(serialise: () => string | undefined): Outcome {
	try {
		return { text: serialise() };
	} catch (error) {
		return { error: error instanceof Error ? `${error.name}: ${error.message}` : `thrown ${String(error)}` };
	}
}

/** Expects the same outcome, for a value made anew for each side. */
export function expectSame(make: () => unknown, replacer?: () => Replacer, space?: () => Space, rooms?: Rooms): void {
	const wanted = native(make(), replacer?.(), space?.());
	expect(ours(make(), replacer?.(), space?.(), rooms)).toEqual(wanted);
	expect(ours(make(), replacer?.(), space?.(), [SMALL_ROOM])).toEqual(wanted);
}
