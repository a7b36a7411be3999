/** Reads a journal piece by piece, and tells a torn end from damage. */
import { DurableJsonError } from '../errors.ts';
import { type BaseLine, decodeBase, decodeGroup, type GroupLine, holdsGroup, MAX_LINE_BYTES } from './record.ts';

const NEWLINE = 0x0a;

/** Where a journal ends. */
export interface JournalEnd {
	/** Where the next line belongs: behind the last whole one. */
	readonly offset: number;
	/** The sequence of the last entry; 0 where there has never been one. */
	readonly sequence: number;
	/** What the next line names as `prev`. */
	readonly crc: number;
	/** True where something but newlines follows: a write that a crash cut off. */
	readonly torn: boolean;
}

/**
 * Feed it a file from its first byte, with {@link JournalScanner.push}, then ask for the {@link JournalScanner.end}. It
 * holds one line at most.
 *
 * A line is the next one where it is whole, names the checksum of the one before and has the sequence that follows. At the
 * first that is not, the journal ends; a whole line anywhere behind that place was written after a sync of what should be
 * there, so the file is damaged: ERR_CORRUPT with the offset of the first bad line.
 */
export class JournalScanner {
	readonly #path: string;
	readonly #maxLineBytes: number;
	#base: BaseLine | undefined;
	/** The beginning of a line whose end has not come yet. */
	#pieces: Buffer[] = [];
	#heldBytes = 0;
	/** Where the line begins that is being read. */
	#offset = 0;
	#sequence = 0;
	#crc = 0;
	/** Where the last whole line ended, once something else follows. */
	#stoppedAt: number | undefined;
	#torn = false;

	/** @param path for errors */
	constructor(path: string, maxLineBytes: number = MAX_LINE_BYTES) {
		this.#path = path;
		this.#maxLineBytes = maxLineBytes;
	}

	/** The first line, once it has been read. */
	get base(): BaseLine | undefined {
		return this.#base;
	}

	/**
	 * The lines of entries that end in this chunk, which is the caller's own again afterwards.
	 *
	 * @throws DurableJsonError ERR_CORRUPT, ERR_UNSUPPORTED.
	 */
	push(chunk: Uint8Array): GroupLine[] {
		const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
		const groups: GroupLine[] = [];
		let start = 0;
		for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
			const lineStart = this.#offset;
			const group = this.#line(lineStart, this.#take(buffer.subarray(start, end)));
			if (group !== undefined) groups.push(group);
			start = end + 1;
		}
		if (start < buffer.length) this.#hold(Buffer.from(buffer.subarray(start)));
		return groups;
	}

	/**
	 * To be called when the whole file has been pushed.
	 *
	 * @throws DurableJsonError ERR_CORRUPT where not even the first line is there.
	 */
	end(): JournalEnd {
		if (this.#base === undefined) throw this.#corrupt(0, 'its first line is not whole');
		const torn = this.#torn || this.#heldBytes > 0;
		return { offset: this.#stoppedAt ?? this.#offset, sequence: this.#sequence, crc: this.#crc, torn };
	}

	#hold(piece: Buffer): void {
		this.#heldBytes += piece.length;
		// Too long to be a line: only its length still counts.
		if (this.#heldBytes > this.#maxLineBytes) this.#pieces = [];
		else this.#pieces.push(piece);
	}

	/** The whole line, of which `last` is the end; undefined where it is too long to be one. */
	#take(last: Buffer): Buffer | undefined {
		const bytes = this.#heldBytes + last.length;
		const line = this.#heldBytes === 0 ? last : Buffer.concat([...this.#pieces, last]);
		this.#pieces = [];
		this.#heldBytes = 0;
		this.#offset += bytes + 1;
		return bytes > this.#maxLineBytes ? undefined : line;
	}

	#line(start: number, line: Buffer | undefined): GroupLine | undefined {
		if (this.#base === undefined) {
			this.#readBase(line);
			return undefined;
		}
		if (this.#stoppedAt === undefined) {
			const group = line && this.#whole(start, () => decodeGroup(line));
			if (group !== undefined && group.prev === this.#crc && group.sequence === this.#sequence + 1) {
				this.#sequence += group.entries.length;
				this.#crc = group.crc;
				return group;
			}
			this.#stoppedAt = start;
		}
		this.#readBehindEnd(this.#stoppedAt, line);
		return undefined;
	}

	#readBase(line: Buffer | undefined): void {
		const base = line && this.#whole(0, () => decodeBase(line, this.#path));
		if (base === undefined) throw this.#corrupt(0, 'its first line is not whole');
		this.#base = base;
		this.#sequence = base.sequence;
		this.#crc = base.crc;
	}

	#readBehindEnd(end: number, line: Buffer | undefined): void {
		if (line?.length === 0) return;
		this.#torn = true;
		if (line !== undefined && holdsGroup(line)) {
			throw this.#corrupt(end, 'a whole line follows one that is not whole, or not the next');
		}
	}

	/** A line whose checksum is right and that is no JSON was never torn. */
	#whole<T>(offset: number, decode: () => T): T {
		try {
			return decode();
		} catch (cause) {
			if (cause instanceof SyntaxError) throw this.#corrupt(offset, cause.message, cause);
			throw cause;
		}
	}

	#corrupt(offset: number, what: string, cause?: unknown): DurableJsonError {
		const message = `${this.#path} is corrupt at byte ${offset}: ${what}`;
		const details = { path: this.#path, step: 'parse', offset } as const;
		return new DurableJsonError('ERR_CORRUPT', message, cause === undefined ? details : { ...details, cause });
	}
}
