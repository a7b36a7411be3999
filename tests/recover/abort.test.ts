/** The signal of a recovery: at whatever call it is aborted, what was changed is whole, and nothing goes on afterwards. */
import { describe, expect, it } from 'vitest';
import { withLock } from '../../lib/index.ts';
import { backupPath, DOCUMENT, good, type Scene, scene, tempPath, torn } from './support.ts';

const reason = new Error('enough');

/** Contents without the names that are made anew each time. */
function state(stage: Scene): string[] {
	return Object.entries(stage.contents())
		.map(([path, content]) => `${path.replace(/(\.dj1qn)-\w+-\w+-/, '$1-')} ${content}`)
		.sort();
}

async function turns(count: number): Promise<void> {
	for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

describe('recover with a signal', () => {
	it.each([DOCUMENT, '/data'])('that is aborted already does not even look: %s', async (path) => {
		const stage = scene({ [DOCUMENT]: torn(9), [backupPath(1)]: good(7), [tempPath('part')]: torn(1) });
		await expect(stage.recover(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
		expect(stage.disk.calls).toEqual([]);
	});

	it.each([DOCUMENT, '/data'])('that is aborted at any call leaves it to the next one: %s', async (path) => {
		const files = {
			[DOCUMENT]: torn(9),
			[backupPath(1)]: good(7),
			[tempPath('part')]: torn(1),
			[tempPath('ready', 1)]: good(3),
			'/data/other.json.tmp': good(2),
			'/data/third.json': '',
			[backupPath(1, 'third.json')]: good(4),
		};
		const undisturbed = scene(files);
		await undisturbed.recover(path);
		let rejected = 0;
		for (let number = 1, came = true; came; number++) {
			came = false;
			const stage = scene(files);
			const controller = new AbortController();
			stage.disk.observe((call, side) => {
				if (call.number !== number || side !== 'before') return;
				came = true;
				controller.abort(reason);
			});
			const error = await stage.recover(path, { signal: controller.signal }).then(
				() => undefined,
				(thrown: unknown) => thrown,
			);
			if (error !== undefined) {
				expect(error).toBe(reason);
				rejected += 1;
			}
			const ended = stage.disk.fingerprint();
			expect(stage.disk.openHandles(), `call ${number}`).toEqual([]);
			await turns(30);
			expect(stage.disk.fingerprint(), `call ${number}`).toBe(ended);
			expect([torn(9), good(7)]).toContain(stage.contents()[DOCUMENT]);
			expect(
				Object.keys(stage.contents()).filter((name) => name !== tempPath('part') && name.endsWith('.part')),
			).toEqual([]);
			await stage.recover(path);
			expect(state(stage), `call ${number}`).toEqual(state(undisturbed));
		}
		expect(rejected).toBeGreaterThan(20);
	});

	it.each([
		['the document', { [DOCUMENT]: `"${'x'.repeat(4_000_000)}"`, [tempPath('part')]: torn(1) }],
		['a survivor', { [backupPath(1)]: `"${'x'.repeat(4_000_000)}"` }],
	])('that is aborted while %s is read does not read on', async (_name, files) => {
		const stage = scene(files);
		const controller = new AbortController();
		const countReads = (): number => stage.disk.calls.filter(({ name }) => name === 'read').length;
		stage.disk.observe((call, side) => {
			if (side === 'after' && call.name === 'read' && countReads() === 3) controller.abort(reason);
		});
		await expect(stage.recover(DOCUMENT, { signal: controller.signal })).rejects.toBe(reason);
		expect(countReads()).toBe(3);
		expect(stage.contents()).toEqual(files);
	});

	it('that is aborted while a survivor is copied leaves no copy', async () => {
		const stage = scene({ [backupPath(1)]: `"${'x'.repeat(4_000_000)}"` });
		const controller = new AbortController();
		stage.disk.observe((call, side) => {
			if (side === 'after' && call.name === 'write') controller.abort(reason);
		});
		await expect(stage.recover(DOCUMENT, { signal: controller.signal })).rejects.toBe(reason);
		expect(stage.disk.calls.filter(({ name }) => name === 'write')).toHaveLength(1);
		expect(Object.keys(stage.contents())).toEqual([backupPath(1)]);
	});

	it('that is aborted while others hold the document waits no longer', async () => {
		const files = { [DOCUMENT]: torn(9), [backupPath(1)]: good(7) };
		const stage = scene(files);
		const { disk: fileSystem, clock } = stage;
		const controller = new AbortController();
		let release = (): void => undefined;
		const held = new Promise<void>((resolve) => {
			release = resolve;
		});
		const locking = withLock(DOCUMENT, () => held, { fileSystem, clock });
		await turns(40);
		const recovering = stage.recover(DOCUMENT, { signal: controller.signal });
		await turns(100);
		controller.abort(reason);
		await expect(recovering).rejects.toBe(reason);
		expect(stage.contents()).toMatchObject(files);
		release();
		await locking;
	});
});
