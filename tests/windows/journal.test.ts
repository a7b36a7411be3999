/** Journals on Windows, where a file that is open is not replaced like others. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Journal, openJournal } from 'durable-json';
import { startBeside, useDirectory } from './support.ts';

const directory = useDirectory();
const file = (): string => directory.file('a.journal');

type List = readonly number[];

function open(lockTimeoutMs = 0): Promise<Journal<List, number>> {
	return openJournal<List, number>(file(), {
		initial: [],
		apply: (list, entry) => [...list, entry],
		lockTimeoutMs,
	});
}

async function all(journal: Journal<List, number>): Promise<number[]> {
	const entries: number[] = [];
	for await (const { entry } of journal.entries()) entries.push(entry);
	return entries;
}

describe('a journal', () => {
	it('keeps what is appended, through checkpoints and openings, and leaves nothing else', async () => {
		const expected: number[] = [];
		for (let opening = 0; opening < 5; opening++) {
			const journal = await open();
			assert.deepEqual(journal.state, expected);
			const entries = Array.from({ length: 20 }, (_, index) => opening * 100 + index);
			const receipts = await Promise.all(entries.map((entry) => journal.append(entry)));
			assert.equal(receipts.at(-1)?.durability, 'file');
			expected.push(...entries);
			assert.deepEqual(await all(journal), entries);
			await journal.checkpoint();
			assert.deepEqual(await all(journal), []);
			await journal.close();
			directory.assertOnly('a.journal');
		}
	});

	it('can be read beside its checkpoints', async () => {
		const journal = await open();
		let done = false;
		const reader = (async () => {
			let readings = 0;
			for (; !done; readings++) {
				const entries = await all(journal);
				assert.ok(entries.every((entry, index) => index === 0 || entry === (entries[index - 1] ?? 0) + 1));
			}
			return readings;
		})();
		for (let entry = 0; entry < 40; entry++) {
			await journal.append(entry);
			if (entry % 4 === 3) await journal.checkpoint();
		}
		done = true;
		assert.ok((await reader) > 10);
		await journal.close();
		directory.assertOnly('a.journal');
	});

	it('is open in one process at a time, and in the next one when that was killed', async () => {
		const other = startBeside('append', file());
		await other.said('3');
		await assert.rejects(open(), { code: 'ERR_LOCK_TIMEOUT' });
		const waiting = open(20_000);
		await other.kill();
		const journal = await waiting;
		assert.ok(journal.state.length >= 3);
		await journal.close();
	});

	it('loses no acknowledged entry of processes that are killed', { timeout: 120_000 }, async () => {
		let acknowledged = 0;
		for (let round = 0; round < 8; round++) {
			const other = startBeside('append', file());
			await other.said('begin');
			await pause(Math.random() * 300);
			await other.kill();
			acknowledged = Math.max(acknowledged, ...other.lines.map(Number).filter(Number.isInteger));
			const journal = await open();
			assert.deepEqual(
				journal.state,
				journal.state.map((_, index) => index + 1),
			);
			assert.ok(journal.state.length >= acknowledged, `${journal.state.length} after ${acknowledged}`);
			await journal.close();
		}
		assert.ok(acknowledged > 0);
		// What the last one left the next start clears away: this process had swept the directory before.
		const next = startBeside('append', file());
		await next.said(String(acknowledged + 3));
		await next.finish();
		directory.assertOnly('a.journal');
	});
});
