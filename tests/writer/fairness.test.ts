import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createWriter } from '../../lib/index.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

describe('large documents', () => {
	it('hold up no small one, however many are being written', async () => {
		const writer = createWriter();
		const rows = Array.from({ length: 400_000 }, (_, index) => ({ index, text: 'some 40 bytes of text in each row' }));
		let written = 0;
		const large = Array.from({ length: 5 }, async (_, index) => {
			await writer.write(directory.file(`large-${index}.json`), rows, { durability: 'none' });
			written += 1;
		});
		// They have begun, one and all, before the small one is submitted.
		await new Promise((resolve) => setTimeout(resolve, 50));
		await writer.write(directory.file('small.json'), { small: true });
		expect(written).toBe(0);
		await Promise.all(large);
		expect(await directory.json('large-4.json')).toHaveLength(rows.length);
	});

	it('are begun a few at a time', async () => {
		const writer = createWriter({ recovery: 'off' });
		const rows = Array.from({ length: 30_000 }, (_, index) => ({ index }));
		const all = Array.from({ length: 60 }, (_, index) => writer.write(directory.file(`${index}.json`), rows));
		let most = 0;
		let going = true;
		const look = (): void => {
			const temporary = readdirSync(directory.path).filter((name) => name.startsWith('.dj1'));
			most = Math.max(most, temporary.length);
			if (going) setImmediate(look);
		};
		look();
		await Promise.all(all);
		going = false;
		expect(most).toBeGreaterThan(1);
		expect(most).toBeLessThan(15);
	});
});
