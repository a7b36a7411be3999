import { DurableJsonError, messageOf } from '../errors.ts';

/**
 * A failure that belongs to one write's value or caller (its toJSON, its iterable, its signal), not to the disk: the
 * writes that were merged into it go on. `reason` is what its caller gets.
 */
export class OwnFailure extends Error {
	readonly reason: unknown;

	constructor(reason: unknown) {
		super('a failure of the value');
		this.reason = reason;
	}
}

/** The value, or the caller's code in it, threw `cause`; what its validator found, or was told, is passed on as it is. */
export function notSerializable(path: string, cause: unknown, jsonPath: string): OwnFailure {
	const passed = cause instanceof DurableJsonError && ['ERR_VALIDATION', 'ERR_LOCK_REENTRANT'].includes(cause.code);
	if (passed) return new OwnFailure(cause);
	const message = `${path} was not written: ${messageOf(cause)} (at ${jsonPath})`;
	return new OwnFailure(
		new DurableJsonError('ERR_NOT_SERIALIZABLE', message, { path, step: 'serialize', cause, jsonPath }),
	);
}

/** JSON.stringify would give undefined. */
export function noText(): TypeError {
	return new TypeError('JSON has no text for the value (it is undefined, a function or a symbol)');
}
