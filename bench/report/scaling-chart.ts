/** How one figure grows along an axis, ours and the best peers': both axes logarithmic, each line named at its end. */
import * as Plot from '@observablehq/plot';
import type { FigureName } from '../harness/result.ts';
import { DASHES, SERIES, SYMBOLS } from './colours.ts';
import { FIGURES, formatTick } from './format.ts';
import { type Entry, median } from './summary.ts';
import { draw } from './svg.ts';

const LINE_PX = 15;
const MARGINS = { top: 14, right: 138, bottom: 36, left: 56 };

interface Point {
	readonly at: number;
	readonly value: number;
}

interface Series {
	readonly id: string;
	readonly points: readonly Point[];
	/** It could not go on to the largest point. */
	readonly stops: boolean;
	readonly entry: Entry;
}

export interface ScalingOptions {
	readonly title: string;
	readonly figure: FigureName;
	readonly xLabel: string;
	readonly xFormat: (at: number) => string;
	readonly width: number;
	readonly height: number;
}

export function scalingChart(entries: readonly Entry[], options: ScalingOptions): string {
	const { title, figure, xLabel, xFormat, width, height } = options;
	const series = seriesOf(entries, figure);
	const points = series.flatMap(({ points }) => points);
	const ats = [...new Set(entries.map(({ at }) => at ?? 1))].sort((a, b) => a - b);
	const values = points.map(({ value }) => value);
	const domain: [number, number] = [Math.min(...values) / 1.4, Math.max(...values) * 1.4];
	const labels = placeLabels(series, domain, height);
	const { more } = FIGURES[figure];
	return draw(title, {
		width,
		height,
		marginTop: MARGINS.top,
		marginRight: MARGINS.right,
		marginBottom: MARGINS.bottom,
		marginLeft: MARGINS.left,
		style: { fontSize: '12px' },
		x: { type: 'log', domain: [ats[0] ?? 1, ats.at(-1) ?? 10], axis: null },
		y: { type: 'log', domain, axis: null },
		marks: [
			Plot.gridY(ticksOf(domain), { stroke: 'var(--line)', strokeOpacity: 1 }),
			Plot.axisY(ticksOf(domain), {
				tickFormat: (tick: number) => formatTick(figure, tick),
				tickSize: 0,
				label: more === undefined ? null : more ? '↑ more is better' : '↓ less is better',
				labelArrow: 'none',
				fontSize: 11,
				color: 'var(--soft)',
			}),
			Plot.axisX(ats, {
				tickFormat: xFormat,
				tickSize: 4,
				fontSize: 11,
				label: xLabel,
				labelAnchor: 'center',
				labelArrow: 'none',
				color: 'var(--soft)',
			}),
			...series.flatMap((line, index) => marksOf(line, index, labels[index] ?? 1)),
		],
	});
}

function marksOf({ id, points, stops, entry }: Series, index: number, labelAt: number): Plot.Markish[] {
	const colour = SERIES[index % SERIES.length] as string;
	const ours = entry.label.kind === 'ours';
	const last = points.slice(-1);
	return [
		Plot.line(points, {
			x: 'at',
			y: 'value',
			stroke: colour,
			strokeWidth: ours ? 3 : 1.8,
			strokeDasharray: DASHES[index % DASHES.length] as string,
		}),
		Plot.dot(points, { x: 'at', y: 'value', fill: colour, r: ours ? 4 : 3, symbol: SYMBOLS[entry.label.durability] }),
		...(stops
			? [Plot.dot(last, { x: 'at', y: 'value', stroke: colour, strokeWidth: 2.5, r: 6, symbol: 'times' })]
			: []),
		Plot.text([id], {
			y: () => labelAt,
			text: () => (stops ? `${id} (fails after)` : id),
			frameAnchor: 'right',
			textAnchor: 'start',
			dx: 10,
			fill: colour,
			fontWeight: ours ? 700 : 400,
			fontSize: 11,
		}),
	];
}

function seriesOf(entries: readonly Entry[], figure: FigureName): Series[] {
	const ids = [...new Set(entries.map(({ label }) => label.id))];
	return ids.flatMap((id) => {
		const own = entries.filter(({ label }) => label.id === id).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
		const points = own
			.map((entry) => ({ at: entry.at ?? 1, value: median(entry, figure) }))
			.filter(({ value }) => value > 0);
		const [entry] = own;
		const stops = own.at(-1)?.failure !== undefined;
		return entry && points.length > 0 ? [{ id, points, stops, entry }] : [];
	});
}

/** Where the names stand: at the ends of their lines, pushed apart until they are legible. In values of the y axis. */
function placeLabels(series: readonly Series[], [low, high]: [number, number], height: number): number[] {
	const inner = height - MARGINS.top - MARGINS.bottom;
	const span = Math.log(high / low);
	const wanted = series.map(({ points }, index) => ({
		index,
		px: inner * (1 - Math.log((points.at(-1)?.value ?? low) / low) / span),
	}));
	wanted.sort((a, b) => a.px - b.px);
	for (let next = 1; next < wanted.length; next++) {
		const [above, own] = [wanted[next - 1], wanted[next]];
		if (above && own) own.px = Math.max(own.px, above.px + LINE_PX);
	}
	// Those that were pushed over the lower edge push the others back up.
	let limit = inner;
	for (const own of [...wanted].reverse()) {
		own.px = Math.min(own.px, limit);
		limit = own.px - LINE_PX;
	}
	const placed: number[] = [];
	for (const { index, px } of wanted) placed[index] = low * Math.exp((1 - px / inner) * span);
	return placed;
}

function ticksOf([low, high]: [number, number]): number[] {
	const powers = Array.from({ length: 30 }, (_, index) => 10 ** (index - 12));
	const inside = powers.filter((value) => value >= low && value <= high);
	if (inside.length >= 2) return inside;
	return powers.flatMap((power) => [power, 2 * power, 5 * power]).filter((value) => value >= low && value <= high);
}
