/** Who holds the lock of a file, as far as Linux tells. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/**
 * An open-file-description lock belongs to no process, so /proc/locks does not name one. /proc/[pid]/fdinfo does: a lock is
 * listed with the descriptor that holds it (proc_pid_fdinfo(5)). Only processes whose files may be looked at are seen.
 */
export async function lockHolder(path: string): Promise<number | undefined> {
	if (process.platform !== 'linux') return undefined;
	const processes = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
	for (const pid of processes) {
		for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
			const file = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => undefined);
			if (file !== path) continue;
			const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8').catch(() => '');
			if (/^lock:/m.test(info)) return Number(pid);
		}
	}
	return undefined;
}
