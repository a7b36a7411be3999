/**
 * Random programs of locks, writes, updates, validators and open documents, by several writers of two copies of the library, on
 * the real disk. `SEED` and `RUNS` try again what has failed.
 */
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTempName } from '../../lib/commit/temp-name.ts';
import type { JsonWriter, WriteOptions } from '../../lib/index.ts';
import * as original from '../../lib/index.ts';
import { LIBRARY } from '../support/child.ts';
import { LONG } from '../support/crash-promises.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';
import {
	type Call,
	type Document,
	KINDS,
	LINK,
	type Lock,
	PATIENT_MS,
	programOf,
	type Setting,
	type Step,
	setting,
	strategies,
	VALIDATED,
} from './lock-program-steps.ts';

const RUNS = Number(process.env['RUNS'] ?? (LONG ? 1_000 : 40));
/** Nothing in a program takes so long. */
const STUCK_MS = 8_000;

const copy = (await import(LIBRARY)) as typeof original;
const copies = [original, copy] as const;
const directory = useTempDirectory();

/** What a call may come to, as others in the program do what they do. */
const EXPECTED = new Set(['ERR_LOCK_TIMEOUT', 'ERR_NOT_SERIALIZABLE', 'ERR_VALIDATION', 'ERR_UNSUPPORTED']);
/** As the test throws them; and a write fails where newer ones that stood in for it have failed. */
const EXPECTED_MESSAGE = /^own$|^unwanted$|newer values stood in for this one/;

interface Tracked {
	readonly label: string;
	readonly done: Promise<void>;
	settled: boolean;
}

class Run {
	readonly #place: string;
	readonly #writers: readonly JsonWriter[];
	readonly #lock: Setting['lock'];
	readonly #began = performance.now();
	readonly #log: string[] = [];
	readonly #problems: string[] = [];
	readonly #tracked: Tracked[] = [];
	/** By document: what a lock that is called now comes after, and what nobody comes after, as it waits for a validator. */
	readonly #before = { 'a.json': [] as Tracked[], 'b.json': [] as Tracked[] };
	readonly #validated = { 'a.json': [] as Tracked[], 'b.json': [] as Tracked[] };
	readonly #holders = { 'a.json': 0, 'b.json': 0 };
	readonly #newestHolder = { 'a.json': -1, 'b.json': -1 };

