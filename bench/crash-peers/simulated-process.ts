/**
 * Makes this process one that runs on a simulated disk: whatever calls `node:fs` with a path below {@link SIMULATED}, or with
 * a descriptor that came of one, reaches the disk of the stage, and timers follow its clock. Install it before the packages that
 * are to be tried are loaded, because some keep the functions that they find.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Stage } from 'durable-json/testing';

/** Where the simulated disk is mounted, so to speak. */
export const SIMULATED = '/simulated';

type AnyFunction = (...args: unknown[]) => unknown;
type Callback = (error: unknown, result?: unknown) => void;
type Table = Record<string, AnyFunction>;

/** As much of a `FileHandle` as the calls on descriptors need. */
interface Handle {
	write(data: unknown, ...where: unknown[]): Promise<{ bytesWritten: number }>;
	sync(): Promise<void>;
	datasync(): Promise<void>;
	close(): Promise<void>;
}

/** Descriptors of the simulated disk begin here, where the system's never come. */
const FIRST_DESCRIPTOR = 1_000_000;

let stage: Stage | undefined;
const handles = new Map<number, Handle>();
let nextDescriptor = FIRST_DESCRIPTOR;
let random = 1;

/** From here on the process runs on this stage. */
export function enter(entered: Stage): void {
	stage = entered;
}

/** What `node:fs` does with descriptors; the rest is that of `node:fs/promises`, which the stage has. */
const onDescriptors: Readonly<Record<string, (...args: never[]) => Promise<unknown>>> = {
	async open(path: string, flag?: string, mode?: number) {
		const handle = (await simulatedFs()['open']?.(path, flag, mode)) as Handle;
		handles.set(nextDescriptor, handle);
		return nextDescriptor++;
	},
	write: async (fd: number, ...data: [unknown, ...unknown[]]) => (await handleOf(fd).write(...data)).bytesWritten,
	fsync: async (fd: number) => handleOf(fd).sync(),
	fdatasync: async (fd: number) => handleOf(fd).datasync(),
	async close(fd: number) {
		const handle = handleOf(fd);
		// The descriptor is gone whatever close(2) reports.
		handles.delete(fd);
		await handle.close();
	},
};

function simulatedFs(): Table {
	if (stage === undefined) throw new Error('there is no stage yet');
	return stage.fs as unknown as Table;
}

function handleOf(fd: number): Handle {
	const handle = handles.get(fd);
	if (handle === undefined) throw Object.assign(new Error(`EBADF: ${fd}`), { code: 'EBADF' });
	return handle;
}

function isSimulated(target: unknown): boolean {
	if (typeof target === 'number') return target >= FIRST_DESCRIPTOR;
	return typeof target === 'string' && (target === SIMULATED || target.startsWith(`${SIMULATED}/`));
}

/** Once, and for good: what belongs to the real disk goes there as before. */
export function install(): void {
	replaceAll(fs as unknown as Table, (name) => {
		if (onDescriptors[name] === undefined && name.endsWith('Sync')) return undefined;
		return withCallback(
			(onDescriptors[name] as AnyFunction | undefined) ?? ((...args) => simulatedFs()[name]?.(...args)),
		);
	});
	replaceAll(
		fs.promises as unknown as Table,
		(name) =>
			(...args) =>
				simulatedFs()[name]?.(...args),
	);
	syncBuiltinESMExports();
	replaceTime();
}

/** Replaces every function of a table; one that the simulated disk lacks says so, lest a package takes a file for missing. */
function replaceAll(table: Table, simulate: (name: string) => AnyFunction | undefined): void {
	for (const [name, original] of Object.entries(table)) {
		if (typeof original !== 'function' || !/^[a-z]/.test(name)) continue;
		const simulated = simulate(name);
		const replacement: AnyFunction = (...args) => {
			if (!isSimulated(args[0])) return original(...args);
			const exists = onDescriptors[name] !== undefined || name in simulatedFs();
			if (simulated === undefined || !exists) throw new Error(`fs.${name} is not simulated`);
			return simulated(...args);
		};
		table[name] = Object.assign(replacement, original);
	}
}

function withCallback(call: AnyFunction): AnyFunction {
	return (...args) => {
		const callback = args.pop() as Callback;
		(async () => call(...args))().then((result) => callback(null, result), callback);
	};
}

function replaceTime(): void {
	const realTimeout = globalThis.setTimeout;
	const simulated = (callback: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]): unknown =>
		stage === undefined
			? realTimeout(callback, delayMs, ...args)
			: stage.clock.schedule(delayMs, () => callback(...args));
	globalThis.setTimeout = simulated as unknown as typeof setTimeout;
	const realNow = Date.now;
	Date.now = () => stage?.clock.epochMs() ?? realNow();
	Math.random = () => {
		random = (random * 48_271) % 2_147_483_647;
		return random / 2_147_483_647;
	};
}
