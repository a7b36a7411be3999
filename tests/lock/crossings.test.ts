import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createWriter, createWriteStream, openPendingFile, withLock, writeJson } from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const file = (): string => directory.file('a.json');
const LOCK_FILE = '.dj1ln-a.json';
beforeEach(() => writeJson(file(), 'old'));

function ended(stream: Writable, chunk: string): Promise<void> {
	return new Promise((resolve, reject) => void stream.on('error', reject).end(chunk, () => resolve()));
}

/** A promise, and what resolves it. */
function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
	let open = (): void => undefined;
	const opened = new Promise<void>((resolve) => {
		open = resolve;
	});
	return { opened, open };
}

describe('a pending file and a lock of its document', () => {
	it('opened before, committed inside: it runs under the lock', async () => {
		const pending = await openPendingFile(file());
		await pending.write('"pending"');
		await withLock(file(), async () => {
			await pending.commit();
			expect(await directory.json('a.json')).toBe('pending');
			await writeJson(file(), 'after it');
		});
		expect(await directory.json('a.json')).toBe('after it');
	});

	it('opened before and committed inside without being waited for: the lock is kept until it has landed', async () => {
		const pending = await openPendingFile(file());
		let committed = false;
		await withLock(file(), () => {
			void pending.write(JSON.stringify('x'.repeat(1e6)));
			void pending.commit().then(() => {
				committed = true;
			});
		});
		expect(committed).toBe(true);
	});

	it('opened inside, committed by somebody outside while the lock is held', async () => {
		const [handed, committed] = [gate(), gate()];
		let pending: Awaited<ReturnType<typeof openPendingFile>> | undefined;
		const locked = withLock(file(), async () => {
			pending = await openPendingFile(file());
			handed.open();
			await committed.opened;
		});
		await handed.opened;
		await pending?.write('"outside"');
		await pending?.commit();
		expect(await directory.json('a.json')).toBe('outside');
		committed.open();
		await locked;
	});

	it('opened inside, committed after the lock has ended, or inside the next one', async () => {
		const open = (text: string) =>
			withLock(file(), async () => {
				const pending = await openPendingFile(file());
				await pending.write(text);
				return pending;
			});
		await (await open('"later"')).commit();
		expect(await directory.json('a.json')).toBe('later');
		const pending = await open('"in the next"');
		await withLock(file(), () => pending.commit());
		expect(await directory.json('a.json')).toBe('in the next');
	});

	it('opened inside, committed while somebody else has the lock: it waits', async () => {
		const pending = await withLock(file(), () => openPendingFile(file()));
		await pending.write('"waited"');
		const [entered, leave] = [gate(), gate()];
		const other = withLock(file(), async () => {
			entered.open();
			await leave.opened;
			expect(await directory.json('a.json')).toBe('old');
		});
		await entered.opened;
		const committing = pending.commit();
		await sleep(20);
		leave.open();
		await other;
		await committing;
		expect(await directory.json('a.json')).toBe('waited');
	});

	it('committed before, and waited for inside: it has come first', async () => {
		const pending = await openPendingFile(file());
		void pending.write(JSON.stringify('x'.repeat(4e6)));
		const committing = pending.commit();
		await withLock(file(), () => committing);
		expect((await directory.text('a.json')).length).toBe(4e6 + 2);
	});

	it('committed by the function of an update: ERR_LOCK_REENTRANT, as a write is', async () => {
		const writer = createWriter();
		const pending = await openPendingFile(file());
		await pending.write('"pending"');
		const commit = async (): Promise<never> => {
			await pending.commit();
			throw new Error('unreachable');
		};
		const reentrant = { code: 'ERR_LOCK_REENTRANT', path: file(), step: 'lock', outcome: 'not_applied' };
		await expect(writer.update(file(), commit)).rejects.toMatchObject(reentrant);
		await expect(withLock(file(), () => writer.update(file(), commit))).rejects.toMatchObject(reentrant);
		await pending.commit();
		expect(await directory.json('a.json')).toBe('pending');
		await writer.close();
	});

	it('an abort ends its wait for the lock', async () => {
		const controller = new AbortController();
		const pending = await openPendingFile(file(), { signal: controller.signal });
		const [entered, leave] = [gate(), gate()];
		const other = withLock(file(), async () => {
			entered.open();
			await leave.opened;
		});
		await entered.opened;
		const committing = pending.commit();
		const reason = new Error('away');
		controller.abort(reason);
		await expect(committing).rejects.toBe(reason);
		await pending.discard();
		await directory.expectOnly('a.json', LOCK_FILE);
		leave.open();
		await other;
		expect(openFilesIn(directory.path)).toEqual([]);
	});
});

describe('a write stream and a lock of its document', () => {
	it('made before, ended inside', async () => {
		const fresh = createWriteStream(file());
		await withLock(file(), () => ended(fresh, '"at once"'));
		expect(await directory.json('a.json')).toBe('at once');
		const opened = createWriteStream(file());
		opened.write('"in ');
		await sleep(20);
		await withLock(file(), () => ended(opened, 'parts"'));
		expect(await directory.json('a.json')).toBe('in parts');
	});

	it('made before, piped to inside', async () => {
		const stream = createWriteStream(file());
		const source = Readable.from(['"by ', 'a ', 'pipeline"']);
		await withLock(file(), () => pipeline(source, stream));
		expect(await directory.json('a.json')).toBe('by a pipeline');
	});

	it('made inside, ended after the lock', async () => {
		const stream = await withLock(file(), () => {
			const made = createWriteStream(file());
			made.write('"la');
			return made;
		});
		await ended(stream, 'te"');
		expect(await directory.json('a.json')).toBe('late');
	});
});

describe('the function of an update inside a lock', () => {
	it('cannot write the document: ERR_LOCK_REENTRANT', async () => {
		const writer = createWriter();
		const update = () =>
			writer.update(file(), async () => {
				await writeJson(file(), 'inside');
				return 'updated';
			});
		await expect(withLock(file(), update)).rejects.toMatchObject({ code: 'ERR_LOCK_REENTRANT' });
		expect(await directory.json('a.json')).toBe('old');
		await writer.close();
	});

	it('may write another document that its caller has locked, also where an update went before it', async () => {
		const writer = createWriter();
		const other = directory.file('b.json');
		const before = writer.update(file(), () => sleep(20).then(() => 'before'));
		await withLock(other, async () => {
			await writer.update(file(), async () => {
				await writeJson(other, 'by the function');
				return 'updated';
			});
		});
		await before;
		expect(await directory.json('b.json')).toBe('by the function');
		await writer.close();
	});
});
