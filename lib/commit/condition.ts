/** Is a file a whole document? Read as a stream, in bounded memory, whatever its size. */

import { type JsonFormat, type JsonProblem, JsonValidator } from '../json/validator.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { BUFFER_BYTES, giveBuffer, takeBuffer } from './buffers.ts';

/**
 * - `good`: it is JSON, or JSON Lines (of which there may be none)
 * - `empty`: no byte, where JSON needs some
 * - `nul`: nothing but NUL bytes, as a power cut may leave a file that was never synced
 * - `torn`: it ends too early
 * - `malformed`: what is wrong comes before its end, so that it was not only cut off
 */
export type Condition = 'good' | 'empty' | 'nul' | 'torn' | 'malformed';

export interface Judgement {
	readonly condition: Condition;
	/** What the file was when it was read. */
	readonly stat: FileStat;
	/** Where it stops being JSON. */
	readonly problem: JsonProblem | undefined;
	/** True where it ends in a number outside of all containers, of which the rest may be missing. */
	readonly endsInNumber: boolean;
}

export interface JudgeOptions {
	readonly signal?: AbortSignal | undefined;
	/** Told after each piece. */
	readonly onProgress?: ((readBytes: number, sizeBytes: number) => void) | undefined;
}

/** Which format a document's name promises; undefined where none. */
export function formatOf(name: string): JsonFormat | undefined {
	if (/\.json$/i.test(name)) return 'json';
	return /\.(jsonl|ndjson)$/i.test(name) ? 'lines' : undefined;
}

/** Reads a file and judges it. Rejects with the system's error. */
export async function judgeFile(
	fileSystem: FileSystem,
	file: string,
	format: JsonFormat,
	{ signal, onProgress }: JudgeOptions = {},
): Promise<Judgement> {
	const opened = await fileSystem.open(file, 'read');
	const buffer = takeBuffer();
	try {
		const stat = await opened.stat();
		const validator = new JsonValidator(format);
		let position = 0;
		let blank = true;
		for (;;) {
			signal?.throwIfAborted();
			const length = await opened.read(buffer, 0, BUFFER_BYTES, position);
			if (length === 0) break;
			position += length;
			const piece = buffer.subarray(0, length);
			blank &&= piece.every((byte) => byte === 0);
			onProgress?.(position, stat.sizeBytes);
			// Of NULs the first is a problem; that all of them are is worth knowing.
			if (!validator.push(piece) && !blank) break;
		}
		const isMalformed = validator.problem !== undefined;
		const problem = validator.end();
		const { endsInNumber } = validator;
		if (problem === undefined) return { condition: 'good', stat, problem, endsInNumber };
		const condition = position === 0 ? 'empty' : blank ? 'nul' : isMalformed ? 'malformed' : 'torn';
		return { condition, stat, problem, endsInNumber };
	} finally {
		giveBuffer(buffer);
		await opened.close();
	}
}

/** What a journal begins with. */
export const JOURNAL_START = '{"journal":"durable-json",';

/** Does a file begin as a journal does? Rejects with the system's error. */
export async function beginsAsJournal(fileSystem: FileSystem, file: string): Promise<boolean> {
	const opened = await fileSystem.open(file, 'read');
	try {
		const bytes = new Uint8Array(JOURNAL_START.length);
		const length = await opened.read(bytes, 0, bytes.length, 0);
		return Buffer.from(bytes.subarray(0, length)).toString('latin1') === JOURNAL_START;
	} finally {
		await opened.close();
	}
}

/** Does a file begin with NUL, or hold nothing? One small read tells whether it is worth judging. */
export async function looksLost(fileSystem: FileSystem, file: string): Promise<boolean> {
	const opened = await fileSystem.open(file, 'read');
	try {
		const first = new Uint8Array(1);
		return (await opened.read(first, 0, 1, 0)) === 0 || first[0] === 0;
	} finally {
		await opened.close();
	}
}
