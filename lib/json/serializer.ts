/**
 * The serializer as a {@link ByteSource}: `JSON.stringify` that writes UTF-8 into the caller's buffers and can stop
 * anywhere.
 *
 * The value is walked with an explicit stack of frames, in the order of ECMA-262 §25.5.2, so that the caller's code
 * (toJSON, getters, proxies, the replacer) runs in the same order, as often, and with the same `this`. Stopping is
 * coming back from the loop: depth has no limit and there is nothing to unwind.
 */
import { Buffer } from 'node:buffer';
import { type ByteSource, MIN_BUFFER_BYTES } from './byte-source.ts';
import { Circle, circularError } from './circular.ts';
import { formatPath } from './json-path.ts';
import { meetShapes } from './read-element.ts';
import { NOTHING, type Traversal } from './traversal.ts';
import { writeValue } from './value.ts';
import { walk } from './walk.ts';

const NEWLINE = 0x0a;

type Phase = 'new' | 'open' | 'done' | 'failed' | 'closed';

/** Serialises what `begin` starts in the first fill. */
export class Serializer implements ByteSource {
	static readonly #kept: ByteSource[] = [];
	readonly #traversal: Traversal;
	readonly #finalNewline: boolean;
	#begin: ((t: Traversal) => void) | undefined;
	#phase: Phase = 'new';
	#path: string | undefined;
	#closing: Promise<void> | undefined;

	constructor(traversal: Traversal, begin: (t: Traversal) => void, finalNewline: boolean) {
		this.#traversal = traversal;
		this.#begin = begin;
		this.#finalNewline = finalNewline;
	}

	/**
	 * Runs `sample` and never lets go of it. V8 throws compiled code away when the hidden classes that it counts on are
	 * gone, and those of the serializer's objects would be gone with every major garbage collection that finds no source
	 * alive. Each large write would begin cold, and after some of them stay so, at half the speed.
	 */
	static keep(sample: ByteSource): void {
		sample.fill(Buffer.alloc(MIN_BUFFER_BYTES), 0);
		Serializer.#kept.push(sample);
	}

	get done(): boolean {
		return this.#phase === 'done';
	}

	get waiting(): Promise<void> | undefined {
		return this.#traversal.waiting;
	}

	forbidWaiting(): void {
		this.#traversal.mayNotWait = true;
	}

	get rows(): number {
		return this.#traversal.rows;
	}

	fill(target: Buffer, offset: number): number {
		if (this.#phase === 'done') return offset;
		if (this.#phase !== 'new' && this.#phase !== 'open') throw new Error(`This source is ${this.#phase}`);
		const t = this.#traversal;
		try {
			t.begin(target, offset);
			if (this.#begin !== undefined) {
				meetShapes();
				this.#begin(t);
				this.#begin = undefined;
			}
			this.#phase = 'open';
			const end = this.#run(t, offset);
			t.end();
			return end;
		} catch (error) {
			this.#phase = 'failed';
			throw error instanceof Circle ? circularError(t.frames, t.depth, error.value) : error;
		} finally {
			if (this.#phase !== 'open') t.keyCache.trim();
		}
	}

	#run(t: Traversal, from: number): number {
		let at = from;
		for (;;) {
			if (t.suspended) at = t.drain(at);
			if (t.suspended || t.stopped || at > t.fullAt) return at;
			t.resume();
			if (t.deferred !== NOTHING) {
				const value = t.deferred;
				t.deferred = NOTHING;
				at = writeValue(t, at, value, t.frames[t.depth]?.entry ?? t.keyCache.root);
			} else if (t.depth >= 0) {
				at = walk(t, at);
			} else {
				if (this.#finalNewline && t.hasOutput) t.buffer[at++] = NEWLINE;
				this.#phase = 'done';
				return at;
			}
		}
	}

	jsonPath(): string {
		return this.#path ?? formatPath(this.#traversal.frames, this.#traversal.depth);
	}

	close(): Promise<void> {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	async #close(): Promise<void> {
		if (this.#phase === 'done') return;
		this.#path = this.jsonPath();
		this.#phase = 'closed';
		const t = this.#traversal;
		const cursors = t.frames.slice(0, t.depth + 1).flatMap(({ cursor }) => cursor ?? []);
		t.frames.length = 0;
		t.depth = -1;
		for (const cursor of cursors.reverse()) await cursor.close();
	}
}
