/** The bytes of `writeFile`: a string, a view, or an iterable or stream of those. */
import type { FileData } from '../types.ts';
import type { ByteSource } from './byte-source.ts';
import { AsyncCursor, type Cursor, SyncCursor } from './cursor.ts';

/** So many UTF-16 units of a string are encoded at a time; each gives at most three bytes. */
const SLICE_UNITS = 4096;

/** So many pieces are taken in one call of `fill`, however small they are. */
const MAX_PIECES_PER_FILL = 4096;

type Piece = string | ArrayBufferView;

/** Is it something that {@link createFileDataSource} takes? */
export function isFileData(data: unknown): data is FileData {
	if (isPiece(data)) return true;
	return typeof data === 'object' && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data);
}

export function createFileDataSource(data: FileData): ByteSource {
	return new FileDataSource(data);
}

class FileDataSource implements ByteSource {
	done = false;
	readonly rows = 0;
	/** The piece that is being copied, and how far. */
	#piece: Piece | undefined;
	#position = 0;
	#pieces = 0;
	#cursor: Cursor | undefined;

	constructor(data: FileData) {
		if (isPiece(data)) this.#piece = data;
		else if (Symbol.asyncIterator in data) this.#cursor = new AsyncCursor(data, data[Symbol.asyncIterator]);
		else this.#cursor = new SyncCursor(data, data[Symbol.iterator]);
	}

	get waiting(): Promise<void> | undefined {
		return this.#cursor?.waiting;
	}

	fill(target: Buffer, offset: number): number {
		let at = offset;
		for (let taken = 0; taken < MAX_PIECES_PER_FILL; taken++) {
			at = this.#copy(target, at);
			if (this.#piece !== undefined) return at;
			if (this.#cursor === undefined) {
				this.done = true;
				return at;
			}
			const step = this.#cursor.next();
			if (step === undefined) return at;
			if (step.done) this.#cursor = undefined;
			else this.#take(step.value);
		}
		return at;
	}

	jsonPath(): string {
		return this.#pieces === 0 ? '$' : `$[${this.#pieces - 1}]`;
	}

	async close(): Promise<void> {
		await this.#cursor?.close();
	}

	#take(piece: unknown): void {
		this.#pieces += 1;
		if (!isPiece(piece)) throw new TypeError('data must be made of strings and views of bytes');
		this.#piece = piece;
		this.#position = 0;
	}

	/** Copies what there is room for; lets go of the piece when all of it is copied. */
	#copy(target: Buffer, offset: number): number {
		let at = offset;
		if (typeof this.#piece === 'string') {
			const text = this.#piece;
			// encodeInto stops before a character that has no room: four bytes at most.
			while (this.#position < text.length && target.length - at >= 4) {
				const { read, written } = encoder.encodeInto(sliceAt(text, this.#position), target.subarray(at));
				this.#position += read;
				at += written;
			}
			if (this.#position >= text.length) this.#piece = undefined;
		} else if (this.#piece !== undefined) {
			const { buffer, byteOffset, byteLength } = this.#piece;
			const copied = Buffer.from(buffer, byteOffset, byteLength).copy(target, at, this.#position);
			this.#position += copied;
			at += copied;
			if (this.#position >= byteLength) this.#piece = undefined;
		}
		return at;
	}
}

const encoder = new TextEncoder();

/** A slice that does not end between the halves of a surrogate pair. */
function sliceAt(text: string, start: number): string {
	const end = start + SLICE_UNITS;
	const last = text.charCodeAt(end - 1);
	return text.slice(start, last >= 0xd800 && last <= 0xdbff ? end + 1 : end);
}

function isPiece(value: unknown): value is Piece {
	return typeof value === 'string' || ArrayBuffer.isView(value);
}
