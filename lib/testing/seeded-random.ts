/** Random numbers that are the same on each run: for names, and for the choice among too many crash states. */

/** A source of numbers in [0, 1), given by its seed (mulberry32). */
export type SeededRandom = () => number;

/** @returns a source that yields the same numbers for the same seed. */
export function seededRandom(seed: number): SeededRandom {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
	};
}

/** @returns 16 hexadecimal digits. */
export function randomHex64(random: SeededRandom): string {
	const half = (): string =>
		Math.floor(random() * 4_294_967_296)
			.toString(16)
			.padStart(8, '0');
	return half() + half();
}
