/**
 * The lines of a journal, format 1: docs/formats/journal.md. Pure: text and bytes in, bytes and values out.
 *
 * A line is what one write and one sync made durable together. The next line is written only after that sync, so a whole
 * line proves that the lines before it were whole: what is torn is always the last.
 */
import { constants } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { DurableJsonError, messageOf } from '../errors.ts';

/** A line that is longer cannot be a string in memory, so none is written. */
export const MAX_LINE_BYTES: number = constants.MAX_STRING_LENGTH;

/** The first bytes of every line that holds entries. */
export const GROUP_START = '{"prev":"';

/** `,"crc":"01234567"}` */
const TRAILER = /^,"crc":"([0-9a-f]{8})"\}$/;
const TRAILER_LENGTH = 18;

const BASE_HEAD = /^\{"journal":"durable-json","version":([1-9]\d*),/;
const BASE_HEAD_1 = /^\{"journal":"durable-json","version":1,"id":"([0-9a-f]{16})","seq":(0|[1-9]\d{0,15}),"state":/;
const GROUP_HEAD = /^\{"prev":"([0-9a-f]{8})","seq":([1-9]\d{0,15}),"entries":\[/;

/** How much of a line its head can take, in bytes. */
const HEAD_BYTES = 128;

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

/**
 * The JSON text of an entry or a state.
 *
 * @throws DurableJsonError ERR_NOT_SERIALIZABLE where it has none: `undefined`, a function, a symbol, a bigint, a circle,
 * or a `toJSON` that throws.
 */
export function toText(value: unknown, what: 'entry' | 'state', path: string): string {
	let text: string | undefined;
	let cause: unknown;
	try {
		// Its type leaves out that it gives undefined.
		text = JSON.stringify(value) as string | undefined;
		cause = new TypeError(`${typeof value} has no JSON text`);
	} catch (error) {
		cause = error;
	}
	if (text !== undefined) return text;
	const message = `the ${what} cannot be written to ${path}: ${messageOf(cause)}`;
	throw new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path, step: 'serialize', cause });
}

/** @param state its JSON text */
export function encodeBase(id: string, sequence: number, state: string): EncodedLine {
	return encode(`{"journal":"durable-json","version":1,"id":"${id}","seq":${sequence},"state":${state}`);
}

/** @param entries the JSON texts of at least one entry */
export function encodeGroup(prev: number, sequence: number, entries: readonly string[]): EncodedLine {
	return encode(`${GROUP_START}${hex(prev)}","seq":${sequence},"entries":[${entries.join(',')}]`);
}

/**
 * The first line of a journal, without its newline; undefined where it is damaged.
 *
 * @throws DurableJsonError ERR_UNSUPPORTED for a whole line of another version.
 */
export function decodeBase(line: Buffer, path: string): BaseLine | undefined {
	const crc = checksumOf(line);
	const head = headOf(line);
	const version = BASE_HEAD.exec(head)?.[1];
	if (crc === undefined || version === undefined) return undefined;
	if (version !== '1') {
		const message = `${path} is a journal of version ${version}; this version of durable-json knows version 1`;
		throw new DurableJsonError('ERR_UNSUPPORTED', message, { path, step: 'parse' });
	}
	const [, id, digits] = BASE_HEAD_1.exec(head) ?? [];
	const sequence = Number(digits);
	if (id === undefined || !Number.isSafeInteger(sequence)) return undefined;
	const { state } = parse(line) as { state: unknown };
	return { id, sequence, state, crc };
}

/**
 * A line of entries, without its newline; undefined where it is none or damaged. Where it belongs is for the caller to
 * check.
 *
 * @throws SyntaxError where the line is whole and yet no JSON.
 */
export function decodeGroup(line: Buffer): GroupLine | undefined {
	const [, prev, digits] = GROUP_HEAD.exec(headOf(line)) ?? [];
	if (prev === undefined) return undefined;
	const crc = checksumOf(line);
	const sequence = Number(digits);
	if (crc === undefined || !Number.isSafeInteger(sequence)) return undefined;
	const { entries } = parse(line) as { entries: unknown[] };
	if (entries.length === 0) throw new SyntaxError('a line of entries holds none');
	return { prev: Number.parseInt(prev, 16), sequence, entries, crc };
}

/** Does a whole line of entries begin anywhere in these bytes and end where they end? */
export function holdsGroup(line: Buffer): boolean {
	// Most of what is torn has no checksum at its end, and need not be searched.
	if (!TRAILER.test(line.toString('latin1', line.length - TRAILER_LENGTH))) return false;
	for (let at = line.indexOf(GROUP_START); at !== -1; at = line.indexOf(GROUP_START, at + 1)) {
		const rest = line.subarray(at);
		if (GROUP_HEAD.test(headOf(rest)) && checksumOf(rest) !== undefined) return true;
	}
	return false;
}

function encode(body: string): EncodedLine {
	const crc = crc32(body);
	const bytes = Buffer.from(`${body},"crc":"${hex(crc)}"}\n`);
	if (bytes.length - 1 > MAX_LINE_BYTES) throw new RangeError(`a line of ${bytes.length} bytes is too long`);
	return { bytes, crc };
}

/** The checksum that the line carries, where it is that of the bytes before it. */
function checksumOf(line: Buffer): number | undefined {
	const end = line.length - TRAILER_LENGTH;
	if (end <= 0) return undefined;
	const written = TRAILER.exec(line.toString('latin1', end))?.[1];
	if (written === undefined) return undefined;
	const crc = crc32(line.subarray(0, end));
	return hex(crc) === written ? crc : undefined;
}

function headOf(line: Buffer): string {
	return line.toString('latin1', 0, HEAD_BYTES);
}

function parse(line: Buffer): unknown {
	return JSON.parse(line.toString());
}

function hex(crc: number): string {
	return crc.toString(16).padStart(8, '0');
}
