import { describe, expect, it } from 'vitest';
import { createWriter, type JsonWriter, readJson, readJsonLines, recover } from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';

/** A disk with the rules of Windows, and a document that another process can hold open. */
function windows(): { disk: SimulatedDisk; clock: ManualClock; writer: JsonWriter } {
	const disk = new SimulatedDisk({ semantics: 'win32' });
	disk.plantDirectory('/data');
	disk.plantFile('/data/a.json', '"old"');
	const clock = new ManualClock();
	return { disk, clock, writer: createWriter({ fileSystem: disk, clock, recovery: 'off' }) };
}

/** Lets the write go on, moving the clock on whenever it waits. @returns the milliseconds that passed. */
async function runClock(
	clock: ManualClock,
	write: Promise<unknown>,
	each: (elapsedMs: number) => void,
): Promise<number> {
	let over = false;
	const end = (): void => {
		over = true;
	};
	write.then(end, end);
	const startMs = clock.monotonicMs();
	for (let turns = 0; !over && turns < 10_000; turns++) {
		await new Promise(setImmediate);
		if (clock.nextTimerMs !== undefined) clock.advance(1);
		each(clock.monotonicMs() - startMs);
	}
	return clock.monotonicMs() - startMs;
}

const temps = (disk: SimulatedDisk): string[] => disk.paths().filter((path) => path.includes('.dj1'));

