/** Ways to save a document, by name. */
import fs from 'node:fs/promises';

export type Save = (file: string, value: unknown) => Promise<unknown>;

export const candidates: Readonly<Record<string, () => Promise<Save>>> = {
	'durable-json': async () => (await import('durable-json')).writeJson,
	'write-file-atomic': async () => {
		const { default: write } = await import('write-file-atomic');
		return (file, value) => write(file, JSON.stringify(value));
	},
	atomically: async () => {
		const { writeFile } = await import('atomically');
		return (file, value) => writeFile(file, JSON.stringify(value));
	},
	'temporary file, fsync, rename': async () => {
		let count = 0;
		return async (file, value) => {
			count += 1;
			const temporary = `${file}.${count}.tmp`;
			const handle = await fs.open(temporary, 'wx');
			try {
				await handle.writeFile(JSON.stringify(value));
				await handle.sync();
			} finally {
				await handle.close();
			}
			try {
				await fs.rename(temporary, file);
			} catch (error) {
				await fs.unlink(temporary);
				throw error;
			}
		};
	},
};
