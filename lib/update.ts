/** Updates: a function over the newest value of a document, carried out when its commit starts. */
import { types } from 'node:util';
import { waitFor } from './content.ts';
import { createJsonSource } from './json/json-source.ts';
import { Lease, runUnder } from './lock/lease.ts';
import { asOptions, type CheckedJsonOptions } from './options.ts';
import type { FileSystem } from './ports/file-system.ts';
import { parseDocument } from './read-document.ts';
import { bytesOf, type Transform } from './schedule/steps.ts';
import type { UpdateOptions } from './types.ts';
import { validate } from './validation.ts';

export interface Update<T> {
	readonly transform: Transform;
	/** Does its function say that it is asynchronous? */
	readonly isAsync: boolean;
	/** The new value; known once the transform has been carried out. */
	result(): T;
}

type UpdateFunction<T> = (current: T | undefined) => unknown;

export function createUpdate<T>(
	fileSystem: FileSystem,
	fn: UpdateFunction<T>,
	json: CheckedJsonOptions,
	options: unknown,
): Update<T> {
	const { initial } = asOptions<UpdateOptions<T>>(options);
	let result: T;
	return {
		isAsync: types.isAsyncFunction(fn),
		result: () => result,
		*transform(base, { path, key }) {
			const standing = base ?? (initial === undefined ? undefined : yield* bytesOf(createJsonSource(initial), path));
			const current = standing === undefined ? undefined : (parseDocument(path, standing) as T);
			const lease = new Lease({ kind: 'update', path, key, lock: undefined });
			let returned: unknown;
			try {
				returned = runUnder(fileSystem, lease, () => fn(current));
				if (returned instanceof Promise) returned = yield* waitFor(returned);
			} finally {
				void lease.end();
			}
			const changed = returned === undefined ? current : returned;
			const output = json.schema === undefined ? changed : validate(json.schema, changed, path);
			const value = output instanceof Promise ? yield* waitFor(output) : output;
			const bytes = yield* bytesOf(createJsonSource(value, json), path);
			result = value as T;
			return bytes;
		},
	};
}
