/** Recovery of a file that is large: memory does not follow its size. */
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatOrder, formatTempName } from '../../lib/commit/temp-name.ts';
import { runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** 1 GB in `npm run test:crash`. */
const LARGE_BYTES = process.env.MODE === 'crash' ? 2 ** 30 : 2 ** 27;

const READY = formatTempName(
	'large.json',
	{ life: 'lock', order: formatOrder(1e12, 1), random: '0'.repeat(16) },
	'ready',
);

/** An array of records. */
function plantLarge(file: string): void {
	const fd = openSync(file, 'w');
	const record = JSON.stringify({
		id: 12345,
		name: 'sensor é',
		values: [1.5, -2e3, null, true],
		nested: { a: { b: '\u{1f600}' } },
	});
	const block = `${record},\n`.repeat(4000);
	writeSync(fd, '[');
	for (let bytes = 0; bytes < LARGE_BYTES; bytes += block.length) writeSync(fd, block);
	writeSync(fd, `${record}]\n`);
	closeSync(fd);
}

it('validates and promotes a large temporary file in less than 64 MB', { timeout: 240_000 }, () => {
	for (const name of [READY, 'large.json.tmp']) {
		rmSync(directory.file('large.json'), { force: true });
		plantLarge(directory.file(name));
		const { stdout, stderr, status } = runChild(
			`const { recover } = await import(process.env.LIBRARY);
			const before = process.resourceUsage().maxRSS;
			const { documents } = await recover(process.argv[1]);
			console.log(JSON.stringify({ outcome: documents[0].outcome, extraKiB: process.resourceUsage().maxRSS - before }));`,
			[directory.file('large.json')],
			{ nodeOptions: ['--max-old-space-size=64'] },
		);
		expect(status, stderr).toBe(0);
		const { outcome, extraKiB } = JSON.parse(stdout) as { outcome: string; extraKiB: number };
		expect(outcome).toBe('restored');
		expect(statSync(directory.file('large.json')).size).toBeGreaterThan(LARGE_BYTES);
		expect(extraKiB).toBeLessThan(64 * 1024);
	}
});
