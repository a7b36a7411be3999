/**
 * The library and its peers through the same crash explorer: saves of one document, in turn and at once, a crash at every call
 * with each outcome that POSIX allows, and an error at every call with the crashes after it.
 *
 *     node bench/start.js crash-peers [--only steno] [--examples]
 */
import { parseArgs } from 'node:util';
import { candidates } from './candidates.ts';
import { exploreCandidate, type Findings, KINDS, type Kind } from './explore.ts';
import { install } from './simulated-process.ts';

const { values } = parseArgs({
	options: { only: { type: 'string' }, examples: { type: 'boolean', default: false } },
});

const COLUMNS: readonly [title: string, kinds: readonly Kind[]][] = [
	['torn document', ['torn']],
	['acknowledged save lost', ['lost', 'unsaved']],
	['failed sync not told', ['sync']],
	['litter after an error', ['failure litter', 'handle']],
	['litter after a crash', ['crash litter']],
];

install();
const titles = COLUMNS.map(([title]) => title);
console.log(`| | crash points | errors injected | states | ${titles.join(' | ')} |`);
console.log(`|---|${'---|'.repeat(titles.length + 3)}`);
for (const candidate of candidates.filter(({ name }) => name.includes(values.only ?? ''))) {
	const findings = await exploreCandidate(candidate);
	console.log(row(candidate.name, findings));
	if (values.examples) for (const kind of KINDS) console.log(findings.examples.get(kind) ?? `(no ${kind})`);
}

function row(name: string, { crashPoints, errors, states, failures }: Findings): string {
	const counted = COLUMNS.map(([, kinds]) => kinds.reduce((sum, kind) => sum + (failures.get(kind) ?? 0), 0));
	const cells = [crashPoints, errors, states, ...counted].map((figure) => figure.toLocaleString('en'));
	return `| ${[name, ...cells].join(' | ')} |`;
}
