/** What is explored: each saves the text of a document, as a program that uses it would. */
import { createWriter } from 'durable-json';
import type { Stage } from 'durable-json/testing';

/** One program's side of a stage. */
export interface Saver {
	/** @returns whether it says that the document is durable */
	save(path: string, text: string): Promise<boolean>;
	close(): Promise<void>;
}

export interface Candidate {
	readonly name: string;
	/** False where its documentation says that saves of one path must wait for each other. */
	readonly savesAtOnce: boolean;
	/** Once, before anything is explored: what is read from the real disk takes real time, which is none of the simulation. */
	load?(): Promise<unknown>;
	open(stage: Stage): Promise<Saver>;
}

/** A package of which all that there is to know is that its promise has resolved. */
function peer(name: string, load: () => Promise<(path: string, text: string) => Promise<unknown>>): Candidate {
	return {
		name,
		savesAtOnce: true,
		load,
		async open() {
			const save = await load();
			return { save: (path, text) => save(path, text).then(() => true), close: async () => {} };
		},
	};
}

export const candidates: readonly Candidate[] = [
	{
		name: 'durable-json',
		savesAtOnce: true,
		async open({ disk, clock }) {
			const writer = createWriter({ fileSystem: disk, clock });
			return {
				save: async (path, text) => (await writer.writeFile(path, text)).durability === 'full',
				close: () => writer.close(),
			};
		},
	},
	peer('write-file-atomic 7.0.1', async () => {
		const { default: write } = await import('write-file-atomic');
		return (path, text) => write(path, text);
	}),
	peer('atomically 2.1.1', async () => {
		const { writeFile } = await import('atomically');
		return writeFile;
	}),
	peer('steno 4.0.2', async () => {
		const { Writer } = await import('steno');
		const writers = new Map<string, InstanceType<typeof Writer>>();
		return (path, text) => {
			const writer = writers.get(path) ?? new Writer(path);
			writers.set(path, writer);
			return writer.write(text);
		};
	}),
	{
		...peer('`fs.promises.writeFile`', async () => {
			const { writeFile } = await import('node:fs/promises');
			return writeFile;
		}),
		savesAtOnce: false,
	},
];
