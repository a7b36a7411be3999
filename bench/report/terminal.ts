/** The tables on the terminal. */
import type { Results } from '../harness/result.ts';
import { workloads } from '../workloads/index.ts';
import { FIGURES } from './format.ts';
import { measureGoals } from './goals.ts';
import { type Entry, figure, summarise } from './summary.ts';

export function printTables(results: Results): void {
	const entries = summarise(results);
	for (const workload of workloads) {
		const own = entries.filter((entry) => entry.workload === workload.id);
		for (const variant of new Set(own.map(variantOf))) {
			console.log(`\n${workload.title}${variant}: ${workload.unit ?? FIGURES[workload.headline].title}`);
			for (const entry of own.filter((entry) => variantOf(entry) === variant)) {
				const value = figure(entry, workload.headline);
				const { format } = FIGURES[workload.headline];
				const range = value && `${format(value.median).padStart(12)}  (${format(value.min)} to ${format(value.max)})`;
				const wrong = entry.wrong ? '  WRONG DOCUMENT' : '';
				console.log(
					`  ${entry.label.id.padEnd(24)}${entry.label.durability.padEnd(6)}${range ?? entry.failure}${wrong}`,
				);
			}
		}
	}
	console.log('\nGoals');
	for (const { text, wanted, measured, verdict } of measureGoals(entries, results.slowSyncMs)) {
		console.log(`  ${verdict.padEnd(13)}${text}: ${measured} (wanted: ${wanted})`);
	}
}

function variantOf({ at, slowSyncMs }: Entry): string {
	return `${at ? ` (${at.toLocaleString('en-US')})` : ''}${slowSyncMs > 0 ? `, every sync ${slowSyncMs} ms slower` : ''}`;
}
