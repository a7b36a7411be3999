/** What the tests for Windows have in common: a directory, files that others hold open, and processes beside. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface TestDirectory {
	readonly path: string;
	/** An absolute path in the directory. */
	file(...names: string[]): string;
	json(name: string): unknown;
	/** Asserts that exactly these names are there. */
	assertOnly(...names: string[]): void;
}

/** A fresh directory for each test of the file. */
export function useDirectory(): TestDirectory {
	let directory = '';
	beforeEach(() => {
		directory = fs.mkdtempSync(path.join(fs.realpathSync.native(tmpdir()), 'durable-json-test-'));
	});
	afterEach(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
	const file = (...names: string[]): string => path.join(directory, ...names);
	return {
		get path() {
			return directory;
		},
		file,
		json: (name) => JSON.parse(fs.readFileSync(file(name), 'utf8')) as unknown,
		assertOnly: (...names) => assert.deepEqual(fs.readdirSync(directory).sort(), names.sort()),
	};
}

/** UV_FS_O_EXLOCK of libuv, which node:fs does not name: no sharing at all. */
const SHARE_NOTHING = 0x10000000;

/**
 * Holds a file open as another program would. Node's own handles share reading, writing and deletion.
 * @returns what closes it
 */
export function hold(file: string, sharing: 'all' | 'nothing' = 'all'): () => void {
	const flags = sharing === 'all' ? fs.constants.O_RDONLY : fs.constants.O_RDWR | SHARE_NOTHING;
	const descriptor = fs.openSync(file, flags);
	return () => fs.closeSync(descriptor);
}

export interface Beside {
	/** The lines that it has written so far. */
	readonly lines: readonly string[];
	/** Resolves when it has written this line, or ends. */
	said(line: string): Promise<void>;
	/** Ends it as SIGKILL would, with TerminateProcess. */
	kill(): Promise<void>;
	/** Asks it to end, and asserts that it has not failed. @returns its last line */
	finish(): Promise<string>;
}

const PROGRAM = fileURLToPath(new URL('./beside.js', import.meta.url));

/** Starts a program of `beside.ts` in a process of its own. */
export function startBeside(program: string, ...args: string[]): Beside {
	const child = fork(PROGRAM, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
	let output = '';
	child.stdout?.on('data', (chunk: Buffer) => {
		output += chunk.toString();
	});
	const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
	const lines = (): string[] => output.split('\n').slice(0, -1);
	return {
		get lines() {
			return lines();
		},
		async said(line) {
			while (!lines().includes(line) && isRunning(child)) await pause(2);
		},
		async kill() {
			child.kill('SIGKILL');
			await closed;
		},
		async finish() {
			if (child.connected) child.send('finish');
			await closed;
			assert.equal(child.exitCode, 0, `${program} failed`);
			return lines().at(-1) ?? '';
		},
	};
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
	return exitCode === null && signalCode === null;
}
