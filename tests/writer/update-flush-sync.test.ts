import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

it('an update of one writer is not lost where flushSync of another lands at any moment', async () => {
	for (let turns = 0; turns < 30; turns++) await interrupt(directory.file(`${turns}.json`), turns);
});

async function interrupt(path: string, turns: number): Promise<void> {
	const [a, b] = [createWriter(), createWriter()];
	const add = (value: { count: number } | undefined): { count: number } => ({ count: (value?.count ?? 0) + 1 });
	const updates = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? b : a).update(path, add));
	for (let at = 0; at < turns; at++) await turn();
	a.flushSync();
	await Promise.all(updates);
	expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ count: 20 });
	await Promise.all([a.close(), b.close()]);
}
