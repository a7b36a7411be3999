/** Checks what callers pass, and fills in the defaults. Bad values throw, naming option and value. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { argumentOutOfRange, invalidArgument } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import type { FileSystem, SyncFileSystem } from './ports/file-system.ts';
import type { Durability, FileOptions, Replacer, Space, WriteOptions } from './types.ts';

const DURABILITIES: readonly unknown[] = ['full', 'file', 'none'] satisfies Durability[];

/** As many backups as a document can have: their numbers have three digits, and one is free while they are shifted. */
const MAX_BACKUPS = 998;

/** The last path that was absolute as it came: state that is saved often is saved under one name. */
let lastAbsolute = '';

/** The absolute path that a path or file URL stands for. */
export function toAbsolutePath(input: unknown): string {
	if (input === lastAbsolute && lastAbsolute !== '') return lastAbsolute;
	const absolute = resolveInput(input);
	if (absolute === input) lastAbsolute = absolute;
	return absolute;
}

function resolveInput(input: unknown): string {
	const text = input instanceof URL ? pathOfUrl(input) : input;
	if (typeof text !== 'string') throw invalidArgument('path', 'a string or a file: URL', input);
	if (/^file:\/\//i.test(text)) throw invalidArgument('path', 'a URL object where it is a file: URL', text);
	if (text === '' || text.includes('\0')) throw invalidArgument('path', 'a path without NUL, not empty', text);
	if (namesDirectory(text)) {
		throw invalidArgument('path', 'the path of a file, not of a directory', text);
	}
	// What '..' means behind a symbolic link only the file system can tell: path.resolve would cut off the link's name.
	const climbs = path.sep === '/' && text.split('/').includes('..');
	if (!climbs) return path.resolve(text);
	return path.isAbsolute(text) ? text : `${process.cwd()}/${text}`;
}

/** Is it the spelling of a directory, whatever stands there? */
export function namesDirectory(text: string): boolean {
	return text.endsWith('/') || text.endsWith(path.sep) || ['.', '..'].includes(path.basename(text));
}

function pathOfUrl(url: URL): string {
	if (url.protocol !== 'file:') throw invalidArgument('path', 'a string or a file: URL', url.href);
	try {
		return fileURLToPath(url);
	} catch (cause) {
		throw Object.assign(invalidArgument('path', 'a file: URL of this machine', url.href), { cause });
	}
}

/** The options that every kind of write takes, checked. */
export interface CheckedFileOptions {
	readonly signal: AbortSignal | undefined;
	readonly durability: Durability;
	readonly mode: number | undefined;
	readonly backups: number;
	readonly onProgress: FileOptions['onProgress'];
}

const FILE_DEFAULTS = checkFileOptions({});
const JSON_DEFAULTS = checkJsonOptions({});

export function checkFileOptions(options: unknown): CheckedFileOptions {
	if (options === undefined) return FILE_DEFAULTS;
	const { signal, durability = 'full', mode, backups = 0, onProgress } = asOptions<FileOptions>(options);
	checkSignal(signal);
	if (!DURABILITIES.includes(durability)) {
		throw invalidArgument('options.durability', "'full', 'file' or 'none'", durability);
	}
	if (mode !== undefined) checkMode(mode);
	checkFunction('options.onProgress', onProgress);
	checkInteger('options.backups', backups, 0, MAX_BACKUPS);
	return { signal, durability, mode, backups, onProgress };
}

export function checkMode(mode: unknown): void {
	const expected = 'permission bits such as 0o600, up to 0o777';
	if (typeof mode !== 'number') throw invalidArgument('options.mode', expected, mode);
	if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw argumentOutOfRange('options.mode', expected, mode);
}

/** How a value becomes text, checked. */
export interface CheckedJsonOptions {
	readonly replacer: Replacer | undefined;
	readonly space: Space | undefined;
	readonly strict: boolean;
	readonly finalNewline: boolean;
	readonly consistency: 'stream' | 'snapshot';
	readonly schema: StandardSchemaV1 | undefined;
}

/** `replacer` and `space` are passed on as they are: JSON.stringify says what they mean, whatever they are. */
export function checkJsonOptions(options: unknown): CheckedJsonOptions {
	if (options === undefined) return JSON_DEFAULTS;
	const {
		replacer,
		space,
		strict = false,
		finalNewline = true,
		consistency = 'stream',
		schema,
	} = asOptions<WriteOptions>(options);
	checkBoolean('options.strict', strict);
	checkBoolean('options.finalNewline', finalNewline);
	if (consistency !== 'stream' && consistency !== 'snapshot') {
		throw invalidArgument('options.consistency', "'stream' or 'snapshot'", consistency);
	}
	checkSchema(schema);
	return { replacer, space, strict, finalNewline, consistency, schema };
}

/** A promise is refused: JSON would make `{}` of it. */
export function assertAwaited(name: string, value: unknown): void {
	if (types.isPromise(value)) throw invalidArgument(name, 'awaited first', value);
}

/** Options as an object; undefined is none. */
export function asOptions<T extends object>(options: unknown, expected = 'an object', name = 'options'): Partial<T> {
	if (options === undefined) return {};
	if (typeof options !== 'object' || options === null || Array.isArray(options)) {
		throw invalidArgument(name, expected, options);
	}
	return options;
}

const FILE_SYSTEM_CALLS: readonly (keyof FileSystem)[] = [
	...(['uniqueId', 'open', 'openDirectory', 'stat', 'lstat', 'realpath', 'readlink', 'readdir', 'readFile'] as const),
	...(['rename', 'link', 'unlink', 'ensureDirectory'] as const),
];
const SYNC_CALLS: readonly (keyof SyncFileSystem)[] = [
	...(['open', 'lstat', 'realpath', 'readlink', 'readdir', 'readFile', 'rename', 'link', 'unlink'] as const),
	...(['ensureDirectory', 'syncDirectory'] as const),
];
const CLOCK_CALLS: readonly (keyof Clock)[] = ['epochMs', 'monotonicMs', 'schedule'];

/** The ports, by their shape: what they lack would fail late, and far from the mistake. */
export function checkPorts({ fileSystem, clock }: { readonly fileSystem?: unknown; readonly clock?: unknown }): void {
	if (fileSystem !== undefined) {
		const expected = 'a file system, such as a SimulatedDisk';
		checkCalls('options.fileSystem', expected, fileSystem, FILE_SYSTEM_CALLS);
		const { scope, semantics, ignoresCase, sync } = fileSystem as Partial<FileSystem>;
		checkCalls('options.fileSystem.sync', 'the synchronous half of a file system', sync, SYNC_CALLS);
		const isOne = typeof scope === 'object' && (semantics === 'posix' || semantics === 'win32');
		if (!isOne || scope === null || typeof ignoresCase !== 'boolean') {
			throw invalidArgument('options.fileSystem', `${expected} (with scope, semantics and ignoresCase)`, fileSystem);
		}
	}
	if (clock !== undefined) checkCalls('options.clock', 'a clock, such as a ManualClock', clock, CLOCK_CALLS);
}

function checkCalls(name: string, expected: string, port: unknown, calls: readonly string[]): void {
	const missing = calls.find((call) => typeof (Object(port) as Record<string, unknown>)[call] !== 'function');
	if (missing !== undefined) throw invalidArgument(name, `${expected} (it has no ${missing}())`, port);
}

/** By its shape, as Node does: a signal may come from another realm. */
export function checkSignal(signal: unknown): void {
	if (signal === undefined) return;
	const { aborted, addEventListener, removeEventListener } = Object(signal) as Partial<AbortSignal>;
	if (
		typeof aborted !== 'boolean' ||
		typeof addEventListener !== 'function' ||
		typeof removeEventListener !== 'function'
	) {
		throw invalidArgument('options.signal', 'an AbortSignal', signal);
	}
}

/** By its shape: anything that follows Standard Schema. */
export function checkSchema(schema: unknown, name = 'options.schema'): void {
	if (schema === undefined) return;
	const standard = (Object(schema) as { '~standard'?: { validate?: unknown } })['~standard'];
	if (typeof standard?.validate !== 'function') {
		throw invalidArgument(name, 'a Standard Schema validator (zod, valibot, arktype, ...)', schema);
	}
}

/** How long to wait for a lock: a number of milliseconds, 0 for one attempt, Infinity for as long as it takes. */
export function checkTimeout(name: string, value: unknown): number {
	if (typeof value !== 'number') throw invalidArgument(`options.${name}`, 'a number', value);
	if (!(value >= 0)) throw argumentOutOfRange(`options.${name}`, 'a number from 0 on', value);
	return value;
}

export function checkFunction(name: string, value: unknown): void {
	if (value !== undefined && typeof value !== 'function') throw invalidArgument(name, 'a function', value);
}

export function checkBoolean(name: string, value: unknown): void {
	if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
}

/** @returns the value. */
export function checkInteger(name: string, value: unknown, min: number, max: number): number {
	if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
	if (!Number.isInteger(value) || value < min || value > max) {
		throw argumentOutOfRange(name, `an integer from ${min} to ${max}`, value);
	}
	return value;
}

/** @returns the value, an integer from 1 on, or Infinity. */
export function checkCount(name: string, value: unknown): number {
	const expected = 'an integer above 0, or Infinity';
	if (typeof value !== 'number') throw invalidArgument(`options.${name}`, expected, value);
	const isCount = value === Number.POSITIVE_INFINITY || Number.isSafeInteger(value);
	if (!isCount || value < 1) throw argumentOutOfRange(`options.${name}`, expected, value);
	return value;
}

/** @returns the value, a number above 0 and up to `max`. */
export function checkPositive(name: string, value: unknown, max: number = Number.MAX_SAFE_INTEGER): number {
	const expected = `a number above 0, up to ${max}`;
	if (typeof value !== 'number') throw invalidArgument(`options.${name}`, expected, value);
	if (!(value > 0 && value <= max)) throw argumentOutOfRange(`options.${name}`, expected, value);
	return value;
}