describe('under the rules of Windows', () => {
	it('reports that directories cannot be synced, and never more durability than was had', async () => {
		const { disk, writer } = windows();
		const receipt = await writer.write('/data/a.json', 'new');
		expect(receipt).toMatchObject({ durability: 'file', directorySynced: false });
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"new"\n');
		expect(temps(disk)).toEqual([]);
	});

	it('repeats the rename while another process has the document open, and succeeds when it lets go', async () => {
		const { disk, clock, writer } = windows();
		const release = disk.openElsewhere('/data/a.json');
		const write = writer.write('/data/a.json', 'new');
		const elapsedMs = await runClock(clock, write, (ms) => ms > 300 && release());
		expect(elapsedMs).toBeGreaterThan(250);
		expect(elapsedMs).toBeLessThan(600);
		await write;
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"new"\n');
		expect(temps(disk)).toEqual([]);
	});

	it('moves a document that is held on aside, after two seconds', async () => {
		const { disk, clock, writer } = windows();
		disk.openElsewhere('/data/a.json');
		const write = writer.write('/data/a.json', 'new');
		const elapsedMs = await runClock(clock, write, () => undefined);
		expect(elapsedMs).toBeGreaterThanOrEqual(2000);
		expect(elapsedMs).toBeLessThan(3000);
		await write;
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"new"\n');
		expect(temps(disk)).toEqual([]);
	});

	it('puts the document back, and rejects, where the new one cannot take its place after all', async () => {
		const { disk, clock, writer } = windows();
		const release = disk.openElsewhere('/data/a.json');
		const inner = disk.rename.bind(disk);
		let isAside = false;
		disk.rename = async (from, to) => {
			if (isAside && from.endsWith('.ready')) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
			await inner(from, to);
			if (to.endsWith('.aside')) isAside = true;
		};
		const write = writer.write('/data/a.json', 'new');
		await runClock(clock, write, () => undefined);
		await expect(write).rejects.toMatchObject({
			code: 'ERR_WRITE_FAILED',
			step: 'rename',
			outcome: 'not_applied',
			cause: { code: 'EIO' },
		});
		release();
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"old"');
		expect(temps(disk)).toEqual([]);
		expect(disk.openHandles()).toEqual([]);
	});

	it.each(['asynchronous', 'synchronous'])(
		'replaces a read-only document at once, and it stays read-only: %s',
		async (how) => {
			const { disk, clock, writer } = windows();
			disk.plantFile('/data/a.json', '"old"', { mode: 0o444 });
			for (const value of ['new', 'newer']) {
				const write = writer.write('/data/a.json', value, { backups: 1 });
				if (how === 'synchronous') writer.flushSync();
				expect(await runClock(clock, write, () => undefined)).toBe(0);
				await write;
				expect(disk.peekFile('/data/a.json')?.toString()).toBe(`"${value}"\n`);
				expect((await disk.stat('/data/a.json')).mode).toBe(0o444);
			}
			expect(disk.paths()).toHaveLength(3);
			expect(disk.openHandles()).toEqual([]);
		},
	);

	it('leaves a read-only document read-only where it cannot be replaced', async () => {
		const { disk, clock, writer } = windows();
		disk.plantFile('/data/a.json', '"old"', { mode: 0o444 });
		const inner = disk.rename.bind(disk);
		disk.rename = async (from, to) => {
			if (to === '/data/a.json' && (await disk.stat(to)).mode !== 0o444) {
				throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
			}
			await inner(from, to);
		};
		const write = writer.write('/data/a.json', 'new');
		await runClock(clock, write, () => undefined);
		await expect(write).rejects.toMatchObject({ step: 'rename', outcome: 'not_applied', cause: { code: 'EIO' } });
		expect((await disk.stat('/data/a.json')).mode).toBe(0o444);
		expect(temps(disk)).toEqual([]);
	});

	it('keeps a document read-only where a rename does not mind the attribute', async () => {
		const { disk, clock, writer } = windows();
		disk.plantFile('/data/a.json', '"old"', { mode: 0o444 });
		const inner = disk.rename.bind(disk);
		disk.rename = async (from, to) => {
			if (to === '/data/a.json') disk.plantFile(to, '"old"', { mode: 0o644 });
			await inner(from, to);
		};
		await runClock(clock, writer.write('/data/a.json', 'new'), () => undefined);
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"new"\n');
		expect((await disk.stat('/data/a.json')).mode).toBe(0o444);
	});

	it('waits for who has a backup open, and for two seconds at most', async () => {
		const { disk, clock, writer } = windows();
		for (const value of [1, 2, 3]) {
			await runClock(clock, writer.write('/data/a.json', value, { backups: 2 }), () => undefined);
		}
		// One that others have open gets no other name. The first rename is that of the new document's own file.
		const hold = (): void => disk.fail('rename', { code: 'EPERM', nth: 2, times: Number.POSITIVE_INFINITY });
		hold();
		const write = writer.write('/data/a.json', 4, { backups: 2 });
		expect(await runClock(clock, write, (ms) => ms > 300 && disk.heal())).toBeLessThan(600);
		await write;
		expect(temps(disk).map((file) => disk.peekFile(file)?.toString())).toEqual(['3\n', '2\n']);

		hold();
		const refused = writer.write('/data/a.json', 5, { backups: 2 });
		expect(await runClock(clock, refused, () => undefined)).toBeLessThan(3000);
		await expect(refused).rejects.toMatchObject({ step: 'backup', outcome: 'not_applied', cause: { code: 'EPERM' } });
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('4\n');
		expect(temps(disk)).toHaveLength(2);
	});

	it.each(['asynchronous', 'synchronous'])('waits for who scans the new file: %s', async (how) => {
		const { disk, clock, writer } = windows();
		disk.fail('rename', { code: 'EPERM', times: 3 });
		const write = writer.write('/data/new.json', 'new');
		if (how === 'synchronous') writer.flushSync();
		await runClock(clock, write, () => undefined);
		await write;
		expect(disk.peekFile('/data/new.json')?.toString()).toBe('"new"\n');
		expect(temps(disk)).toEqual([]);
	});

	it('waits for who scans a file that is discarded', async () => {
		const { disk, clock, writer } = windows();
		disk.fail('sync', { code: 'EIO' });
		disk.fail('unlink', { code: 'EBUSY', times: 3 });
		const write = writer.write('/data/new.json', 'new');
		await runClock(clock, write, () => undefined);
		await expect(write).rejects.toMatchObject({ step: 'sync', outcome: 'not_applied' });
		expect(disk.paths()).toEqual(['/data', '/data/a.json']);
	});

	it('waits for who lets a document not be removed', async () => {
		const { disk, clock, writer } = windows();
		let held = true;
		const { rename } = disk.sync;
		disk.sync.rename = (from, to) => {
			if (held && from === '/data/a.json') throw Object.assign(new Error('EBUSY: injected'), { code: 'EBUSY' });
			rename(from, to);
		};
		const removal = writer.remove('/data/a.json');
		const elapsedMs = await runClock(clock, removal, (ms) => {
			if (ms > 300) held = false;
		});
		await removal;
		expect(elapsedMs).toBeGreaterThan(250);
		expect(disk.paths()).toEqual(['/data']);
	});

	it('reads a document that another program lets go of in time', async () => {
		const { disk } = windows();
		disk.plantFile('/data/rows.jsonl', '1\n2\n');
		disk.fail('readFile', { code: 'EBUSY', times: 3 });
		disk.fail('open', { code: 'EBUSY', times: 3 });
		expect(await readJson('/data/a.json', { fileSystem: disk })).toBe('old');
		const rows: unknown[] = [];
		for await (const row of readJsonLines('/data/rows.jsonl', { fileSystem: disk })) rows.push(row);
		expect(rows).toEqual([1, 2]);
		disk.fail('readFile', { code: 'EBUSY', times: Number.POSITIVE_INFINITY });
		const signal = AbortSignal.timeout(50);
		await expect(readJson('/data/a.json', { fileSystem: disk, signal })).rejects.toMatchObject({
			name: 'TimeoutError',
		});
	});

	it('recovers read-only files', async () => {
		const { disk, clock } = windows();
		disk.plantFile('/data/b.json.tmp', '[1]', { mode: 0o444 });
		await recover('/data', { fileSystem: disk, clock });
		expect(disk.peekFile('/data/b.json')?.toString()).toBe('[1]');
	});

	it('stops the repetition when the write is aborted', async () => {
		const { disk, clock, writer } = windows();
		disk.openElsewhere('/data/a.json');
		const controller = new AbortController();
		const write = writer.write('/data/a.json', 'new', { signal: controller.signal });
		const reason = new Error('stop');
		const elapsedMs = await runClock(clock, write, (ms) => ms > 100 && controller.abort(reason));
		await expect(write).rejects.toBe(reason);
		expect(elapsedMs).toBeLessThan(300);
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"old"');
		expect(temps(disk)).toEqual([]);
	});
});

