/** The simulated disk: the file-system port over a volume that can crash at any call. */
import type { FileStat, FileSystem, OpenDirectory, OpenFile, OpenMode, SyncFileSystem } from '../ports/file-system.ts';
import {
	checkBound,
	checkCrashAt,
	checkCrashStateOptions,
	checkDelay,
	checkDiskOptions,
	checkFault,
	checkFilePath,
	checkPath,
	checkPlanted,
	checkShortWrite,
	checkTarget,
	requireFunction,
} from './arguments.ts';
import { type CrashStateOptions, volumesAfterPowerCut } from './crash-states.ts';
import {
	type CallName,
	CallSequence,
	type CrashSide,
	type Delay,
	type DiskCall,
	type Fault,
	type ShortWrite,
} from './disk-calls.ts';
import type { FileNode } from './inodes.ts';
import { HandleTable } from './open-handles.ts';
import { PathCalls } from './path-calls.ts';
import { randomHex64, type SeededRandom, seededRandom } from './seeded-random.ts';
import { Volume } from './volume.ts';

/** How a simulated disk behaves. */
export interface SimulatedDiskOptions {
	/** Default `'posix'`. `'win32'`: no directory syncs, no rename over an open file; one permission bit,
	 * which keeps a file from being opened for writing and renamed over. */
	readonly semantics?: 'posix' | 'win32';
	/** Of {@link SimulatedDisk.uniqueId}. Default 1. */
	readonly seed?: number;
	/** Bytes that all files together may hold; writes past it are cut short, then fail with ENOSPC. Default no bound. */
	readonly capacityBytes?: number;
	/**
	 * Where it is given, asynchronous calls take up to two turns longer, as this seed says: calls given together may
	 * overtake each other, as in a thread pool. Default: each kind of call takes its own fixed time.
	 */
	readonly jitterSeed?: number;
	/** Are names found by any case? Default: under the rules of Windows. */
	readonly ignoresCase?: boolean;
	/** The longest name, in bytes. Default 255. */
	readonly nameBytesMax?: number;
	/** Bytes that one file may hold; writes past it are cut short, then fail with EFBIG. Default no bound. */
	readonly fileSizeBytesMax?: number;
	/** Handles that may be open at a time; opening one more fails with EMFILE. Default no bound. */
	readonly openFilesMax?: number;
	/**
	 * Whether a file that has lost its name, and is not open, may be overwritten by others before the loss of the name is
	 * on the medium, as on ext4 mounted with `data=writeback`. This library does not support such a medium, and tests
	 * with it are expected to fail. Default false.
	 */
	readonly reusesFreedBlocks?: boolean;
	/** False where files cannot be locked: `tryLock` gives `'unsupported'`. Default true. */
	readonly locks?: boolean;
	/** Cleared from the permissions of new files. Default 0o022. */
	readonly umask?: number;
	/** Dates the files. Default: it is always the first of January 2026. */
	readonly clock?: { epochMs(): number };
}

/** Metadata of a planted file; what is left out stays, or is that of a new file. */
export interface PlantedMetadata {
	readonly mode?: number;
	readonly uid?: number;
	readonly gid?: number;
}

/** A state that a crash may leave, as a disk to start from, and in words which one it is. */
export interface CrashState {
	readonly disk: SimulatedDisk;
	readonly description: string;
	/** As {@link SimulatedDisk.fingerprint}: without making the disk, which is done when it is asked for. */
	readonly fingerprint: string;
}

/**
 * A disk in memory that keeps what POSIX promises to keep, and nothing more. Without a sync, a file's content and
 * metadata and each directory's names may be lost in a power cut, independently of each other, in part or whole.
 *
 * - Calls are numbered from 1 and carried out one by one, in later turns of the event loop; runs are repeatable.
 * - Syncs take longer than other calls and cover what was done before they were given, nothing that came during them.
 * - After a crash, asynchronous calls never settle and synchronous ones throw `SimulatedCrash`.
 * - A `sync` of a file that was made to fail spoils the file: its later syncs succeed and store nothing until what was not
 *   synced has been written again, as on Linux,
 *   where a failed fsync marks the pages clean. A directory's sync that failed can be repeated.
 * - Paths are absolute, with `/`. Permissions are recorded, not enforced.
 */
export class SimulatedDisk implements FileSystem {
	readonly scope: object = {};
	readonly semantics: 'posix' | 'win32';
	readonly ignoresCase: boolean;
	readonly sync: SyncFileSystem;
	readonly #options: SimulatedDiskOptions;
	readonly #volume: Volume;
	readonly #calls: CallSequence;
	readonly #handles: HandleTable;
	readonly #paths: PathCalls;
	readonly #random: SeededRandom;
	readonly #rules: { capacityBytes: number };

