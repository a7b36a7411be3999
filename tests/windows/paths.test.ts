/** Spellings of one path on Windows. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { createWriter, readJson, recover, remove, writeJson } from 'durable-json';
import { useDirectory } from './support.ts';

const directory = useDirectory();

/** The same file by other spellings of its path. */
function spellings(name: string): string[] {
	const file = directory.file(name);
	return [
		file,
		file.toUpperCase(),
		file.toLowerCase(),
		`\\\\?\\${file}`,
		`\\\\?\\${file.toUpperCase()}`,
		file.replaceAll('\\', '/'),
		path.join(directory.path, '..', path.basename(directory.path).toUpperCase(), name),
	];
}

describe('one document by paths that differ in case, and with the prefix \\\\?\\', () => {
	it('holds the value submitted last, whatever the spelling and the writer', async () => {
		const writers = [createWriter(), createWriter()];
		const files = spellings('State.json');
		for (let round = 0; round < 30; round++) {
			const writes = Array.from({ length: 12 }, (_, i) =>
				writers[i % 2]?.write(files[(i * 5 + round) % files.length] ?? '', { round, i }),
			);
			if (round % 3 === 0) for (const writer of writers) writer.flushSync();
			await Promise.all(writes);
			assert.deepEqual(directory.json('State.json'), { round, i: 11 });
		}
		for (const writer of writers) await writer.close();
		assert.equal(fs.readdirSync(directory.path).length, 1);
	});

	it('is made once where its directory is missing', async () => {
		const writer = createWriter();
		await Promise.all(spellings(path.join('New', 'State.json')).map((file, i) => writer.write(file, i)));
		await writer.close();
		// Whichever of the calls makes it first names it.
		const directories = fs.readdirSync(directory.path);
		assert.deepEqual(
			directories.map((name) => name.toLowerCase()),
			['new'],
		);
		assert.equal(fs.readdirSync(directory.file('new')).length, 1);
		assert.equal(directory.json(path.join('new', 'state.json')), 6);
	});

	it('has its backups and leftovers by every spelling', async () => {
		const [file = '', upper = '', lower = '', prefixed = ''] = spellings('State.json');
		for (const value of [1, 2]) await writeJson(file, value, { backups: 2 });
		fs.writeFileSync(file, '');
		assert.equal(await readJson(upper), 1);
		await recover(lower);
		assert.equal(await readJson(prefixed), 1);
		await remove(upper);
		directory.assertOnly();
	});
});