describe('under the rules of POSIX', () => {
	it('reports a rename that is refused at once, with a hint where the document is a mount point', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		disk.plantFile('/data/a.json', '"old"');
		const clock = new ManualClock();
		const writer = createWriter({ fileSystem: disk, clock, recovery: 'off' });
		disk.fail('rename', { code: 'EBUSY' });
		await expect(writer.write('/data/a.json', 'new')).rejects.toMatchObject({
			code: 'ERR_WRITE_FAILED',
			outcome: 'not_applied',
			message: expect.stringContaining('mount its directory instead'),
		});
		expect(clock.monotonicMs()).toBe(new ManualClock().monotonicMs());
		expect(disk.peekFile('/data/a.json')?.toString()).toBe('"old"');
	});

	it('believes the inode, not the error, where a rename worked though it reported a failure', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		disk.plantFile('/data/a.json', '"old"');
		const inner = disk.rename.bind(disk);
		disk.rename = async (from, to) => {
			await inner(from, to);
			throw Object.assign(new Error('EIO: the reply was lost'), { code: 'EIO' });
		};
		const writer = createWriter({ fileSystem: disk, clock: new ManualClock(), recovery: 'off' });
		expect(await writer.write('/data/a.json', 'new')).toMatchObject({ durability: 'full' });
		expect(disk.openHandles()).toEqual([]);
	});
});
