/**
 * Colours of the charts, as CSS variables that follow the reader's light or dark scheme. They come from Okabe and Ito's
 * palette, which colour-blind people can tell apart; nothing is told by colour alone.
 */
import type { CandidateLabel } from '../harness/result.ts';

export const COLOURS = `
:root, svg.chart { --ink: #1c2127; --soft: #5c6670; --line: #d9dee3; --card: #f6f8f9; --ours: #0067a6; --peer: #8a5a00; --yardstick: #6b747d;
	--s1: #0067a6; --s2: #b34700; --s3: #00785a; --s4: #9b4f7d; --s5: #8a6d00; --s6: #5c6670; }
@media (prefers-color-scheme: dark) {
	:root, svg.chart { --ink: #e8ebee; --soft: #9aa5b0; --line: #343b43; --card: #1c2227; --ours: #63bdf2; --peer: #e6a93c; --yardstick: #8d97a1;
		--s1: #63bdf2; --s2: #ff8f5a; --s3: #4fd1ac; --s4: #e39bc6; --s5: #e6c94a; --s6: #9aa5b0; }
}`;

export function colourOf({ kind }: CandidateLabel): string {
	return `var(--${kind})`;
}

/** Of the lines of a scaling chart; ours is the first. */
export const SERIES = ['var(--s1)', 'var(--s2)', 'var(--s3)', 'var(--s4)', 'var(--s5)', 'var(--s6)'];
export const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 2', '1 2'];

/** A shape for each durability, so that a dot tells it without its heading. */
export const SYMBOLS = { full: 'circle', db: 'square', file: 'triangle', none: 'diamond' } as const;