	constructor(place: string, { lock, writers }: Setting) {
		this.#place = place;
		this.#lock = lock;
		this.#writers = writers.map(({ strategy, copy }) =>
			copies[copy].createWriter({ lock, strategy: strategies[strategy]?.(), onError: () => undefined }),
		);
	}

	async through(program: readonly Step[]): Promise<void> {
		await mkdir(this.#place);
		await symlink('a.json', this.#path('a.json', true));
		for (const step of program) await this.#step(step);
		// Some strategies wait for that.
		const flushing = setInterval(() => {
			for (const each of this.#writers) each.flush().catch(() => undefined);
		}, 20);
		const isStuck = await Promise.race([this.#end().then(() => false), sleep(STUCK_MS, true, { ref: false })]);
		clearInterval(flushing);
		if (isStuck) this.#problems.push(`stuck: ${this.#pending(this.#tracked)}`);
		else await this.#lookAround();
		expect(this.#problems, `${this.#log.join('\n')}\n${this.#problems.join('\n')}`).toEqual([]);
	}

	async #end(): Promise<void> {
		// What settles may have called more.
		for (let known = -1; known < this.#tracked.length; ) {
			known = this.#tracked.length;
			await Promise.all(this.#tracked.map(({ done }) => done));
		}
		for (const each of this.#writers) await each.close().catch(() => undefined);
		for (const each of copies) await each.defaultWriter.flush().catch(() => undefined);
	}

	/** Nothing is left behind. */
	async #lookAround(): Promise<void> {
		const temps = (await readdir(this.#place)).filter((name) => parseTempName(name) !== undefined);
		for (const each of [...temps, ...openFilesIn(this.#place)]) this.#problems.push(`left behind: ${each}`);
	}

	async #step(step: Step): Promise<void> {
		if (step.do === 'call') this.#call(step, false);
		else if (step.do === 'lock') this.#lockIt(step);
		else if (step.do === 'wait') await sleep(step.ms);
		else if (step.do === 'flush') this.#track('flush', this.#writer(step).flush());
		else this.#flushSync(this.#writer(step));
	}

	#flushSync(by: JsonWriter): void {
		try {
			by.flushSync();
		} catch (error) {
			const errors = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
			for (const each of errors) this.#judge('flushSync', each);
		}
	}

	#lockIt(lock: Lock): Tracked {
		const { document, timeoutMs, abortMs } = lock;
		const number = this.#tracked.length;
		const before = this.#before[document].filter(({ settled }) => !settled);
		const signal = abortMs === null ? undefined : abortAfter(abortMs);
		const work = async (): Promise<void> => {
			this.#note(`${number} is in ${document}`);
			if (++this.#holders[document] > 1) this.#problems.push(`${number} is not alone in ${document}`);
			if (this.#newestHolder[document] > number) this.#problems.push(`${number} comes too late`);
			this.#newestHolder[document] = number;
			try {
				await this.#under(lock, before);
			} finally {
				this.#holders[document]--;
			}
			if (lock.throws) throw new Error('own');
		};
		const locked = copies[lock.copy].withLock(this.#path(document, false), work, { timeoutMs, signal });
		return this.#track(`lock ${document} ${timeoutMs}`, locked);
	}

	async #under(lock: Lock, before: readonly Tracked[]): Promise<void> {
		// Who has them may be told in this same turn.
		await new Promise(setImmediate);
		const early = this.#pending(before);
		if (early !== '') this.#problems.push(`a lock of ${lock.document} did not wait for ${early}`);
		const awaited: Promise<void>[] = [];
		for (const call of lock.calls) {
			const tracked = this.#call(call, true);
			if (call.awaited && tracked !== undefined) awaited.push(tracked.done);
			if (call.ms < 2) await new Promise(setImmediate);
		}
		await Promise.all(awaited);
		const path = this.#path(lock.document, false);
		if (lock.flushes !== null) await this.#writer({ writer: lock.flushes }).flush(path);
		if (lock.inner !== null) await this.#lockIt(lock.inner).done;
	}

	/** @returns undefined where there is nothing to wait for */
	#call(call: Call, isUnderLock: boolean): Tracked | undefined {
		const { kind, document } = call;
		const made = this.#make(call, isUnderLock);
		if (made === undefined) return undefined;
		const tracked = this.#track(`${kind} ${document}${call.linked ? ' by its link' : ''}`, made);
		const isValidated = VALIDATED.includes(kind);
		if (isValidated) this.#validated[document].push(tracked);
		const isHeldUp = this.#validated[document].some(({ settled }) => !settled);
		const isAtOnce = !['pending file', 'open document'].includes(kind);
		if (isAtOnce && !isHeldUp && !isUnderLock) this.#before[document].push(tracked);
		return tracked;
	}

	#make(call: Call, isUnderLock: boolean): Promise<unknown> | undefined {
		const by = this.#writer(call);
		const path = this.#path(call.document, call.linked);
		const value = [this.#tracked.length];
		const add = (list: unknown): unknown[] => [...(Array.isArray(list) ? list : []), ...value];
		const unserialisable = { toJSON: () => BigInt(1) };
		const validated = (): Promise<unknown> => by.write(path, value, { schema: this.#validator(call, isUnderLock) });
		const makers: Record<string, () => Promise<unknown> | undefined> = {
			write: () => by.write(path, value),
			thunk: () => by.write(path, () => value),
			lines: () => by.write(path, slowRows()),
			unserialisable: () => by.write(path, unserialisable),
			aborted: () => by.write(path, value, { signal: abortAfter(call.ms) }),
			schedule: () => by.schedule(path, value) as undefined,
			remove: () => by.remove(path),
			update: () => by.update(path, add),
			'slow update': () => by.update(path, (list) => sleep(call.ms / 2, add(list))),
			'pending file': () => this.#writePiecewise(path, call),
			'open document': () => this.#openDocument(path, call, add),
			validated,
			'validator that locks': validated,
			'validator that writes': validated,
		};
		return makers[call.kind]?.();
	}

	async #writePiecewise(path: string, call: Call): Promise<void> {
		const file = await copies[call.copy].openPendingFile(path);
		await file.write('[1,');
		await file.write('2]');
		await (call.odd ? file.discard() : file.commit());
	}

	async #openDocument(path: string, call: Call, add: (list: unknown) => unknown[]): Promise<void> {
		const lockTimeoutMs = call.odd ? 1 : PATIENT_MS;
		const options = { initial: [0] as unknown[], lock: this.#lock, lockTimeoutMs };
		const file = await copies[call.copy].openJsonFile<unknown[]>(path, options);
		try {
			await file.update(add);
		} finally {
			await file.close();
		}
	}

	#validator(call: Call, isUnderLock: boolean): WriteOptions['schema'] {
		const { withLock, readJson, writeJson } = copies[call.copy];
		const path = this.#path(call.document, call.linked);
		const validate = async (value: unknown): Promise<{ value: unknown } | { issues: { message: string }[] }> => {
			await sleep(call.ms);
			if (call.kind === 'validator that writes') await writeJson(path, ['by validator']);
			if (call.odd) return { issues: [{ message: 'no' }] };
			if (call.kind !== 'validator that locks' || isUnderLock) return { value };
			// Also where the value is for the document that is locked behind it.
			const locked = this.#path('a.json', call.linked);
			return { value: [await withLock(locked, () => readJson(locked).catch(() => 'missing'))] };
		};
		return { '~standard': { version: 1, vendor: 'test', validate } };
	}

	#track(label: string, promise: Promise<unknown>): Tracked {
		const number = this.#tracked.length;
		this.#note(`${number} ${label}`);
		const settle = (how: string): void => {
			tracked.settled = true;
			this.#note(`${number} ${how}`);
		};
		const done = promise.then(
			() => settle('done'),
			(error: unknown) => {
				settle(`failed: ${String(error)}`);
				this.#judge(`${number} ${label}`, error);
			},
		);
		const tracked: Tracked = { label: `${number} ${label}`, done, settled: false };
		this.#tracked.push(tracked);
		return tracked;
	}

	#judge(label: string, error: unknown): void {
		const { code, message } = error as { code?: string; message: string };
		if (EXPECTED.has(code ?? '') || EXPECTED_MESSAGE.test(message)) return;
		this.#problems.push(`${label}: ${code}: ${message}`);
	}

	#pending(tracked: readonly Tracked[]): string {
		const pending = tracked.filter(({ settled }) => !settled);
		return pending.map(({ label }) => label).join(', ');
	}

	#note(text: string): void {
		this.#log.push(`${(performance.now() - this.#began).toFixed(1)} ms: ${text}`);
	}

	#path(document: Document, linked: boolean): string {
		return `${this.#place}/${linked ? LINK : document}`;
	}

	#writer({ writer }: { readonly writer: number }): JsonWriter {
		return this.#writers[writer] as JsonWriter;
	}
}

function abortAfter(ms: number): AbortSignal {
	const controller = new AbortController();
	setTimeout(() => controller.abort(new Error('unwanted')), ms);
	return controller.signal;
}

async function* slowRows(): AsyncGenerator<number> {
	yield 1;
	await sleep(1);
	yield 2;
}

describe('a random program under locks', () => {
	it.each([
		['without validators', KINDS],
		['with validators', [...KINDS, ...VALIDATED, ...VALIDATED]],
	])('%s comes to its end, one after the other, in the order of the calls', async (_, kinds) => {
		let number = 0;
		const run = (given: Setting, program: readonly Step[]): Promise<void> =>
			new Run(directory.file(`${number++}`), given).through(program);
		await fc.assert(fc.asyncProperty(setting, programOf(kinds), run), {
			numRuns: Math.ceil(RUNS / 2),
			// What is stuck holds what a smaller program would use.
			endOnFailure: true,
			...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }),
		});
	});
});
