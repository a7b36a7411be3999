/**
 * A document in the making: the commit protocol, from the temporary file to the durable name.
 *
 *     open -> write* -> stage -> publish -> harden        or, at any time before the rename, discard
 *
 * A step that fails before the rename discards the temporary file and leaves the document as it was.
 */
import { recoverChannel } from '../diagnostics.ts';
import { codeOf, DurableJsonError, messageOf, type Outcome, type Step } from '../errors.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { Awaitable, FileStat, OpenFile } from '../ports/file-system.ts';
import type { Durability } from '../types.ts';
import { isWhole, keepBackup, rememberGood } from './backups.ts';
import { type DirectoryCommits, directoryCommits } from './directory-sync.ts';
import { whileHeld } from './held.ts';
import { firstPermissions, keepMetadata } from './metadata.ts';
import { OwnFailure } from './own-failure.ts';
import { isReadOnly } from './read-only.ts';
import { renameExclusively, replaceHeldTarget } from './replace.ts';
import { assertFile, type Target } from './target.ts';
import { type CommitPorts, openTempFile, removeIfPresent, type TempFile } from './temp-file.ts';

/**
 * - `open`: taking bytes, under its `part` name
 * - `staged`: complete and synced
 * - `ready`: and under its `ready` name, which says so after a crash
 * - `renamed`: in place; `closed`: over, one way or the other
 */
type Phase = 'open' | 'staged' | 'ready' | 'renamed' | 'closed';

export interface CommitOptions {
	readonly durability: Durability;
	/** Permission bits for a document that does not exist yet; undefined: what the umask leaves of 0o666. */
	readonly mode: number | undefined;
	/** The write's place in the order. */
	readonly sequence: number;
	/** How many generations are kept as backups; 0 for none, and for no change of those that are there. */
	readonly backups: number;
	/** What is written, where that is JSON. */
	readonly content: JsonFormat | undefined;
	/** True where all bytes are at hand, so that the rename is near. */
	readonly brief: boolean;
	/** Never replace a document: one that has come meanwhile is EEXIST. */
	readonly exclusive?: boolean;
	/** The caller holds the document that is replaced open itself: waiting until it is let go (Windows) would be in vain. */
	readonly heldByCaller?: boolean;
	/** Told where the temporary file will be, before it is opened. */
	readonly onNamed?: (pathOf: TempFile['pathOf']) => void;
}

/** What a commit has achieved, beyond its bytes. */
export interface Achieved {
	readonly durability: Durability;
	readonly directorySynced: boolean;
	readonly fileSyncs: number;
	readonly directorySyncs: number;
	/** How often the rename was repeated (Windows). */
	readonly retries: number;
}

export class PendingDocument {
	readonly target: Target;
	/** The document whose mode and owner are kept. */
	#existing: FileStat | undefined;
	/** Does a document stand at the target? */
	#stands: boolean;
	readonly #ports: CommitPorts;
	readonly #options: CommitOptions;
	readonly #temp: TempFile;
	#phase: Phase = 'open';
	/** What the handle said when all was written. */
	#staged: FileStat | undefined;
	#bytes = 0;
	#fileSyncs = 0;
	#retries = 0;
	/** The commits that share directory syncs with this one; undefined where none is wanted. */
	readonly #directory: DirectoryCommits | undefined;
	/** True once the temporary file may stand under its `ready` name. */
	#markedReady = false;
	/** True while directory syncs may wait for this commit's rename. */
	#approaching = false;
	#handedOver = false;

	private constructor(
		ports: CommitPorts,
		target: Target,
		options: CommitOptions,
		temp: TempFile,
		directory: DirectoryCommits | undefined,
	) {
		this.#ports = ports;
		this.target = target;
		this.#existing = target.existing;
		this.#stands = target.existing !== undefined;
		this.#options = options;
		this.#temp = temp;
		this.#directory = directory;
		this.#approaching = options.brief;
	}

	static async open(ports: CommitPorts, target: Target, options: CommitOptions): Promise<PendingDocument> {
		const { durability, brief, mode } = options;
		const directory =
			durability === 'full' ? directoryCommits(ports.fileSystem, ports.clock, target.directory) : undefined;
		directory?.enter();
		// Before the file is opened: that may take its time, and then there would seem to be nobody worth waiting for.
		if (brief) directory?.approach();
		try {
			const temp = await openTempFile(ports, target, options, firstPermissions(target.existing, mode));
			return new PendingDocument(ports, target, options, temp, directory);
		} catch (error) {
			if (brief) directory?.renamed();
			await directory?.leave();
			throw error;
		}
	}

	/** Where its temporary file is, in each of its states. */
	get pathOf(): TempFile['pathOf'] {
		return this.#temp.pathOf;
	}

	/** Of its file. */
	get identity(): string {
		return this.#temp.created.identity;
	}

	/** Bytes written so far. */
	get bytes(): number {
		return this.#bytes;
	}

