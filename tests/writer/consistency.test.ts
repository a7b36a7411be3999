import { describe, expect, it } from 'vitest';
import { writeJson, writeJsonLines } from '../../lib/index.ts';
import { openFilesIn, useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Counts up at every turn of the event loop, in all places of a value, until it is stopped. */
function changing(places: number): { value: { n: number }[]; stop: () => void } {
	const value = Array.from({ length: places }, () => ({ n: 0 }));
	let going = true;
	const change = (): void => {
		for (const place of value) place.n += 1;
		if (going) setImmediate(change);
	};
	change();
	return {
		value,
		stop: () => {
			going = false;
		},
	};
}

async function distinctValues(places: number, options: { consistency?: 'stream' | 'snapshot' }): Promise<number> {
	const { value, stop } = changing(places);
	await writeJson(directory.file('a.json'), value, options);
	stop();
	const written = (await directory.json('a.json')) as { n: number }[];
	expect(written).toHaveLength(places);
	return new Set(written.map(({ n }) => n)).size;
}

describe('what is written of a value that changes meanwhile', () => {
	it('is one state where its JSON is less than 64 KiB', async () => {
		expect(await distinctValues(5_000, {})).toBe(1);
	});

	it('is one state at any size with consistency snapshot, and several without', async () => {
		expect(await distinctValues(400_000, { consistency: 'snapshot' })).toBe(1);
		expect(await distinctValues(400_000, {})).toBeGreaterThan(1);
	});

	it('is the same bytes either way when nothing changes', async () => {
		const rows = Array.from({ length: 50_000 }, (_, i) => ({ i, text: 'ü'.repeat(i % 50) }));
		await writeJson(directory.file('a.json'), rows, { consistency: 'snapshot', space: 1 });
		expect(await directory.text('a.json')).toBe(`${JSON.stringify(rows, null, 1)}\n`);
		const progress: number[] = [];
		await writeJsonLines(directory.file('a.jsonl'), rows, {
			consistency: 'snapshot',
			onProgress: ({ rows: count }) => progress.push(count),
		});
		expect(progress).toEqual([50_000]);
		expect(await directory.text('a.jsonl')).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
	});

	it('is nothing where a snapshot would have to wait, or fails midway', async () => {
		async function* rows(): AsyncGenerator<number> {
			yield 1;
		}
		const snapshot = { consistency: 'snapshot' } as const;
		await expect(writeJson(directory.file('a.json'), { rows: rows() }, snapshot)).rejects.toMatchObject({
			code: 'ERR_NOT_SERIALIZABLE',
			message: expect.stringContaining('snapshot'),
		});
		const large = Array.from({ length: 100_000 }, (_, i) => i);
		await expect(writeJson(directory.file('a.json'), [...large, 1n], snapshot)).rejects.toMatchObject({
			code: 'ERR_NOT_SERIALIZABLE',
			jsonPath: '$[100000]',
		});
		await expect(writeJson(directory.file('a.json'), undefined, snapshot)).rejects.toMatchObject({
			code: 'ERR_NOT_SERIALIZABLE',
		});
		await expect(writeJson(directory.file('a.json'), 1, { consistency: 'weak' as never })).rejects.toMatchObject({
			code: 'ERR_INVALID_ARGUMENT',
		});
		await directory.expectOnly();
		expect(openFilesIn(directory.path)).toEqual([]);
	});
});
