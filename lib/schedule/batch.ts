/**
 * The writes of one path that share a commit: the newest value is written, and all their callers get its receipt.
 *
 * The value before the newest is kept as well, where it can still be read later: should the newest fail by itself or be
 * aborted, its caller alone is told, and the one before is written.
 */
import type { Target } from '../commit/target.ts';
import { DurableJsonError, messageOf } from '../errors.ts';
import type { ByteSource } from '../json/byte-source.ts';
import { createFileDataSource } from '../json/file-data-source.ts';
import type { Landed } from '../lock/document-registry.ts';
import type { FileStat } from '../ports/file-system.ts';
import { type Durability, isWeaker, type Milliseconds, type WriteReceipt } from '../types.ts';
import { type Ground, Steps } from './steps.ts';
import type { Request, Submission } from './submission.ts';

/** The value that counts. */
export interface Candidate {
	/** The call whose value it is. */
	readonly newest: Submission;
	/** Its place in the order. */
	readonly sequence: number;
	/** Starts to read the value. Throws an OwnFailure. */
	readonly begin: () => ByteSource;
}

/** What a commit is to write. */
export interface Sealed extends Candidate {
	/** The highest that was asked for. */
	readonly durability: Durability;
	/** The most that were asked for. */
	readonly backups: number;
	/** Aborted when the write is not wanted any more; undefined where nobody can abort it. */
	readonly signal: AbortSignal | undefined;
}

export class Batch {
	/** The places in the order that were announced for it: that of its first call, and of those that joined late. */
	readonly announced: number[];
	/** When its first call was made, monotonic. */
	readonly oldestMs: Milliseconds;
	/** When its newest call was made. */
	newestMs: Milliseconds;
	/** Finds its document; undefined as long as it is not its turn. */
	search: Promise<Target> | undefined;
	/** Called when no call is left that waits for it. */
	onAbandoned: (() => void) | undefined;
	readonly #path: string;
	/** Calls that are not settled yet. */
	readonly #carried = new Set<Submission>();
	#newest: Submission | undefined;
	#before: Submission | undefined;
	/** All of its calls, where there are updates among them. */
	#steps: Steps | undefined;
	/** Those before, for which the values among the steps stand in. */
	#merged: readonly Submission[] = [];
	#durability: Durability = 'none';
	#backups = 0;
	/** Set while the newest is being written, where its caller can abort it. */
	#inFlight: AbortController | undefined;
	/** True once no newer call may join. */
	#closed = false;
	/** True once no update may join that would be the first. */
	#begun = false;
	#overwrites = false;
	#updates = false;
	#firstSequence: number;
	/** What it has landed as, once the document has its name. */
	#landed: Landed | undefined;
	#target: Target | undefined;

	constructor(path: string, first: Submission) {
		this.announced = [first.sequence];
		this.#firstSequence = first.sequence;
		this.oldestMs = first.submittedMs;
		this.newestMs = first.submittedMs;
		this.#path = path;
		this.add(first);
	}

	/** The place in the order of its first call. */
	get firstSequence(): number {
		return this.#firstSequence;
	}

	/** Is there a call among its own that does not build on what stands? */
	get overwrites(): boolean {
		return this.#overwrites;
	}

