/** Reads a journal piece by piece, and tells a torn end from damage. */
import { DurableJsonError } from '../errors.ts';
import type { Bytes } from '../types.ts';
import {
	type BaseLine,
	beginsAsBase,
	decodeBase,
	decodeGroup,
	type GroupLine,
	groupSeed,
	holdsGroup,
	MAX_BASE_BYTES,
	MAX_GROUP_BYTES,
} from './record.ts';

const NEWLINE = 0x0a;

/** A place between two lines of a journal, and what the next line has to follow. */
export interface JournalPosition {
	/** Where the next line belongs. */
	readonly offset: Bytes;
	/** The sequence of the last entry before; 0 where there has never been one. */
	readonly sequence: number;
	/** What the next line names as `prev`. */
	readonly crc: number;
	/** What its checksum begins with. */
	readonly seed: number;
}

export interface ScannerOptions {
	/** Behind the first line: groups alone are read. Default: the beginning of the file. */
	readonly from?: JournalPosition | undefined;
	readonly maxBaseBytes?: Bytes;
	readonly maxGroupBytes?: Bytes;
}

/**
 * Feed it a file, with {@link JournalScanner.push}, then ask for the {@link JournalScanner.end}. It holds one line at most.
 *
 * A line is the next one where it is whole, names the checksum of the one before and has the sequence that follows. At the
 * first that is not, the journal ends; a whole line that comes later, anywhere behind that place, was written after a sync
 * of what should be there, so the file is damaged: ERR_CORRUPT with the offset of the first bad line.
 */
export class JournalScanner {
	readonly #path: string;
	readonly #maxBaseBytes: Bytes;
	readonly #maxGroupBytes: Bytes;
	#base: BaseLine | undefined;
	#baseEnd: JournalPosition | undefined;
	/** Behind the last whole line. */
	#position: JournalPosition | undefined;
	#lastGroup: Bytes | undefined;
	/** Where the line begins that is being read. */
	#offset: Bytes;
	/** The beginning of a line whose end has not come yet; of one that is too long, the last bytes. */
	#pieces: Buffer[] = [];
	#heldBytes = 0;
	/** How long that line is so far. */
	#lineBytes = 0;
	/** What is thrown when the groups before it have been handed out. */
	#failure: DurableJsonError | undefined;
	/** True once something else than the next line has come. */
	#ended = false;
	#torn = false;

	/** @param path for errors */
	constructor(path: string, options: ScannerOptions = {}) {
		this.#path = path;
		this.#position = options.from;
		this.#offset = options.from?.offset ?? 0;
		this.#maxBaseBytes = options.maxBaseBytes ?? MAX_BASE_BYTES;
		this.#maxGroupBytes = options.maxGroupBytes ?? MAX_GROUP_BYTES;
	}

	/** The first line, once it has been read. */
	get base(): BaseLine | undefined {
		return this.#base;
	}

	/** Behind the first line, once it has been read. */
	get baseEnd(): JournalPosition | undefined {
		return this.#baseEnd;
	}

	/** Where the last group so far begins; undefined before the first. */
	get lastGroup(): Bytes | undefined {
		return this.#lastGroup;
	}

	/** Behind the last whole line so far; undefined before the first. */
	get position(): JournalPosition | undefined {
		return this.#position;
	}