	constructor(options?: SimulatedDiskOptions);
	/** @internal on what a crash left of another disk */
	constructor(options: SimulatedDiskOptions, volume: Volume);
	constructor(options: SimulatedDiskOptions = {}, volume: Volume = emptyVolume(options)) {
		this.#options = options;
		this.#volume = volume;
		this.semantics = options.semantics ?? 'posix';
		this.ignoresCase = volume.ignoresCase;
		this.#random = seededRandom(options.seed ?? 1);
		const rules = {
			semantics: this.semantics,
			capacityBytes: options.capacityBytes ?? Number.POSITIVE_INFINITY,
			fileSizeBytesMax: options.fileSizeBytesMax ?? Number.POSITIVE_INFINITY,
			openFilesMax: options.openFilesMax ?? Number.POSITIVE_INFINITY,
			locks: options.locks ?? true,
			umask: options.umask ?? 0o022,
			epochMs: () => options.clock?.epochMs() ?? Date.UTC(2026, 0, 1),
		};
		this.#rules = rules;
		const jitter = options.jitterSeed === undefined ? () => 0 : seededRandom(options.jitterSeed);
		this.#calls = new CallSequence(() => Math.floor(jitter() * 3));
		this.#handles = new HandleTable(volume, rules, this.#calls);
		this.#paths = new PathCalls(volume, this.#handles, rules);
		this.sync = this.#syncHalf();
	}

	// The port.

