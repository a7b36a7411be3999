/**
 * The commit protocol for an exit handler: the steps of a {@link PendingDocument}, in the same order, holding the event
 * loop. The directories are synced last, once for all documents in them.
 */
import path from 'node:path';
import { recoverChannel } from '../diagnostics.ts';
import { DurableJsonError, messageOf, type Outcome, type Step } from '../errors.ts';
import { type ByteSource, MustWait } from '../json/byte-source.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { FileStat, OpenFileSync, SyncFileSystem } from '../ports/file-system.ts';
import type { Durability } from '../types.ts';
import { isWhole, keepBackupSync, rememberGood, removeKeptSync } from './backups.ts';
import { BUFFER_BYTES, giveBuffer, takeBuffer } from './buffers.ts';
import { whileHeldSync } from './held.ts';
import { DEFAULT_MODE, keepMetadataSync, PRIVATE_MODE } from './metadata.ts';
import { noText, notSerializable, OwnFailure } from './own-failure.ts';
import { createDirectorySync } from './parent-directories.ts';
import { renameHeldSync } from './replace.ts';
import { belongsTo } from './spelling.ts';
import { removeDeadTempsSync } from './sweep.ts';
import type { Target } from './target.ts';
import { type CommitPorts, lockless, removeIfPresentSync } from './temp-file.ts';
import { formatOrder, formatTempName, type Life, type TempState } from './temp-name.ts';

/** What to write. */
export interface SyncJob {
	readonly source: ByteSource;
	readonly sequence: number;
	readonly durability: Durability;
	readonly mode: number | undefined;
	readonly backups: number;
	/** What is written, where that is JSON. */
	readonly content: JsonFormat | undefined;
	readonly mayBeEmpty: boolean;
	/** Called when all has been read and written: throws an {@link OwnFailure} where it is not wanted any more. */
	readonly check: () => void;
	/** Called before the document takes its name: whoever is at work on it must not undo that. */
	readonly displace: () => void;
}

/**
 * Writes a document. Its directory is left to be synced.
 * @returns its size. Throws an {@link OwnFailure} for a value that fails, ERR_WRITE_FAILED for a disk that does.
 */
export function writeDocumentSync(ports: CommitPorts, target: Target, job: SyncJob): number {
	const buffer = takeBuffer();
	try {
		return new SyncCommit(ports, target, job).run(buffer);
	} finally {
		giveBuffer(buffer);
		void job.source.close();
	}
}

/**
 * Removes a document and what could be taken for it once it is missing. Its directory is left to be synced.
 * Throws ERR_WRITE_FAILED.
 */
export function removeDocumentSync(ports: CommitPorts, target: Target, displace: () => void): void {
	const { fileSystem } = ports;
	const { directory, name } = target;
	try {
		displace();
		removeDeadTempsSync(ports, directory, (temp, file) => belongsTo(fileSystem, directory, file, temp, name));
		removeKeptSync(fileSystem, target);
		removeIfPresentSync(fileSystem.sync, target.file);
	} catch (error) {
		throw failure(target, 'remove', error, 'unknown');
	}
}

class SyncCommit {
	readonly #ports: CommitPorts;
	readonly #sync: SyncFileSystem;
	readonly #target: Target;
	readonly #job: SyncJob;
	#step: Step = 'serialize';
	#bytes = 0;
	/** What the handle said when all was written. */
	#staged: FileStat | undefined;

	constructor(ports: CommitPorts, target: Target, job: SyncJob) {
		this.#ports = ports;
		this.#sync = ports.fileSystem.sync;
		this.#target = target;
		this.#job = job;
	}

