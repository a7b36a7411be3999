/**
 * Typed errors. Match them by `code`, which is stable; messages may change between versions.
 */

/** What went wrong. README lists what each code means. */
export type ErrorCode =
	/**
	 * The code of a TypeError or RangeError that tells of a bad argument, as Node's own do: a mistake of the program, found before
	 * anything is done. It is no {@link DurableJsonError}.
	 */
	| 'ERR_INVALID_ARGUMENT'
	| 'ERR_NOT_SERIALIZABLE'
	| 'ERR_VALIDATION'
	| 'ERR_WRITE_FAILED'
	| 'ERR_READ_FAILED'
	| 'ERR_QUEUE_FULL'
	| 'ERR_CONFLICT'
	| 'ERR_LOCK_TIMEOUT'
	| 'ERR_LOCK_LOST'
	| 'ERR_LOCK_REENTRANT'
	| 'ERR_CLOSED'
	| 'ERR_CORRUPT'
	| 'ERR_JOURNAL_BROKEN'
	| 'ERR_UNSUPPORTED';

/**
 * Where in an operation it went wrong. The steps of a write, in their order: `serialize`, `resolve` (finding the file
 * behind the path), `mkdir`, `open` (the temporary file), `write`, `metadata` (mode and owner), `sync`, `check` (still
 * wanted?), `ready` (marking the temporary file as complete), `rename`, `sync-directory`. The others belong to
 * operations of their own.
 */
export type Step =
	| 'serialize'
	| 'resolve'
	| 'mkdir'
	| 'open'
	| 'write'
	| 'metadata'
	| 'sync'
	| 'check'
	| 'ready'
	| 'rename'
	| 'sync-directory'
	| 'submit'
	| 'lock'
	| 'update'
	| 'discard'
	| 'remove'
	| 'read'
	| 'parse'
	| 'validate'
	| 'recover'
	| 'migrate'
	| 'backup'
	| 'replay';

/**
 * What became of the document. `not_applied`: it stands as before the call. `unknown`: it holds the old value or the
 * new one, whole, and which of them a power cut leaves is open.
 */
export type Outcome = 'not_applied' | 'unknown';

/** One finding of a validator: what is wrong and, where it is known, the keys that lead there. */
export interface ValidationIssue {
	readonly message: string;
	readonly path?: ReadonlyArray<PropertyKey> | undefined;
}

/** What an error is made from. */
export interface ErrorDetails {
	readonly path: string;
	readonly step: Step;
	readonly outcome?: Outcome;
	readonly cause?: unknown;
	readonly jsonPath?: string;
	readonly issues?: readonly ValidationIssue[];
	readonly offset?: number;
}

/**
 * The one class of operating errors of this library: what can go wrong in a program without a mistake. A bad argument is a
 * TypeError or RangeError of code `ERR_INVALID_ARGUMENT` instead.
 */
export class DurableJsonError extends Error {
	override readonly name: string = 'DurableJsonError';
	readonly code: ErrorCode;
	/** The document's path, absolute, as the caller spelt it. */
	readonly path: string;
	readonly step: Step;
	/** `not_applied` for operations that change nothing. */
	readonly outcome: Outcome;
	/** ERR_NOT_SERIALIZABLE: where in the value, in the form `$.sensors[3].temp`. */
	readonly jsonPath: string | undefined;
	/** ERR_VALIDATION: what the validator found. */
	readonly issues: readonly ValidationIssue[] | undefined;
	/** ERR_CORRUPT of a journal: where the damage begins, in bytes from the start of the file. */
	readonly offset: number | undefined;

	constructor(code: ErrorCode, message: string, details: ErrorDetails) {
		super(message, 'cause' in details ? { cause: details.cause } : undefined);
		this.code = code;
		this.path = details.path;
		this.step = details.step;
		this.outcome = details.outcome ?? 'not_applied';
		this.jsonPath = details.jsonPath;
		this.issues = details.issues;
		this.offset = details.offset;
	}
}

/** The `code` of a system error, or undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
	return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The text of whatever was thrown, which may be a thing that cannot even be turned into text. */
export function messageOf(error: unknown): string {
	try {
		return String(error instanceof Error ? error.message : error);
	} catch {
		return 'something without a message was thrown';
	}
}

/** Text of files and their names without what a terminal or a log would act on: control characters, and turns of direction. */
export function escapeControls(text: string): string {
	return text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (control) => {
		return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
	});
}

/** Where nobody else is told of an error, the process is. */
export function warn(error: unknown): void {
	process.emitWarning(error instanceof Error ? error : messageOf(error));
}

/** A bad argument: TypeError with the code `ERR_INVALID_ARGUMENT`, naming the option and the value. */
export function invalidArgument(name: string, expected: string, actual: unknown): TypeError {
	return Object.assign(new TypeError(describeArgument(name, expected, actual)), { code: 'ERR_INVALID_ARGUMENT' });
}

/** A number out of its range: RangeError with the code `ERR_INVALID_ARGUMENT`. */
export function argumentOutOfRange(name: string, expected: string, actual: unknown): RangeError {
	return Object.assign(new RangeError(describeArgument(name, expected, actual)), { code: 'ERR_INVALID_ARGUMENT' });
}

function describeArgument(name: string, expected: string, actual: unknown): string {
	return `${name} must be ${expected}; got ${show(actual)}`;
}

function show(value: unknown): string {
	if (typeof value === 'string') return value.length > 80 ? `'${value.slice(0, 77)}...'` : `'${value}'`;
	if (typeof value === 'function') return 'a function';
	if (typeof value !== 'object' || value === null) return String(value);
	return Array.isArray(value) ? 'an array' : `an object (${Object.prototype.toString.call(value)})`;
}
