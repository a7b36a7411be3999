/** Validation by any validator that follows Standard Schema (https://standardschema.dev). */
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { DurableJsonError, type ValidationIssue } from './errors.ts';
import { promiseOf } from './promise-like.ts';

/**
 * The validator's output for a value, or a promise of it where the validator is asynchronous. Throws, or rejects with,
 * ERR_VALIDATION or what the validator throws.
 * @param place where in the document the value stands, as the message is to say it
 */
export function validate<T>(
	schema: StandardSchemaV1<unknown, T>,
	value: unknown,
	path: string,
	place = '',
): T | Promise<T> {
	const result = schema['~standard'].validate(value);
	const promise = promiseOf(result) as Promise<StandardSchemaV1.Result<T>> | undefined;
	if (promise !== undefined) return promise.then((settled) => outputOf(settled, path, place));
	return outputOf(result as StandardSchemaV1.Result<T>, path, place);
}

function outputOf<T>(result: StandardSchemaV1.Result<T>, path: string, place: string): T {
	if (result.issues === undefined) return result.value;
	const issues = result.issues.map(toIssue);
	const message = `${path}${place} is not valid: ${issues.map(describe).join('; ')}`;
	throw new DurableJsonError('ERR_VALIDATION', message, { path, step: 'validate', issues });
}

function describe({ message, path }: ValidationIssue): string {
	const keys = path?.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
	return keys ? `${message} (at $${keys})` : message;
}

/** A path element is a key, or an object that holds it. */
function toIssue({ message, path }: StandardSchemaV1.Issue): ValidationIssue {
	// Of arktype it is an array of a class of its own.
	return {
		message,
		path: path && Array.from(path, (segment) => (typeof segment === 'object' ? segment.key : segment)),
	};
}
