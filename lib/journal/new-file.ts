/** A new file for a journal, put in place by the commit protocol: it begins with a state, and has no entries yet. */
import { crc32 } from 'node:zlib';
import { giveBuffer, takeBuffer } from '../commit/buffers.ts';
import { noText } from '../commit/own-failure.ts';
import { type Achieved, PendingDocument } from '../commit/pending-document.ts';
import type { Target } from '../commit/target.ts';
import { type CommitPorts, lockless } from '../commit/temp-file.ts';
import { DurableJsonError, messageOf } from '../errors.ts';
import type { ByteSource } from '../json/byte-source.ts';
import { createJsonSource } from '../json/json-source.ts';
import { noLocks } from '../lock/file-lock.ts';
import { commitSlots } from '../schedule/slots.ts';
import { nextSequence } from '../shared-state.ts';
import type { Bytes } from '../types.ts';
import { JournalFile } from './journal-file.ts';
import type { JournalLock } from './open-file.ts';
import { baseHead, groupSeed, MAX_BASE_BYTES, TRAILER_BYTES, trailer } from './record.ts';

export interface NewFileOptions {
	/** Of the last entry that is part of the state. */
	readonly sequence: number;
	readonly state: unknown;
	/** Permission bits for a journal that does not exist yet. */
	readonly mode: number | undefined;
	/** There is no journal yet: one that has come meanwhile is EEXIST. Otherwise the caller has it open. */
	readonly create: boolean;
	readonly lock: JournalLock;
}

export interface NewFile {
	/** Open, locked, and at the journal's path. */
	readonly file: JournalFile;
	/** Makes its name durable. It must not be relied on before. */
	harden(): Promise<Achieved>;
}

/**
 * Writes the file and puts it in place.
 *
 * @throws DurableJsonError of the commit protocol, ERR_NOT_SERIALIZABLE, or ERR_UNSUPPORTED (no locks); the journal stays as
 * it is unless the outcome is `unknown`.
 */
export async function putNewFile(ports: CommitPorts, target: Target, options: NewFileOptions): Promise<NewFile> {
	const { inSlot } = commitSlots(ports.fileSystem.scope, undefined);
	const id = ports.fileSystem.uniqueId();
	const document = await inSlot(() =>
		PendingDocument.open(ports, target, {
			durability: 'full',
			mode: options.mode,
			sequence: nextSequence(),
			backups: 0,
			content: undefined,
			brief: false,
			exclusive: options.create,
			heldByCaller: !options.create,
		}),
	);
	const write = (bytes: Buffer): Promise<void> => inSlot(() => document.write(bytes, bytes.length));
	try {
		if (options.lock === 'file' && lockless(ports.fileSystem).has(target.directory)) throw noLocks(target.path);
		const head = baseHead(id, options.sequence);
		const crc = await writeState(head, options.state, target.path, write);
		await write(Buffer.from(trailer(crc)));
		const base = { offset: document.bytes, sequence: options.sequence, crc, seed: groupSeed(id) };
		await inSlot(async () => {
			await document.stage();
			await document.publish(() => {});
		});
		const { bytes: sizeBytes, identity } = document;
		const file = new JournalFile(document.handOver(), { path: target.path, identity, base, end: base, sizeBytes });
		return { file, harden: () => document.harden() };
	} catch (error) {
		await document.discard();
		throw error;
	}
}

/** Writes the first line up to its checksum, buffer by buffer. @returns the checksum */
async function writeState(
	head: string,
	state: unknown,
	path: string,
	write: (bytes: Buffer) => Promise<void>,
): Promise<number> {
	const source = createJsonSource(state, { finalNewline: false });
	const buffer = takeBuffer();
	let crc = 0;
	let bytes: Bytes = 0;
	try {
		for (let filled = buffer.write(head); ; filled = 0) {
			filled = await fill(source, buffer, filled, path);
			bytes += filled;
			if (bytes > MAX_BASE_BYTES - TRAILER_BYTES) {
				throw notSerializable(new RangeError(`it has more than ${MAX_BASE_BYTES} bytes`), path, '$');
			}
			crc = crc32(buffer.subarray(0, filled), crc);
			if (source.done && bytes === head.length) throw notSerializable(noText(), path, '$');
			await write(buffer.subarray(0, filled));
			if (source.done) return crc;
		}
	} finally {
		await source.close();
		giveBuffer(buffer);
	}
}

/** Fills the buffer, or ends the source. The event loop has its turns. */
async function fill(source: ByteSource, buffer: Buffer, offset: number, path: string): Promise<number> {
	for (let filled = offset; ; await new Promise(setImmediate)) {
		const before = filled;
		try {
			filled = source.fill(buffer, filled);
		} catch (cause) {
			throw notSerializable(cause, path, source.jsonPath());
		}
		if (source.waiting !== undefined) {
			throw notSerializable(new TypeError('a state has no asynchronous parts'), path, '$');
		}
		if (source.done || filled === before || filled > buffer.length / 2) return filled;
	}
}

function notSerializable(cause: unknown, path: string, jsonPath: string): DurableJsonError {
	const message = `the state cannot be written to ${path}: ${messageOf(cause)} (at ${jsonPath})`;
	return new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path, step: 'serialize', cause, jsonPath });
}
