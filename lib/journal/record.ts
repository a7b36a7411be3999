/**
 * The lines of a journal, format 1: docs/formats/journal.md. Pure: text and bytes in, bytes and values out.
 *
 * A line is what one write and one sync made durable together. The next line is written only after that sync, so a whole
 * line proves that the lines before it were whole: what is torn is always the last.
 */
import { constants } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { JOURNAL_START } from '../commit/condition.ts';
import { DurableJsonError, messageOf } from '../errors.ts';
import type { Bytes } from '../types.ts';

/** A longer first line could not be a string in memory. */
export const MAX_BASE_BYTES: Bytes = constants.MAX_STRING_LENGTH;

/** The longest line of entries. Where a journal ends, so much of it is searched at a time for what follows. */
export const MAX_GROUP_BYTES: Bytes = 64 * 1024 * 1024;

/** The first bytes of every line that holds entries. */
const GROUP_START = '{"prev":"';

/** `,"crc":"01234567"}` */
const TRAILER = /^,"crc":"([0-9a-f]{8})"\}$/;
export const TRAILER_BYTES: Bytes = 18;

/** What every journal begins with. */
const BASE_HEAD = /^\{"journal":"durable-json","version":([1-9]\d*),/;
const BASE_HEAD_1 = /^\{"journal":"durable-json","version":1,"id":"([0-9a-f]{16})","seq":(0|[1-9]\d{0,15}),"state":/;
const GROUP_HEAD = /^\{"prev":"([0-9a-f]{8})","seq":([1-9]\d{0,15}),"entries":(?=\[)/;

/** How much of a line its head can take. */
const BASE_HEAD_BYTES = 128;
const GROUP_HEAD_BYTES = 64;

/** A line as it goes to the disk, its newline included. */
export interface EncodedLine {
	readonly bytes: Uint8Array;
	/** What the next line names as `prev`. */
	readonly crc: number;
}

/** The first line of a journal: the state that the entries after it are applied to. */
export interface BaseLine {
	/** 16 hexadecimal digits of 64 random bits, another one for each file. */
	readonly id: string;
	/** The sequence of the last entry that is part of the state; 0 for none. */
	readonly sequence: number;
	readonly state: unknown;
	readonly crc: number;
}

/** A line of entries: one group, durable as a whole or not at all. */
export interface GroupLine {
	/** The checksum of the line before. */
	readonly prev: number;
	/** Of the first entry; the others follow it without gaps. */
	readonly sequence: number;
	readonly entries: readonly unknown[];
	readonly crc: number;
}

/** What goes into one line together. */
export interface EntryTexts {
	readonly texts: readonly string[];
	/** What they take of a line, commas included. */
	readonly bytes: Bytes;
}

/**
 * The JSON texts of entries that become durable together.
 *
 * @throws DurableJsonError ERR_NOT_SERIALIZABLE where one has none (`undefined`, a function, a symbol, a bigint, a circle, a
 * `toJSON` that throws), or where they do not fit into one line.
 */
export function toTexts(entries: readonly unknown[], path: string): EntryTexts {
	const texts = entries.map((entry) => toText(entry, path));
	const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
	const maxBytes = MAX_GROUP_BYTES - GROUP_HEAD_BYTES - TRAILER_BYTES;
	if (bytes > maxBytes) {
		throw notSerializable(new RangeError(`it takes ${bytes} bytes, of at most ${maxBytes} in one line`), path);
	}
	return { texts, bytes };
}

function toText(entry: unknown, path: string): string {
	let text: string | undefined;
	try {
		// Its type leaves out that it gives undefined.
		text = JSON.stringify(entry) as string | undefined;
	} catch (cause) {
		throw notSerializable(cause, path);
	}
	if (text === undefined) throw notSerializable(new TypeError(`${typeof entry} has no JSON text`), path);
	return text;
}

function notSerializable(cause: unknown, path: string): DurableJsonError {
	const message = `an entry cannot be written to ${path}: ${messageOf(cause)}`;
	return new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path, step: 'serialize', cause });
}

/** What stands before the state in a first line. */
export function baseHead(id: string, sequence: number): string {
	return `{"journal":"durable-json","version":1,"id":"${id}","seq":${sequence},"state":`;
}

/** The end of a line. @param crc of all that stands before */
export function trailer(crc: number): string {
	return `,"crc":"${hex(crc)}"}\n`;
}

/** The checksum of a group begins with the file's id: a line of another file, among the entries, is never taken for one. */
export function groupSeed(id: string): number {
	return crc32(id);
}

/** @param texts the JSON texts of at least one entry */
export function encodeGroup(seed: number, prev: number, sequence: number, texts: readonly string[]): EncodedLine {
	const head = `${GROUP_START}${hex(prev)}","seq":${sequence},"entries":[`;
	const bytes = Buffer.from(`${head}${texts.join(',')}]${trailer(0)}`);
	const end = bytes.length - TRAILER_BYTES - 1;
	const crc = crc32(bytes.subarray(0, end), seed);
	bytes.write(trailer(crc), end, 'latin1');
	return { bytes, crc };
}

/** Does this begin as a journal does, as far as it goes? */
export function beginsAsBase(bytes: Buffer): boolean {
	const start = bytes.toString('latin1', 0, JOURNAL_START.length);
	return JOURNAL_START.startsWith(start);
}

/**
 * The first line of a journal, without its newline; undefined where it is damaged.
 *
 * @throws SyntaxError where the line is whole and yet no JSON; DurableJsonError ERR_UNSUPPORTED for a whole line of another
 * version.
 */
export function decodeBase(line: Buffer, path: string): BaseLine | undefined {
	const crc = checksumOf(line, 0);
	const head = line.toString('latin1', 0, BASE_HEAD_BYTES);
	const version = BASE_HEAD.exec(head)?.[1];
	if (crc === undefined || version === undefined) return undefined;
	if (version !== '1') {
		const message = `${path} is a journal of version ${version}; this version of durable-json knows version 1`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step: 'parse' });
	}
	const [begin, id, digits] = BASE_HEAD_1.exec(head) ?? [];
	const sequence = Number(digits);
	if (begin === undefined || id === undefined || !Number.isSafeInteger(sequence)) return undefined;
	return { id, sequence, state: parse(line, begin.length), crc };
}

