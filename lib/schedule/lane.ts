/** The queue of one path: its commits run one after the other, and what waits is merged. */
import PQueue from 'p-queue';
import { documentRegistry } from '../lock/document-registry.ts';
import type { Lease } from '../lock/lease.ts';
import { Batch } from './batch.ts';
import { commitBatchesSync, type SyncLanding } from './commit-batch-sync.ts';
import { Landing, type LandingContext } from './landing.ts';
import { Pacer, type PacerContext } from './pacer.ts';
import type { Request, Submission } from './submission.ts';

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
	readonly #batches = new Set<Batch>();
	#tail: Batch | undefined;
	readonly #landing: Landing;
	#lastCommit: Promise<void> = Promise.resolve();

	constructor(context: LaneContext, { path, lease, onIdle }: LaneOptions) {
		this.#path = path;
		this.#lease = lease;
		this.#context = context;
		this.#pacer = new Pacer(path, context);
		this.#landing = new Landing(context, { path, lease, commitSync: () => this.commitSync()?.settle(false) });
		this.#queue.on('idle', () => {
			this.#pacer.rest();
			onIdle();
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
		return this.#pacer.merges && (this.#tail?.accepts(request) ?? false);
	}

	/** The place in the order of the newest call that waits. */
	get newestSequence(): number {
		return Math.max(0, ...Array.from(this.#batches, ({ newest }) => newest?.sequence ?? 0));
	}

	/** @param announced whether the registry knows already that the call is under way */
	submit(submission: Submission, announced = false): void {
		if (this.joins(submission.request)) {
			this.#tail?.add(submission);
			if (announced) this.#registry.found(submission.sequence);
			this.#pacer.changed();
			return;
		}
		const batch = new Batch(this.#path, submission);
		batch.onAbandoned = () => this.#pacer.changed();
		this.#batches.add(batch);
		this.#tail = batch;
		this.#registry.announce(batch.firstSequence);
		this.#lastCommit = this.#queue.add(() => this.#commit(batch));
		this.#lease?.track(this.#lastCommit);
	}

	/** Commits what waits without heeding the strategy. Resolves when everything submitted so far has settled. */
	flush(): Promise<void> {
		this.#pacer.hurry(this.#tail);
		return this.#lastCommit;
	}

	/**
	 * Commits the newest value in the caller's stack, whatever is under way; its directory is left to be synced.
	 * @returns undefined where nothing waits. Throws where it cannot be written synchronously.
	 */
	commitSync(): SyncLanding | undefined {
		const { ports, counters } = this.#context;
		const landing = commitBatchesSync({
			ports,
			path: this.#path,
			batches: [...this.#batches],
			active: this.#landing.active,
			locks: this.#context.lock.mode === 'file' && this.#lease === undefined,
			base: this.#context.base,
		});
		if (landing?.wrote) {
			counters.commits += 1;
			counters.bytes += landing.bytes;
			if (landing.durability !== 'none') counters.fileSyncs += 1;
		}
		return landing && { ...landing, settle: (synced) => this.#settleSync(landing, synced) };
	}

	#settleSync(landing: SyncLanding, directorySynced: boolean): void {
		landing.settle(directorySynced);
		this.#pacer.changed();
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
			batch.reject(error);
		} finally {
			this.#batches.delete(batch);
			this.#registry.found(batch.firstSequence);
			// One that failed says nothing of what a commit takes, and left the disk as it was.
			if (batch.isRenamed) this.#pacer.committed(startMs);
		}
	}
}
