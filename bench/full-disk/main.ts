/**
 * What each candidate does when the disk is full or the file-size limit is hit, side by side.
 *
 *     npm run bench:full-disk
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const candidate = fileURLToPath(new URL('./candidate.js', import.meta.url));
const names = ['durable-json', 'write-file-atomic', 'atomically', 'steno', 'fs.writeFile'];

interface Fault {
	readonly name: string;
	/** Shell commands that leave a directory `$d/disk` on a disk where 20 MB do not fit. */
	readonly prepare: string;
	/** And those that run in the candidate's own process first. */
	readonly prelude: string;
	readonly cleanup: string;
}

const faults: Fault[] = [
	{ name: 'ulimit -f (4 MiB)', prepare: 'mkdir "$d/disk"', prelude: 'ulimit -f 4096', cleanup: ':' },
	{
		name: 'full tmpfs (8 MiB)',
		prepare:
			'mkdir "$d/mnt" && mount -t tmpfs -o size=8m none "$d/mnt" && mkdir "$d/mnt/disk" && ln -s mnt/disk "$d/disk"',
		prelude: ':',
		cleanup: 'umount "$d/mnt"',
	},
	{
		name: 'full ext4 (12 MiB)',
		prepare:
			'truncate -s 12M "$d/image" && mkfs.ext4 -q -m 0 "$d/image" && mkdir "$d/mnt" && mount -o loop "$d/image" "$d/mnt" ' +
			'&& mkdir "$d/mnt/disk" && ln -s mnt/disk "$d/disk"',
		prelude: ':',
		cleanup: 'umount "$d/mnt"',
	},
];

for (const fault of faults) {
	const rows = names.map((name) => ({ candidate: name, ...run(fault, name) }));
	console.log(`\n${fault.name}: a document of 20 MB over one that holds 'old'`);
	console.table(rows);
}

function run(fault: Fault, name: string): Record<string, unknown> {
	const directory = mkdtempSync(path.join(tmpdir(), 'durable-json-bench-'));
	const shell = (script: string, ...args: string[]): ReturnType<typeof spawnSync> =>
		spawnSync('bash', ['-c', script, ...args], { encoding: 'utf8', env: { ...process.env, d: directory } });
	try {
		if (shell(fault.prepare).status !== 0) return { saved: 'could not be set up here (mounting needs root)' };
		const file = path.join(directory, 'disk', 'state.json');
		const child = shell(`${fault.prelude}; exec "$0" "$@"`, process.execPath, candidate, name, file);
		if (child.status !== 0) return { saved: `the process DIES (${child.signal ?? `exit ${child.status}`})` };
		return JSON.parse(String(child.stdout)) as Record<string, unknown>;
	} finally {
		shell(fault.cleanup);
		rmSync(directory, { recursive: true, force: true });
	}
}
