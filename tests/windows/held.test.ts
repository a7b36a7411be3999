/** Documents that other programs have open: on Windows nothing can be renamed over them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createWriter, readJson, remove, writeJson } from 'durable-json';
import type { Met } from './beside.ts';
import { type Beside, hold, startBeside, useDirectory } from './support.ts';

const directory = useDirectory();

async function startReader(program: string, ...args: string[]): Promise<Beside> {
	const reader = startBeside(program, directory.file('state.json'), ...args);
	await reader.said('reading');
	return reader;
}

/** Awaits one write after the other; none may fail. @returns how long each took, ascending, in milliseconds */
async function writeMany(count: number, options: { readonly backups?: number } = {}): Promise<number[]> {
	const writer = createWriter();
	const durations: number[] = [];
	for (let version = 1; version <= count; version++) {
		const startMs = performance.now();
		await writer.write(directory.file('state.json'), { version, text: 'x'.repeat(2000), end: version }, options);
		durations.push(performance.now() - startMs);
	}
	await writer.close();
	return durations.sort((a, b) => a - b);
}

async function metBy(reader: Beside): Promise<Met> {
	return JSON.parse(await reader.finish()) as Met;
}

describe('beside a reader in another process', () => {
	it('that opens the document for 1 ms in every 20: not one of 500 writes fails, every read is whole', async (t) => {
		await writeMany(1);
		const reader = await startReader('read', '1', '19');
		const durations = await writeMany(500);
		const met = await metBy(reader);
		t.diagnostic(`p50 ${durations[250]?.toFixed(1)} ms, p99 ${durations[495]?.toFixed(1)} ms, ${met.opened} reads`);
		assert.deepEqual({ ...met, opened: 0 }, { opened: 0, missing: 0, refused: 0, torn: 0 });
		assert.ok(met.opened > 10);
		directory.assertOnly('state.json');
	});

	it('that opens it for 5 ms in every 10: no write fails, every read is whole', async () => {
		await writeMany(1);
		const reader = await startReader('read', '5', '5');
		await writeMany(50);
		const met = await metBy(reader);
		assert.deepEqual({ ...met, opened: 0 }, { opened: 0, missing: 0, refused: 0, torn: 0 });
		directory.assertOnly('state.json');
	});

	it('that opens whatever is in the directory: no write fails, and nothing stays', async () => {
		await writeMany(1);
		const scanner = await startReader('scan');
		await writeMany(100, { backups: 2 });
		for (let count = 0; count < 20; count++) {
			const file = directory.file(`${count}.json`);
			await writeJson(file, count);
			await remove(file);
		}
		const met = await metBy(scanner);
		assert.ok(met.opened > 10);
		directory.assertOnly('state.json', '.dj1bn-001-state.json', '.dj1bn-002-state.json');
	});

	it('that uses readJson without a pause: neither fails', async () => {
		await writeMany(1);
		const reader = await startReader('readJson');
		await writeMany(30);
		const met = await metBy(reader);
		assert.deepEqual({ ...met, opened: 0 }, { opened: 0, missing: 0, refused: 0, torn: 0 });
		assert.ok(met.opened > 10);
		directory.assertOnly('state.json');
	});
});

describe('a document that another program has open', () => {
	it('is replaced when that lets go', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const release = hold(file, 'nothing');
		const write = writeJson(file, 'new');
		await pause(300);
		release();
		await write;
		assert.equal(directory.json('state.json'), 'new');
		directory.assertOnly('state.json');
	});

	it('is moved aside where that never lets go, and is cleared away later', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const release = hold(file);
		const receipt = await writeJson(file, 'new', { backups: 1 });
		assert.equal(receipt.durability, 'file');
		assert.equal(await readJson(file), 'new');
		assert.equal(directory.json('.dj1bn-001-state.json'), 'old');
		release();
		directory.assertOnly('state.json', '.dj1bn-001-state.json');
	});

	it('stays as it is where that shares nothing, and the write says so', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const release = hold(file, 'nothing');
		const startMs = performance.now();
		await assert.rejects(writeJson(file, 'new'), {
			code: 'ERR_WRITE_FAILED',
			step: 'rename',
			outcome: 'not_applied',
		});
		assert.ok(performance.now() - startMs < 10_000);
		release();
		assert.equal(directory.json('state.json'), 'old');
		directory.assertOnly('state.json');
		await writeJson(file, 'new');
		assert.equal(directory.json('state.json'), 'new');
	});

	it('can be waited for no longer than the caller likes', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const release = hold(file);
		const reason = new Error('no more');
		const controller = new AbortController();
		const write = writeJson(file, 'new', { signal: controller.signal });
		setTimeout(() => controller.abort(reason), 100);
		await assert.rejects(write, reason);
		release();
		assert.equal(directory.json('state.json'), 'old');
		directory.assertOnly('state.json');
	});

	it('is replaced by flushSync', async () => {
		const file = directory.file('state.json');
		const writer = createWriter();
		await writer.write(file, 'old');
		const release = hold(file);
		writer.schedule(file, 'new');
		writer.flushSync();
		assert.equal(await readJson(file), 'new');
		release();
		await writer.close();
		assert.equal(directory.json('state.json'), 'new');
		assert.equal(fs.readdirSync(directory.path).filter((name) => /\.(part|ready)$/.test(name)).length, 0);
	});

	it('is read by readJson where its holder shares nothing for a moment only', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'value');
		const release = hold(file, 'nothing');
		setTimeout(release, 50);
		assert.equal(await readJson(file), 'value');
	});
});
