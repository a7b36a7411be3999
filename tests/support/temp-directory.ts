/** A directory of its own for each test, and what must hold of it afterwards. */

import { readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';

export interface TempDirectory {
	readonly path: string;
	/** An absolute path in the directory. */
	file(...names: string[]): string;
	/** The JSON value of a file in it. */
	json(name: string): Promise<unknown>;
	text(name: string): Promise<string>;
	names(): Promise<string[]>;
	/** Expects that exactly these names are there: no temporary file, nothing else. */
	expectOnly(...names: string[]): Promise<void>;
}

/** Sets up a fresh directory before each test of the file, and removes it afterwards. */
export function useTempDirectory(): TempDirectory {
	let directory = '';
	beforeEach(async () => {
		directory = await realpath(await mkdtemp(path.join(tmpdir(), 'durable-json-test-')));
	});
	afterEach(async () => {
		await rm(directory, { recursive: true, force: true });
	});
	const file = (...names: string[]): string => path.join(directory, ...names);
	const text = (name: string): Promise<string> => readFile(file(name), 'utf8');
	const names = async (): Promise<string[]> => (await readdir(directory)).sort();
	return {
		get path() {
			return directory;
		},
		file,
		text,
		names,
		json: async (name) => JSON.parse(await text(name)) as unknown,
		expectOnly: async (...expected) => expect(await names()).toEqual(expected.sort()),
	};
}

/** What this process has open in a directory, by path; empty where the platform cannot tell. */
export function openFilesIn(directory: string): string[] {
	const open: string[] = [];
	for (const fd of process.platform === 'linux' ? readdirSync('/proc/self/fd') : []) {
		try {
			const target = readlinkSync(`/proc/self/fd/${fd}`);
			if (target === directory || target.startsWith(`${directory}/`)) open.push(target);
		} catch {
			// Closed since the list was read.
		}
	}
	return open;
}
