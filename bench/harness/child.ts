/** One run, in a process of its own: opens the candidate, runs the workload, prints what it came to as a line of JSON. */
import { writeSync } from 'node:fs';
import { NotAvailable } from '../candidates/candidate.ts';
import { findCandidate, findWorkload } from './plan.ts';
import type { Run } from './result.ts';

export type ChildResult = Pick<Run, 'figures' | 'verified' | 'error' | 'notAvailable'>;

async function run(workloadId: string, candidateId: string, at: number, quick: boolean): Promise<ChildResult> {
	const directory = process.cwd();
	const workload = findWorkload(workloadId);
	const { open, queues = false } = findCandidate(candidateId);
	try {
		const store = await open(directory);
		return await workload.run({ store, directory, quick, queues, at });
	} catch (error) {
		if (error instanceof NotAvailable || isNotInstalled(error)) return { figures: {}, notAvailable: error.message };
		const { name, message } = error instanceof Error ? error : new Error(String(error));
		return { figures: {}, error: `${name}: ${message}` };
	}
}

/** Native packages are optional: where they cannot be built the rest is measured. */
function isNotInstalled(error: unknown): error is Error {
	return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

const [workload = '', candidate = '', at = '', quick = ''] = process.argv.slice(2);
const result = await run(workload, candidate, Number(at), quick === 'quick');
writeSync(1, `${JSON.stringify(result)}\n`);
// What still waits is of no interest, and may take minutes.
process.exit();
