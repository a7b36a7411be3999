import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

it('an update of one writer is not lost where flushSync of another lands while its document is read', async () => {
	const path = directory.file('a.json');
	const [a, b] = [createWriter(), createWriter()];
	const add = (value: { count: number } | undefined): { count: number } => ({ count: (value?.count ?? 0) + 1 });
	const updates = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? b : a).update(path, add));
	await turn();
	a.flushSync();
	await Promise.all(updates);
	expect(await directory.json('a.json')).toEqual({ count: 20 });
	await Promise.all([a.close(), b.close()]);
});