/**
 * A line of entries, without its newline; undefined where it is none or damaged. Where it belongs is for the caller to
 * check.
 *
 * @throws SyntaxError where the line is whole and yet no JSON.
 */
export function decodeGroup(line: Buffer, seed: number): GroupLine | undefined {
	const [begin, prev, digits] = GROUP_HEAD.exec(line.toString('latin1', 0, GROUP_HEAD_BYTES)) ?? [];
	if (begin === undefined || prev === undefined) return undefined;
	const crc = checksumOf(line, seed);
	const sequence = Number(digits);
	if (crc === undefined || !Number.isSafeInteger(sequence)) return undefined;
	const entries = parse(line, begin.length) as unknown[];
	if (entries.length === 0) throw new SyntaxError('a line of entries holds none');
	return { prev: Number.parseInt(prev, 16), sequence, entries, crc };
}

/**
 * Does a whole line of this file, of that sequence or a later one, begin anywhere in these bytes and end where they end?
 * Among the entries of a line there may be lines of this file, but only earlier ones.
 */
export function holdsGroup(bytes: Buffer, seed: number, fromSequence: number): boolean {
	// Most of what is torn has no checksum at its end, and need not be searched.
	if (!TRAILER.test(bytes.toString('latin1', Math.max(0, bytes.length - TRAILER_BYTES)))) return false;
	for (let at = bytes.indexOf(GROUP_START); at !== -1; at = bytes.indexOf(GROUP_START, at + 1)) {
		const digits = GROUP_HEAD.exec(bytes.toString('latin1', at, at + GROUP_HEAD_BYTES))?.[2];
		if (Number(digits) >= fromSequence && checksumOf(bytes.subarray(at), seed) !== undefined) return true;
	}
	return false;
}

/** The checksum that the line carries, where it is that of the bytes before it. */
function checksumOf(line: Buffer, seed: number): number | undefined {
	const end = line.length - TRAILER_BYTES;
	if (end <= 0) return undefined;
	const written = TRAILER.exec(line.toString('latin1', end))?.[1];
	if (written === undefined) return undefined;
	const crc = crc32(line.subarray(0, end), seed);
	return Number.parseInt(written, 16) === crc ? crc : undefined;
}

/** The JSON between the head of a line and its checksum. */
function parse(line: Buffer, start: number): unknown {
	return JSON.parse(line.toString('utf8', start, line.length - TRAILER_BYTES)) as unknown;
}

function hex(crc: number): string {
	return crc.toString(16).padStart(8, '0');
}
