/** Who holds the lock of a file, as far as Linux tells. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * An open-file-description lock belongs to no process, so /proc/locks does not name one. /proc/[pid]/fdinfo does: a lock is
 * listed with the descriptor that holds it (proc_pid_fdinfo(5)). Only processes whose files may be looked at are seen.
 */
export async function lockHolder(file: string): Promise<number | undefined> {
	if (process.platform !== 'linux') return undefined;
	const wanted = await identityOf(file);
	if (wanted === undefined) return undefined;
	const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
	for (const pid of processes) {
		for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
			const open = `/proc/${pid}/fd/${fd}`;
			// It may be open by a name that it had in its directory before; elsewhere nothing is touched.
			const name = await readlink(open).catch(() => '');
			if (path.dirname(name) !== path.dirname(file) || (await identityOf(open)) !== wanted) continue;
			const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
			if (/^lock:/m.test(info)) return Number(pid);
		}
	}
	return undefined;
}

/** @returns undefined for what is gone by now, or may not be looked at: it names no holder */
async function identityOf(file: string): Promise<string | undefined> {
	const found = await stat(file, { bigint: true }).catch(() => undefined);
	return found && `${found.dev}:${found.ino}`;
}
