/** Databases: a document is a row under its name. */
import path from 'node:path';
import { type Candidate, type Counter, savesAnd } from './candidate.ts';

export const databases: readonly Candidate[] = [
	{
		id: 'better-sqlite3',
		kind: 'peer',
		durability: 'db',
		atomic: true,
		note: 'WAL, synchronous=FULL, one transaction a save; it is synchronous, so it holds the event loop meanwhile',
		workloads: savesAnd('counter', 'scale-rate', 'scale-paths'),
		async open(directory) {
			const { default: Database } = await import('better-sqlite3');
			const database = new Database(path.join(directory, 'state.sqlite'));
			database.pragma('journal_mode = WAL');
			database.pragma('synchronous = FULL');
			database.exec('CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
			const put = database.prepare(
				'INSERT INTO documents VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
			);
			const get = database.prepare<[string], { value: string }>('SELECT value FROM documents WHERE name = ?');
			const read = (name: string): unknown => JSON.parse(get.get(name)?.value ?? 'null');
			let commits = 0;
			const save = (name: string, value: unknown): void => {
				commits++;
				put.run(name, JSON.stringify(value));
			};
			const update = database.transaction((name: string, change: (value: Counter) => void) => {
				const value = read(name) as Counter;
				change(value);
				save(name, value);
			});
			return {
				save: async (name, value) => save(name, value),
				update: async (name, change) => update(name, change),
				read,
				commits: () => commits,
				close: async () => void database.close(),
			};
		},
	},
	{
		id: 'lmdb',
		kind: 'peer',
		durability: 'db',
		atomic: true,
		note: 'JSON encoding, awaits flushed (the commit alone is not yet on the disk)',
		workloads: savesAnd('counter', 'scale-rate', 'scale-paths'),
		async open(directory) {
			const { open } = await import('lmdb');
			const database = open<unknown, string>({ path: path.join(directory, 'state.lmdb'), encoding: 'json' });
			return {
				async save(name, value) {
					const put = database.put(name, value);
					await put;
					await database.flushed;
				},
				async update(name, change) {
					await database.transaction(() => {
						const value = database.get(name) as Counter;
						change(value);
						return database.put(name, value);
					});
					await database.flushed;
				},
				read: (name) => database.get(name),
				close: () => database.close(),
			};
		},
	},
];