	uniqueId(): string {
		return randomHex64(this.#random);
	}

	async open(path: string, mode: OpenMode, permissions?: number): Promise<OpenFile> {
		return this.#handles.file(await this.#calls.later(this.#paths.open(path, mode, permissions)));
	}

	async openDirectory(path: string): Promise<OpenDirectory> {
		return this.#handles.directory(await this.#calls.later(this.#paths.openDirectory(path)));
	}

	stat(path: string): Promise<FileStat> {
		return this.#calls.later(this.#paths.stat(path));
	}

	lstat(path: string): Promise<FileStat | undefined> {
		return this.#calls.later(this.#paths.lstat(path));
	}

	realpath(path: string): Promise<string> {
		return this.#calls.later(this.#paths.realpath(path));
	}

	readlink(path: string): Promise<string> {
		return this.#calls.later(this.#paths.readlink(path));
	}

	readdir(path: string): Promise<string[]> {
		return this.#calls.later(this.#paths.readdir(path));
	}

	async readFile(path: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array> {
		options?.signal?.throwIfAborted();
		const content = await this.#calls.later(this.#paths.readFile(path));
		options?.signal?.throwIfAborted();
		return content;
	}

	rename(from: string, to: string): Promise<void> {
		return this.#calls.later(this.#paths.rename(from, to));
	}

	link(existing: string, created: string): Promise<void> {
		return this.#calls.later(this.#paths.link(existing, created));
	}

	unlink(path: string): Promise<void> {
		return this.#calls.later(this.#paths.unlink(path));
	}

	ensureDirectory(path: string): Promise<void> {
		return this.#calls.later(this.#paths.ensureDirectory(path));
	}

	// Setting the scene and looking at it: none of these is a call.

	/** Puts a file there, with missing parents, and everything on the disk onto the medium. */
	plantFile(path: string, content: string | Uint8Array, metadata: PlantedMetadata = {}): void {
		checkPlanted(path, content, metadata);
		this.#makeParents(path);
		const found = this.#paths.peek(path, true);
		const file = found?.kind === 'file' ? found : this.#paths.createFile(path, 0o666);
		file.now = { ...file.now, ...metadata, content: new Uint8Array(Buffer.from(content)) };
		this.#volume.settle();
	}

	/** As {@link SimulatedDisk.plantFile}, a symbolic link. */
	plantSymlink(target: string, path: string): void {
		checkTarget(target);
		checkFilePath('path', path);
		this.#makeParents(path);
		const { directory, name } = this.#volume.locate(path, false, 'symlink');
		this.#volume.createSymlink(directory, name, target);
		this.#volume.settle();
	}

	/** As {@link SimulatedDisk.plantFile}, a directory. */
	plantDirectory(path: string): void {
		checkPath('path', path);
		this.#paths.makeDirectories(path);
		this.#volume.settle();
	}

	/** What a reader of the path sees now; undefined where no file stands. */
	peekFile(path: string): Buffer | undefined {
		const node = this.#paths.peek(path, true);
		return node?.kind === 'file' ? Buffer.from(node.now.content) : undefined;
	}

	/** Every path on the disk, sorted within each directory. */
	paths(): string[] {
		return [...this.#volume.walk()].map(([path]) => path);
	}

	/** Paths of the files and directories that are open, as they were opened. */
	openHandles(): string[] {
		return this.#handles.open.map((handle) => handle.path);
	}

	/**
	 * The state as text: equal for equal trees, contents, metadata and identities.
	 * @param part default what the running system sees; `'with unsynced'` also tells what is not on the medium
	 */
	fingerprint(part: 'visible' | 'with unsynced' = 'visible'): string {
		const visible = this.#volume.fingerprint();
		return part === 'visible' ? visible : `${visible}\n${this.#volume.unsyncedFingerprint()}`;
	}

	/** Opens a file as another program does. @returns a function that closes it */
	openElsewhere(path: string): () => void {
		const handle = this.#handles.add(this.#volume.locateExisting(path, true, 'open').node, path, 'elsewhere');
		return () => this.#handles.release(handle);
	}

	// Calls, faults and crashes.

	/** The calls so far, in their order. */
	get calls(): readonly DiskCall[] {
		return this.#calls.log;
	}

	/** How many asynchronous calls have been given and not carried out yet. */
	get callsUnderWay(): number {
		return this.#calls.underWay;
	}

	/** Makes calls fail; `'*'` means calls of any name. */
	fail(name: CallName | '*', fault: Fault): void {
		checkFault(name, fault);
		this.#calls.disturb(name, fault, { code: fault.code, applied: fault.applied ?? false });
	}

	/** Makes writes take fewer bytes than asked. */
	shortWrite(short: ShortWrite): void {
		checkShortWrite(short);
		this.#calls.disturb('write', short, { bytesMax: short.bytes });
	}

	/** Makes asynchronous calls take longer; `'*'` means calls of any name. Synchronous ones take no turns. */
	slow(name: CallName | '*', delay: Delay): void {
		checkDelay(name, delay);
		this.#calls.slow(name, delay);
	}

	/** Sets how many bytes all files together may hold from now on. */
	setCapacity(capacityBytes: number): void {
		checkBound('capacityBytes', capacityBytes);
		this.#rules.capacityBytes = capacityBytes;
	}

	/** No injected error or delay is left. Files spoiled by a failed sync stay so. */
	heal(): void {
		this.#calls.heal();
	}

	/** The disk dies at the call with this number, which is one to come. */
	crashAt(callNumber: number, side: CrashSide): void {
		checkCrashAt(callNumber, side, this.calls.length);
		this.#calls.crashAt(callNumber, side);
	}

	/** The disk dies now. */
	crash(): void {
		this.#calls.crash();
	}

	get crashed(): boolean {
		return this.#calls.crashed;
	}

	/** Resolves when the disk dies. */
	get whenCrashed(): Promise<void> {
		return this.#calls.whenCrashed;
	}

	/** Calls `observer` at both sides of each call: where a crash can come. It must not make calls itself. */
	observe(observer: (call: DiskCall, side: CrashSide) => void): void {
		requireFunction('observer', observer);
		this.#calls.observe(observer);
	}

	/** The states that a power cut at this moment may leave, each as a disk of its own; this one stays as it is. */
	crashStates(options?: CrashStateOptions): CrashState[] {
		checkCrashStateOptions(options);
		const rules = {
			ordered: this.semantics === 'win32',
			reusesFreedBlocks: this.#options.reusesFreedBlocks ?? false,
			isOpen: (node: FileNode): boolean => this.#handles.isOpen(node),
		};
		const seed = this.#successorSeed();
		return volumesAfterPowerCut(this.#volume, rules, options).map(({ volume, ...state }, index) => {
			let disk: SimulatedDisk | undefined;
			const makeDisk = (): SimulatedDisk => new SimulatedDisk({ ...this.#options, seed: seed + index + 1 }, volume);
			return {
				...state,
				get disk() {
					disk ??= makeDisk();
					return disk;
				},
			};
		});
	}

	/** What the death of the process leaves at this moment: every change, no handle, no lock; syncs are still owed. */
	processCrashState(): SimulatedDisk {
		return new SimulatedDisk({ ...this.#options, seed: this.#successorSeed() }, this.#volume.afterProcessCrash());
	}

	/** What comes after a crash gives other names than this disk has given; and it remembers no faults. */
	#successorSeed(): number {
		return Math.imul(this.#options.seed ?? 1, 31) + this.#calls.log.length * 1009;
	}

	#makeParents(path: string): void {
		this.#paths.makeDirectories(path.slice(0, path.lastIndexOf('/')));
	}

	#syncHalf(): SyncFileSystem {
		const calls = this.#calls;
		const paths = this.#paths;
		return {
			open: (path, mode, permissions) => this.#handles.fileSync(calls.now(paths.open(path, mode, permissions))),
			lstat: (path) => calls.now(paths.lstat(path)),
			realpath: (path) => calls.now(paths.realpath(path)),
			readlink: (path) => calls.now(paths.readlink(path)),
			readdir: (path) => calls.now(paths.readdir(path)),
			readFile: (path) => calls.now(paths.readFile(path)),
			rename: (from, to) => calls.now(paths.rename(from, to)),
			link: (existing, created) => calls.now(paths.link(existing, created)),
			unlink: (path) => calls.now(paths.unlink(path)),
			ensureDirectory: (path) => calls.now(paths.ensureDirectory(path)),
			syncDirectory: (path) => calls.now(paths.syncDirectory(path)),
		};
	}
}

function emptyVolume(options: SimulatedDiskOptions): Volume {
	checkDiskOptions(options);
	const { nameBytesMax = 255, semantics, ignoresCase = semantics === 'win32' } = options;
	return new Volume(nameBytesMax, ignoresCase);
}