	/** Is there an update among its calls? These wait for what others have called before. */
	get updates(): boolean {
		return this.#updates;
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

	/**
	 * May this call join? Before an update all values are kept, so that it can see them: none may be a stream. A value that may
	 * be refused for what stands there does not take the place of one that may not.
	 */
	accepts({ kind, rereadable, transform, assertKnown }: Request): boolean {
		if (!this.open) return false;
		if (kind === 'update' && this.#begun) return false;
		if (this.#steps !== undefined) return rereadable && kind !== 'remove';
		if (assertKnown !== undefined && this.#newest?.isConditional === false) return false;
		if (transform === undefined) return true;
		return !this.#begun && (this.#newest === undefined || this.#newest.request.rereadable);
	}

	/** Its turn has come. Updates join only where there are some: these have waited for more than values do. */
	begin(): void {
		this.#begun = !this.#updates;
	}

	/** Its calls, where they depend on each other. */
	get steps(): Steps | undefined {
		return this.#steps;
	}

	/**
	 * The document that its updates are carried out on, or that it has given its name: what comes of them is for no other,
	 * wherever the path leads by now. Undefined before.
	 */
	get target(): Target | undefined {
		return this.#target;
	}

	/** Carries its updates out, from when on no newer call may join. Never rejects: calls that fail are rejected. */
	async carryOut(ground: Ground): Promise<void> {
		this.#closed = true;
		this.#target ??= ground.target;
		await this.#steps?.carryOut(ground);
		this.#forgetSettled();
	}

	/**
	 * {@link Batch.carryOut}, holding the event loop.
	 * @param unsupported for a call that waits for something
	 * @returns false where there is nothing to carry out, or that has been done
	 */
	carryOutSync(ground: Ground, unsupported: () => Error): boolean {
		this.#closed = true;
		if (this.#steps !== undefined) this.#target ??= ground.target;
		const carriedOut = this.#steps?.carryOutSync(ground, unsupported) ?? false;
		this.#forgetSettled();
		return carriedOut;
	}

	/** The call whose value counts; undefined where none is left. */
	get newest(): Submission | undefined {
		return this.#newest;
	}

	/** The value that counts, of updates when they have been carried out; undefined where none is left. */
	get candidate(): Candidate | undefined {
		if (this.#carried.size === 0) return undefined;
		const { made, sequence } = this.#steps ?? {};
		if (made !== undefined && sequence !== undefined) {
			return { newest: made.call, sequence, begin: () => createFileDataSource(made.bytes) };
		}
		const newest = this.#newest;
		if (newest === undefined || this.#steps !== undefined) return undefined;
		return { newest, sequence: newest.sequence, begin: () => newest.begin() };
	}

	/** The highest durability that was asked for. */
	get durability(): Durability {
		return this.#durability;
	}

	/** The most backups that were asked for. */
	get backups(): number {
		return this.#backups;
	}

	/** What it has landed as; undefined as long as the document does not have its name. */
	get landed(): Landed | undefined {
		return this.#landed;
	}

	/** @param late the call was announced by itself */
	add(submission: Submission, late = false): void {
		if (late) {
			this.announced.push(submission.sequence);
			this.#firstSequence = Math.min(this.#firstSequence, submission.sequence);
		}
		this.newestMs = submission.submittedMs;
		if (submission.request.kind === 'update') this.#updates = true;
		else this.#overwrites = true;
		const dropped = this.#put(submission);
		this.#carried.add(submission);
		const { durability, backups } = submission.request;
		this.#backups = Math.max(this.#backups, backups);
		if (isWeaker(this.#durability, durability)) this.#durability = durability;
		submission.listen((reason) => this.#abort(submission, reason));
		// Last: closing a source runs its own code, which may write to this path again.
		dropped?.drop();
	}

	/** @returns the value that is not needed any more */
	#put(submission: Submission): Submission | undefined {
		const previous = this.#newest;
		// One that had to be validated first: a newer call stands in for it.
		if (previous !== undefined && submission.sequence < previous.sequence) return this.#putBefore(submission);
		this.#newest = submission;
		if (submission.request.transform !== undefined && this.#steps === undefined) {
			const values = [this.#before, previous].filter((call) => call !== undefined);
			this.#steps = new Steps(values);
			this.#merged = [...this.#carried].filter((call) => !values.includes(call));
			this.#before = undefined;
		}
		if (this.#steps !== undefined) {
			this.#steps.add(submission);
			return undefined;
		}
		const keeps = previous?.request.rereadable ?? false;
		const dropped = keeps ? this.#before : previous;
		if (keeps) this.#before = previous;
		return dropped;
	}

	#putBefore(submission: Submission): Submission | undefined {
		const standing = this.#before?.sequence ?? 0;
		if (this.#steps !== undefined || !submission.request.rereadable || submission.sequence < standing)
			return submission;
		const dropped = this.#before;
		this.#before = submission;
		return dropped;
	}

	/** Its value is about to be read: newer calls are for another commit. */
	close(): void {
		this.#closed = true;
	}

	/** Closes the batch to newer calls. @returns undefined where no call is left. */
	seal(): Sealed | undefined {
		this.close();
		const { candidate } = this;
		if (candidate === undefined) return undefined;
		this.#inFlight = candidate.newest.request.signal && new AbortController();
		const { newest, sequence, begin } = candidate;
		const signal = this.#inFlight?.signal;
		return { newest, sequence, begin, durability: this.#durability, backups: this.#backups, signal };
	}

	/** The document has its name: aborts come too late from now on, and newer calls are for another commit. */
	renamed(as: Landed, target: Target, stat?: FileStat): void {
		this.#landed = as;
		this.#target = target;
		this.#closed = true;
		// Where no call is left its value has been dropped, after the rename had been begun.
		const landed = this.size > 0 ? this.#written : undefined;
		if (stat !== undefined) landed?.request.onLanded?.(stat);
	}

	/** The call whose value is written. */
	get #written(): Submission | undefined {
		return this.#steps?.made?.call ?? this.#newest;
	}

	/** Has a caller said which document it is that may be replaced? */
	get isConditional(): boolean {
		for (const call of this.#carried) if (call.isConditional) return true;
		return false;
	}

	/**
	 * Rejects the calls that may not replace this document.
	 * @returns why the value that counts may not be written, if it is one of them: that call is left to {@link Batch.rejectNewest}
	 */
	refuse(existing: FileStat | undefined): { readonly reason: unknown } | undefined {
		const writes = this.#written;
		let refusal: { readonly reason: unknown } | undefined;
		for (const call of this.#carried) {
			const refused = call.refusal(existing);
			if (refused === undefined) continue;
			// What was made of it is not to be written either.
			if (call === writes || this.#steps !== undefined) {
				refusal = refused;
				continue;
			}
			this.#carried.delete(call);
			call.reject(refused.reason);
			if (call !== this.#before) continue;
			call.drop();
			this.#before = undefined;
		}
		return refusal;
	}

	/** Another document is to answer for the calls: rejects those that it may not stand in for. */
	rejectRefused(existing: () => FileStat | undefined): void {
		for (const call of this.#carried) {
			const refused = call.isConditional ? call.refusal(existing()) : undefined;
			if (refused === undefined) continue;
			this.#carried.delete(call);
			call.reject(refused.reason);
		}
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
		if (this.#steps !== undefined) return this.#rejectMade(this.#steps, reason, aborted);
		failed.reject(reason);
		this.#carried.delete(failed);
		// Aborted, not at fault: for those that were merged into it, with no value left before it, it may land.
		const serves = aborted && failed.request.rereadable && this.#before === undefined;
		if (serves && this.#carried.size > 0) return true;
		failed.drop();
		return this.#fallBack(reason, aborted);
	}

	/** The last step cannot be written. */
	#rejectMade(steps: Steps, reason: unknown, aborted: boolean): boolean {
		const { made } = steps;
		if (made !== undefined) {
			made.call.reject(reason);
			this.#carried.delete(made.call);
		}
		const standing = steps.fallBack() ? (steps.made?.call.sequence ?? 0) : 0;
		for (const call of this.#carried) {
			if (call.sequence <= standing) continue;
			this.#carried.delete(call);
			call.reject(this.#lostError(reason, aborted));
		}
		const goesOn = steps.made !== undefined && this.#carried.size > 0;
		// Steps that were aborted before their turn still hold their values.
		if (!goesOn) this.#clear();
		return goesOn;
	}

	/** The steps have been carried out: forgets calls that were rejected, and rejects those whose stand-ins were. */
	#forgetSettled(): void {
		const lost = this.#steps?.lost;
		if (lost !== undefined) {
			for (const call of this.#merged) call.reject(this.#lostError(lost.reason, lost.reason === undefined));
		}
		for (const call of this.#carried) if (call.settled) this.#carried.delete(call);
		if (this.#carried.size === 0) this.#clear();
	}

	/** What the caller aborted the value under way with, where the commit has not noticed yet. */
	get aborted(): { readonly reason: unknown } | undefined {
		const signal = this.#landed !== undefined ? undefined : this.#inFlight?.signal;
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
		if (this.#landed !== undefined) return;
		const alone = this.#carried.size === 1;
		const hasBefore = this.#before !== undefined || this.#steps?.hasBefore === true;
		if (submission === this.#written && this.#inFlight !== undefined && (alone || hasBefore)) {
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
		this.#steps?.drop();
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