	/** What its file is, known once it is staged. */
	get staged(): FileStat | undefined {
		return this.#staged;
	}

	/** Writes all of `length` bytes: a short write is followed by another for the rest. One call at a time. */
	async write(buffer: Uint8Array, length: number): Promise<void> {
		try {
			for (let offset = 0; offset < length; ) {
				offset += this.#took(await this.#temp.file.write(buffer, offset, length - offset, this.#bytes));
			}
		} catch (error) {
			throw await this.#fail('write', error);
		}
	}

	/** Writes what `next` puts into the buffer until that is nothing, in one synchronous pass. */
	async writePass(buffer: Uint8Array, next: () => number): Promise<void> {
		try {
			for (let length = next(); length > 0; length = next()) {
				for (let offset = 0; offset < length; ) {
					offset += this.#took(this.#temp.file.writeSync(buffer, offset, length - offset, this.#bytes));
				}
			}
		} catch (error) {
			throw await this.#fail('write', error);
		}
	}

	/** Looks at the target again: a document may have come or changed since the target was resolved. */
	async refresh(): Promise<void> {
		try {
			const existing = await this.#ports.fileSystem.lstat(this.target.file);
			assertFile(existing);
			this.#stands = existing !== undefined;
			this.#existing = existing ?? this.#existing;
		} catch (error) {
			throw await this.#fail('resolve', error);
		}
	}

