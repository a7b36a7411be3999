/** No products: what the disk and the machine allow, and what a careful programmer writes by hand. */
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import PQueue from 'p-queue';
import { type Candidate, savesAnd } from './candidate.ts';
import { fileStore } from './files.ts';

let temporaries = 0;

const temporaryName = (file: string): string => `${file}.${process.pid}.${temporaries++}.tmp`;

export const yardsticks: readonly Candidate[] = [
	{
		id: 'idle',
		kind: 'yardstick',
		durability: 'none',
		atomic: false,
		note: 'the harness alone: save() does nothing',
		workloads: ['hot-2k', 'hot-20k'],
		async open() {
			let last: unknown;
			return {
				async save(_name, value) {
					last = value;
				},
				read: () => last,
				commits: () => 0,
				close: async () => {},
			};
		},
	},
	{
		id: 'six calls, synchronous',
		kind: 'yardstick',
		durability: 'full',
		atomic: true,
		note: 'open, write, fsync, rename, close and fsync of the directory (kept open), one after the other in one thread',
		workloads: ['awaited'],
		async open(directory) {
			const handle = fs.openSync(directory, 'r');
			return {
				...fileStore(directory, async (file, value) => {
					const temporary = temporaryName(file);
					const fd = fs.openSync(temporary, 'wx');
					fs.writeSync(fd, JSON.stringify(value));
					fs.fsyncSync(fd);
					fs.renameSync(temporary, file);
					fs.closeSync(fd);
					fs.fsyncSync(handle);
				}),
				close: async () => fs.closeSync(handle),
			};
		},
	},
	{
		id: 'bare calls',
		kind: 'yardstick',
		durability: 'full',
		atomic: true,
		note:
			'open, write, rename and close in place, three fsyncs at a time, fsyncs of the directory shared, and nothing else: nothing ' +
			'is looked up, locked, kept in order or cleaned up',
		workloads: ['files'],
		async open(directory) {
			const fsync = promisify(fs.fsync);
			const handle = fs.openSync(directory, 'r');
			const syncs = new PQueue({ concurrency: 3 });
			const saves = new PQueue({ concurrency: 6 });
			const syncDirectory = shared(() => fsync(handle));
			return {
				...fileStore(directory, async (file, value) => {
					await saves.add(async () => {
						const temporary = temporaryName(file);
						const fd = fs.openSync(temporary, 'wx');
						fs.writeSync(fd, JSON.stringify(value));
						await syncs.add(() => fsync(fd));
						fs.renameSync(temporary, file);
						fs.closeSync(fd);
					});
					await syncDirectory();
				}),
				close: async () => fs.closeSync(handle),
			};
		},
	},
	{
		id: 'by hand',
		kind: 'yardstick',
		durability: 'full',
		atomic: true,
		queues: true,
		note: 'node:fs/promises: temporary file, fsync, rename, a directory fsync for each file; saves of one path go one by one',
		workloads: savesAnd('dump', 'rows'),
		async open(directory) {
			const last = new Map<string, Promise<unknown>>();
			const replace = async (file: string, write: (handle: fs.promises.FileHandle) => Promise<void>): Promise<void> => {
				const temporary = temporaryName(file);
				const handle = await fs.promises.open(temporary, 'wx');
				await write(handle);
				await handle.sync();
				await handle.close();
				await fs.promises.rename(temporary, file);
				const parent = await fs.promises.open(directory, 'r');
				await parent.sync();
				await parent.close();
			};
			return {
				...fileStore(directory, (file, value) => {
					const text = JSON.stringify(value);
					const run = (last.get(file) ?? Promise.resolve()).then(() =>
						replace(file, (handle) => handle.writeFile(text)),
					);
					last.set(file, run);
					return run;
				}),
				saveRows: (name, rows) => replace(path.join(directory, name), (handle) => handle.writeFile(jsonArray(rows))),
			};
		},
	},
];

/** Runs one at a time; what is asked for meanwhile shares the next. After one that failed all do. */
function shared(run: () => Promise<void>): () => Promise<void> {
	let running = Promise.resolve();
	let next: Promise<void> | undefined;
	return () => {
		next ??= running.then(() => {
			next = undefined;
			running = run();
			return running;
		});
		return next;
	};
}

/** Row by row, and a piece of 64 KB at a time: as fast as it goes without tricks. */
async function* jsonArray(rows: AsyncIterable<unknown>): AsyncGenerator<string> {
	let piece = '[';
	let separator = '';
	for await (const row of rows) {
		piece += separator + JSON.stringify(row);
		separator = ',';
		if (piece.length < 65_536) continue;
		yield piece;
		piece = '';
	}
	yield `${piece}]`;
}
