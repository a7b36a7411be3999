/** The style of the report: light and dark, wide and narrow. */
import { COLOURS } from './colours.ts';

export const PAGE_STYLE = `${COLOURS}
:root { color-scheme: light dark; --paper: #fff; --met: #0b6b46; --missed: #a8321a; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --met: #5fd0a0; --missed: #ff9478; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 8px 0; }
h2 { font-size: 1.3rem; margin: 44px 0 4px; }
h3 { font-size: 1rem; margin: 16px 0 4px; }
p, ul { max-width: 76ch; margin: 6px 0 12px; }
p.lead { font-size: 1.12rem; }
p.warning { border-left: 4px solid var(--peer); padding-left: 12px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(260px, 45%), 1fr)); gap: 8px 24px; margin: 16px 0; }
.facts dt { color: var(--soft); font-size: .8rem; } .facts dd { margin: 0; }
ul { padding-left: 20px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(350px, 100%), 1fr)); gap: 16px; align-items: start; }
figure { margin: 0; padding: 12px; background: var(--card); border-radius: 10px; max-width: 560px; width: 100%; }
figcaption { font-weight: 600; margin-bottom: 6px; }
svg.chart { display: block; width: 100%; height: auto; font-family: inherit; overflow: visible; }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 6px 20px; max-width: none; font-size: .9rem; }
.legend li { display: flex; align-items: center; gap: 6px; }
.legend svg { width: 14px; height: 14px; fill: var(--soft); }
.legend .hollow { fill: none; stroke: var(--soft); stroke-width: 2; }
.ours { color: var(--ours); } .peer { color: var(--peer); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; margin: 8px 0; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: 400; }
thead th { color: var(--soft); font-size: .8rem; white-space: nowrap; vertical-align: bottom; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { display: block; color: var(--soft); font-size: .72rem; }
tr.ours th { font-weight: 700; color: var(--ours); } tr.yardstick { color: var(--soft); }
tbody th { min-width: 150px; } .failure { color: var(--missed); max-width: 60ch; }
.goals { width: 100%; max-width: 900px; font-size: .95rem; } .goals .number { font-weight: 600; }
.wanted { color: var(--soft); } .verdict { white-space: nowrap; font-weight: 600; padding-right: 0; }
tr.met .verdict { color: var(--met); } tr.missed .verdict { color: var(--missed); } tr.not-measured { color: var(--soft); }
th small { display: block; color: var(--soft); font-size: .72rem; font-weight: 400; }
.comparison td { padding: 5px 8px; } .comparison thead th { padding: 5px 8px; }
.comparison tbody th { position: sticky; left: 0; background: var(--paper); min-width: 200px; }
.better { background: color-mix(in srgb, var(--ours) 16%, transparent); }
.worse { background: color-mix(in srgb, var(--peer) 20%, transparent); }
summary { cursor: pointer; color: var(--soft); margin: 10px 0; }
@media (min-width: 1000px) {
	section.workload { display: grid; grid-template-columns: 270px 1fr; column-gap: 36px; margin-top: 44px; }
	section.workload h2 { margin-top: 0; } section.workload details { grid-column: 1 / -1; }
	section.workload > * { min-width: 0; }
}
@media (max-width: 600px) {
	main { padding: 12px 12px 48px; }
	.comparison tbody th { min-width: 128px; }
	.goals thead { display: none; }
	.goals tr { display: grid; grid-template-columns: auto 1fr auto; gap: 0 12px; padding: 8px 0; border-bottom: 1px solid var(--line); }
	.goals th, .goals td { border: 0; padding: 0; } .goals th { grid-column: 1 / -1; }
}`;
