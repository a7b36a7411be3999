import { once } from 'node:events';
import { writeFile as writeRaw } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWriteStream, openPendingFile, writeJson } from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
beforeEach(() => writeRaw(directory.file('a.json'), '"old"'));

async function expectUntouched(): Promise<void> {
	expect(await directory.text('a.json')).toBe('"old"');
	await directory.expectOnly('a.json');
	expect(openFilesIn(directory.path)).toEqual([]);
}

describe('openPendingFile', () => {
	it('shows nothing before commit, and all of it after', async () => {
		const pending = await openPendingFile(directory.file('a.json'));
		await Promise.all([pending.write('["ä",'), pending.write(new Uint16Array([0x5d31]))]);
		expect(pending.bytes).toBe(8);
		expect(await directory.text('a.json')).toBe('"old"');
		const receipt = await pending.commit();
		expect(receipt).toMatchObject({ bytes: 8, durability: 'full', superseded: false });
		expect(await directory.text('a.json')).toBe('["ä",1]');
		await directory.expectOnly('a.json');
	});

	it('leaves no trace when it is discarded, by hand or by `await using`', async () => {
		const pending = await openPendingFile(directory.file('a.json'));
		await pending.write('x');
		await pending.discard();
		await pending.discard();
		await expectUntouched();
		{
			await using scoped = await openPendingFile(directory.file('a.json'));
			await scoped.write('x');
		}
		await expectUntouched();
	});

	it('does nothing on discard after commit', async () => {
		await using pending = await openPendingFile(directory.file('a.json'));
		await pending.write('1');
		await pending.commit();
		await pending.discard();
		expect(await directory.text('a.json')).toBe('1');
	});

	it('refuses calls after its end with ERR_CLOSED', async () => {
		const pending = await openPendingFile(directory.file('a.json'));
		await pending.commit();
		await expect(pending.write('x')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
		await expect(pending.commit()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
		await expect(pending.write(1 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
	});

	it('takes its place in the order at commit: an older one gives way', async () => {
		const pending = await openPendingFile(directory.file('a.json'));
		await pending.write('"pending"');
		const [older, newer] = await Promise.all([pending.commit(), writeJson(directory.file('a.json'), 'newer')]);
		expect(newer.sequence).toBeGreaterThan(older.sequence);
		expect(await directory.json('a.json')).toBe('newer');
		await directory.expectOnly('a.json');
	});

	it('is discarded by its signal', async () => {
		const controller = new AbortController();
		const pending = await openPendingFile(directory.file('a.json'), { signal: controller.signal });
		await pending.write('x');
		const reason = new Error('stop');
		controller.abort(reason);
		await expect(pending.commit()).rejects.toBe(reason);
		await expectUntouched();
	});
});

describe('createWriteStream', () => {
	it('has committed when it finishes', async () => {
		await pipeline(Readable.from(['[1', ',2', ']\n']), createWriteStream(directory.file('a.json'), { mode: 0o600 }));
		expect(await directory.json('a.json')).toEqual([1, 2]);
		await directory.expectOnly('a.json');
	});

	it('leaves the document when its source fails or it is destroyed', async () => {
		async function* failing(): AsyncGenerator<string> {
			yield 'x'.repeat(100_000);
			throw new Error('source');
		}
		const failed = createWriteStream(directory.file('a.json'));
		// pipeline rejects when it has destroyed the stream, which closes its file after that.
		const closed = new Promise((resolve) => failed.once('close', resolve));
		await expect(pipeline(failing, failed)).rejects.toThrow('source');
		await closed;
		await expectUntouched();
		const stream = createWriteStream(directory.file('a.json'));
		stream.write('x');
		stream.destroy();
		await once(stream, 'close');
		await expectUntouched();
	});

	it('fails with a typed error where the document cannot be written', async () => {
		const stream = createWriteStream(directory.path);
		stream.end('x');
		const [error] = (await once(stream, 'error')) as [unknown];
		expect(error).toMatchObject({ code: 'ERR_WRITE_FAILED', step: 'resolve' });
		expect(() => createWriteStream('')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
	});
});
