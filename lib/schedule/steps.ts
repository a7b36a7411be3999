/**
 * The calls of a batch whose values depend on each other: updates, each of which changes what the one before it has made, and
 * the writes among them. They are carried out in their order on the document's bytes; what comes out is written once.
 */
import { OwnFailure } from '../commit/own-failure.ts';
import type { Target } from '../commit/target.ts';
import type { CommitPorts } from '../commit/temp-file.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import type { Submission } from './submission.ts';
import { bytesOf, type Pause } from './transform.ts';

/** What updates begin with. */
export interface BaseReader {
	read(ports: CommitPorts, target: Target): Promise<Uint8Array | undefined>;
	readSync(fileSystem: FileSystem, target: Target): Uint8Array | undefined;
}

/** What the steps are carried out on. */
export interface Ground {
	/** The document. */
	readonly target: Target;
	/** The place in the order of what stands there: older writes are not carried out any more. */
	readonly landedSequence: () => number;
	/** The bytes of the document, undefined where there is none; asked again where something has landed meanwhile. */
	readonly readBase: () => Uint8Array | undefined | Promise<Uint8Array | undefined>;
	/** What stands there now, undefined where nothing does. */
	readonly existing: () => FileStat | undefined;
}

/** What stands on the disk, or why it cannot be read. */
type Base = { readonly bytes: Uint8Array | undefined } | { readonly error: unknown };

interface Made {
	readonly call: Submission;
	readonly bytes: Uint8Array;
}

export class Steps {
	readonly #calls: Submission[];
	#state: 'waiting' | 'under-way' | 'done' = 'waiting';
	#made: Made | undefined;
	/** What was made before the last step. */
	#before: Made | undefined;
	#updates = false;
	#landedSequence = 0;
	/** How the values before the first update came out. */
	#values: { readonly stands: boolean; readonly reason: unknown } = { stands: false, reason: undefined };

	constructor(calls: readonly Submission[]) {
		this.#calls = [...calls];
	}

	add(call: Submission): void {
		this.#calls.push(call);
	}

	/** The last step that succeeded, and the document as of it; undefined where none has. */
	get made(): Made | undefined {
		return this.#made;
	}

	/** The place in the order of what was made. An update comes after what it has seen, whenever it was called. */
	get sequence(): number {
		const own = this.#made?.call.sequence ?? 0;
		return this.#updates ? Math.max(own, this.#landedSequence) : own;
	}

	/**
	 * Why no value that was called before the first update stands; undefined where one does. Older ones, for which those stood
	 * in, are not among the steps: they have come to nothing then.
	 */
	get lost(): { readonly reason: unknown } | undefined {
		return this.#values.stands ? undefined : this.#values;
	}

	/** Must one wait for it to be carried out? */
	get isUnderWay(): boolean {
		return this.#state === 'under-way';
	}

	/** Has a call a function that cannot be run synchronously? */
	get isAsync(): boolean {
		return this.#state === 'waiting' && this.#calls.some((call) => !call.settled && call.request.isAsync === true);
	}

	/** Do they begin with what stands on the disk? */
	get needsBase(): boolean {
		const first = this.#calls.find((call) => !call.settled);
		return this.#state === 'waiting' && first?.request.kind === 'update';
	}

	/** Is there something to go back to? */
	get hasBefore(): boolean {
		return this.#before !== undefined;
	}

	/** Goes back to what was made before the last step. @returns false where that is nothing */
	fallBack(): boolean {
		this.#made = this.#before;
		this.#before = undefined;
		return this.#made !== undefined;
	}

