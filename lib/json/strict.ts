/**
 * Strict mode: a TypeError for what JSON.stringify would silently drop or change.
 */
import { types } from 'node:util';
import type { Traversal } from './traversal.ts';

const getTime = Date.prototype.getTime;

function reject(what: string): never {
	throw new TypeError(`${what} in strict mode`);
}

export function checkNumber(value: number): void {
	if (!Number.isFinite(value)) reject(`${value} would be written as null, which is refused`);
}

/** For a value that has no JSON text; `missing` for an index that its array does not have. */
export function rejectAbsent(value: unknown, missing: boolean): never {
	const what = missing ? 'A hole in an array' : typeof value === 'undefined' ? 'undefined' : `A ${typeof value}`;
	return reject(`${what} has no JSON text, which is refused`);
}

/** Before toJSON, which gives `null` for an invalid Date. */
export function checkDate(value: unknown): void {
	if (types.isDate(value) && Number.isNaN(Reflect.apply(getTime, value, []))) {
		reject('An invalid Date would be written as null, which is refused');
	}
}

/**
 * Takes plain objects of any realm: those whose prototype is null or has none itself. Others would be written as their
 * enumerable own properties, which for a Map is nothing; they pass where their own toJSON returned them. A proxy is
 * taken for what it shows, since asking for its prototype could be seen.
 */
export function checkObject(t: Traversal, value: object): void {
	if (types.isProxy(value) || value === t.vouched || types.isBoxedPrimitive(value)) return;
	const prototype = Object.getPrototypeOf(value) as object | null;
	if (prototype === null || prototype === Object.prototype) return;
	if (!types.isProxy(prototype) && Object.getPrototypeOf(prototype) === null) return;
	if (types.isPromise(value)) reject('A promise would be written as {}, which is refused');
	reject(`An object of class ${className(prototype)} without toJSON would be written as a plain one, which is refused`);
}

function className(prototype: object): string {
	if (types.isProxy(prototype)) return 'unknown';
	const maker: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
	const name: unknown = typeof maker === 'function' && Object.getOwnPropertyDescriptor(maker, 'name')?.value;
	return typeof name === 'string' && name !== '' ? name : 'unknown';
}
