/**
 * A thread that does nothing but sync files. A worker takes some 8 MB, and 40 ms of processor time to start, but its calls wait
 * outside of libuv's pool, whose few threads are all that the process has for its files.
 */
import { Worker } from 'node:worker_threads';

export type SyncKind = 'fsync' | 'fdatasync';

type Callback = (error: Error | null) => void;

/** What a failed call is answered with: an error loses its own properties on the way. */
interface Failure {
	readonly message: string;
	readonly code?: string;
	readonly errno?: number;
	readonly syscall?: string;
}

/** As text, so that it is there however the library is bundled. */
const CODE = `
const { parentPort } = require('node:worker_threads');
const fs = require('node:fs');
parentPort.on('message', ({ kind, fd }) => {
	let failure;
	try {
		fs[kind + 'Sync'](fd);
	} catch ({ message, code, errno, syscall }) {
		failure = { message, code, errno, syscall };
	}
	parentPort.postMessage(failure);
});
`;

/** It needs a tenth of that; V8 would let it take gigabytes. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };

/** Told of what becomes of a thread. */
export interface ThreadEvents {
	/** It can be given its first call. */
	readonly onReady: () => void;
	/** It has ended by itself. */
	readonly onLost: () => void;
}

export class SyncThread {
	readonly #worker: Worker;
	#callback: Callback | undefined;
	#hasEnded = false;
	#stopped = false;

	/** Throws where the process may have no workers. */
	constructor({ onReady, onLost }: ThreadEvents) {
		// What its options and environment say is to be loaded first is not for this thread; nor has that anything to print.
		const nothingOfTheProcess = { execArgv: [], env: {}, stdout: true, stderr: true };
		const options = { ...nothingOfTheProcess, eval: true, name: 'durable-json', resourceLimits: RESOURCE_LIMITS };
		this.#worker = new Worker(CODE, options);
		this.#worker.once('online', onReady);
		this.#worker.on('message', (failure: Failure | undefined) => {
			this.#worker.unref();
			this.#settle(failure === undefined ? null : Object.assign(new Error(failure.message), failure));
		});
		this.#worker.once('error', ignoreItEnds);
		this.#worker.once('exit', () => {
			this.#hasEnded = true;
			if (!this.#stopped) onLost();
			// Not tried again: the kernel tells an error of a sync once, and this thread may have been told.
			this.#settle(new Error('the thread that was to sync the file has ended'));
		});
		// Last: a listener for messages makes it count again.
		this.#worker.unref();
	}

	get hasEnded(): boolean {
		return this.#hasEnded;
	}

	/** Syncs a descriptor, which must stay open meanwhile; one call at a time. It keeps the process alive. */
	sync(kind: SyncKind, fd: number, callback: Callback): void {
		this.#callback = callback;
		this.#worker.ref();
		this.#worker.postMessage({ kind, fd });
	}

	/** Ends it, once it has nothing to do. */
	stop(): void {
		this.#stopped = true;
		void this.#worker.terminate();
	}

	#settle(error: Error | null): void {
		const callback = this.#callback;
		this.#callback = undefined;
		callback?.(error);
	}
}

/** `exit` follows. */
function ignoreItEnds(): void {}
