/** One figure of one workload: a line for each candidate, those of equal durability together, on a log axis. */
import * as Plot from '@observablehq/plot';
import type { CandidateLabel, FigureName } from '../harness/result.ts';
import type { Spread } from '../measure/statistics.ts';
import { colourOf, SYMBOLS } from './colours.ts';
import { DURABILITY, FIGURES, formatTick } from './format.ts';
import { type Entry, figure } from './summary.ts';
import { draw } from './svg.ts';

const ROW_PX = 21;
const LABELS_PX = 178;
const VALUES_PX = 64;
const INSET_PX = 9;

type Row = { readonly key: string } & (
	| { readonly heading: string }
	| { readonly label: CandidateLabel; readonly value: Spread | undefined; readonly note: string }
);
type Measured = Extract<Row, { label: CandidateLabel }>;

export interface RankingOptions {
	readonly title: string;
	readonly figure: FigureName;
	readonly width: number;
}

export function rankingChart(entries: readonly Entry[], { title, figure: name, width }: RankingOptions): string {
	const rows = rowsOf(entries, name);
	const measured = rows.filter((row): row is Measured => 'label' in row);
	const dots = measured.filter(({ value }) => (value?.median ?? 0) > 0);
	const at = (pick: (value: Spread) => number) => (row: Measured) => (row.value ? pick(row.value) : Number.NaN);
	const domain = domainOf(dots.map(({ value }) => value as Spread));
	const left = (isOurs: boolean): Plot.Markish =>
		Plot.text(
			measured.filter(({ label }) => (label.kind === 'ours') === isOurs),
			{
				y: 'key',
				text: ({ label }: Measured) => label.id,
				frameAnchor: 'left',
				textAnchor: 'start',
				dx: 14 - LABELS_PX,
				fontWeight: isOurs ? 700 : 400,
				fill: isOurs ? 'var(--ours)' : 'var(--ink)',
			},
		);
	const { more } = FIGURES[name];
	return draw(`${title}: ${FIGURES[name].title} of each candidate`, {
		width,
		height: rows.length * ROW_PX + 34,
		marginLeft: LABELS_PX,
		marginRight: VALUES_PX,
		marginTop: 4,
		marginBottom: 30,
		style: { fontSize: '12px' },
		x: { type: 'log', domain, axis: null, inset: INSET_PX },
		y: { type: 'band', domain: rows.map(({ key }) => key), axis: null, padding: 0 },
		marks: [
			Plot.gridX(decades(domain), { stroke: 'var(--line)', strokeOpacity: 1 }),
			Plot.text(decades(domain), {
				x: (tick: number) => tick,
				text: (tick: number) => formatTick(name, tick),
				frameAnchor: 'bottom',
				dy: 14,
				fontSize: 11,
				fill: 'var(--soft)',
			}),
			Plot.text(more === undefined ? [] : [more ? 'more is better →' : '← less is better'], {
				text: (text: string) => text,
				frameAnchor: more ? 'bottom-right' : 'bottom-left',
				dy: 28,
				fontSize: 11,
				fill: 'var(--soft)',
			}),
			Plot.text(
				rows.filter((row) => 'heading' in row),
				{
					y: 'key',
					text: 'heading',
					frameAnchor: 'left',
					textAnchor: 'start',
					dx: -LABELS_PX,
					dy: 3,
					fontSize: 11,
					fill: 'var(--soft)',
				},
			),
			left(true),
			left(false),
			Plot.ruleY(dots, {
				y: 'key',
				x1: at(({ min }) => Math.max(min, domain[0])),
				x2: at(({ max }) => max),
				stroke: ({ label }: Measured) => colourOf(label),
				strokeWidth: 3,
				strokeOpacity: 0.4,
				strokeLinecap: 'round',
			}),
			...dotsOf(
				dots,
				at(({ median }) => median),
			),
			Plot.text(measured, {
				y: 'key',
				text: ({ value, note }: Measured) => (value ? FIGURES[name].format(value.median) : note),
				frameAnchor: 'right',
				textAnchor: 'end',
				dx: VALUES_PX - 2,
				fill: 'var(--ink)',
				fontVariant: 'tabular-nums',
			}),
		],
	});
}

/** Ours filled, with a rim; peers filled; yardsticks hollow. The shape tells the durability. */
function dotsOf(dots: readonly Measured[], x: (row: Measured) => number): Plot.Markish[] {
	return [...new Set(dots.map(({ label }) => label.durability))].map((durability) =>
		Plot.dot(
			dots.filter(({ label }) => label.durability === durability),
			{
				x,
				y: 'key',
				symbol: SYMBOLS[durability],
				r: 5,
				stroke: ({ label }: Measured) => colourOf(label),
				strokeWidth: 2,
				fill: ({ label }: Measured) => (label.kind === 'yardstick' ? 'var(--card)' : colourOf(label)),
			},
		),
	);
}

const GROUPS = [
	{ heading: `${DURABILITY.full}, or a database's own sync`, of: ['full', 'db'] },
	{ heading: `${DURABILITY.file}, not the directory`, of: ['file'] },
	{ heading: DURABILITY.none, of: ['none'] },
];

/** Equal durability together, the best first. */
function rowsOf(entries: readonly Entry[], name: FigureName): Row[] {
	const worst = FIGURES[name].more ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
	const order = FIGURES[name].more ? -1 : 1;
	return GROUPS.flatMap(({ heading, of }) => {
		const rows = entries
			.filter(({ label }) => of.includes(label.durability))
			.map((entry) => ({ key: entry.label.id, label: entry.label, value: figure(entry, name), note: noteOf(entry) }))
			.filter(({ value, note }) => value !== undefined || note !== '')
			.sort((a, b) => order * ((a.value?.median ?? worst) - (b.value?.median ?? worst)) || 0);
		return rows.length > 0 ? [{ key: heading, heading }, ...rows] : [];
	});
}

function noteOf({ failure }: Entry): string {
	if (failure === undefined) return '';
	return failure.startsWith('not available') ? 'not yet' : 'fails';
}

/** At least one decade wide, with room for the dots. */
function domainOf(values: readonly Spread[]): [number, number] {
	const low = Math.min(...values.map(({ min, median }) => (min > 0 ? min : median)));
	const high = Math.max(...values.map(({ max }) => max));
	if (!Number.isFinite(low)) return [1, 10];
	const middle = Math.sqrt(low * high);
	return [Math.min(low, middle / 3.2), Math.max(high, middle * 3.2)];
}

/** Powers of ten in the domain, and where there are few also 2 and 5 times them; not too many to read. */
function decades([low, high]: [number, number]): number[] {
	const powers = Array.from({ length: 30 }, (_, index) => 10 ** (index - 12));
	const inside = (values: number[]): number[] => values.filter((value) => value >= low && value <= high);
	const whole = inside(powers);
	if (whole.length < 2) {
		const finer = inside(powers.flatMap((power) => [power, 3 * power]));
		return finer.length >= 2 ? finer : inside(powers.flatMap((power) => [power, 2 * power, 5 * power]));
	}
	const step = Math.ceil(whole.length / 4);
	return whole.filter((_, index) => index % step === 0);
}
