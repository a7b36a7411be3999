/**
 * Directory syncs, shared by the commits that rename in one directory at the same time (group commit).
 *
 * rename(2) is durable when its directory has been synced. One sync covers every rename that was finished before the sync
 * began, so commits that arrive together wait for one sync together.
 */
import { codeOf } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Awaitable, FileStat, FileSystem, OpenDirectory } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';
import { FORBIDDEN, isDurable, syncParentDirectories, syncParentDirectoriesSync } from './parent-directories.ts';
import type { CommitPorts } from './temp-file.ts';

/** So many waiting commits are not kept waiting for others. */
const MAX_WAITING = 32;
/** Nor are they kept longer than this, or than the last sync took where that is more. */
const MAX_WAIT_MS = 10;

/**
 * What a directory that cannot be synced answers: EINVAL and ENOTSUP on file systems without it, ERR_ACCESS_DENIED under
 * Node's permission model.
 */
const NO_DIRECTORY_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ERR_ACCESS_DENIED']);
/** And on Windows, where FlushFileBuffers wants a handle with write access, which directories do not give. */
const NO_DIRECTORY_SYNC_WIN32 = new Set(['EPERM', 'EACCES', 'EISDIR', 'EBADF']);

export interface DirectorySynced {
	/** False where the platform cannot sync a directory. */
	readonly directorySynced: boolean;
	/** Syncs that this commit accounts for: one that several share is the first one's. */
	readonly directorySyncs: number;
}

interface Synced {
	/** Of the directory that was synced; undefined where the platform cannot sync one. */
	readonly identity: string | undefined;
	readonly directorySyncs: number;
}

interface Waiter {
	resolve(result: Synced): void;
	reject(error: unknown): void;
}

/** Can this error be read as 'directories cannot be synced here'? */
function isUnsupported(fileSystem: FileSystem, error: unknown): boolean {
	const code = codeOf(error);
	if (code === undefined) return false;
	return NO_DIRECTORY_SYNC.has(code) || (fileSystem.semantics === 'win32' && NO_DIRECTORY_SYNC_WIN32.has(code));
}

/** The commits at work in one directory. It lives only while there are some. */
export class DirectoryCommits {
	readonly #fileSystem: FileSystem;
	readonly #clock: Clock;
	readonly #path: string;
	readonly #onIdle: () => void;
	/** Commits that hold this object. */
	#members = 0;
	/** Commits that will rename soon: worth waiting for. */
	#approaching = 0;
	#waiting: Waiter[] = [];
	#syncing = false;
	#lastSyncMs = 0;
	#cancelTimer: (() => void) | undefined;
	#overdue = false;
	#directory: Awaitable<OpenDirectory> | undefined;
	/** True once a commit relies on a handle that another one opened. */
	#handleShared = false;

	constructor(fileSystem: FileSystem, clock: Clock, path: string, onIdle: () => void) {
		this.#fileSystem = fileSystem;
		this.#clock = clock;
		this.#path = path;
		this.#onIdle = onIdle;
	}

