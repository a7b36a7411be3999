/** The link that a call names leads to another document before the call is over. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { createWriter, debounce, immediate, type JsonWriter, type WriterOptions } from '../../lib/index.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { drive } from '../support/simulation.ts';

interface Counter {
	readonly count: number;
}

const A = '/d1/a.json';
const B = '/d2/b.json';
const LINK = '/link.json';
const held = debounce({ waitMs: 60_000 });
const increment = (value: Counter | undefined): Counter => ({ count: (value?.count ?? 0) + 1 });

class Stage {
	readonly clock = new ManualClock();
	readonly disk = new SimulatedDisk({ clock: this.clock });

	constructor() {
		this.disk.plantFile(A, '{"count":1}\n', { mode: 0o600 });
		this.disk.plantFile(B, '{"count":100}\n');
		this.disk.plantSymlink(A, LINK);
		this.disk.plantSymlink(B, '/next.json');
	}

	writer(options: Partial<WriterOptions> = {}): JsonWriter {
		return createWriter({ fileSystem: this.disk, clock: this.clock, ...options });
	}

	/** It leads to B from now on. */
	readonly relink = (): void => this.disk.sync.rename('/next.json', LINK);

	/** Called in the turn of a call of this name, once: before whoever made it hears of it, or after that. */
	async at(name: string, when: 'before' | 'after', action: () => void): Promise<void> {
		await new Promise<void>((resolve, reject) => {
			let called = false;
			const act = (): void => {
				try {
					resolve(action());
				} catch (error) {
					reject(error as Error);
				}
			};
			this.disk.observe((call, side) => {
				if (call.name !== name || side !== 'after' || called) return;
				called = true;
				if (when === 'before') queueMicrotask(act);
				else setImmediate(act);
			});
		});
	}

	/** An update of another writer that keeps the document to itself. @returns what ends it */
	async hold(file: string): Promise<() => void> {
		let giveUp = (): void => undefined;
		const began = new Promise<void>((begin) => {
			const holding = this.writer().update(file, () => {
				begin();
				return new Promise((_, reject) => {
					giveUp = () => reject(new Error('given up'));
				});
			});
			holding.catch(() => undefined);
		});
		await this.run(began);
		return () => giveUp();
	}

	async run(work: Promise<unknown>): Promise<void> {
		await drive(
			work.then(() => undefined),
			this,
		);
	}

	/** As far as it comes without time. */
	async settle(): Promise<void> {
		const turns = async (): Promise<void> => {
			for (let at = 0; at < 50; at++) await turn();
		};
		await this.run(turns());
	}

	text(path: string, disk = this.disk): string | undefined {
		return disk.peekFile(path)?.toString();
	}

	/** It has been acknowledged: the documents count so, also after a power cut now. */
	expectDurable(a: number, b: number): void {
		for (const { disk } of [{ disk: this.disk }, ...this.disk.crashStates()]) {
			expect([this.text(A, disk), this.text(B, disk)]).toEqual([`{"count":${a}}\n`, `{"count":${b}}\n`]);
		}
	}
}

it.each(Array.from({ length: 12 }, (_, at) => at))(
	'an update writes the document that it was given, where flushSync comes %i calls after it has moved the link',
	async (at) => {
		const stage = new Stage();
		const writer = stage.writer({ strategy: at === 0 ? held : immediate() });
		let calls = Number.NEGATIVE_INFINITY;
		let acknowledged = false;
		const flushed: boolean[] = [];
		stage.disk.observe((_, side) => {
			if (side !== 'after' || ++calls !== at) return;
			queueMicrotask(() => {
				flushed.push(acknowledged);
				writer.flushSync();
			});
		});
		const updated = writer.update<Counter>(LINK, (value) => {
			stage.relink();
			calls = 0;
			return increment(value);
		});
		if (at === 0) writer.flushSync();
		const checked = updated.then((value) => {
			acknowledged = true;
			expect(value).toEqual({ count: 2 });
			stage.expectDurable(2, 100);
		});
		await stage.run(checked);
		await stage.run(writer.close());
		stage.expectDurable(2, 100);
		if (at > 0 && at < 6) expect(flushed).toEqual([false]);
	},
);

it('an update is durable where flushSync has written it and failed to sync the directory', async () => {
	const stage = new Stage();
	const writer = stage.writer({ strategy: held });
	const updated = writer.update<Counter>(LINK, (value) => {
		stage.relink();
		return increment(value);
	});
	stage.disk.fail('syncDirectory', { code: 'EIO' });
	expect(() => writer.flushSync()).toThrow(/EIO/);
	expect(stage.text(A)).toBe('{"count":2}\n');
	await stage.run(updated.then(() => stage.expectDurable(2, 100)));
	await stage.run(writer.close());
});

it('an update that flushSync carries out elsewhere than its own commit would have is durable there', async () => {
	const stage = new Stage();
	const writer = stage.writer();
	const giveUp = await stage.hold(A);
	const updated = writer.update<Counter>(LINK, increment);
	await stage.settle();
	stage.relink();
	stage.disk.fail('syncDirectory', { code: 'EIO' });
	expect(() => writer.flushSync()).toThrow(/EIO/);
	giveUp();
	await stage.run(updated.then(() => stage.expectDurable(1, 101)));
	await stage.run(writer.close());
});

