/** Directories as crashes leave them, on a simulated disk. */
import { formatBackupName } from '../../lib/commit/kept-name.ts';
import { formatOrder, formatTempName, type Life, type TempState } from '../../lib/commit/temp-name.ts';
import { type RecoverOptions, type RecoveryReport, recover } from '../../lib/index.ts';
import type { FileSystem } from '../../lib/ports/file-system.ts';
import { ManualClock } from '../../lib/testing/manual-clock.ts';
import { SimulatedDisk, type SimulatedDiskOptions } from '../../lib/testing/simulated-disk.ts';
import { drive } from '../support/simulation.ts';

export const DOCUMENT = '/data/state.json';

/** JSON of this version, of a length of its own. */
export function good(version: number): string {
	return `${JSON.stringify({ version, padding: 'p'.repeat(version) })}\n`;
}

/** It, cut in half. */
export function torn(version: number): string {
	return good(version).slice(0, -8 - version);
}

/** The path of a temporary file; a larger `age` is older. */
export function tempPath(state: TempState, age = 0, document = 'state.json', life: Life = 'lock'): string {
	const random = age.toString(16).padStart(16, '0');
	return `/data/${formatTempName(document, { life, order: formatOrder(1e12 - age, 1), random }, state)}`;
}

export function backupPath(number: number, document = 'state.json'): string {
	return `/data/${formatBackupName(document, number)}`;
}

export interface Scene {
	readonly disk: SimulatedDisk;
	readonly clock: ManualClock;
	/** What the directory holds, by name. */
	contents(): Record<string, string>;
	recover(path?: string, options?: RecoverOptions): Promise<RecoveryReport>;
}

/** A disk with these files. */
export function scene(files: Readonly<Record<string, string>>, options: SimulatedDiskOptions = {}): Scene {
	const clock = new ManualClock();
	const disk = new SimulatedDisk({ clock, ...options });
	disk.plantDirectory('/data');
	for (const [path, content] of Object.entries(files)) disk.plantFile(path, content);
	return onDisk(disk, clock);
}

export function onDisk(disk: SimulatedDisk, clock: ManualClock): Scene {
	return {
		disk,
		clock,
		contents() {
			const found = disk.paths().flatMap((path) => {
				const content = disk.peekFile(path);
				return content === undefined ? [] : [[path, content.toString()] as const];
			});
			return Object.fromEntries(found);
		},
		async recover(path = DOCUMENT, recoverOptions = {}) {
			const recovering = recover(path, { fileSystem: disk, clock, ...recoverOptions });
			await drive(
				recovering.then(() => undefined),
				{ disk, clock },
			);
			return recovering;
		},
	};
}

/** Puts a file there as another process does: written beside it, synced, renamed over it, and the directory synced. */
export function replace({ sync }: SimulatedDisk, path: string, content: string): void {
	const file = sync.open('/data/other', 'create-exclusive');
	const bytes = Buffer.from(content);
	file.write(bytes, 0, bytes.length, 0);
	file.sync();
	file.close();
	sync.rename('/data/other', path);
	sync.syncDirectory('/data');
}

/**
 * The disk as a process of its own sees it. Before each call that names a path, of either half, another process may act.
 * @param act told the number of the call, from 1
 */
export function actingBefore(disk: SimulatedDisk, act: (call: number) => void): FileSystem {
	let calls = 0;
	const scope = {};
	const wrap = <T extends object>(half: T): T =>
		new Proxy(half, {
			get(target, key) {
				if (key === 'sync') return sync;
				if (key === 'scope') return scope;
				const value: unknown = Reflect.get(target, key, target);
				if (typeof value !== 'function') return value;
				return (...args: unknown[]): unknown => {
					calls += 1;
					act(calls);
					return Reflect.apply(value, target, args);
				};
			},
		});
	const sync: FileSystem['sync'] = wrap(disk.sync);
	return wrap<FileSystem>(disk);
}
