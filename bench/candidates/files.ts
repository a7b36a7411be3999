/** Packages that take the text of a document, or make it themselves, and write it to a file. */
import fs from 'node:fs';
import path from 'node:path';
import { type Candidate, type Counter, oneByOne, type Store, savesAnd, type WorkloadId } from './candidate.ts';

type Save = (file: string, value: unknown) => Promise<unknown>;

/** A store that writes files by a function; updates go one by one, rows are collected first, as its user would. */
export function fileStore(directory: string, save: Save): Store {
	const inTurn = oneByOne();
	return {
		save: (name, value) => save(path.join(directory, name), value),
		async saveRows(name, rows) {
			const all: unknown[] = [];
			for await (const row of rows) all.push(row);
			return save(path.join(directory, name), all);
		},
		update: (name, change) =>
			inTurn(async () => {
				const file = path.join(directory, name);
				const value = JSON.parse(await fs.promises.readFile(file, 'utf8')) as Counter;
				change(value);
				await save(file, value);
			}),
		close: async () => {},
	};
}

const EVERYTHING = savesAnd('dump', 'rows', 'counter', 'many-paths', 'scale-size', 'scale-paths');

export const files: readonly Candidate[] = [
	{
		id: 'write-file-atomic',
		kind: 'peer',
		durability: 'file',
		atomic: true,
		queues: true,
		note: 'writeFileAtomic(path, JSON.stringify(value))',
		workloads: EVERYTHING,
		async open(directory) {
			const { default: writeFileAtomic } = await import('write-file-atomic');
			return fileStore(directory, (file, value) => writeFileAtomic(file, JSON.stringify(value)));
		},
	},
	{
		id: 'atomically',
		kind: 'peer',
		durability: 'file',
		atomic: true,
		queues: true,
		note: 'writeFile(path, JSON.stringify(value))',
		workloads: [...EVERYTHING, 'scale-rate'],
		async open(directory) {
			const { writeFile } = await import('atomically');
			return fileStore(directory, (file, value) => writeFile(file, JSON.stringify(value)));
		},
	},
	{
		id: 'write-json-file',
		kind: 'peer',
		durability: 'file',
		atomic: true,
		queues: true,
		note: 'writeJsonFile(path, value, { indent: undefined }); on write-file-atomic',
		workloads: savesAnd('dump', 'counter'),
		async open(directory) {
			const { writeJsonFile } = await import('write-json-file');
			const options = { indent: undefined };
			return fileStore(directory, (file, value) => writeJsonFile(file, value, options));
		},
	},
	{
		id: 'fs-extra',
		kind: 'peer',
		durability: 'none',
		atomic: false,
		note: 'outputJson(path, value); saves of one path at once mix their bytes, so it takes part in none of those',
		workloads: ['awaited', 'files', 'dump', 'counter'],
		async open(directory) {
			const { outputJson } = (await import('fs-extra')).default;
			return fileStore(directory, (file, value) => outputJson(file, value));
		},
	},
	{
		id: 'steno',
		kind: 'peer',
		durability: 'none',
		atomic: true,
		note: 'a Writer for each path, write(JSON.stringify(value))',
		workloads: [...EVERYTHING, 'scale-rate'],
		async open(directory) {
			const { Writer } = await import('steno');
			const writers = new Map<string, InstanceType<typeof Writer>>();
			return fileStore(directory, async (file, value) => {
				const writer = writers.get(file) ?? new Writer(file);
				writers.set(file, writer);
				await writer.write(JSON.stringify(value));
			});
		},
	},
	{
		id: 'lowdb',
		kind: 'peer',
		durability: 'none',
		atomic: true,
		note: 'a Low with JSONFile for each path; it indents',
		workloads: savesAnd('dump', 'counter'),
		async open(directory) {
			const { Low } = await import('lowdb');
			const { JSONFile } = await import('lowdb/node');
			const databases = new Map<string, InstanceType<typeof Low<unknown>>>();
			const of = (file: string): InstanceType<typeof Low<unknown>> => {
				const database = databases.get(file) ?? new Low<unknown>(new JSONFile(file), {});
				databases.set(file, database);
				return database;
			};
			const save: Save = (file, value) => {
				const database = of(file);
				database.data = value;
				return database.write();
			};
			return {
				...fileStore(directory, save),
				update: (name, change) => of(path.join(directory, name)).update((value) => change(value as Counter)),
			};
		},
	},
];

/** The streaming packages. */
const STREAMING: readonly WorkloadId[] = ['dump', 'rows', 'scale-size'];

export const streams: readonly Candidate[] = [
	{
		id: 'json-ext',
		kind: 'peer',
		durability: 'file',
		atomic: false,
		note: 'stringifyChunked(value) piped to createWriteStream(path, { flush: true }); rows are collected first',
		workloads: STREAMING,
		async open(directory) {
			const { stringifyChunked } = await import('@discoveryjs/json-ext');
			return fileStore(directory, (file, value) => pipeToFile(stringifyChunked(value), file));
		},
	},
	{
		id: 'json-stream-stringify',
		kind: 'peer',
		durability: 'file',
		atomic: false,
		note: 'a JsonStreamStringify piped to createWriteStream(path, { flush: true })',
		workloads: ['dump', 'rows'],
		async open(directory) {
			const { JsonStreamStringify } = await import('json-stream-stringify');
			const { Readable } = await import('node:stream');
			const save: Save = (file, value) => pipeToFile(new JsonStreamStringify(value), file);
			return {
				...fileStore(directory, save),
				saveRows: (name, rows) => save(path.join(directory, name), Readable.from(rows)),
			};
		},
	},
];

/** As the packages' own examples do, and synced at the end. */
export async function pipeToFile(chunks: Iterable<string> | AsyncIterable<string>, file: string): Promise<void> {
	const { pipeline } = await import('node:stream/promises');
	await pipeline(chunks, fs.createWriteStream(file, { flush: true }));
}
