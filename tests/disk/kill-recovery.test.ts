/** A process that recovers and then writes, killed at a random moment of either: 50 times, 500 in `npm run test:crash`. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import { formatOrder, formatTempName } from '../../lib/commit/temp-name.ts';
import { readJson, recover } from '../../lib/index.ts';
import { startChild } from '../support/child.ts';
import { LONG } from '../support/crash-promises.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const ROUNDS = LONG ? 500 : 50;

/** Documents that each round finds bad or missing, each with one whole survivor. */
const VICTIMS = 40;

/** Says when it begins to recover, when that is done, and each version that it was told is durable. */
const program = `
import { writeSync } from 'node:fs';
const { createWriter, recover, readJson } = await import(process.env.LIBRARY);
const [directory] = process.argv.slice(1);
const file = directory + '/state.json';
writeSync(1, 'begin\\n');
await recover(directory);
writeSync(1, 'recovered\\n');
let { version } = await readJson(file, { fallback: { version: 0 } });
const writer = createWriter();
for (;;) {
	version += 1;
	const saved = version;
	const text = 'x'.repeat(Math.floor(Math.random() ** 3 * 200_000));
	await writer.write(file, { version: saved, text, end: saved }, { backups: 2 });
	writeSync(1, saved + '\\n');
}`;

/** Runs it until it is killed, some time after it has said `after`. @returns what it has said */
async function killAfter(after: string, delayMs: number): Promise<string[]> {
	const child = startChild(program, [directory.path]);
	let output = '';
	const closed = new Promise((resolve) => child.once('close', resolve));
	await new Promise<void>((resolve) => {
		child.stdout?.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			if (output.includes(after)) resolve();
		});
		child.once('close', resolve);
	});
	await new Promise((resolve) => setTimeout(resolve, delayMs));
	child.kill('SIGKILL');
	await closed;
	return output.trim().split('\n');
}

const good = (index: number, round: number): string => `${JSON.stringify({ index, round })}\n`;

/** What makes each of them bad or missing, and what it can be restored from. */
async function plantVictims(round: number): Promise<void> {
	const survivorOf = (index: number): string => {
		const name = `v${index}.json`;
		const identity = {
			life: 'lock',
			order: formatOrder(Date.now(), index),
			random: `${index}`.padStart(16, '0'),
		} as const;
		return [`${name}.tmp`, formatBackupName(name, 1), formatTempName(name, identity, 'ready')][index % 3] ?? '';
	};
	for (let index = 0; index < VICTIMS; index++) {
		await writeFile(directory.file(survivorOf(index)), good(index, round));
		const bad = ['{"torn":', '', undefined][(index >> 2) % 3];
		if (bad !== undefined) await writeFile(directory.file(`v${index}.json`), bad);
	}
}

it(`keeps every promise when a process that recovers or writes is killed, ${ROUNDS} times`, {
	timeout: ROUNDS * 3000,
}, async () => {
	let acknowledged = 0;
	let killedInRecovery = 0;
	for (let round = 0; round < ROUNDS; round++) {
		await plantVictims(round);
		const whileRecovering = round % 2 === 0;
		const said = await killAfter(whileRecovering ? 'begin' : 'recovered', Math.random() * 40);
		if (!said.includes('recovered')) killedInRecovery += 1;
		acknowledged = Math.max(acknowledged, ...said.map(Number).filter(Number.isInteger));
		const report = await recover(directory.path);
		expect(report.failures).toEqual([]);
		expect(report.documents.filter(({ outcome }) => outcome === 'lost')).toEqual([]);
		const state = await readJson<{ version: number; end: number }>(directory.file('state.json'), {
			fallback: { version: 0, end: 0 },
		});
		expect(state.end).toBe(state.version);
		expect(state.version).toBeGreaterThanOrEqual(acknowledged);
		expect(state.version).toBeLessThanOrEqual(acknowledged + 1);
		acknowledged = state.version;
		for (let index = 0; index < VICTIMS; index++) {
			expect(await directory.json(`v${index}.json`)).toEqual({ index, round });
		}
		const names = await readdir(directory.path);
		expect(names.filter((name) => /\.(part|ready|aside|tmp|bak)$/.test(name))).toEqual([]);
		for (const name of names.filter((file) => /^v|-v\d+\.json|^\.dj1q/.test(file))) await rm(directory.file(name));
	}
	expect(acknowledged).toBeGreaterThan(0);
	expect(killedInRecovery, 'rounds killed before the recovery was done').toBeGreaterThan(ROUNDS / 10);
});
