/**
 * The TypeError for a value that contains itself, in V8's words: the container it starts at, up to two hops, an ellipsis
 * for the rest, the last hop, and the key that closes the circle.
 */
import { types } from 'node:util';
import { type Frame, INDICES, OBJECT } from './frame.ts';

const LEADING_HOPS = 2;

/** Thrown where `value` is met inside itself; the serializer makes the error of it once every open container has a frame. */
export class Circle {
	readonly value: object;

	constructor(value: object) {
		this.value = value;
	}
}

/** `value` is one of the open containers in `frames[0..depth]`; the innermost frame's current child holds it again. */
export function circularError(frames: readonly Frame[], depth: number, value: object): TypeError {
	let start = depth;
	while (start > 0 && (frames[start] as Frame).holder !== value) start--;
	const hop = (index: number): string =>
		`\n    |     ${keyName(frames[index - 1] as Frame)} -> ${describe(frames[index] as Frame)}`;
	let text = `Converting circular structure to JSON\n    --> starting at ${describe(frames[start] as Frame)}`;
	const leading = Math.min(depth, start + LEADING_HOPS);
	for (let index = start + 1; index <= leading; index++) text += hop(index);
	if (depth > leading + 1) text += '\n    |     ...';
	if (depth > leading) text += hop(depth);
	return new TypeError(`${text}\n    --- ${keyName(frames[depth] as Frame)} closes the circle`);
}

function keyName(frame: Frame): string {
	const index = frame.index - 1;
	if (frame.kind !== OBJECT && frame.kind !== INDICES) return `index ${index}`;
	const key = frame.keys[index] ?? String(index);
	return key === '' ? '<anonymous>' : `property '${key}'`;
}

function describe(frame: Frame): string {
	return `object with constructor '${constructorName(frame.holder)}'`;
}

/**
 * The name that V8's JSReceiver::GetConstructorName gives, as far as it can be known without running code of the
 * caller's: of the function that made the object, else a `Symbol.toStringTag` or `constructor` along the prototypes.
 */
function constructorName(holder: object): string {
	if (types.isProxy(holder)) return 'Object';
	let link = prototypeOf(holder);
	const made = link && functionName(dataProperty(link, 'constructor'));
	if (made !== undefined && made !== null && made !== 'Object') return made;
	const tag = dataProperty(holder, Symbol.toStringTag);
	if (typeof tag === 'string') return tag;
	while (link !== null) {
		const name = dataProperty(link, Symbol.toStringTag) ?? functionName(dataProperty(link, 'constructor'));
		if (typeof name === 'string') return name;
		link = prototypeOf(link);
	}
	return 'Object';
}

/** The next prototype that is no proxy. */
function prototypeOf(value: object): object | null {
	const prototype = Object.getPrototypeOf(value) as object | null;
	return prototype === null || types.isProxy(prototype) ? null : prototype;
}

function functionName(value: unknown): string | undefined {
	const name = typeof value === 'function' ? dataProperty(value, 'name') : undefined;
	return typeof name === 'string' && name !== '' ? name : undefined;
}

function dataProperty(target: object, key: PropertyKey): unknown {
	return types.isProxy(target) ? undefined : Object.getOwnPropertyDescriptor(target, key)?.value;
}
