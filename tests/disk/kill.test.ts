import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import { startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Saves versions of random size, and tells of each when its promise has resolved. */
const saver = `
import { writeSync } from 'node:fs';
const { createWriter } = await import(process.env.LIBRARY);
const [file, from] = process.argv.slice(1);
const writer = createWriter();
let version = Number(from);
for (;;) {
	version += 1;
	const saved = version;
	const size = Math.floor(Math.random() ** 3 * 400_000);
	await writer.write(file, { version: saved, text: 'x'.repeat(size), end: saved });
	writeSync(1, saved + '\\n');
}`;

/** Runs the saver until it is killed. @returns the last version that it was told is durable. */
async function killAtRandom(file: string, from: number): Promise<number> {
	const child = startChild(saver, [file, String(from)]);
	let output = '';
	const closed = new Promise((resolve) => child.once('close', resolve));
	await new Promise<void>((resolve) => {
		child.stdout?.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			resolve();
		});
	});
	await new Promise((resolve) => setTimeout(resolve, Math.random() * 40));
	child.kill('SIGKILL');
	await closed;
	return Number(output.trim().split('\n').at(-1));
}

describe('a process killed at a random moment, 25 times', () => {
	it('leaves a whole document, not older than acknowledged, and no litter after the next start', {
		timeout: 120_000,
	}, async () => {
		const file = directory.file('state.json');
		let acknowledged = 0;
		for (let round = 0; round < 25; round++) {
			acknowledged = await killAtRandom(file, acknowledged);
			const { version, end } = JSON.parse(await readFile(file, 'utf8')) as { version: number; end: number };
			expect(end).toBe(version);
			expect(version).toBeGreaterThanOrEqual(acknowledged);
			expect(version).toBeLessThanOrEqual(acknowledged + 1);
			acknowledged = version;
		}
		const next = createWriter();
		// This process has swept the directory before, if another test wrote there; a directory of its own has not been.
		await next.write(file, { version: acknowledged + 1 });
		await next.close();
		expect(await readdir(directory.path)).toEqual(['state.json']);
	});
});
