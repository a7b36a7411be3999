/**
 * The writes of one path that share a commit: the newest value is written, and all their callers get its receipt.
 *
 * The value before the newest is kept as well, where it can still be read later: should the newest fail by itself or be
 * aborted, its caller alone is told, and the one before is written.
 */
import { DurableJsonError, messageOf } from '../errors.ts';
import { type Durability, isWeaker, type Milliseconds, type WriteReceipt } from '../types.ts';
import type { Submission } from './submission.ts';

/** What a commit is to write. */
export interface Sealed {
	readonly newest: Submission;
	/** The highest that was asked for. */
	readonly durability: Durability;
	/** The most that were asked for. */
	readonly backups: number;
	/** Aborted when the write is not wanted any more; undefined where nobody can abort it. */
	readonly signal: AbortSignal | undefined;
}

export class Batch {
	/** The place in the order of its first write. */
	readonly firstSequence: number;
	/** When its first call was made, monotonic. */
	readonly oldestMs: Milliseconds;
	/** When its newest call was made. */
	newestMs: Milliseconds;
	/** Called when no call is left that waits for it. */
	onAbandoned: (() => void) | undefined;
	readonly #path: string;
	/** Calls that are not settled yet. */
	readonly #carried = new Set<Submission>();
	#newest: Submission | undefined;
	#before: Submission | undefined;
	#durability: Durability = 'none';
	#backups = 0;
	/** Set while the newest is being written, where its caller can abort it. */
	#inFlight: AbortController | undefined;
	/** True once no newer call may join. */
	#closed = false;
	#renamed = false;

	constructor(path: string, first: Submission) {
		this.firstSequence = first.sequence;
		this.oldestMs = first.submittedMs;
		this.newestMs = first.submittedMs;
		this.#path = path;
		this.add(first);
	}

	/** How many calls wait for it. */
	get size(): number {
		return this.#carried.size;
	}

	/** Is it the removal of the document? */
	get removes(): boolean {
		return this.#newest?.request.kind === 'remove';
	}

	/** May a newer call join? Nothing merges into a removal: what comes after it is a new document. */
	get open(): boolean {
		return !this.#closed && !this.removes;
	}

	/** The call whose value counts; undefined where none is left. */
	get newest(): Submission | undefined {
		return this.#newest;
	}

	/** The highest durability that was asked for. */
	get durability(): Durability {
		return this.#durability;
	}

	/** The most backups that were asked for. */
	get backups(): number {
		return this.#backups;
	}

	/** Has the document its name already? */
	get isRenamed(): boolean {
		return this.#renamed;
	}

	add(submission: Submission): void {
		this.newestMs = submission.submittedMs;
		const previous = this.#newest;
		const keeps = previous?.request.rereadable ?? false;
		const dropped = keeps ? this.#before : previous;
		if (keeps) this.#before = previous;
		this.#newest = submission;
		this.#carried.add(submission);
		const { durability, backups } = submission.request;
		this.#backups = Math.max(this.#backups, backups);
		if (isWeaker(this.#durability, durability)) this.#durability = durability;
		submission.listen((reason) => this.#abort(submission, reason));
		// Last: closing a source runs its own code, which may write to this path again.
		dropped?.drop();
	}

	/** Closes the batch to newer calls. @returns undefined where no call is left. */
	seal(): Sealed | undefined {
		this.#closed = true;
		const newest = this.#newest;
		if (newest === undefined) return undefined;
		this.#inFlight = newest.request.signal && new AbortController();
		return { newest, durability: this.#durability, backups: this.#backups, signal: this.#inFlight?.signal };
	}

	/** The document has its name: aborts come too late from now on. */
	renamed(): void {
		this.#renamed = true;
	}

	/** All that is left has landed. */
	resolve(receiptOf: (submission: Submission) => WriteReceipt): void {
		for (const submission of this.#carried) submission.resolve(receiptOf(submission));
		this.#closed = true;
		this.#clear();
	}

	/** The commit failed for a reason that is nobody's own. */
	reject(error: unknown): void {
		for (const submission of this.#carried) submission.reject(error);
		this.#closed = true;
		this.#clear();
	}

	/**
	 * The newest failed by itself.
	 * @returns true where the one before it is to be written now.
	 */
	rejectNewest(reason: unknown): boolean {
		const failed = this.#newest;
		const aborted = this.#inFlight?.signal.aborted ?? false;
		this.#inFlight = undefined;
		if (failed === undefined) return false;
		failed.reject(reason);
		this.#carried.delete(failed);
		// Aborted, not at fault: for those that were merged into it, with no value left before it, it may land.
		const serves = aborted && failed.request.rereadable && this.#before === undefined;
		if (serves && this.#carried.size > 0) return true;
		failed.drop();
		return this.#fallBack(reason, aborted);
	}

	/** What the caller aborted the value under way with, where the commit has not noticed yet. */
	get aborted(): { readonly reason: unknown } | undefined {
		const signal = this.#renamed ? undefined : this.#inFlight?.signal;
		return signal?.aborted ? { reason: signal.reason as unknown } : undefined;
	}

	/**
	 * Goes back to the value before. Calls that came after it are rejected: a stream among them was closed unread when a
	 * newer value stood in for it.
	 * @returns false where there is none
	 */
	#fallBack(reason: unknown, aborted: boolean): boolean {
		this.#newest = this.#before;
		this.#before = undefined;
		const standing = this.#newest?.sequence ?? 0;
		for (const call of this.#carried) {
			if (call.sequence <= standing) continue;
			this.#carried.delete(call);
			call.reject(this.#lostError(reason, aborted));
		}
		if (this.#newest === undefined) this.#closed = true;
		return this.#newest !== undefined;
	}

	#abort(submission: Submission, reason: unknown): void {
		if (this.#renamed) return;
		const alone = this.#carried.size === 1;
		if (submission === this.#newest && this.#inFlight !== undefined && (alone || this.#before !== undefined)) {
			// The commit notices, cleans up, and then the caller is told.
			this.#inFlight.abort(reason);
			return;
		}
		this.#carried.delete(submission);
		submission.reject(reason);
		if (alone) {
			// Nobody is left that the value in flight could land for.
			this.#inFlight?.abort(reason);
			this.#clear();
			this.onAbandoned?.();
		} else if (submission === this.#before) {
			submission.drop();
			this.#before = undefined;
		} else if (submission === this.#newest && this.#before !== undefined) {
			submission.drop();
			this.#fallBack(reason, true);
		}
		// Else others were merged into it, with no value left before it: it may land for them.
	}

	#clear(): void {
		this.#carried.clear();
		this.#newest?.drop();
		this.#before?.drop();
		this.#newest = undefined;
		this.#before = undefined;
	}

	/** For a call whose value was dropped for newer ones, of which none could be written. */
	#lostError(cause: unknown, aborted: boolean): DurableJsonError {
		const fate = aborted ? 'were aborted' : `failed: ${messageOf(cause)}`;
		const message = `${this.#path} was not written: newer values stood in for this one, and ${fate}`;
		return aborted
			? new DurableJsonError('ERR_WRITE_FAILED', message, { path: this.#path, step: 'check', cause })
			: new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path: this.#path, step: 'serialize', cause });
	}
}
