/** The queue of one path: its commits run one after the other, and what waits is merged. */
import PQueue from 'p-queue';
import type { SyncLanding } from '../commit/active-commit.ts';
import { documentRegistry } from '../lock/document-registry.ts';
import type { Lease } from '../lock/lease.ts';
import type { Travellers } from '../lock/travellers.ts';
import { Batch } from './batch.ts';
import { commitBatchesSync } from './commit-batch-sync.ts';
import { Landing, type LandingContext } from './landing.ts';
import { Pacer, type PacerContext } from './pacer.ts';
import type { Request, Submission } from './submission.ts';
import { notDurable } from './sync-landings.ts';

/** What the lanes of a writer have in common. */
export interface LaneContext extends PacerContext, LandingContext {
	readonly ports: LandingContext['ports'];
}

export interface LaneOptions {
	/** The document's path, absolute. */
	readonly path: string;
	/** The lock of the caller's, under which all calls of this lane are made. */
	readonly lease: Lease | undefined;
	/** Called whenever nothing is left to do. */
	readonly onIdle: () => void;
}

export class Lane {
	readonly #path: string;
	readonly #lease: Lease | undefined;
	readonly #context: LaneContext;
	readonly #queue = new PQueue({ concurrency: 1 });
	readonly #pacer: Pacer;
	/** In the order of their calls; newer calls join the last one while it is open. */
	readonly #batches = new Map<Batch, Travellers & { settled: Promise<void> }>();
	/** Of the flushSync that it is being committed by. */
	#committingSync: SyncLanding[] | undefined;
	#tail: Batch | undefined;
	readonly #landing: Landing;
	#lastCommit: Promise<void> = Promise.resolve();

	constructor(context: LaneContext, { path, lease, onIdle }: LaneOptions) {
		this.#path = path;
		this.#lease = lease;
		this.#context = context;
		this.#pacer = new Pacer(path, context);
		this.#landing = new Landing(context, {
			path,
			lease,
			commitSync: (landings, batch) => this.commitSync(landings, batch),
		});
		this.#queue.on('idle', () => {
			onIdle();
			this.#pacer.rest();
		});
	}

	get path(): string {
		return this.#path;
	}

	get lease(): Lease | undefined {
		return this.#lease;
	}

	/** Would this call join one that waits? */
	joins(request: Request): boolean {
		const tail = this.#tail;
		if (!this.#pacer.merges || tail === undefined || !tail.accepts(request)) return false;
		if (request.transform === undefined && tail.steps === undefined) return true;
		// What others have called meanwhile is to come between.
		const own = [...this.#batches.values()];
		return !this.#registry.overwrittenSince(tail.firstSequence, this.#path, own);
	}

	/** Would this call take the place of one that waits? An update, and a value before or after one, is kept by itself. */
	replaces(request: Request): boolean {
		return request.transform === undefined && this.joins(request) && this.#tail?.steps === undefined;
	}

	/** Is its value being read in this very stack, by code of the caller's? */
	get isReading(): boolean {
		return this.#landing.active?.isReading === true;
	}

	/** The place in the order of the newest call that waits. */
	get newestSequence(): number {
		let sequence = 0;
		for (const { newest } of this.#batches.keys()) sequence = Math.max(sequence, newest?.sequence ?? 0);
		return sequence;
	}

	/** @param late it has been announced, and had to wait for something before it could be submitted */
	submit(submission: Submission, late = false): void {
		const { sequence } = submission;
		const standing = this.joins(submission.request) ? this.#tail : undefined;
		const batch = standing ?? new Batch(this.#path, submission);
		const travellers = this.#batches.get(batch) ?? this.#travellersOf(batch);
		if (standing === undefined || late) this.#registry.announce(sequence, travellers);
		if (standing !== undefined) {
			standing.add(submission, late);
			this.#pacer.changed();
			return;
		}
		batch.onAbandoned = () => this.#pacer.changed();
		this.#batches.set(batch, travellers);
		this.#tail = batch;
		this.#lastCommit = this.#queue.add(() => this.#commit(batch));
		travellers.settled = this.#lastCommit;
		this.#lease?.track(this.#lastCommit);
	}

	#travellersOf(batch: Batch): Travellers & { settled: Promise<void> } {
		return {
			path: this.#path,
			lease: this.#lease,
			ready: true,
			get overwrites() {
				return batch.overwrites;
			},
			get updates() {
				return batch.updates;
			},
			get search() {
				return batch.search;
			},
			settled: Promise.resolve(),
			hurry: () => this.#hurry(batch),
			commitSync: (landings) => this.commitSync(landings, batch),
		};
	}

	/** Commits what waits without heeding the strategy. Resolves when everything submitted so far has settled. */
	flush(): Promise<void> {
		this.#hurry(this.#tail);
		return this.#lastCommit;
	}

	#hurry(batch: Batch | undefined): void {
		if (batch !== undefined && this.#batches.has(batch)) this.#pacer.hurry(batch);
	}

	/**
	 * Commits the newest value in the caller's stack, whatever is under way; its directory is left to be synced. Throws where it
	 * cannot be written synchronously.
	 * @param landings takes what has its name, also where something throws
	 * @param upTo nothing that waits behind this batch
	 */
	commitSync(landings: SyncLanding[], upTo?: Batch): void {
		// Those whom it waits for come here again, as a batch that has begun with an update has got a write since: they go first.
		if (this.#committingSync === landings) return;
		const outer = this.#committingSync;
		this.#committingSync = landings;
		const batches = [...this.#batches.keys()];
		const { ports, counters, lock, base } = this.#context;
		try {
			commitBatchesSync({
				ports,
				path: this.#path,
				lease: this.#lease,
				batches: upTo === undefined ? batches : batches.slice(0, batches.indexOf(upTo) + 1),
				own: [...this.#batches.values()],
				active: this.#landing.active,
				lock: lock.mode,
				base,
				counters,
				landings,
				onSettled: () => this.#pacer.changed(),
			});
		} finally {
			this.#committingSync = outer;
		}
	}

	get #registry(): ReturnType<typeof documentRegistry> {
		return documentRegistry(this.#context.ports.fileSystem.scope);
	}

	/** Settles every call of the batch; never rejects. */
	async #commit(batch: Batch): Promise<void> {
		// Nobody waits for a lock because of a strategy.
		const held = this.#lease === undefined ? this.#pacer.hold(batch) : undefined;
		if (held !== undefined) await held;
		const startMs = this.#context.ports.clock.monotonicMs();
		try {
			await this.#landing.land(batch);
		} catch (error) {
			batch.reject(batch.landed === undefined ? error : notDurable(this.#path, error));
		} finally {
			this.#batches.delete(batch);
			this.#pacer.over(batch);
			for (const sequence of batch.announced) this.#registry.found(sequence);
			// One that failed says nothing of what a commit takes, and left the disk as it was.
			if (batch.landed !== undefined) this.#pacer.committed(startMs);
		}
	}
}
