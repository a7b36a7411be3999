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
		workloads: savesAnd('counter', 'append', 'append-64', 'scale-rate', 'scale-paths'),
		async open(directory) {
			const { default: Database } = await import('better-sqlite3');
			const database = new Database(path.join(directory, 'state.sqlite'));
			database.pragma('journal_mode = WAL');
			database.pragma('synchronous = FULL');
			database.exec('CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL)');
			database.exec('CREATE TABLE log (sequence INTEGER PRIMARY KEY, entry TEXT NOT NULL)');
			const add = database.prepare('INSERT INTO log (entry) VALUES (?)');
			const count = database.prepare<[], { count: number }>('SELECT COUNT(*) AS count FROM log');
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
				append: async (entry) => add.run(JSON.stringify(entry)),
				appended: () => count.get()?.count ?? 0,
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
		workloads: savesAnd('counter', 'append', 'append-64', 'scale-rate', 'scale-paths'),
		async open(directory) {
			const { open } = await import('lmdb');
			const database = open<unknown, string>({ path: path.join(directory, 'state.lmdb'), encoding: 'json' });
			const log = open<unknown, number>({ path: path.join(directory, 'log.lmdb'), encoding: 'json' });
			let sequence = 0;
			return {
				async append(entry) {
					await log.put(++sequence, entry);
					await log.flushed;
				},
				appended: () => log.getCount(),
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
				async close() {
					await Promise.all([database.close(), log.close()]);
				},
			};
		},
	},
	{
		id: 'classic-level',
		kind: 'peer',
		durability: 'db',
		atomic: true,
		note: 'LevelDB: put with sync: true, JSON under a key that counts',
		workloads: ['append', 'append-64'],
		async open(directory) {
			const { ClassicLevel } = await import('classic-level');
			const database = new ClassicLevel<string, string>(path.join(directory, 'log.level'));
			await database.open();
			let sequence = 0;
			return {
				save: () => Promise.reject(new Error('appends only')),
				append: (entry) => database.put(String(++sequence).padStart(16, '0'), JSON.stringify(entry), { sync: true }),
				async appended() {
					let count = 0;
					for await (const _ of database.keys()) count++;
					return count;
				},
				close: () => database.close(),
			};
		},
	},
];