	/** A commit that will rename in this directory has begun. Each call needs one of {@link leave}. */
	enter(): void {
		this.#members += 1;
		if (this.#directory !== undefined) this.#handleShared = true;
	}

	/** Opens the directory while something else is waited for, so that its sync need not wait. */
	prepare(): void {
		try {
			void this.#openDirectory();
		} catch {
			// Whoever needs it sees the error.
		}
	}

	/** The commit will rename soon: a sync may wait for it. Each call needs one of {@link renamed}. */
	approach(): void {
		this.#approaching += 1;
	}

	/** The commit has renamed, or never will. */
	renamed(): void {
		this.#approaching -= 1;
		this.#startIfDue();
	}

	/** Rejects where the directory can be opened for no sync, with an error that is not a platform's 'no such thing'. */
	opened(): Awaitable<void> {
		const unlessUnsupported = (error: unknown): void => {
			if (!isUnsupported(this.#fileSystem, error)) throw error;
		};
		try {
			const opening = this.#openDirectory();
			return opening instanceof Promise ? opening.then(() => undefined, unlessUnsupported) : undefined;
		} catch (error) {
			return unlessUnsupported(error);
		}
	}

	/** Makes finished renames in the directory durable, and the names of the directories that lead to it. */
	async syncWithParents(): Promise<DirectorySynced> {
		const { identity, directorySyncs } = await this.#sync();
		if (identity === undefined) return { directorySynced: false, directorySyncs };
		if (isDurable(this.#fileSystem, this.#path, identity)) return { directorySynced: true, directorySyncs };
		try {
			const parentSyncs = await syncParentDirectories(this.#fileSystem, this.#path, identity);
			return { directorySynced: true, directorySyncs: directorySyncs + parentSyncs };
		} catch (error) {
			const impossible = isUnsupported(this.#fileSystem, error) || FORBIDDEN.has(codeOf(error) ?? '');
			if (!impossible) throw error;
			return { directorySynced: false, directorySyncs };
		}
	}

	/** Resolves when a sync that began after this call is through. */
	#sync(): Promise<Synced> {
		return new Promise((resolve, reject) => {
			this.#waiting.push({ resolve, reject });
			this.#startIfDue();
		});
	}

	/** The commit is over. */
	leave(): Awaitable<void> {
		this.#members -= 1;
		if (this.#members > 0) return undefined;
		this.#onIdle();
		return this.#closeDirectory();
	}

	#startIfDue(): void {
		if (this.#syncing || this.#waiting.length === 0) return;
		if (this.#approaching === 0 || this.#waiting.length >= MAX_WAITING || this.#overdue) {
			this.#cancelTimer?.();
			this.#cancelTimer = undefined;
			this.#overdue = false;
			void this.#syncWaiting();
			return;
		}
		this.#cancelTimer ??= this.#clock.schedule(Math.max(MAX_WAIT_MS, this.#lastSyncMs), () => {
			this.#cancelTimer = undefined;
			this.#overdue = true;
			this.#startIfDue();
		});
	}

	/** Never rejects: what went wrong goes to those who wait. */
	async #syncWaiting(): Promise<void> {
		const covered = this.#waiting;
		this.#waiting = [];
		this.#syncing = true;
		const startMs = this.#clock.monotonicMs();
		try {
			const identity = await this.#syncOnce();
			covered.forEach(({ resolve }, index) => {
				resolve({ identity, directorySyncs: identity !== undefined && index === 0 ? 1 : 0 });
			});
		} catch (error) {
			for (const { reject } of covered) reject(error);
		} finally {
			this.#lastSyncMs = this.#clock.monotonicMs() - startMs;
			this.#syncing = false;
			this.#startIfDue();
		}
	}

	/** @returns the identity of the directory; undefined where the platform cannot sync one. */
	async #syncOnce(): Promise<string | undefined> {
		try {
			const directory = await this.#openDirectory();
			const { identity } = directory.statSync();
			if (!this.#handleShared) {
				await directory.sync();
				return identity;
			}
			// The handle is as old as the oldest commit here: the directory may have been moved away since, and another made
			// in its place.
			const synced = directory.sync();
			const [named] = await Promise.all([this.#statPath(), synced]);
			if (named.identity === identity) return identity;
			await this.#closeDirectory();
			const current = await this.#openDirectory();
			await current.sync();
			return current.statSync().identity;
		} catch (error) {
			// A handle whose sync failed is never synced again: the kernel reports an error once and then forgets it.
			await this.#closeDirectory();
			if (isUnsupported(this.#fileSystem, error)) return undefined;
			throw error;
		}
	}

	async #statPath(): Promise<FileStat> {
		return this.#fileSystem.stat(this.#path);
	}

	#openDirectory(): Awaitable<OpenDirectory> {
		if (this.#directory === undefined) {
			const opening = this.#fileSystem.openDirectory(this.#path);
			this.#directory = opening;
			this.#handleShared = false;
			if (opening instanceof Promise) {
				// Whoever needs it sees the error, and the next one tries again.
				opening.catch(() => {
					if (this.#directory === opening) this.#directory = undefined;
				});
			}
			return opening;
		}
		return this.#directory;
	}

	async #closeDirectory(): Promise<void> {
		const opened = this.#directory;
		this.#directory = undefined;
		try {
			await (await opened)?.close();
		} catch {
			// Opened only to be synced: an open that failed was seen there, and closing loses nothing.
		}
	}
}

/**
 * Makes what has been named, renamed or removed in a directory durable, by a sync that is shared with the commits at work
 * there. Rejects with the system's error.
 */
export async function syncNames({ fileSystem, clock }: CommitPorts, directory: string): Promise<DirectorySynced> {
	const commits = directoryCommits(fileSystem, clock, directory);
	commits.enter();
	try {
		return await commits.syncWithParents();
	} finally {
		await commits.leave();
	}
}

/** As {@link DirectoryCommits.syncWithParents}, holding the event loop, for renames that were made synchronously. */
export function syncDirectorySync(fileSystem: FileSystem, directory: string): DirectorySynced {
	try {
		fileSystem.sync.syncDirectory(directory);
	} catch (error) {
		if (isUnsupported(fileSystem, error)) return { directorySynced: false, directorySyncs: 0 };
		throw error;
	}
	try {
		return { directorySynced: true, directorySyncs: 1 + syncParentDirectoriesSync(fileSystem, directory) };
	} catch (error) {
		const impossible = isUnsupported(fileSystem, error) || FORBIDDEN.has(codeOf(error) ?? '');
		if (!impossible) throw error;
		return { directorySynced: false, directorySyncs: 1 };
	}
}

/** The commits at work in a directory, given by its real path; shared by all writers of the scope. */
export function directoryCommits(fileSystem: FileSystem, clock: Clock, path: string): DirectoryCommits {
	const all = sharedPart(fileSystem.scope, 'directory-commits', () => new Map<string, DirectoryCommits>());
	let commits = all.get(path);
	if (commits === undefined) {
		commits = new DirectoryCommits(fileSystem, clock, path, () => all.delete(path));
		all.set(path, commits);
	}
	return commits;
}
