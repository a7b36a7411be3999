/** Versions of documents: the property `version` of the value. */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { promiseOf } from './promise-like.ts';

/** The version of a value, 0 where it has none; undefined where its property is no version. */
export function versionOf(value: unknown): number | undefined {
	if (typeof value !== 'object' || value === null || !('version' in value)) return 0;
	const { version } = value;
	return Number.isSafeInteger(version) && (version as number) >= 0 ? (version as number) : undefined;
}

/** A validator that also asks for the version: a document that has lost it would be migrated again. */
export function versionedSchema<T>(
	version: number,
	schema: StandardSchemaV1<unknown, T> | undefined,
): StandardSchemaV1<unknown, T> {
	const check = (result: StandardSchemaV1.Result<T>): StandardSchemaV1.Result<T> => {
		if (result.issues !== undefined || versionOf(result.value) === version) return result;
		return { issues: [{ message: `version must be ${version}`, path: ['version'] }] };
	};
	return {
		'~standard': {
			version: 1,
			vendor: 'durable-json',
			validate(value) {
				if (schema === undefined) return check({ value: value as T });
				const result = schema['~standard'].validate(value);
				const promise = promiseOf(result) as Promise<StandardSchemaV1.Result<T>> | undefined;
				return promise === undefined ? check(result as StandardSchemaV1.Result<T>) : promise.then(check);
			},
		},
	};
}