	run(buffer: Buffer): number {
		// What can be read once only is left to the commit that can wait.
		this.#job.source.forbidWaiting?.();
		// Before a file is opened: a bad value costs none.
		let filled = this.#fill(buffer);
		let temp: TempFileSync | undefined;
		try {
			this.#step = 'open';
			const opened = this.#open();
			temp = opened;
			for (this.#step = 'write'; filled > 0; filled = this.#fill(buffer)) this.#write(opened.file, buffer, filled);
			this.#stage(opened);
			this.#publish(opened);
			return this.#bytes;
		} catch (error) {
			// A rename that failed has left the temp where it was; where it has not, nobody knows what it did.
			const places = temp && [temp.pathOf('part'), temp.pathOf('ready')];
			const lost = this.#step === 'rename' && places?.some((path) => this.#isAt(path, temp)) === false;
			const litter = temp && this.#discard(temp);
			if (error instanceof OwnFailure || error instanceof DurableJsonError) throw error;
			throw failure(this.#target, this.#step, error, lost ? 'unknown' : 'not_applied', litter);
		} finally {
			if (temp !== undefined) this.#close(temp);
		}
	}

	/** @returns what could not be removed, in words */
	#discard(temp: TempFileSync): string {
		try {
			for (const state of ['part', 'ready'] as const) removeIfPresentSync(this.#sync, temp.pathOf(state));
			return '';
		} catch (error) {
			return `; and ${temp.pathOf('part')} stays behind: ${messageOf(error)}`;
		}
	}

	/** The data is synced, or thrown away: an error of close changes nothing; it is told to whoever listens. */
	#close(temp: TempFileSync): void {
		try {
			temp.file.close();
		} catch (error) {
			recoverChannel.publish({ path: this.#target.path, action: 'close', error });
		}
	}

	/** @returns how many bytes it put into the buffer; 0 when the value is written. */
	#fill(buffer: Buffer): number {
		const { source, mayBeEmpty } = this.#job;
		let filled = 0;
		try {
			while (!source.done && filled < BUFFER_BYTES / 2) {
				filled = source.fill(buffer, filled);
				if (source.waiting !== undefined) break;
			}
			if (source.done && filled + this.#bytes === 0 && !mayBeEmpty) throw noText();
		} catch (cause) {
			if (cause instanceof MustWait) throw asynchronous(this.#target.path, source.jsonPath());
			throw notSerializable(this.#target.path, cause, source.jsonPath());
		}
		if (source.waiting !== undefined) throw asynchronous(this.#target.path, source.jsonPath());
		return filled;
	}

	#open(): TempFileSync {
		const { fileSystem, clock } = this.#ports;
		const { directory, name, existing } = this.#target;
		const life: Life = lockless(fileSystem).has(directory) ? 'age' : 'lock';
		const order = formatOrder(clock.epochMs(), this.#job.sequence);
		const identity = { life, order, random: fileSystem.uniqueId() };
		const pathOf = (state: TempState): string => path.join(directory, formatTempName(name, identity, state));
		createDirectorySync(fileSystem, directory);
		const inherits = existing === undefined && this.#job.mode === undefined;
		const file = this.#sync.open(pathOf('part'), 'create-exclusive', inherits ? DEFAULT_MODE : PRIVATE_MODE);
		// Without the lock a sweep could take it away; then the rename fails, and the document stays as it was.
		if (life === 'lock') file.tryLock();
		return { file, created: file.stat(), pathOf };
	}

	#write(file: OpenFileSync, buffer: Buffer, length: number): void {
		for (let offset = 0; offset < length; ) {
			const took = file.write(buffer, offset, length - offset, this.#bytes);
			if (took <= 0) throw new Error('the file system took 0 bytes');
			offset += took;
			this.#bytes += took;
		}
	}

	#stage({ file, created }: TempFileSync): void {
		this.#step = 'metadata';
		const { existing } = this.#target;
		if (this.#ports.fileSystem.semantics === 'posix') {
			if (existing !== undefined) keepMetadataSync(file, created, existing);
			else if (this.#job.mode !== undefined) file.chmod(this.#job.mode);
		}
		this.#step = 'write';
		this.#staged = file.stat();
		const { sizeBytes } = this.#staged;
		if (sizeBytes !== this.#bytes) throw new Error(`the file has ${sizeBytes} bytes, ${this.#bytes} were written`);
		this.#step = 'sync';
		if (this.#job.durability !== 'none') file.sync();
	}

	/** Does its file stand at this path? */
	#isAt(path: string, temp: TempFileSync | undefined): boolean {
		try {
			return this.#sync.lstat(path)?.identity === temp?.created.identity;
		} catch {
			// Cannot be told; the rename's own error is what counts.
			return false;
		}
	}

	#publish(temp: TempFileSync): void {
		const { pathOf } = temp;
		const { existing, directory, name, file } = this.#target;
		let from = pathOf('part');
		this.#step = 'check';
		this.#job.check();
		this.#step = 'ready';
		// Not what `existing` says: that may be one whose mode is kept, and which is gone.
		if (this.#job.durability !== 'none' && this.#sync.lstat(file) === undefined) {
			whileHeldSync(this.#ports, () => this.#sync.rename(pathOf('part'), pathOf('ready')));
			from = pathOf('ready');
		}
		const { backups, content } = this.#job;
		if (existing !== undefined && backups > 0) {
			this.#step = 'backup';
			whileHeldSync(this.#ports, () => keepBackupSync(this.#ports, this.#target, backups));
		}
		this.#step = 'rename';
		this.#job.displace();
		try {
			renameHeldSync(this.#ports.fileSystem, { from, to: path.join(directory, name), aside: pathOf('aside') });
		} catch (error) {
			// Over a network it may have worked though it reported an error.
			if (!this.#isAt(file, temp)) throw error;
		}
		if (backups > 0 && this.#staged !== undefined && isWhole(name, content)) {
			rememberGood(this.#ports.fileSystem, this.#target.key, this.#staged);
		}
	}
}

interface TempFileSync {
	readonly file: OpenFileSync;
	readonly created: FileStat;
	pathOf(state: TempState): string;
}

/** No fault of the value's: it can be written later. */
function asynchronous(document: string, jsonPath: string): DurableJsonError {
	const message = `${document} was not written synchronously: there is an async iterable at ${jsonPath}`;
	return new DurableJsonError('ERR_UNSUPPORTED', message, { path: document, step: 'serialize', jsonPath });
}

function failure(target: Target, step: Step, cause: unknown, outcome: Outcome, litter = ''): DurableJsonError {
	const message = `writing ${target.path} synchronously failed at ${step}: ${messageOf(cause)}${litter}`;
	return new DurableJsonError('ERR_WRITE_FAILED', message, { path: target.path, step, outcome, cause });
}
