/**
 * Reads elements of the caller's arrays without changing how V8 stores them.
 *
 * An optimised `array[index]` that has met arrays of small integers, of doubles and of anything converts the arrays that
 * it meets later to the most general kind, in place: each double array of the caller's would be allocated anew, its
 * doubles boxed one by one, which costs memory that stays and garbage collections of 10 ms and more. A place that has
 * met many unrelated shapes asks each object instead, and converts nothing.
 */

/** `holder[index]`. */
export function readElement(holder: object, index: number): unknown {
	return (holder as Record<number, unknown>)[index];
}

/** More shapes than V8 tells apart in one place (four). */
const SHAPES: readonly object[] = [
	{ 0: 0 },
	{ a: 0, 0: 0 },
	{ b: 0, 0: 0 },
	{ c: 0, 0: 0 },
	{ d: 0, 0: 0 },
	{ e: 0, 0: 0 },
	[0],
	[0.5],
	['0'],
	new Uint8Array(1),
];

/** Meets all shapes; before each walk, since V8 forgets what a place has met once its code has not run for a while. */
export function meetShapes(): void {
	for (const shape of SHAPES) readElement(shape, 0);
}

// V8 begins to keep in mind what a place meets only after it has run some hundred times; this takes 0.2 ms.
for (let round = 0; round < 200; round++) meetShapes();
