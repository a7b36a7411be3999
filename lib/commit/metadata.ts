/** Owner and permissions: of a new document, and of one that are carried over to its successor. */
import { codeOf } from '../errors.ts';
import type { Awaitable, FileStat, OpenFile, OpenFileSync } from '../ports/file-system.ts';

/** Nobody but the owner gets in until the document's own permissions are set. */
export const PRIVATE_MODE = 0o600;
export const DEFAULT_MODE = 0o666;

/** What a file system without owners or permissions answers, or one that does not let this user set them. */
const NOT_PRESERVABLE = new Set(['EPERM', 'EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'ERR_ACCESS_DENIED']);

/**
 * What the file is created with. A new document that nobody gave a mode gets what the umask leaves, which only the kernel
 * can tell: reading the umask means setting it, for every thread of the process. A document that lets in its group as far
 * as everybody hides nothing from the group that the file may have at first: its permissions need not be set later.
 */
export function firstPermissions(existing: FileStat | undefined, mode: number | undefined): number {
	if (existing === undefined) return mode === undefined ? DEFAULT_MODE : PRIVATE_MODE;
	const { mode: kept } = existing;
	const groupIsEverybody = ((kept >> 3) & 0o7) === (kept & 0o7);
	return groupIsEverybody ? (kept & 0o777) | PRIVATE_MODE : PRIVATE_MODE;
}

/**
 * Gives a new file the owner, group and permissions of the document that it replaces, as far as the platform allows.
 * @param created what the new file has now
 */
export function keepMetadata(file: OpenFile, created: FileStat, existing: FileStat): Awaitable<unknown> {
	if (existing.uid !== created.uid || existing.gid !== created.gid) return keepForeign(file, created, existing);
	return existing.mode === created.mode ? undefined : preserved(() => file.chmod(existing.mode));
}

async function keepForeign(file: OpenFile, created: FileStat, { uid, gid, mode }: FileStat): Promise<void> {
	let allowed = mode;
	if (!(await preserved(() => file.chown(uid, gid)))) {
		const groupKept = gid === created.gid || (await preserved(() => file.chown(created.uid, gid)));
		// What a file lets its owner and group do must not go to another owner or group: set-user-ID, group access.
		allowed &= groupKept ? 0o777 : 0o707;
	}
	// chown(2) clears set-user-ID and the like, so the permissions come last.
	await preserved(() => file.chmod(allowed));
}

/** {@link keepMetadata}, holding the event loop. */
export function keepMetadataSync(file: OpenFileSync, created: FileStat, existing: FileStat): void {
	const { uid, gid } = existing;
	const foreign = uid !== created.uid || gid !== created.gid;
	let { mode } = existing;
	if (foreign && !preservedSync(() => file.chown(uid, gid))) {
		mode &= gid === created.gid || preservedSync(() => file.chown(created.uid, gid)) ? 0o777 : 0o707;
	}
	if (foreign || mode !== created.mode) preservedSync(() => file.chmod(mode));
}

function preservedSync(change: () => void): boolean {
	try {
		change();
		return true;
	} catch (error) {
		if (NOT_PRESERVABLE.has(codeOf(error) ?? '')) return false;
		throw error;
	}
}

/** @returns false where the platform cannot keep it. */
async function preserved(change: () => Awaitable<void>): Promise<boolean> {
	try {
		await change();
		return true;
	} catch (error) {
		if (NOT_PRESERVABLE.has(codeOf(error) ?? '')) return false;
		throw error;
	}
}