	/**
	 * The lines of entries that end in this chunk, which is the caller's own again afterwards.
	 *
	 * @throws DurableJsonError ERR_CORRUPT, ERR_UNSUPPORTED, once all groups before have been handed out.
	 */
	push(chunk: Uint8Array): GroupLine[] {
		if (this.#failure !== undefined) throw this.#failure;
		const groups: GroupLine[] = [];
		try {
			this.#scan(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length), groups);
		} catch (error) {
			// What comes before the damage is told first.
			if (groups.length === 0 || !(error instanceof DurableJsonError)) throw error;
			this.#failure = error;
		}
		return groups;
	}

	#scan(buffer: Buffer, groups: GroupLine[]): void {
		let start = 0;
		for (let end = buffer.indexOf(NEWLINE); end !== -1; end = buffer.indexOf(NEWLINE, start)) {
			const group = this.#endLine(buffer.subarray(start, end));
			if (group !== undefined) groups.push(group);
			start = end + 1;
			// Space allocated ahead is nothing but newlines, and there may be much of it.
			if (this.#position === undefined) continue;
			while (buffer[start] === NEWLINE) start += this.#emptyLine();
		}
		if (start < buffer.length) this.#hold(Buffer.from(buffer.subarray(start)));
	}

	/**
	 * To be called when the whole file has been pushed.
	 *
	 * @returns where the journal ends, and whether something else than newlines follows: a write that a crash cut off.
	 * @throws DurableJsonError ERR_CORRUPT.
	 */
	end(): JournalPosition & { readonly torn: boolean } {
		if (this.#failure !== undefined) throw this.#failure;
		const position = this.#position;
		const rest = Buffer.concat(this.#pieces);
		if (position === undefined) throw this.#noBase(rest);
		if (rest.length > 0) {
			// A next line that lacks nothing but its newline is torn like any other.
			this.#searchBehindEnd(position, this.#ended ? rest : rest.subarray(1));
			this.#torn = true;
		}
		return { ...position, torn: this.#torn };
	}

	/** Keeps the beginning of a line, or of a long one the end, where it is searched for another line. */
	#hold(piece: Buffer): void {
		this.#lineBytes += piece.length;
		this.#pieces.push(piece);
		this.#heldBytes += piece.length;
		const maxBytes = this.#maxLineBytes;
		let first = this.#pieces[0]?.length ?? 0;
		while (this.#heldBytes - first > maxBytes) {
			this.#pieces.shift();
			this.#heldBytes -= first;
			first = this.#pieces[0]?.length ?? 0;
		}
	}

	get #maxLineBytes(): Bytes {
		return this.#position === undefined ? this.#maxBaseBytes : this.#maxGroupBytes;
	}

	/** An empty line is no line of entries. @returns its length */
	#emptyLine(): 1 {
		this.#ended = true;
		this.#offset += 1;
		return 1;
	}

	/** @param last what has come last of the line */
	#endLine(last: Buffer): GroupLine | undefined {
		const lineBytes = this.#lineBytes + last.length;
		const held = this.#heldBytes === 0 ? last : Buffer.concat([...this.#pieces, last]);
		this.#pieces = [];
		this.#heldBytes = 0;
		this.#lineBytes = 0;
		const start = this.#offset;
		this.#offset += lineBytes + 1;
		const line = lineBytes <= this.#maxLineBytes ? held : undefined;
		const position = this.#position;
		if (position === undefined) {
			this.#readBase(line);
			return undefined;
		}
		const group = this.#ended || line === undefined ? undefined : this.#readGroup(start, line, position);
		if (group !== undefined || held.length === 0) {
			if (group === undefined) this.#ended = true;
			return group;
		}
		this.#ended = true;
		this.#torn = true;
		this.#searchBehindEnd(position, held);
		return undefined;
	}

	#readBase(line: Buffer | undefined): void {
		const base = line && this.#whole(0, () => decodeBase(line, this.#path));
		if (base === undefined) throw this.#noBase(line);
		this.#base = base;
		const { crc, id, sequence } = base;
		this.#baseEnd = { offset: this.#offset, sequence, crc, seed: groupSeed(id) };
		this.#position = this.#baseEnd;
	}

	/** The line, where it is the next one. */
	#readGroup(start: Bytes, line: Buffer, { crc, seed, sequence }: JournalPosition): GroupLine | undefined {
		const group = this.#whole(start, () => decodeGroup(line, seed));
		if (group?.prev !== crc || group.sequence !== sequence + 1) return undefined;
		this.#lastGroup = start;
		this.#position = { offset: this.#offset, sequence: sequence + group.entries.length, crc: group.crc, seed };
		return group;
	}

	#searchBehindEnd({ offset, sequence, seed }: JournalPosition, bytes: Buffer): void {
		if (!holdsGroup(bytes, seed, sequence + 1)) return;
		throw this.#corrupt(offset, 'a whole line follows one that is not whole, or not the next');
	}

	/** @param line what stands in place of the first line; undefined where it is too long */
	#noBase(line: Buffer | undefined): DurableJsonError {
		if (line?.length === 0) return this.#corrupt(0, 'it is empty');
		const isJournal = line === undefined || beginsAsBase(line);
		return this.#corrupt(0, isJournal ? 'its first line is not whole' : 'it is no journal');
	}

	/** A line whose checksum is right and that is no JSON was never torn. */
	#whole<T>(offset: Bytes, decode: () => T): T {
		try {
			return decode();
		} catch (cause) {
			if (cause instanceof SyntaxError) throw this.#corrupt(offset, cause.message, cause);
			throw cause;
		}
	}

	#corrupt(offset: Bytes, what: string, cause?: unknown): DurableJsonError {
		const message = `${this.#path} is corrupt at byte ${offset}: ${what}`;
		const details = { path: this.#path, step: 'parse', offset } as const;
		return new DurableJsonError('ERR_CORRUPT', message, cause === undefined ? details : { ...details, cause });
	}
}
