/** The command line, as the package installs it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../../lib/index.ts';
import { startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };
const entry = path.resolve(bin['durable-json'] ?? '');

function run(...args: string[]): { code: number | null; out: string; err: string } {
	const command = [entry, 'journal', ...args];
	const options = { encoding: 'utf8', cwd: directory.path, maxBuffer: 1e8 } as const;
	const { status, stdout, stderr } = spawnSync(process.execPath, command, options);
	return { code: status, out: stdout, err: stderr };
}

/** A state after entry 2, then entries 3, 4 and 5, the last two in one line. */
async function makeJournal(): Promise<string> {
	const file = directory.file('a.journal');
	const apply = (sum: number, entry: { add: number }): number => sum + entry.add;
	const journal = await openJournal(file, { initial: 0, apply });
	await journal.appendAll([{ add: 1 }, { add: 2 }]);
	await journal.checkpoint();
	await journal.append({ add: 3 });
	await journal.appendAll([{ add: 4 }, { add: 5 }]);
	await journal.close();
	return file;
}

const printed = (out: string): unknown[] =>
	out
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line) as unknown);

const ENTRIES = [
	{ seq: 3, entry: { add: 3 } },
	{ seq: 4, entry: { add: 4 } },
	{ seq: 5, entry: { add: 5 } },
];

describe('durable-json journal verify', () => {
	it('says what is in a whole journal, and ends with 0', async () => {
		const file = await makeJournal();
		const { code, out, err } = run('verify', 'a.journal');
		expect({ code, err }).toEqual({ code: 0, err: '' });
		expect(out).toMatch(/a\.journal: good: a state after entry 2 \(\d+ bytes\), entries 3 to 5 \(\d+ bytes\)\n$/);
		await appendFile(file, `${'\n'.repeat(100)}{"prev":`);
		const before = await readFile(file);
		expect(run('verify', 'a.journal').out).toContain('; then 108 bytes of a write that was cut off, or is under way');
		expect(JSON.parse(run('verify', 'a.journal', '--json').out)).toMatchObject({
			path: file,
			condition: 'torn',
			baseSequence: 2,
			sequence: 5,
			tornBytes: 108,
			sizeBytes: before.length,
		});
		expect(await readFile(file)).toEqual(before);
	});

	it('ends with 1 where it is damaged, and says where', async () => {
		const file = await makeJournal();
		const text = await readFile(file, 'utf8');
		await writeFile(file, text.replace('{"add":3}', '{"add":8}'));
		const offset = text.indexOf('\n') + 1;
		expect(run('verify', 'a.journal')).toMatchObject({
			code: 1,
			out: expect.stringContaining(`a.journal is corrupt at byte ${offset}: `),
		});
		const { code, out } = run('verify', 'a.journal', '--json');
		expect([code, JSON.parse(out)]).toMatchObject([1, { path: file, condition: 'damaged', offset }]);
		for (const [content, why] of [
			['{"not":"a journal"}\n', 'it is no journal'],
			['text', 'it is no journal'],
			['', 'it is empty'],
			['{"journal":"dura', 'its first line is not whole'],
			[text.slice(0, 50), 'its first line is not whole'],
		] as const) {
			await writeFile(file, content);
			expect(run('verify', 'a.journal')).toMatchObject({ code: 1, out: expect.stringContaining(why) });
		}
	});

	it('ends with 2 or 3 where it is not understood, or there is nothing to look at', async () => {
		await mkdir(directory.file('folder'));
		expect(run('verify')).toMatchObject({ code: 2, err: expect.stringContaining('journal verify <file>') });
		expect(run('mend', 'a.journal')).toMatchObject({ code: 2 });
		expect(run()).toMatchObject({ code: 2 });
		expect(run('verify', 'missing')).toMatchObject({ code: 3, err: expect.stringContaining('ENOENT') });
		expect(run('verify', 'folder')).toMatchObject({ code: 3, err: expect.stringContaining('directory') });
	});
});

describe('durable-json journal dump', () => {
	it('prints the entries, from any of them on, and the state before them', async () => {
		await makeJournal();
		const { code, out, err } = run('dump', 'a.journal');
		expect({ code, err }).toEqual({ code: 0, err: '' });
		expect(printed(out)).toEqual(ENTRIES);
		expect(printed(run('dump', 'a.journal', '--from', '5').out)).toEqual(ENTRIES.slice(2));
		expect(printed(run('dump', 'a.journal', '--state').out)).toEqual([{ state: 3 }, ...ENTRIES]);
		for (const from of ['0', '', 'x', '1.5'])
			expect(run('dump', 'a.journal', `--from=${from}`)).toMatchObject({ code: 2 });
	});

	it('says which of the entries asked for are in the state, and ends with 3', async () => {
		await makeJournal();
		const { code, out, err } = run('dump', 'a.journal', '--from', '2');
		expect([code, printed(out)]).toEqual([3, ENTRIES]);
		expect(err).toBe('durable-json: entry 2 is part of the state by now, and not in the file any more\n');
		expect(run('dump', 'a.journal', '--from', '1').err).toContain('entries 1 to 2 are part of the state');
		expect(run('dump', 'a.journal', '--from', '3')).toMatchObject({ code: 0, err: '' });
	});

	it('prints what is whole before damage, then complains, and ends with 1', async () => {
		const file = await makeJournal();
		const journal = await openJournal<number, number>(file, { initial: 0, apply: (sum) => sum });
		await journal.append(6);
		await journal.close();
		await writeFile(file, (await readFile(file, 'utf8')).replace('{"add":5}', '{"add":8}'));
		const { code, out, err } = run('dump', 'a.journal');
		expect([code, printed(out)]).toEqual([1, ENTRIES.slice(0, 1)]);
		expect(err).toContain('is corrupt at byte');
	});

	it('reads a journal that is open and written to', async () => {
		const program = `
			const { openJournal } = await import(process.env.LIBRARY);
			const apply = (count, entry) => count + 1;
			const journal = await openJournal(process.argv[1], { initial: 0, apply, checkpoint: false });
			let started = false;
			await Promise.all(Array.from({ length: 20 }, async () => {
				for (;;) {
					await journal.append('x'.repeat(Math.random() * 2000));
					await new Promise((resolve) => setTimeout(resolve, 2));
					if (!started) console.log('started');
					started = true;
				}
			}));
		`;
		const child = startChild(program, [directory.file('a.journal')]);
		await new Promise((resolve) => child.stdout?.once('data', resolve));
		for (let time = 0; time < 5; time++) {
			const { code, out, err } = run('dump', 'a.journal');
			expect({ code, err }).toEqual({ code: 0, err: '' });
			const sequences = (printed(out) as Array<{ seq: number }>).map(({ seq }) => seq);
			expect(sequences).toEqual(sequences.map((_, index) => index + 1));
		}
		child.kill('SIGKILL');
	});
});