	/** Sets mode and owner, checks the size, and syncs: the content is then complete on the medium. */
	async stage(): Promise<void> {
		const { file } = this.#temp;
		this.#approach();
		let step: Step = 'metadata';
		try {
			await this.#setMetadata();
			step = 'write';
			const staged = file.statSync();
			const { sizeBytes } = staged;
			if (sizeBytes !== this.#bytes) throw new Error(`the file has ${sizeBytes} bytes, ${this.#bytes} were written`);
			this.#staged = staged;
			if (this.#options.durability !== 'none') {
				step = 'sync';
				const synced = file.sync();
				this.#directory?.prepare();
				await synced;
				this.#fileSyncs += 1;
			}
		} catch (error) {
			throw await this.#fail(step, error);
		}
		this.#phase = 'staged';
	}

	/**
	 * Gives the document its name. `check` is asked at the last moment before, and throws an {@link OwnFailure} where the
	 * write is not wanted any more.
	 */
	async publish(check: () => void): Promise<void> {
		const { fileSystem } = this.#ports;
		const { pathOf } = this.#temp;
		const to = this.target.file;
		const movesAside = fileSystem.semantics === 'win32';
		const { backups, content } = this.#options;
		let step: Step = 'check';
		/** Runs it; on Windows as long as another program has a file that it is about. */
		const patiently = (action: () => Awaitable<void>): Awaitable<void> =>
			movesAside ? whileHeld(this.#ports, { path: to, step, check }, action) : action();
		try {
			check();
			step = 'sync-directory';
			// A directory that cannot even be opened is better known before the rename than after it.
			await this.#directory?.opened();
			// `ready` says 'complete': only a synced file may be called that.
			if ((!this.#stands || movesAside) && this.#options.durability !== 'none') {
				step = 'ready';
				this.#markedReady = true;
				await patiently(() => fileSystem.rename(pathOf('part'), pathOf('ready'), 0));
				this.#phase = 'ready';
			}
			step = 'backup';
			if (backups > 0 && this.#stands) await patiently(() => keepBackup(this.#ports, this.target, backups));
			step = 'rename';
			check();
			const from = this.#tempPath;
			const budgetMs = this.#options.heldByCaller ? 0 : undefined;
			if (this.#options.exclusive) await renameExclusively(fileSystem, from, to);
			else if (movesAside) {
				const [aside, readOnly] = [pathOf('aside'), isReadOnly(this.#existing)];
				this.#retries = await replaceHeldTarget(this.#ports, { from, to, aside, readOnly, check, budgetMs });
			} else {
				const unsyncedBytes = this.#options.durability === 'none' ? this.#bytes : 0;
				await fileSystem.rename(from, to, this.#stands ? this.#existing?.sizeBytes : 0, unsyncedBytes);
			}
		} catch (error) {
			if (step !== 'rename' || !(await this.#isAt(to))) throw await this.#fail(step, error);
		}
		this.#phase = 'renamed';
		if (backups > 0 && this.#staged !== undefined && isWhole(this.target.name, content)) {
			rememberGood(fileSystem, this.target.key, this.#staged);
		}
		this.#departed();
	}

	/** The published file, open and locked: it is the caller's to close. */
	handOver(): OpenFile {
		if (this.#phase !== 'renamed') throw new Error('the document has not been published');
		this.#handedOver = true;
		return this.#temp.file;
	}

	/** Makes the name durable and closes the file. It needs no commit slot. */
	async harden(): Promise<Achieved> {
		const fileSyncs = this.#fileSyncs;
		const retries = this.#retries;
		const directory = this.#directory;
		if (directory === undefined) {
			await this.#end();
			const durability = this.#options.durability;
			return { durability, directorySynced: false, directorySyncs: 0, fileSyncs, retries };
		}
		try {
			const synced = directory.syncWithParents();
			const closed = this.#closeFile();
			const { directorySynced, directorySyncs } = await synced;
			await closed;
			const durability = directorySynced ? 'full' : 'file';
			return { durability, directorySynced, directorySyncs, fileSyncs, retries };
		} catch (error) {
			throw this.#error('sync-directory', error, 'unknown');
		} finally {
			await this.#end();
		}
	}

	/** Removes the temporary file; after the rename just closes it. Does nothing when called again. Rejects with ERR_WRITE_FAILED. */
	async discard(): Promise<void> {
		if (this.#phase === 'closed') return;
		if (this.#phase === 'renamed') return this.#end();
		try {
			// Before the handle is closed: once its lock is gone, a recovery could take a `ready` file for an orphan.
			await this.#remove('part');
			if (this.#markedReady) await this.#remove('ready');
		} catch (error) {
			throw this.#error('discard', error, this.#markedReady ? 'unknown' : 'not_applied');
		} finally {
			this.#departed();
			await this.#end();
		}
	}

	async #remove(state: 'part' | 'ready'): Promise<void> {
		const { fileSystem } = this.#ports;
		const attempt = { path: this.target.path, step: 'discard' } as const;
		await whileHeld(this.#ports, attempt, () => removeIfPresent(fileSystem, this.#temp.pathOf(state)));
	}

	#approach(): void {
		if (this.#approaching || this.#directory === undefined) return;
		this.#approaching = true;
		this.#directory.approach();
	}

	#departed(): void {
		if (!this.#approaching) return;
		this.#approaching = false;
		this.#directory?.renamed();
	}

	get #tempPath(): string {
		return this.#temp.pathOf(this.#phase === 'ready' ? 'ready' : 'part');
	}

	#setMetadata(): Awaitable<unknown> {
		if (this.#ports.fileSystem.semantics === 'win32') return undefined;
		const { file, created } = this.#temp;
		if (this.#existing !== undefined) return keepMetadata(file, created, this.#existing);
		return this.#options.mode === undefined ? undefined : file.chmod(this.#options.mode);
	}

	/** Counts what a write took. */
	#took(bytes: number): number {
		if (bytes <= 0) throw new Error('the file system took 0 bytes');
		this.#bytes += bytes;
		return bytes;
	}

	/** Does the temporary file stand at this path? A rename over a network may have worked though it reported an error. */
	async #isAt(file: string): Promise<boolean> {
		try {
			return (await this.#ports.fileSystem.lstat(file))?.identity === this.#temp.created.identity;
		} catch {
			// Cannot be told; the rename's own error is what counts.
			return false;
		}
	}

	/** Discards the document. @returns the error to throw. */
	async #fail(step: Step, error: unknown): Promise<Error> {
		const tempPath = this.#tempPath;
		// A rename that failed has left the temp where it was; where it has not, nobody knows what it did.
		const lost = step === 'rename' && !(error instanceof OwnFailure) && !(await this.#isAt(tempPath));
		let litter = '';
		try {
			await this.discard();
		} catch (cleanupError) {
			litter = `; and ${tempPath} stays behind: ${messageOf(cleanupError)}`;
		}
		if (error instanceof OwnFailure) return error;
		return this.#error(step, error, lost || (this.#markedReady && litter !== '') ? 'unknown' : 'not_applied', litter);
	}

	#error(step: Step, cause: unknown, outcome: Outcome, litter = ''): DurableJsonError {
		const { path: document } = this.target;
		const hint =
			codeOf(cause) === 'EBUSY' && step === 'rename' && this.#ports.fileSystem.semantics === 'posix'
				? ' (a file that is a mount point of its own cannot be replaced: mount its directory instead)'
				: '';
		const message = `writing ${document} failed at ${step}: ${messageOf(cause)}${hint}${litter}`;
		return new DurableJsonError('ERR_WRITE_FAILED', message, { path: document, step, outcome, cause });
	}

	/** The data is synced, so an error of close changes nothing; it is told to whoever listens. */
	#closeFile(): Awaitable<void> {
		if (this.#handedOver) return undefined;
		const tell = (error: unknown): void => {
			recoverChannel.publish({ path: this.target.path, action: 'close', error });
		};
		try {
			const closing = this.#temp.file.close();
			return closing instanceof Promise ? closing.catch(tell) : undefined;
		} catch (error) {
			return tell(error);
		}
	}

	async #end(): Promise<void> {
		if (this.#phase === 'closed') return;
		this.#phase = 'closed';
		await this.#closeFile();
		await this.#directory?.leave();
	}
}
