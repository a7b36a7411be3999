/**
 * Calls that may not enter their lane yet: their validators have not answered, or they stand behind such a call. A write does
 * not wait for one before it, which it takes the place of; an update does, and what is called after the update waits with it.
 */
import { DurableJsonError } from '../errors.ts';
import type { DocumentRegistry } from '../lock/document-registry.ts';
import type { Lease } from '../lock/lease.ts';
import type { Lane } from './lane.ts';
import type { Submission } from './submission.ts';

/** The calls of a path that are made under the same lock of their caller's, or none. */
interface Line {
	readonly path: string;
	readonly lease: Lease | undefined;
	/** Settles when all of them have entered their lane, or never will. */
	readonly done: Promise<void>;
	/** True where an update is among them. */
	readonly ordered: boolean;
	/** Those that have not entered it yet. */
	readonly waiting: Set<Submission>;
}

export interface Preparation {
	readonly lease: Lease | undefined;
	/** Rejects where the value is not valid; undefined where nothing is asked. */
	readonly validation: Promise<void> | undefined;
	/** Gives the call to its lane. */
	readonly enter: () => Pick<Lane, 'flush'>;
}

export class Preparations {
	readonly #registry: DocumentRegistry;
	readonly #lines = new Map<Lease | undefined, Map<string, Line>>();

	constructor(registry: DocumentRegistry) {
		this.#registry = registry;
	}

	/** Must a call that is ready itself wait? */
	holds(path: string, lease: Lease | undefined, isUpdate: boolean): boolean {
		const line = this.#line(path, lease);
		return line !== undefined && (isUpdate || line.ordered);
	}

	add(submission: Submission, { lease, validation, enter }: Preparation): void {
		const { sequence } = submission;
		const { path, kind } = submission.request;
		const isUpdate = kind === 'update';
		const before = this.holds(path, lease, isUpdate) ? this.#line(path, lease)?.done : undefined;
		let hurried = false;
		let lane: Pick<Lane, 'flush'> | undefined;
		this.#registry.announce(sequence, {
			path,
			lease,
			ready: false,
			overwrites: !isUpdate,
			updates: isUpdate,
			settled: submission.whenSettled(),
			hurry() {
				hurried = true;
				// No strategy is to hold it.
				if (!submission.settled) void lane?.flush();
			},
			commitSync() {
				throw unready(path);
			},
		});
		const over = new Promise<void>((resolve) => {
			const fail = (reason: unknown): void => {
				this.#registry.found(sequence);
				submission.drop();
				submission.reject(reason);
				resolve();
			};
			submission.listen(fail);
			Promise.all([before, validation]).then(() => {
				if (submission.settled) return;
				lane = enter();
				if (hurried) void lane.flush();
				resolve();
			}, fail);
		});
		const entered = this.#append(submission, lease, over);
		lease?.track(entered);
	}

	/** Resolves when the calls of these paths have entered their lanes, or never will. */
	async wait(isWanted: (path: string, lease: Lease | undefined) => boolean): Promise<void> {
		await Promise.all(this.#all().map(({ path, lease, done }) => isWanted(path, lease) && done));
	}

	/**
	 * Why nothing newer can be written synchronously, for each path of which something is.
	 * @param newestOf the place in the order of the newest call that has entered its lane
	 */
	unready(newestOf: (path: string, lease: Lease | undefined) => number): DurableJsonError[] {
		return this.#all()
			.filter(({ path, lease, waiting }) => {
				const newest = [...waiting].findLast(({ settled }) => !settled);
				return newest !== undefined && newest.sequence > newestOf(path, lease);
			})
			.map(({ path }) => unready(path));
	}

	#line(path: string, lease: Lease | undefined): Line | undefined {
		return this.#lines.get(lease)?.get(path);
	}

	#all(): Line[] {
		return Array.from(this.#lines.values(), (lines) => [...lines.values()]).flat();
	}

	/** @returns what settles when all calls of its line have entered their lane, or never will */
	#append(submission: Submission, lease: Lease | undefined, over: Promise<void>): Promise<void> {
		const { path, kind } = submission.request;
		const lines = this.#lines.get(lease) ?? new Map<string, Line>();
		this.#lines.set(lease, lines);
		const standing = lines.get(path);
		const waiting = standing?.waiting ?? new Set<Submission>();
		waiting.add(submission);
		const done = Promise.all([standing?.done, over.then(() => waiting.delete(submission))]).then(() => {
			if (lines.get(path)?.done === done) lines.delete(path);
			if (lines.size === 0) this.#lines.delete(lease);
		});
		const ordered = standing?.ordered === true || kind === 'update';
		lines.set(path, { path, lease, done, ordered, waiting });
		return done;
	}
}

function unready(path: string): DurableJsonError {
	const message = `${path} was not written synchronously: a validator is asynchronous`;
	return new DurableJsonError('ERR_UNSUPPORTED', message, { path, step: 'validate' });
}
