/** A process that appends to a journal, killed at a random moment: 8 times, 50 in `npm run test:crash`, or KILLS. */
import { expect, it } from 'vitest';
import { openJournal } from '../../lib/index.ts';
import { runChild, startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const ROUNDS = Number(process.env.KILLS ?? (process.env.MODE === 'crash' ? 50 : 8));

/** What each task appends next; an entry that is missing, doubled or out of order does not fit. */
interface State {
	readonly next: Readonly<Record<string, number>>;
	readonly count: number;
}

interface Entry {
	readonly task: string;
	readonly number: number;
	readonly padding?: string;
}

const initial: State = { next: {}, count: 0 };

function apply({ next, count }: State, { task, number }: Entry): State {
	const expected = next[task] ?? 1;
	if (number !== expected) throw new Error(`task ${task} has ${number} where ${expected} belongs`);
	return { next: { ...next, [task]: number + 1 }, count: count + 1 };
}

/** Eight tasks, one of which appends several at once, one a large one now and then; checkpoints by count and by call. */
const program = `
import { writeSync } from 'node:fs';
const { openJournal } = await import(process.env.LIBRARY);
const [file, initial, apply] = process.argv.slice(1);
writeSync(1, 'begin\\n');
const journal = await openJournal(file, {
	initial: JSON.parse(initial),
	apply: eval('(' + apply.replace(/^function \\w+/, 'function') + ')'),
	checkpoint: { maxEntries: 200 },
});
writeSync(1, 'open ' + journal.state.count + '\\n');
const run = async (task) => {
	let number = journal.state.next[task] ?? 1;
	for (;;) {
		const size = Math.random() < 0.02 ? Math.floor(Math.random() * 200_000) : 50;
		const entry = () => ({ task, number: number++, padding: 'x'.repeat(size) });
		if (task === '0') await journal.appendAll([entry(), entry(), entry()]);
		else await journal.append(entry());
		if (task === '1' && number % 40 === 0) await journal.checkpoint();
		writeSync(1, task + ' ' + (number - 1) + '\\n');
	}
};
await Promise.all(['0', '1', '2', '3', '4', '5', '6', '7'].map(run));
`;

const onceMore = `
const { openJournal } = await import(process.env.LIBRARY);
const apply = eval('(' + process.argv[2].replace(/^function \\w+/, 'function') + ')');
await (await openJournal(process.argv[1], { initial: null, apply })).close();
`;

/** Runs it until it is killed. @returns what it has said that it was told */
async function killAtRandom(file: string): Promise<string[]> {
	const child = startChild(program, [file, JSON.stringify(initial), apply.toString()]);
	let output = '';
	const closed = new Promise((resolve) => child.once('close', resolve));
	await new Promise<void>((resolve) => {
		child.stdout?.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			resolve();
		});
		child.once('close', resolve);
	});
	await new Promise((resolve) => setTimeout(resolve, Math.random() ** 2 * 100));
	child.kill('SIGKILL');
	await closed;
	return output.split('\n').slice(0, -1);
}

it(`loses no acknowledged entry, and doubles none, when the process is killed, ${ROUNDS} times`, {
	timeout: ROUNDS * 3000 + 10_000,
}, async () => {
	const file = directory.file('a.journal');
	let entries = 0;
	let torn = 0;
	let killedWhileOpening = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const [, found, ...told] = await killAtRandom(file);
		if (found === undefined) killedWhileOpening += 1;
		else expect(found, 'what the process finds is what this one found').toBe(`open ${entries}`);
		// Opening applies every entry: one that does not follow the one before makes it reject.
		const journal = await openJournal<State, Entry>(file, { initial, apply });
		for (const [task = '', number] of told.map((line) => line.split(' '))) {
			expect(journal.state.next[task], `task ${task}`).toBeGreaterThan(Number(number));
		}
		// Three at once, or none.
		expect(((journal.state.next['0'] ?? 1) - 1) % 3).toBe(0);
		expect(journal.state.count).toBe(journal.sequence);
		entries = journal.sequence;
		if (journal.opening.cutBytes > 0) torn += 1;
		await journal.close();
	}
	// A directory is swept once by each process.
	expect(runChild(onceMore, [file, apply.toString()])).toMatchObject({ status: 0, stderr: '' });
	await directory.expectOnly('a.journal');
	expect(entries).toBeGreaterThan(ROUNDS);
	console.log(`${entries} entries, ${torn} torn ends, ${killedWhileOpening} killed while opening`);
});
