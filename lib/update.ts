/** Updates: a function over the newest value of a document, carried out when its commit starts. */
import { types } from 'node:util';
import { type Content, waitFor } from './content.ts';
import { invalidArgument } from './errors.ts';
import { createJsonSource } from './json/json-source.ts';
import { Lease, leasesHere, runUnder } from './lock/lease.ts';
import type { CheckedJsonOptions } from './options.ts';
import type { FileSystem } from './ports/file-system.ts';
import { promiseOf } from './promise-like.ts';
import { parseDocument } from './read-document.ts';
import { bytesOf, type Transform } from './schedule/transform.ts';
import { validate } from './validation.ts';

export interface UpdateJob {
	/** Returns the new value, a promise of it, or undefined where it has changed what it was given. */
	readonly fn: (current: unknown) => unknown;
	/** Stands for a document that there is not. */
	readonly initial: unknown;
	readonly json: CheckedJsonOptions;
	readonly upgrade?: Upgrade | undefined;
}

/** Brings what stands to the version that an update knows. */
export interface Upgrade {
	/** @returns undefined where it is of that version */
	migrate(current: unknown): Promise<unknown> | undefined;
	/** Keeps the document in this file, which has been migrated. */
	keepOlder(file: string): Promise<void>;
}

/** `written` gives the new value. */
type UpdateContent = Content & { readonly written: () => unknown };

/** What an update writes. */
export function updateContent(fileSystem: FileSystem, job: UpdateJob): UpdateContent {
	let result: unknown;
	// It is run when its turn comes, by whoever is at work on the document then.
	const outer = leasesHere(fileSystem);
	return {
		value: undefined,
		content: 'json',
		rereadable: true,
		mayBeEmpty: false,
		snapshot: false,
		begin: notAWrite,
		isAsync: types.isAsyncFunction(job.fn),
		transform: (base, { path, key, file }) => {
			const lease = new Lease({ kind: 'commit', path, key });
			const run = <T>(step: () => T): T => runUnder(fileSystem, lease, step, outer);
			const written = (value: unknown): void => {
				result = value;
			};
			return carryOut(job, base, { path, file, lease, run, written });
		},
		written: () => result,
	};
}

interface Turn {
	readonly path: string;
	/** Where the document lies, by its real path. */
	readonly file: string;
	/** Lasts as long as code of the caller's is run. */
	readonly lease: Lease;
	/** Runs code of the caller's. */
	readonly run: <T>(step: () => T) => T;
	/** Takes the new value. */
	readonly written: (value: unknown) => void;
}

/** One for all updates: one for each would take nearly as long again, as the first call of a generator function makes a hidden class. */
function* carryOut(
	{ fn, initial, json, upgrade }: UpdateJob,
	base: Uint8Array | undefined,
	{ path, file, lease, run, written }: Turn,
): ReturnType<Transform> {
	const standing = base ?? (initial === undefined ? undefined : yield* bytesOf(createJsonSource(initial), path));
	let current = standing === undefined ? undefined : parseDocument(path, standing);
	let value: unknown;
	try {
		const migrating = base && upgrade && run(() => upgrade.migrate(current));
		if (migrating !== undefined) {
			current = yield* waitFor(migrating);
			if (upgrade !== undefined) yield* waitFor(upgrade.keepOlder(file));
		}
		let returned = run(() => fn(current));
		const promise = promiseOf(returned);
		if (promise !== undefined) returned = yield* waitFor(promise);
		assertNoStrayResult(current, returned);
		const changed = returned === undefined ? current : returned;
		const { schema } = json;
		const output = schema === undefined ? changed : run(() => validate(schema, changed, path));
		value = output instanceof Promise ? yield* waitFor(output) : output;
	} finally {
		void lease.end();
	}
	const bytes = yield* bytesOf(createJsonSource(value, json), path);
	written(value);
	return bytes;
}

function notAWrite(): never {
	throw new Error('an update is carried out by its transform');
}

/** `(list) => list.push(item)` returns a number: written, it would be all that is left of the document. */
function assertNoStrayResult(current: unknown, returned: unknown): void {
	const wasObject = typeof current === 'object' && current !== null;
	const isObject = typeof returned === 'object' && returned !== null;
	if (!wasObject || isObject || returned === undefined || typeof returned === 'function') return;
	const hint =
		'an object or array, as the document is, or nothing where fn has changed it (use braces; write() replaces it)';
	throw invalidArgument('what fn returns', hint, returned);
}