	drop(): void {
		for (const call of this.#calls) call.drop();
	}

	/** Rejects the calls that fail; itself it never rejects. */
	async carryOut(ground: Ground): Promise<void> {
		const { landedSequence, readBase } = ground;
		let base: Base | undefined;
		if (this.needsBase) {
			// A synchronous commit of another writer may land while it is read.
			let seen: number;
			do {
				seen = landedSequence();
				base = await Promise.resolve(readBase()).then(
					(bytes) => ({ bytes }),
					(error: unknown) => ({ error }),
				);
			} while (seen !== landedSequence());
		}
		// Up to here no function has been called: a synchronous commit may have taken their place.
		if (this.#state !== 'waiting') return;
		this.#state = 'under-way';
		const steps = this.#run(ground, base);
		for (let step = steps.next(); step.done !== true; ) {
			try {
				step = steps.next(await (step.value ?? new Promise(setImmediate)));
			} catch (error) {
				step = steps.throw(error);
			}
		}
		this.#state = 'done';
	}

	/** {@link Steps.carryOut}, holding the event loop: a step that waits for something fails. @returns false where it was done before */
	carryOutSync(ground: Ground, unsupported: () => Error): boolean {
		if (this.#state !== 'waiting') return false;
		// A function may come here again, by flushSync.
		this.#state = 'under-way';
		const steps = this.#run(ground);
		for (let step = steps.next(); step.done !== true; ) {
			if (step.value === undefined) {
				step = steps.next();
			} else {
				step.value.catch(nobodyWaitsForIt);
				step = steps.throw(new OwnFailure(unsupported()));
			}
		}
		this.#state = 'done';
		return true;
	}

	*#run({ target, landedSequence, readBase, existing }: Ground, known?: Base): Generator<Pause, void, unknown> {
		this.#landedSequence = landedSequence();
		let base = known;
		for (let index = 0; index < this.#calls.length; index++) {
			const first = this.#calls[index];
			if (first === undefined || first.settled) continue;
			if (first.request.kind === 'update') {
				if (this.#made === undefined) base ??= yield* read(readBase);
				const bytes = this.#current(first, base);
				if (bytes === 'unknown') continue;
				if (yield* this.#make(first, () => bytesOfUpdate(first, bytes, target))) this.#updates = true;
				continue;
			}
			const last = this.#lastOfWrites(index);
			this.#refuse(this.#calls.slice(index, last + 1), existing);
			let at = last;
			// The newest that does not fail stands for those before it.
			while (at >= index && !(yield* this.#write(this.#calls[at], target))) at--;
			if (at >= index && !this.#updates) this.#values = { stands: true, reason: undefined };
			index = last;
		}
	}

	/** Rejects those that may not replace what stands there. */
	#refuse(calls: readonly Submission[], existing: Ground['existing']): void {
		for (const call of calls) {
			if (call.settled || !call.isConditional) continue;
			const refused = call.refusal(existing());
			if (refused !== undefined) call.reject(refused.reason);
		}
	}

	/** The index of the last of the writes that follow each other from here. */
	#lastOfWrites(from: number): number {
		let last = from;
		for (let at = from; at < this.#calls.length; at++) {
			const call = this.#calls[at];
			if (call?.settled === true) continue;
			if (call?.request.kind === 'update') break;
			last = at;
		}
		return last;
	}

	/** The document as the update finds it, undefined where there is none. Rejects the update where that cannot be read. */
	#current(update: Submission, base: Base | undefined): Uint8Array | undefined | 'unknown' {
		if (this.#made !== undefined) return this.#made.bytes;
		if (base === undefined || 'bytes' in base) return base?.bytes;
		update.reject(base.error);
		return 'unknown';
	}

	/** @returns true where the writes before it are not needed any more */
	*#write(call: Submission | undefined, target: Ground['target']): Generator<Pause, boolean, unknown> {
		if (call === undefined || call.settled) return false;
		// What has landed meanwhile is newer; it answers for this call.
		if (call.sequence < this.#landedSequence) return true;
		return yield* this.#make(call, () => bytesOfWrite(call, target));
	}

	/** @returns false where the call has failed, or was aborted meanwhile */
	*#make(call: Submission, bytesOf: () => Generator<Pause, Uint8Array, unknown>): Generator<Pause, boolean, unknown> {
		const { kind } = call.request;
		try {
			const bytes = yield* bytesOf();
			if (call.settled) return false;
			this.#before = this.#made;
			this.#made = { call, bytes };
			return true;
		} catch (error) {
			const reason = error instanceof OwnFailure ? error.reason : error;
			if (kind !== 'update' && !this.#values.stands) this.#values = { stands: false, reason };
			call.reject(reason);
			return false;
		}
	}
}

/** Told by the call that it was made for. */
function nobodyWaitsForIt(): void {}

function* read(readBase: Ground['readBase']): Generator<Pause, Base, unknown> {
	try {
		const reading = readBase();
		return { bytes: reading instanceof Promise ? ((yield reading) as Uint8Array | undefined) : reading };
	} catch (error) {
		return { error };
	}
}

function bytesOfUpdate(
	call: Submission,
	base: Uint8Array | undefined,
	{ key, file }: Ground['target'],
): Generator<Pause, Uint8Array, unknown> {
	const { transform } = call.request;
	if (transform === undefined) throw new Error('an update needs its function');
	call.beginHere();
	return transform(base, { path: call.request.path, key, file });
}

function bytesOfWrite(call: Submission, { key, file }: Ground['target']): Generator<Pause, Uint8Array, unknown> {
	const { transform, path } = call.request;
	if (transform === undefined) return bytesOf(call.begin(), path);
	call.beginHere();
	return transform(undefined, { path, key, file });
}
