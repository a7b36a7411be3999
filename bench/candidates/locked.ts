/** Locks around a plain writer: read, change, write as their users do it. */
import fs from 'node:fs';
import path from 'node:path';
import type { Candidate, Counter, Store } from './candidate.ts';
import { fileStore } from './files.ts';

type Save = (file: string, value: unknown) => Promise<unknown>;
type WithLock = (file: string, task: () => Promise<void>) => Promise<unknown>;

function lockedStore(directory: string, save: Save, withLock: WithLock): Store {
	return {
		...fileStore(directory, save),
		async update(name, change) {
			const file = path.join(directory, name);
			await withLock(file, async () => {
				const value = JSON.parse(await fs.promises.readFile(file, 'utf8')) as Counter;
				change(value);
				await save(file, value);
			});
		},
	};
}

export const locked: readonly Candidate[] = [
	{
		id: 'async-mutex + atomically',
		kind: 'peer',
		durability: 'file',
		atomic: true,
		note: 'a Mutex for each path, around read and writeFile',
		workloads: ['counter'],
		async open(directory) {
			const { Mutex } = await import('async-mutex');
			const { writeFile } = await import('atomically');
			const mutexes = new Map<string, InstanceType<typeof Mutex>>();
			return lockedStore(
				directory,
				(file, value) => writeFile(file, JSON.stringify(value)),
				(file, task) => {
					const mutex = mutexes.get(file) ?? new Mutex();
					mutexes.set(file, mutex);
					return mutex.runExclusive(task);
				},
			);
		},
	},
	{
		id: 'proper-lockfile + write-file-atomic',
		kind: 'peer',
		durability: 'file',
		atomic: true,
		note: 'lock(file, { retries }) around read and writeFileAtomic; locks out other processes, too',
		workloads: ['counter'],
		async open(directory) {
			const { lock } = await import('proper-lockfile');
			const { default: writeFileAtomic } = await import('write-file-atomic');
			const retries = { forever: true, minTimeout: 1, maxTimeout: 25, factor: 1.5, randomize: true };
			return lockedStore(
				directory,
				(file, value) => writeFileAtomic(file, JSON.stringify(value)),
				async (file, task) => {
					const release = await lock(file, { retries });
					try {
						await task();
					} finally {
						await release();
					}
				},
			);
		},
	},
];
