/** What a journal makes of a disk that fails, and of a file that is taken away. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { DurableJsonError, type Journal, openJournal } from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { useTempDirectory } from '../support/temp-directory.ts';
import { apply, coded, type List, type Options, openList } from './support.ts';

const directory = useTempDirectory();
const path = (): string => directory.file('a.journal');
const open = (options?: Options, at = path()): Promise<Journal<List, unknown>> => openList(at, options);

async function onDisk(options: Options = {}) {
	const disk = new SimulatedDisk();
	disk.plantDirectory('/data');
	const journal = await open({ fileSystem: disk, ...options }, '/data/a');
	await journal.append('before');
	const again = (from: SimulatedDisk): Promise<Journal<List, unknown>> => open({ fileSystem: from }, '/data/a');
	return { disk, journal, again };
}

describe('a disk that fails', () => {
	it('in one sync rejects its group, with the outcome unknown, and the journal goes on', async () => {
		const { disk, journal, again } = await onDisk();
		disk.fail('dataSync', { code: 'EIO' });
		const group = [journal.append(1), journal.append(2)];
		await new Promise(setImmediate);
		const next = journal.append(3);
		for (const append of group) {
			await expect(append).rejects.toEqual(coded('ERR_WRITE_FAILED', { step: 'sync', outcome: 'unknown' }));
		}
		expect(await next).toMatchObject({ sequence: 2 });
		expect(journal.state).toEqual(['before', 3]);
		await journal.append(4);
		for (const state of [disk.processCrashState(), ...disk.crashStates().map((each) => each.disk)]) {
			expect((await again(state)).state).toEqual(['before', 3, 4]);
		}
	});

	it('for good breaks the journal, which says so and lets go of its file', async () => {
		const { disk, journal } = await onDisk();
		disk.fail('dataSync', { code: 'EIO' });
		disk.fail('open', { code: 'EIO', times: Number.POSITIVE_INFINITY });
		const failed = journal.append(1);
		await new Promise(setImmediate);
		const waiting = [journal.append(2), journal.checkpoint()];
		await expect(failed).rejects.toEqual(coded('ERR_WRITE_FAILED', { outcome: 'unknown' }));
		for (const each of waiting)
			await expect(each).rejects.toEqual(coded('ERR_JOURNAL_BROKEN', { cause: expect.anything() }));
		await expect(journal.append(3)).rejects.toEqual(coded('ERR_JOURNAL_BROKEN', { outcome: 'not_applied' }));
		await expect(journal.checkpoint()).rejects.toEqual(coded('ERR_JOURNAL_BROKEN'));
		expect(journal.state).toEqual(['before']);
		await journal.close();
		expect(disk.openHandles()).toEqual([]);
		disk.heal();
		const next = await open({ fileSystem: disk }, '/data/a');
		expect(next.state).toEqual(['before']);
		await next.append(5);
		for (const state of disk.crashStates()) {
			expect((await open({ fileSystem: state.disk }, '/data/a')).state).toEqual(['before', 5]);
		}
	});

	it('where what was cut off was not made durable, keeps what is appended after the next start', async () => {
		const disk = new SimulatedDisk();
		disk.plantDirectory('/data');
		const again = (from: SimulatedDisk): Promise<Journal<List, unknown>> => open({ fileSystem: from }, '/data/a');
		const journal = await again(disk);
		const refused = journal.append('cut off');
		// It is in the file, durably, when the look at the name fails; the file is given up, and no other can be made.
		disk.fail('lstat', { code: 'EIO' });
		disk.fail('open', { code: 'EIO', times: Number.POSITIVE_INFINITY });
		disk.fail('dataSync', { code: 'EIO', nth: 2 });
		await expect(refused).rejects.toEqual(coded('ERR_WRITE_FAILED', { step: 'check', outcome: 'unknown' }));
		await journal.close();
		disk.heal();
		const next = await again(disk);
		expect(next.state).toEqual([]);
		await next.append('kept');
		for (const state of [disk.processCrashState(), ...disk.crashStates().map((each) => each.disk)]) {
			expect((await again(state)).state).toEqual(['kept']);
		}
	});

	it('in a checkpoint of which nobody knows whether it has the name: nothing is acknowledged that may be lost', async () => {
		const { disk, journal, again } = await onDisk({ clock: new ManualClock() });
		disk.fail('rename', { code: 'EIO', applied: true });
		// After the look before it.
		disk.fail('lstat', { code: 'EIO', nth: 2, times: 2 });
		await expect(journal.checkpoint()).rejects.toBeInstanceOf(DurableJsonError);
		disk.heal();
		const acknowledged = await journal.append('after').then(
			() => ['after'],
			() => [],
		);
		expect((await again(disk.processCrashState())).state).toEqual(['before', ...acknowledged]);
		await journal.close();
	});

	it('in a write rejects its group, not applied: it does not come back', async () => {
		// The write of the line, and that of the space behind it.
		for (const nth of [1, 2]) {
			const { disk, journal, again } = await onDisk({ initial: ['x'.repeat(70_000)] });
			await journal.append('y'.repeat(70_000));
			disk.fail('write', { code: 'EIO', nth });
			const large = 'z'.repeat(70_000);
			await expect(journal.append(large)).rejects.toEqual(
				coded('ERR_WRITE_FAILED', { step: 'write', outcome: 'not_applied' }),
			);
			for (const state of [disk.processCrashState(), ...disk.crashStates().map((each) => each.disk)]) {
				expect((await again(state)).state).toHaveLength(3);
			}
			expect(await journal.append(2)).toMatchObject({ sequence: 3 });
			expect((await again(disk.processCrashState())).state.at(-1)).toBe(2);
		}
	});

	it('that is full lets the next group through when there is space', async () => {
		const disk = new SimulatedDisk({ capacityBytes: 1000 });
		disk.plantDirectory('/data');
		const journal = await open({ fileSystem: disk }, '/data/a');
		for (let entry = 1; entry <= 3; entry++) await journal.append(entry);
		const large = 'x'.repeat(2000);
		await expect(journal.append(large)).rejects.toEqual(
			coded('ERR_WRITE_FAILED', { outcome: 'not_applied', cause: coded('ENOSPC') }),
		);
		expect(await journal.append(4)).toMatchObject({ sequence: 4 });
		expect((await open({ fileSystem: disk.processCrashState() }, '/data/a')).state).toEqual([1, 2, 3, 4]);
	});

	it('where it is asked whether the file has its name: the group is unknown, and the journal goes on without it', async () => {
		let nowMs = 0;
		const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs, schedule: () => () => {} };
		const { disk, journal, again } = await onDisk({ clock });
		nowMs = 1000;
		disk.fail('lstat', { code: 'EIO' });
		await expect(journal.append('unknown')).rejects.toEqual(
			coded('ERR_WRITE_FAILED', { step: 'check', outcome: 'unknown' }),
		);
		expect([journal.state, journal.sequence]).toEqual([['before'], 1]);
		expect(await journal.append('after')).toMatchObject({ sequence: 2 });
		for (const state of [disk.processCrashState(), ...disk.crashStates().map((each) => each.disk)]) {
			expect((await again(state)).state).toEqual(['before', 'after']);
		}
	});

	it.each([
		['renamed, as a rotation of logs does', (disk: SimulatedDisk) => disk.sync.rename('/data/a', '/data/a.1')],
		['replaced', (disk: SimulatedDisk) => disk.sync.rename('/data/other', '/data/a')],
	])('a file that is %s is told: what is appended to it would not come back', async (_what, change) => {
		let nowMs = 0;
		const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs, schedule: () => () => {} };
		const { disk, journal } = await onDisk({ clock });
		disk.plantFile('/data/other', '{}');
		change(disk);
		nowMs = 1000;
		await expect(journal.append('lost')).rejects.toEqual(
			coded('ERR_WRITE_FAILED', { step: 'check', outcome: 'unknown' }),
		);
		await expect(journal.append('never')).rejects.toEqual(coded('ERR_JOURNAL_BROKEN'));
	});

	it('a file that somebody else has cut off is told, and the journal goes on in another one, with all of its state', async () => {
		let nowMs = 0;
		const clock = { epochMs: () => nowMs, monotonicMs: () => nowMs, schedule: () => () => {} };
		const { disk, journal, again } = await onDisk({ clock });
		const other = await disk.open('/data/a', 'update');
		await other.truncate(0);
		await other.close();
		nowMs = 1000;
		await expect(journal.append('unknown')).rejects.toEqual(
			coded('ERR_WRITE_FAILED', { step: 'check', outcome: 'unknown' }),
		);
		expect(await journal.append('after')).toMatchObject({ sequence: 2 });
		expect((await again(disk.processCrashState())).state).toEqual(['before', 'after']);
	});

	it('where a file is closed changes nothing: what it holds is durable', async () => {
		const { disk, journal, again } = await onDisk();
		disk.fail('close', { code: 'EIO' });
		expect(await journal.checkpoint()).toMatchObject({ sequence: 1 });
		await journal.append(2);
		disk.fail('close', { code: 'EIO' });
		await journal.close();
		expect((await again(disk)).state).toEqual(['before', 2]);
	});

	const calls = ['open', 'fstat', 'lstat', 'read', 'write', 'truncate', 'sync', 'dataSync', 'tryLock'] as const;
	const names = ['rename', 'link', 'openDirectory', 'syncDirectory', 'close'] as const;
	it.each([...calls, ...names])('in any %s leaves nothing open, and says by a code what has failed', async (name) => {
		const attempt = async (disk: SimulatedDisk, nth: number): Promise<void> => {
			disk.fail(name, { code: 'EIO', nth });
			const errors: unknown[] = [];
			const journal = await openJournal<List, unknown>('/data/a', { initial: [], apply, fileSystem: disk }).catch(
				(error: unknown) => void errors.push(error),
			);
			for (const step of [() => journal?.append('tried'), () => journal?.checkpoint(), () => journal?.close()]) {
				await step()?.catch((error: unknown) => errors.push(error));
			}
			for (const error of errors) expect(error, `${name} ${nth}`).toBeInstanceOf(DurableJsonError);
			expect(disk.openHandles(), `${name} ${nth}`).toEqual([]);
			disk.heal();
			const next = await open({ fileSystem: disk }, '/data/a');
			await next.append('next');
			await next.checkpoint();
			await next.close();
			expect(next.state.at(-1)).toBe('next');
			expect(disk.openHandles(), `${name} ${nth}`).toEqual([]);
			expect(disk.paths(), `${name} ${nth}`).toEqual(['/data', '/data/a']);
		};
		for (let nth = 1; nth <= 8; nth++) {
			const empty = new SimulatedDisk();
			empty.plantDirectory('/data');
			await attempt(empty, nth);
			const { disk } = await onDisk();
			const left = disk.processCrashState();
			await attempt(left, nth);
		}
	});
});

describe('a journal that is opened', () => {
	it('shows what no power cut takes back, though the process that wrote it was killed before its sync', async () => {
		const { disk, journal, again } = await onDisk();
		const killed: SimulatedDisk[] = [];
		disk.observe(({ name }, side) => {
			if (name === 'dataSync' && side === 'before') killed.push(disk.processCrashState());
		});
		await journal.append('not synced');
		for (const found of killed) {
			const { state } = await again(found);
			expect(state).toEqual(['before', 'not synced']);
			for (const { disk: cut } of found.crashStates()) expect((await again(cut)).state).toEqual(state);
		}
		expect(killed).toHaveLength(1);
	});
});

describe('a file that is taken away', () => {
	it('breaks the journal: what is appended to no file is not acknowledged', async () => {
		for (const take of [() => rm(path()), () => rename(path(), directory.file('moved')), () => writeOver()]) {
			const journal = await open();
			await journal.append(1);
			await take();
			const outcomes = await Promise.allSettled([journal.append(2), journal.checkpoint()]);
			// One that was merely moved is noticed when its place is to be taken.
			expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'ERR_JOURNAL_BROKEN' } });
			await expect(journal.append(3)).rejects.toEqual(coded('ERR_JOURNAL_BROKEN'));
			await journal.close();
			await rm(path(), { force: true });
		}
	});

	async function writeOver(): Promise<void> {
		await writeFile(directory.file('other'), 'another program');
		await rename(directory.file('other'), path());
	}

	it('and had another put in its place is not written over', async () => {
		const journal = await open();
		await writeOver();
		await expect(journal.checkpoint()).rejects.toEqual(coded('ERR_JOURNAL_BROKEN'));
		await journal.close();
		expect(await directory.text('a.journal')).toBe('another program');
	});
});
