/** The open file of a journal: groups are appended to it, each by one write and one sync. */
import { codeOf } from '../errors.ts';
import type { OpenFile } from '../ports/file-system.ts';
import type { Bytes } from '../types.ts';
import { closeQuietly } from './read-file.ts';
import { encodeGroup } from './record.ts';
import type { JournalPosition } from './scanner.ts';

/**
 * Newlines are written ahead in pieces of the file's own size, within these bounds: a sync of bytes that replace others
 * takes a third of one that changes the size of the file (ext4).
 */
const MIN_AHEAD_BYTES = 64 * 1024;
const MAX_AHEAD_BYTES = 1024 * 1024;
let newlines = Buffer.alloc(MIN_AHEAD_BYTES, '\n');

/** Newlines to write behind `offset`. */
function spaceAhead(offset: Bytes): Buffer {
	const bytes = Math.min(MAX_AHEAD_BYTES, Math.max(MIN_AHEAD_BYTES, offset));
	if (newlines.length < bytes) newlines = Buffer.alloc(MAX_AHEAD_BYTES, '\n');
	return newlines.subarray(0, bytes);
}

/** No space is left, for this user, or in a file of this size. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A group did not get to the disk. `step` tells how far it came. */
export class AppendFailure extends Error {
	readonly step: 'write' | 'sync' | 'check';

	constructor(step: AppendFailure['step'], cause: unknown) {
		super('a group could not be appended', { cause });
		this.step = step;
	}
}

/** A file of a journal, as it is found or made. */
export interface JournalFileState {
	/** Of the journal, for what is told of the file. */
	readonly path: string;
	/** As {@link FileStat.identity}. */
	readonly identity: string;
	/** Behind the first line. */
	readonly base: JournalPosition;
	/** Behind the last group. */
	readonly end: JournalPosition;
	/** The size of the file, which holds nothing but newlines behind `end`. */
	readonly sizeBytes: Bytes;
}

export class JournalFile {
	readonly identity: string;
	/** Behind the first line. */
	readonly base: JournalPosition;
	readonly #path: string;
	readonly #file: OpenFile;
	/** Behind the last group that is durable. */
	#end: JournalPosition;
	/** Newlines reach up to here. */
	#allocatedBytes: Bytes;

	constructor(file: OpenFile, { path, identity, base, end, sizeBytes }: JournalFileState) {
		this.identity = identity;
		this.base = base;
		this.#path = path;
		this.#file = file;
		this.#end = end;
		this.#allocatedBytes = sizeBytes;
	}

	get end(): JournalPosition {
		return this.#end;
	}

	/**
	 * Appends entries as one group, and syncs it. One call at a time.
	 *
	 * @param assertNamed throws where the file does not have the journal's name any more: what is appended to it is lost. That
	 * nobody has cut it off is asked then, too. Not to be given each time: Linux gives a file whose times were looked at new ones with the next write, which costs half as much
	 * as its sync.
	 * @throws AppendFailure after which {@link JournalFile.cutBack} is next, or the file is given up.
	 */
	async append(texts: readonly string[], assertNamed: (() => void) | undefined): Promise<void> {
		const { crc, offset, seed, sequence } = this.#end;
		const line = encodeGroup(seed, crc, sequence + 1, texts);
		const end = offset + line.bytes.length;
		try {
			await this.#write(line.bytes, offset);
			if (end > this.#allocatedBytes) await this.#allocate(end);
		} catch (error) {
			throw new AppendFailure('write', error);
		}
		try {
			await this.#file.dataSync();
		} catch (error) {
			throw new AppendFailure('sync', error);
		}
		try {
			assertNamed?.();
			if (assertNamed !== undefined && this.#file.statSync().sizeBytes < this.#allocatedBytes) {
				throw new Error('somebody else has cut off the file');
			}
		} catch (error) {
			throw new AppendFailure('check', error);
		}
		this.#end = { offset: end, sequence: sequence + texts.length, crc: line.crc, seed };
	}

	/**
	 * Makes sure, where the file is opened, that all it holds is durable, and cuts off what stands behind. A process that was
	 * killed has synced its last group not at all, or in vain: where a sync has failed, the system takes the bytes for written
	 * until they are written again. The groups before were synced before the last one was written. Where there is none, the
	 * last byte is written again: entries that were cut off there may be on the medium still.
	 *
	 * @param lastGroup where the last one begins. Rejects with the system's error.
	 */
	async settle(lastGroup: Bytes): Promise<void> {
		const { offset } = this.#end;
		if (this.#allocatedBytes > offset) await this.#file.truncate(offset);
		this.#allocatedBytes = offset;
		const from = Math.min(lastGroup, offset - 1);
		const buffer = Buffer.allocUnsafe(Math.min(MAX_AHEAD_BYTES, offset - from));
		for (let position = from; position < offset; ) {
			const read = await this.#file.read(buffer, 0, Math.min(buffer.length, offset - position), position);
			if (read === 0) throw new Error('the file has become shorter');
			await this.#write(buffer.subarray(0, read), position);
			position += read;
		}
		await this.#file.dataSync();
	}

	/** Removes durably what stands behind the last group. Rejects with the system's error. */
	async cutBack(): Promise<void> {
		await this.#file.truncate(this.#end.offset);
		await this.#file.dataSync();
		this.#allocatedBytes = this.#end.offset;
	}

	/** Leaves no newlines behind, where that can be done. Never rejects. */
	async close(): Promise<void> {
		try {
			if (this.#allocatedBytes > this.#end.offset) await this.#file.truncate(this.#end.offset);
		} catch {
			// The next one to open it finds them, as after a crash.
		}
		await this.abandon();
	}

	/** Closes a file that another has taken the place of, or that failed. Never rejects. */
	abandon(): Promise<void> {
		return closeQuietly(this.#file, this.#path);
	}

	async #allocate(end: Bytes): Promise<void> {
		this.#allocatedBytes = end;
		try {
			const space = spaceAhead(end);
			await this.#write(space, end);
			this.#allocatedBytes = end + space.length;
		} catch (error) {
			// It goes without; whether there is space for the next group the next group will tell.
			if (!FULL.has(codeOf(error) ?? '')) throw error;
		}
	}

	async #write(bytes: Uint8Array, position: Bytes): Promise<void> {
		for (let written = 0; written < bytes.length; ) {
			const taken = await this.#file.write(bytes, written, bytes.length - written, position + written);
			if (taken <= 0) throw Object.assign(new Error('ENOSPC: the file system took 0 bytes'), { code: 'ENOSPC' });
			written += taken;
		}
	}
}
