/** Reads a journal through without opening it as one: nothing is changed, applied or locked. */
import { DurableJsonError } from '../errors.ts';
import type { FileSystem, OpenFile } from '../ports/file-system.ts';
import type { Bytes } from '../types.ts';
import { closeQuietly, guarded, readGroups } from './read-file.ts';
import { JournalScanner } from './scanner.ts';

/** What is in the file of a journal. */
export interface JournalSurvey {
	/** Of the last entry that is part of the state in the first line. */
	readonly baseSequence: number;
	readonly baseBytes: Bytes;
	/** Of the last entry. */
	readonly sequence: number;
	/** Up to the end of the last whole line. */
	readonly bytes: Bytes;
	/** What follows that is more than space allocated ahead: a write that was cut off, or is under way. */
	readonly tornBytes: Bytes;
	readonly sizeBytes: Bytes;
}

export interface SurveyOptions {
	/** Told of the state in the first line, and the sequence of the last entry that is part of it. */
	readonly onState?: ((state: unknown, sequence: number) => Promise<void>) | undefined;
	/** Told of the entries, those of a line together, with the sequence of the first. */
	readonly onEntries?: ((sequence: number, entries: readonly unknown[]) => Promise<void>) | undefined;
	readonly onProgress?: ((readBytes: Bytes, sizeBytes: Bytes) => void) | undefined;
}

/**
 * Reads all of it, in bounded memory. Where the journal is open in another process, it is what that one has written by then.
 *
 * @throws DurableJsonError ERR_CORRUPT, when all entries before the damage have been told; ERR_UNSUPPORTED, ERR_READ_FAILED.
 */
export async function surveyJournal(
	fileSystem: FileSystem,
	path: string,
	options: SurveyOptions = {},
): Promise<JournalSurvey> {
	const file = await guarded(path, 'open', async () => {
		// A pipe would not even be opened before somebody writes to it.
		const { kind } = await fileSystem.stat(path);
		if (kind !== 'file') throw new Error(kind === 'directory' ? 'it is a directory' : 'it is no file');
		return fileSystem.open(path, 'read');
	});
	try {
		const survey = new Survey(file, path, options);
		for (let damagedAt: number | undefined; ; ) {
			try {
				return await survey.run();
			} catch (error) {
				// What is written meanwhile may look like damage where it was read in part: damage stays where it is.
				if (!(error instanceof DurableJsonError) || error.code !== 'ERR_CORRUPT' || error.offset === damagedAt)
					throw error;
				damagedAt = error.offset;
			}
		}
	} finally {
		await closeQuietly(file, path);
	}
}

class Survey {
	readonly #file: OpenFile;
	readonly #path: string;
	readonly #options: SurveyOptions;
	#stateTold = false;
	/** Entries up to this sequence have been told. */
	#told = 0;

	constructor(file: OpenFile, path: string, options: SurveyOptions) {
		this.#file = file;
		this.#path = path;
		this.#options = options;
	}

	async run(): Promise<JournalSurvey> {
		const { onEntries, onProgress } = this.#options;
		const { sizeBytes } = await guarded(this.#path, 'read', () => this.#file.statSync());
		const scanner = new JournalScanner(this.#path);
		// No further: it may grow as fast as it is read.
		for await (const groups of readGroups(this.#file, this.#path, scanner, 0, sizeBytes)) {
			await this.#tellState(scanner);
			for (const { sequence, entries } of groups) {
				if (sequence <= this.#told) continue;
				await onEntries?.(sequence, entries);
				this.#told = sequence + entries.length - 1;
			}
			onProgress?.(scanner.position?.offset ?? 0, sizeBytes);
		}
		const { torn, offset, sequence } = scanner.end();
		await this.#tellState(scanner);
		return {
			baseSequence: scanner.base?.sequence ?? 0,
			baseBytes: scanner.baseEnd?.offset ?? 0,
			sequence,
			bytes: offset,
			tornBytes: torn ? sizeBytes - offset : 0,
			sizeBytes,
		};
	}

	async #tellState({ base }: JournalScanner): Promise<void> {
		if (this.#stateTold || base === undefined) return;
		this.#stateTold = true;
		await this.#options.onState?.(base.state, base.sequence);
	}
}
