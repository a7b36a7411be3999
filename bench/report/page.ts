/** The report as one page that needs nothing else: no script, no font, no network. */
import type { FigureName, Results } from '../harness/result.ts';
import { workloads } from '../workloads/index.ts';
import type { Workload } from '../workloads/workload.ts';
import { type Chart, drawCharts } from './charts.ts';
import { type Comparison, compare } from './comparison.ts';
import { DURABILITY, FIGURES, formatBytes, formatMs, formatNumber } from './format.ts';
import { type Goal, measureGoals } from './goals.ts';
import { PAGE_STYLE } from './page-style.ts';
import { type Entry, figure, summarise } from './summary.ts';
import { escapeText } from './svg.ts';

/** Charts are drawn for a phone; wider screens have them side by side. */
const CHART_WIDTH = 380;

export function renderPage(results: Results): string {
	const entries = summarise(results);
	const charts = drawCharts(entries, results.slowSyncMs, CHART_WIDTH);
	const goals = measureGoals(entries, results.slowSyncMs);
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>durable-json: benchmarks</title>
<style>${PAGE_STYLE}</style>
<main>
<h1>durable-json: benchmarks</h1>
${leadOf(results, goals)}
${goalsTable(goals)}
${comparisonTable(compare(entries, results.candidates))}
<h2>How to read the charts</h2>
${LEGEND}
${workloads.map((workload) => section(workload, entries, charts)).join('\n')}
${method(results)}
</main>
</html>
`;
}

function leadOf({ environment, quick, complete, seed, loadAverageAtEnd }: Results, goals: readonly Goal[]): string {
	const measured = goals.filter(({ verdict }) => verdict !== 'not measured');
	const met = measured.filter(({ verdict }) => verdict === 'met').length;
	const facts = {
		processor: environment.cpu,
		system: environment.kernel,
		disk: `${environment.fileSystem}; fsync of a file ${formatMs(environment.fileSyncMs)}, of a directory ${formatMs(environment.directorySyncMs)}`,
		'Node.js': environment.node,
		load: `${formatNumber(environment.loadAverage)} before, ${formatNumber(loadAverageAtEnd)} at the end`,
		measured: `${environment.date.slice(0, 10)}, seed ${seed}`,
	};
	const warnings = [
		quick ? 'A quick run: few rounds of small loads, good for a first look.' : '',
		complete ? '' : 'The benchmark was interrupted: what is missing was not run.',
		environment.fileSystem === 'tmpfs' ? 'The documents were kept in memory (tmpfs), where a sync costs nothing.' : '',
	].filter((text) => text !== '');
	return `<p class="lead">${met} of ${measured.length} goals that were measured are met.
The disk decides much of this: compare ratios, on a disk like yours.</p>
${warnings.map((text) => `<p class="warning">${text}</p>`).join('\n')}
<dl class="facts">${Object.entries(facts)
		.map(([name, fact]) => `<div><dt>${name}</dt><dd>${escapeText(fact)}</dd></div>`)
		.join('')}</dl>`;
}

const MARKS = { met: '✓', missed: '✗', 'not measured': '–' } as const;

function goalsTable(goals: readonly Goal[]): string {
	const row = ({ text, wanted, measured, verdict }: Goal): string =>
		`<tr class="${verdict.replace(' ', '-')}"><th scope="row">${escapeText(text)}</th><td class="number">${escapeText(measured)}</td>
<td class="wanted">${escapeText(wanted)}</td><td class="verdict"><span>${MARKS[verdict]} ${verdict}</span></td></tr>`;
	return `<h2>Goals</h2>
<p>What the library is meant to reach, in ratios of medians within this benchmark. A goal that is missed stays in the table.</p>
<div class="scroll"><table class="goals"><thead><tr><th>goal</th><th class="number">measured</th><th>wanted</th><th></th></tr></thead>
<tbody>${goals.map(row).join('\n')}</tbody></table></div>`;
}

/** Within this a noisy machine cannot tell two apart. */
const DRAW = 1.05;

function comparisonTable({ peers, rows }: Comparison): string {
	const cell = (times: number | undefined): string => {
		if (times === undefined) return '<td></td>';
		if (times < DRAW && times > 1 / DRAW) return `<td class="number">${formatNumber(times)}</td>`;
		return `<td class="number ${times > 1 ? 'better' : 'worse'}">${times > 1 ? '▲' : '▼'}&nbsp;${formatNumber(times)}</td>`;
	};
	const head = peers.map(
		({ id, durability }) => `<th class="number">${escapeText(id)}<small>${durability}</small></th>`,
	);
	const body = rows.map(
		({ workload, figure, times }) =>
			`<tr><th scope="row">${escapeText(workload)}<small>${escapeText(figure)}</small></th>${times.map(cell).join('')}</tr>`,
	);
	return `<h2>Against each package</h2>
<p>How many times better the default writer is, which syncs file and directory: ▲ better, ▼ worse, by the figure that the workload is
about. Below each package is what it promises: <i>db</i> as much as ours, <i>file</i> less, <i>none</i> nothing.</p>
<div class="scroll"><table class="comparison"><thead><tr><th></th>${head.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

const LEGEND = `<p>Each line is a candidate; the dot is the median of the rounds, the bar behind it goes from the least to the most. Axes are
logarithmic: one step is a factor. Candidates that promise the same stand together, and have the same shape.</p>
<ul class="legend">
<li><svg viewBox="0 0 14 14"><circle cx="7" cy="7" r="5"/></svg>${DURABILITY.full}</li>
<li><svg viewBox="0 0 14 14"><rect x="2.5" y="2.5" width="9" height="9"/></svg>${DURABILITY.db}</li>
<li><svg viewBox="0 0 14 14"><path d="M7 1.5 13 12H1z"/></svg>${DURABILITY.file}, not the directory</li>
<li><svg viewBox="0 0 14 14"><path d="M7 .5 11.5 7 7 13.5 2.5 7z"/></svg>${DURABILITY.none}</li>
<li><b class="ours">durable-json</b></li><li><span class="peer">■</span> other packages</li>
<li><svg viewBox="0 0 14 14" class="hollow"><circle cx="7" cy="7" r="5"/></svg>yardsticks: no product, what the machine allows</li></ul>`;

function section(workload: Workload, entries: readonly Entry[], charts: readonly Chart[]): string {
	const own = entries.filter((entry) => entry.workload === workload.id);
	if (own.length === 0) return '';
	const figures = charts
		.filter((chart) => chart.workload === workload.id)
		.map(({ title, svg }) => `<figure><figcaption>${escapeText(captionOf(title))}</figcaption>${svg}</figure>`);
	return `<section class="workload"><div><h2>${escapeText(workload.title)}</h2><p>${escapeText(workload.about)}</p></div>
<div class="charts">${figures.join('\n')}</div>
${detailsOf(own)}</section>`;
}

/** The part after the workload's own title, which stands above. */
function captionOf(title: string): string {
	return title.slice(title.lastIndexOf(': ') + 2);
}

function detailsOf(entries: readonly Entry[]): string {
	const used = (Object.keys(FIGURES) as FigureName[]).filter((name) => entries.some((entry) => figure(entry, name)));
	const head = ['candidate', 'durability', 'atomic', ...used.map((name) => FIGURES[name].title)];
	const cell = (entry: Entry, name: FigureName): string => {
		const value = figure(entry, name);
		if (value === undefined) return '<td></td>';
		const { format } = FIGURES[name];
		const range = value.rounds > 1 ? `<small>${format(value.min)} to ${format(value.max)}</small>` : '';
		return `<td class="number">${format(value.median)}${range}</td>`;
	};
	const row = (entry: Entry): string => {
		const { label, failure, at, slowSyncMs, wrong } = entry;
		const variant = [at?.toLocaleString('en-US'), slowSyncMs > 0 && `+${slowSyncMs} ms a sync`]
			.filter(Boolean)
			.join(' ');
		const rest = failure
			? `<td colspan="${used.length}" class="failure">${escapeText(failure)}</td>`
			: used.map((name) => cell(entry, name)).join('');
		return `<tr class="${label.kind}"><th scope="row">${escapeText(label.id)} ${variant}${wrong ? ' <b>wrong document</b>' : ''}</th>
<td>${label.durability}</td><td>${label.atomic ? 'yes' : 'no'}</td>${rest}</tr>`;
	};
	return `<details><summary>All figures</summary><div class="scroll"><table><thead><tr>${head
		.map((title, index) => `<th${index > 2 ? ' class="number"' : ''}>${title}</th>`)
		.join('')}</tr></thead><tbody>${entries.map(row).join('\n')}</tbody></table></div></details>`;
}

function method({ environment, candidates, runs, slowSyncMs }: Results): string {
	const versions = (id: string): string => environment.versions[id.split(',')[0]?.split(' ')[0] ?? ''] ?? '';
	const rows = candidates.map(
		({ id, durability, atomic, note }) =>
			`<tr><th scope="row">${escapeText(id)}</th><td>${versions(id === 'json-ext' ? '@discoveryjs/json-ext' : id)}</td>
<td>${durability}</td><td>${atomic ? 'yes' : 'no'}</td><td>${escapeText(note)}</td></tr>`,
	);
	return `<section><h2>Method</h2>
<ul>
<li>${runs.length} runs, each in a process and a directory of its own, after a warm-up; the disk is synced between them. Rounds are interleaved:
every candidate runs once, in a random order, before any runs again.</li>
<li>Telemetry is an open loop: saves come by the clock whatever becomes of those before, and latency counts from the intended start, so
that a candidate that holds the event loop cannot hide it. Staleness is the age of the newest acknowledged state.</li>
<li>Syncs: ${escapeText(environment.counted)}. ${slowSyncMs > 0 ? `The runs on a slower disk add ${slowSyncMs} ms to each of them.` : ''}</li>
<li>Bytes to disk: what the kernel was made to write for the process, in pages. Memory: the peak of resident memory over what was there when
the measurement began, after a garbage collection. CPU: all threads of the process.</li>
<li>Event-loop delay is what a timer of 1 ms is late; a single long hold shows in the maximum.</li>
<li>After each run the document is read back: one that does not hold the last value is called wrong.</li>
<li>Memory of this machine: ${formatBytes(environment.memoryBytes)}. Nothing else was pinned or stopped, so look at the spread.</li>
</ul>
<h3>Candidates</h3>
<div class="scroll"><table><thead><tr><th>candidate</th><th>version</th><th>durability</th><th>atomic</th><th>how it was used</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}