it('nothing waits for the document to which flushSync has written all', async () => {
	const stage = new Stage();
	const writer = stage.writer();
	const giveUpA = await stage.hold(A);
	const updated = writer.update<Counter>(LINK, increment);
	await stage.settle();
	stage.relink();
	writer.flushSync();
	await updated;
	const giveUpB = await stage.hold(B);
	giveUpA();
	await stage.run(writer.close());
	giveUpB();
	stage.expectDurable(1, 101);
});

it('a value that is overtaken where the link leads by now is answered by the newer one', async () => {
	const stage = new Stage();
	const [writer, newer] = [stage.writer(), stage.writer()];
	const giveUp = await stage.hold(A);
	const schema = z.object({ count: z.number() });
	const overtaken = writer.write(LINK, () => ({ count: 5 }), { schema });
	await stage.settle();
	stage.relink();
	await stage.run(newer.write(B, { count: 9 }));
	writer.flushSync();
	giveUp();
	await stage.run(overtaken.then((receipt) => expect(receipt).toMatchObject({ superseded: true, durability: 'full' })));
	stage.expectDurable(1, 9);
	await stage.run(Promise.all([writer.close(), newer.close()]));
});

it('flushSync makes durable what a write has renamed', async () => {
	const stage = new Stage();
	const writer = stage.writer();
	const flushing = stage.at('rename', 'after', () => {
		stage.relink();
		writer.flushSync();
		stage.expectDurable(2, 100);
	});
	const written = writer.write(LINK, { count: 2 });
	await stage.run(Promise.all([flushing, written]));
	await stage.run(writer.close());
});

it('a write that flushSync has put elsewhere, and not made durable, is durable there when it resolves', async () => {
	const stage = new Stage();
	const writer = stage.writer();
	const flushing = stage.at('rename', 'before', () => {
		stage.relink();
		stage.disk.fail('syncDirectory', { code: 'EIO' });
		expect(() => writer.flushSync()).toThrow(/EIO/);
	});
	const written = writer.write(LINK, { count: 2 });
	await stage.run(Promise.all([flushing, written]));
	for (const { disk } of stage.disk.crashStates()) expect(stage.text(B, disk)).toBe('{"count":2}\n');
	await stage.run(writer.close());
});

it('what has only to be made durable is, where the path is no document any more', async () => {
	const stage = new Stage();
	stage.disk.plantSymlink('/d2', '/away.json');
	const writer = stage.writer({ strategy: held });
	const written = writer.write(LINK, { count: 2 });
	stage.disk.fail('syncDirectory', { code: 'EIO' });
	expect(() => writer.flushSync()).toThrow(/EIO/);
	stage.disk.sync.rename('/away.json', LINK);
	writer.flushSync();
	stage.expectDurable(2, 100);
	await stage.run(written);
	await stage.run(writer.close());
});

it('a write that flushSync has not written goes where the link leads when its turn comes', async () => {
	const stage = new Stage();
	const writer = stage.writer({ strategy: held });
	const chunks = function* (): Generator<string> {
		yield '{"count":5}\n';
	};
	const written = writer.writeFile(LINK, chunks());
	const updated = writer.update<Counter>(LINK, increment);
	expect(() => writer.flushSync()).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
	stage.relink();
	await stage.run(Promise.all([writer.flush(), written, updated]));
	stage.expectDurable(1, 6);
	await stage.run(writer.close());
});

it('another document is not taken for that of a writer with a lock of its own', async () => {
	const stage = new Stage();
	const [writer, other] = [stage.writer({ lock: 'file' }), stage.writer({ lock: 'process' })];
	const flushing = stage.at('sync', 'before', () => {
		stage.relink();
		writer.flushSync();
	});
	const written = writer.write(LINK, { count: 2 });
	await stage.run(Promise.all([flushing, written]));
	await stage.run(other.write(A, { count: 3 }));
	const refused = expect(other.write(B, { count: 3 })).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
	await stage.run(refused);
	stage.expectDurable(3, 2);
	await stage.run(Promise.all([writer.close(), other.close()]));
});

it('flushSync keeps the mode of a document that an update has moved away, and replaces nothing else', async () => {
	const stage = new Stage();
	const { disk } = stage;
	const writer = stage.writer({ strategy: held });
	const updated = writer.update<Counter>(A, (value) => {
		disk.sync.rename(A, '/d1/moved.json');
		return increment(value);
	});
	writer.flushSync();
	await updated;
	expect(stage.text(A)).toBe('{"count":2}\n');
	expect((await disk.stat(A)).mode & 0o777).toBe(0o600);

	const replaced = writer.update<Counter>(A, (value) => {
		disk.sync.rename(A, '/d1/moved.json');
		disk.plantSymlink('/d1/moved.json', A);
		return increment(value);
	});
	const rejected = expect(replaced).rejects.toMatchObject({ code: 'ERR_WRITE_FAILED', outcome: 'not_applied' });
	expect(() => writer.flushSync()).toThrow('a symlink has taken the place');
	await rejected;
	expect(stage.text('/d1/moved.json')).toBe('{"count":2}\n');
	await stage.run(writer.close());
});
