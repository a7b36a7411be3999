/**
 * Where the entries of a journal go: its file, and the file after it. What may become of a failure is decided here.
 *
 * - A write that failed is cut off again, and the file goes on.
 * - A file whose sync failed, or whose name may not be durable, is given up: what it holds is not known any more. The
 *   journal goes on when a new file has been put in place.
 */

import type { Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import { DurableJsonError, messageOf, type Outcome, type Step } from '../errors.ts';
import type { FileStat, OpenFile } from '../ports/file-system.ts';
import type { Bytes, Durability, Milliseconds } from '../types.ts';
import { AppendFailure, type JournalFile } from './journal-file.ts';
import { putNewFile } from './new-file.ts';
import type { JournalLock } from './open-file.ts';
import { closeQuietly, guarded } from './read-file.ts';
import type { JournalPosition } from './scanner.ts';

/** A new file in place of the one before. */
export interface Checkpointed {
	/** Of the last entry that is part of the state. */
	readonly sequence: number;
	/** Of the state and what is around it. */
	readonly bytes: Bytes;
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly durationMs: Milliseconds;
}

/** The file of a journal, open for reading. */
export interface ReadableFile {
	readonly file: OpenFile;
	/** Behind the first line. */
	readonly base: JournalPosition;
	/** Behind the last group that is durable. */
	readonly end: JournalPosition;
}

/** So often it is looked whether the file is still the journal's: what is appended to one without a name is lost. */
const CHECK_MS = 100;

export class JournalLog {
	readonly #ports: CommitPorts;
	readonly #target: Target;
	readonly #lock: JournalLock;
	#file: JournalFile;
	#directorySynced: boolean;
	#givenUp = false;
	/** Settles when another file has been put in the place of this one, or could not be. */
	#replacing: Promise<void> | undefined;
	/** When the file was last seen to have its name. */
	#checkedMs = Number.NEGATIVE_INFINITY;

	constructor(ports: CommitPorts, target: Target, lock: JournalLock, file: JournalFile, directorySynced: boolean) {
		this.#ports = ports;
		this.#target = target;
		this.#lock = lock;
		this.#file = file;
		this.#directorySynced = directorySynced;
	}

	/** Behind the first line of the file. */
	get base(): JournalPosition {
		return this.#file.base;
	}

	/** Behind the last group that is durable. */
	get end(): JournalPosition {
		return this.#file.end;
	}

	/** What an appended entry has. */
	get durability(): Durability {
		return this.#directorySynced ? 'full' : 'file';
	}

	/** True where nothing can be appended before a {@link JournalLog.checkpoint}. */
	get givenUp(): boolean {
		return this.#givenUp;
	}

	/**
	 * Appends entries as one group; they are durable when it resolves.
	 *
	 * @throws DurableJsonError ERR_WRITE_FAILED; `not_applied` where the group is surely not in the file.
	 */
	async append(texts: readonly string[]): Promise<void> {
		try {
			const nowMs = this.#ports.clock.monotonicMs();
			const checks = nowMs - this.#checkedMs >= CHECK_MS;
			await this.#file.append(texts, checks ? () => this.#assertNamed() : undefined);
			if (checks) this.#checkedMs = nowMs;
		} catch (error) {
			if (!(error instanceof AppendFailure)) throw error;
			const { step, cause } = error;
			const cut = step === 'write' && (await this.#cutBack());
			if (!cut) this.#givenUp = true;
			throw this.#error(step, cause, cut ? 'not_applied' : 'unknown');
		}
	}

	/**
	 * Writes a file that begins with the state, and puts it in the place of the one before.
	 *
	 * @throws DurableJsonError; the file before goes on unless it {@link JournalLog.givenUp}.
	 */
	checkpoint(state: unknown): Promise<Checkpointed> {
		const checkpointed = this.#replaceFile(state);
		const done = (): void => {
			this.#replacing = undefined;
		};
		this.#replacing = checkpointed.then(done, done);
		return checkpointed;
	}

	/**
	 * Opens the file for reading.
	 *
	 * @throws DurableJsonError ERR_READ_FAILED, also where the file was removed or replaced by somebody else.
	 */
	async openToRead(): Promise<ReadableFile> {
		for (;;) {
			const [current, replacing] = [this.#file, this.#replacing];
			const { base, end } = current;
			try {
				const file = await this.#openSame(current.identity);
				// While this one is open nothing else has its identity.
				if (this.#file === current) return { file, base, end };
				await closeQuietly(file, this.#target.path);
			} catch (error) {
				if (this.#file === current && replacing === undefined && this.#replacing === undefined) throw error;
			}
			// Which file has the name is open meanwhile; on Windows there may be none.
			await this.#replacing;
		}
	}

	async #openSame(identity: string): Promise<OpenFile> {
		const { path, file: at } = this.#target;
		const file = await guarded(path, 'open', () => this.#ports.fileSystem.open(at, 'read'));
		try {
			await guarded(path, 'open', () => {
				if (file.statSync().identity !== identity) throw new Error('the file was removed or replaced');
			});
			return file;
		} catch (error) {
			await closeQuietly(file, path);
			throw error;
		}
	}

	async #replaceFile(state: unknown): Promise<Checkpointed> {
		const { clock } = this.#ports;
		const startMs = clock.monotonicMs();
		const existing = await this.#lookAtPath();
		const { sequence } = this.#file.end;
		const next = await putNewFile(
			{ ...this.#ports },
			{ ...this.#target, existing },
			{
				sequence,
				state,
				mode: undefined,
				create: false,
				lock: this.#lock,
			},
		).catch((error: unknown) => {
			if (error instanceof DurableJsonError && error.outcome === 'unknown') this.#givenUp = true;
			throw error;
		});
		const before = this.#file;
		this.#file = next.file;
		// Which of the two files has the name after a power cut is open until the directory has been synced.
		this.#givenUp = true;
		try {
			const { directorySynced, durability } = await next.harden();
			this.#directorySynced = directorySynced;
			this.#givenUp = false;
			const bytes = this.#file.base.offset;
			return { sequence, bytes, durability, directorySynced, durationMs: clock.monotonicMs() - startMs };
		} finally {
			await before.abandon();
		}
	}

	/** To be called once. What is in the file stays as it is, but for what is not acknowledged. */
	async close(): Promise<void> {
		if (!this.#givenUp) return this.#file.close();
		await this.#cutBack();
		await this.#file.abandon();
	}

	/** @returns whether it worked. */
	async #cutBack(): Promise<boolean> {
		try {
			await this.#file.cutBack();
			return true;
		} catch {
			// What made the group fail is what counts.
			return false;
		}
	}

	#assertNamed(): void {
		const found = this.#ports.fileSystem.sync.lstat(this.#target.file);
		if (found?.identity !== this.#file.identity) throw new Error('the file was removed or replaced');
	}

	/** The file must be the one at the path: nobody else's is replaced. */
	async #lookAtPath() {
		let existing: FileStat | undefined;
		try {
			existing = await this.#ports.fileSystem.lstat(this.#target.file);
		} catch (cause) {
			throw this.#error('resolve', cause, 'not_applied');
		}
		if (existing?.identity === this.#file.identity) return existing;
		this.#givenUp = true;
		throw this.#error('check', new Error('the file was removed or replaced'), 'not_applied');
	}

	#error(step: Step, cause: unknown, outcome: Outcome): DurableJsonError {
		const { path } = this.#target;
		const message = `writing ${path} failed at ${step}: ${messageOf(cause)}`;
		return new DurableJsonError('ERR_WRITE_FAILED', message, { path, step, outcome, cause });
	}
}
