/**
 * Where the serializer stands, in the form `$.sensors[3].temp`.
 */
import { type Frame, OBJECT } from './frame.ts';

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** The path to the current child of `frames[depth]`; `$` where no container is open. */
export function formatPath(frames: readonly Frame[], depth: number): string {
	let path = '$';
	for (let index = 0; index <= depth; index++) {
		const frame = frames[index] as Frame;
		const current = frame.index - 1;
		if (current < 0) break;
		path += frame.kind === OBJECT ? propertyPath(frame.keys[current] as string) : `[${current}]`;
	}
	return path;
}

function propertyPath(key: string): string {
	return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
