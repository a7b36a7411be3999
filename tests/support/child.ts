/** Child processes that use the built library, as its users do. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const entry = path.resolve('dist/index.js');

/** Where a child imports the library from; `npm test` builds it first. */
export const LIBRARY: string = pathToFileURL(entry).href;

if (!existsSync(entry)) throw new Error('dist/ is missing: run `npm run build` first');

export interface ChildResult {
	readonly status: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface ChildOptions {
	readonly nodeOptions?: readonly string[];
	/** Shell commands before node, such as `ulimit -f 64`. */
	readonly prelude?: string;
	readonly env?: Readonly<Record<string, string>>;
	/** Default four minutes. */
	readonly timeoutMs?: number;
}

/** Runs an ES module's text in a Node of its own; it finds the library in `process.env.LIBRARY`, arguments in argv. */
export function runChild(script: string, args: readonly string[] = [], options: ChildOptions = {}): ChildResult {
	const { nodeOptions = [], prelude = ':', env, timeoutMs = 240_000 } = options;
	const command = [...nodeOptions, '--input-type=module', '-e', script, ...args];
	return spawnSync('bash', ['-c', `${prelude}; exec "$0" "$@"`, process.execPath, ...command], {
		encoding: 'utf8',
		timeout: timeoutMs,
		maxBuffer: 1e8,
		env: { ...process.env, ...env, LIBRARY },
	});
}

/** Starts one and gives its process. */
export function startChild(script: string, args: readonly string[]): ReturnType<typeof spawn> {
	return spawn(process.execPath, ['--input-type=module', '-e', script, ...args], {
		stdio: ['ignore', 'pipe', 'inherit'],
		env: { ...process.env, LIBRARY },
	});
}
