/** Writing on Windows, where nobody else has the document open. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
	createWriter,
	createWriteStream,
	openPendingFile,
	readJson,
	readJsonLines,
	remove,
	writeJson,
	writeJsonLines,
} from 'durable-json';
import { startBeside, useDirectory } from './support.ts';

const directory = useDirectory();

describe('writing', () => {
	it('replaces documents, leaves nothing else, and says that the directory was not synced', async () => {
		for (const count of [1, 2, 3]) {
			const receipt = await writeJson(directory.file('state.json'), { count });
			assert.equal(receipt.durability, 'file');
			assert.equal(receipt.directorySynced, false);
			assert.deepEqual(directory.json('state.json'), { count });
		}
		directory.assertOnly('state.json');
	});

	it('makes missing directories, and takes file: URLs and paths of more than 260 characters', async () => {
		const long = directory.file(...Array.from({ length: 6 }, () => 'x'.repeat(60)), 'state.json');
		await writeJson(pathToFileURL(long), 1);
		await writeJson(long, 2, { backups: 1 });
		assert.equal(await readJson(long), 2);
	});

	it('ends a burst with the last value', async () => {
		const writer = createWriter();
		const file = directory.file('state.json');
		const receipts = await Promise.all(Array.from({ length: 1000 }, (_, count) => writer.write(file, { count })));
		assert.equal(receipts.length, 1000);
		assert.deepEqual(directory.json('state.json'), { count: 999 });
		assert.ok(writer.stats().commits < 10);
		await writer.close();
		directory.assertOnly('state.json');
	});

	it('streams rows, pieces and Node streams', async () => {
		const file = directory.file('rows.jsonl');
		const rows = Array.from({ length: 20_000 }, (_, id) => ({ id, text: 'x'.repeat(20) }));
		await writeJsonLines(file, rows);
		let id = 0;
		for await (const row of readJsonLines<{ id: number }>(file)) assert.equal(row.id, id++);
		assert.equal(id, rows.length);

		const pending = await openPendingFile(directory.file('pieces.json'));
		await pending.write('[1,');
		assert.equal(fs.existsSync(directory.file('pieces.json')), false);
		await pending.write('2]');
		await pending.commit();
		assert.deepEqual(directory.json('pieces.json'), [1, 2]);

		const stream = createWriteStream(directory.file('stream.json'));
		await new Promise((resolve) => stream.once('finish', resolve).end('"streamed"'));
		assert.equal(directory.json('stream.json'), 'streamed');
		directory.assertOnly('rows.jsonl', 'pieces.json', 'stream.json');
	});

	it('leaves the document, and nothing else, where a value fails', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const failing = { rows: [1, 'x'.repeat(200_000), 1n] };
		await assert.rejects(writeJson(file, failing), { code: 'ERR_NOT_SERIALIZABLE', outcome: 'not_applied' });
		assert.equal(directory.json('state.json'), 'old');
		directory.assertOnly('state.json');
	});

	it('removes a document with all that is beside it', async () => {
		const file = directory.file('state.json');
		for (const count of [1, 2, 3]) await writeJson(file, { count }, { backups: 2 });
		assert.equal(fs.readdirSync(directory.path).length, 3);
		await remove(file);
		directory.assertOnly();
	});

	it('replaces a read-only document, which stays read-only', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		fs.chmodSync(file, 0o444);
		await writeJson(file, 'new', { backups: 1 });
		assert.equal(directory.json('state.json'), 'new');
		assert.equal(fs.statSync(file).mode & 0o200, 0);
		for (const name of fs.readdirSync(directory.path)) fs.chmodSync(directory.file(name), 0o666);
	});

	it('refuses a directory and a device at once', async () => {
		fs.mkdirSync(directory.file('folder.json'));
		await assert.rejects(writeJson(directory.file('folder.json'), 1), { code: 'ERR_WRITE_FAILED' });
		await assert.rejects(writeJson('\\\\.\\NUL', 1), { code: /^ERR_(UNSUPPORTED|WRITE_FAILED)$/ });
		directory.assertOnly('folder.json');
	});
});

describe('flushSync', () => {
	it('saves in the exit handler of a process that ends', async () => {
		const program = startBeside('exit', directory.file('state.json'));
		await program.finish();
		assert.deepEqual(directory.json('state.json'), { saved: 2 });
		directory.assertOnly('state.json');
	});

	it('puts the newest value in place of a write that is under way', async () => {
		const writer = createWriter();
		const file = directory.file('state.json');
		for (let round = 0; round < 50; round++) {
			const older = writer.write(file, { round, value: 'older' });
			for (let turns = 0; turns < round % 10; turns++) await new Promise(setImmediate);
			const newer = writer.write(file, { round, value: 'newer' });
			writer.flushSync();
			assert.deepEqual(directory.json('state.json'), { round, value: 'newer' });
			await Promise.all([older, newer]);
			assert.deepEqual(directory.json('state.json'), { round, value: 'newer' });
		}
		await writer.close();
		directory.assertOnly('state.json');
	});

	it('keeps the backups of what this process wrote', async () => {
		const writer = createWriter();
		const file = directory.file('state.json');
		await writer.write(file, 1, { backups: 2 });
		for (const value of [2, 3, 4]) {
			writer.schedule(file, value, { backups: 2 });
			writer.flushSync();
		}
		await writer.close();
		assert.equal(directory.json('.dj1bn-001-state.json'), 3);
		assert.equal(directory.json('.dj1bn-002-state.json'), 2);
	});
});
