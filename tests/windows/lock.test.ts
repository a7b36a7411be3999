/** Locks between processes on Windows: LockFileEx, on a file beside the document. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readJson, withLock } from 'durable-json';
import { startBeside, useDirectory } from './support.ts';

const directory = useDirectory();

describe("lock: 'file'", () => {
	it('loses no update of processes that count together, also where one is killed', { timeout: 60_000 }, async () => {
		const file = directory.file('count.json');
		// Another spelling locks the same document.
		const counters = [file, file.toUpperCase(), file].map((spelling) => startBeside('count', spelling));
		const [killed, ...others] = counters;
		await Promise.all(counters.map((counter) => counter.said('begin')));
		await pause(1500);
		await killed?.kill();
		for (const counter of others) await counter.finish();
		const sums = counters.flatMap(({ lines }) => lines.filter((line) => line !== 'begin').map(Number));
		assert.equal(new Set(sums).size, sums.length, 'two updates came to the same sum');
		const { sum } = await readJson<{ sum: number }>(file);
		assert.ok(sum >= sums.length && sum <= sums.length + 1, `${sum} after ${sums.length} updates`);
		assert.ok(counters.every(({ lines }) => lines.length > 3));
	});
});

describe('withLock', () => {
	it('waits for the process that has the lock, and gets it when that is killed', async () => {
		const file = directory.file('state.json');
		const holder = startBeside('lock', file);
		await holder.said('locked');
		await assert.rejects(
			withLock(file, () => 1, { timeoutMs: 100 }),
			{ code: 'ERR_LOCK_TIMEOUT' },
		);
		const waiting = withLock(file, () => 2);
		await holder.kill();
		assert.equal(await waiting, 2);
	});
});
