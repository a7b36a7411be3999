/**
 * A real file system that is shut down while a process saves: what was not on the medium is gone, as in a power cut. It is
 * mounted from an image, and shut down without its log being flushed (the ioctl FS_IOC_SHUTDOWN). Root on Linux only; a few
 * rounds, a hundred in `npm run test:crash`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { startChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const ROUNDS = process.env['MODE'] === 'crash' ? 100 : 5;

/** FS_IOC_SHUTDOWN with NOLOGFLUSH. */
const SHUTDOWN = `my $flags = pack("L", 2); open(F, "<", $ARGV[0]) or die; ioctl(F, 0x8004587d, $flags) or die "no shutdown: $!";`;

/** Saves of three documents, of which one is always the first save; each is told of when its promise has resolved. */
const naive = `import { renameSync, writeFileSync } from 'node:fs';
	const save = async (path, value) => {
		writeFileSync(path + '.tmp', JSON.stringify(value));
		renameSync(path + '.tmp', path);
	};`;
const durable = `const { writeJson: save } = await import(process.env.LIBRARY);`;
const saver = (writer: string): string => `
import { writeSync } from 'node:fs';
${writer}
const [directory] = process.argv.slice(1);
const text = 'x'.repeat(9000);
for (let version = 1; ; version++) {
	await Promise.all(['a', 'b', 'first' + version].map(async (name) => {
		await save(directory + '/' + name + '.json', { version, text, end: version });
		writeSync(1, name + ' ' + version + '\\n');
	}));
}`;

function sh(command: string, ...args: string[]): boolean {
	return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

const mountPoint = (): string => directory.file('mounted');

function mount(image: string): void {
	expect(sh('mount', '-o', 'loop', image, mountPoint()), `mount ${image}`).toBe(true);
}

function makeFileSystem(kind: string): string {
	const image = directory.file(`${kind}.img`);
	mkdirSync(mountPoint());
	sh('truncate', '-s', kind === 'ext4' ? '64M' : '320M', image);
	sh(`mkfs.${kind}`, '-q', image);
	return image;
}

function canShutDown(kind: string): boolean {
	const script = `set -e; d=$(mktemp -d); trap 'umount $d/m 2>/dev/null; rm -rf $d' EXIT; mkdir $d/m
		truncate -s 320M $d/i; mkfs.${kind} -q $d/i; mount -o loop $d/i $d/m; perl -e '${SHUTDOWN}' $d/m`;
	return process.platform === 'linux' && process.getuid?.() === 0 && sh('bash', '-c', script);
}

afterEach(() => {
	sh('umount', mountPoint());
});

/** @returns what was wrong after the cut */
async function cutOnce(image: string, writer: string): Promise<string[]> {
	mount(image);
	for (const name of readdirSync(mountPoint())) sh('rm', '-rf', `${mountPoint()}/${name}`);
	sh('sync');
	const child = startChild(saver(writer), [mountPoint()]);
	const closed = new Promise((resolve) => child.once('close', resolve));
	let output = '';
	await new Promise<void>((resolve) => {
		child.stdout?.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			if (output.length > 40) resolve();
		});
	});
	await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
	// What is told before the shutdown is promised; what comes after it is not looked at.
	const acknowledged = new Map<string, number>();
	for (const [, name = '', version] of output.matchAll(/^(\w+) (\d+)$/gm)) acknowledged.set(name, Number(version));
	expect(sh('perl', '-e', SHUTDOWN, mountPoint())).toBe(true);
	child.kill('SIGKILL');
	await closed;
	expect(sh('umount', mountPoint())).toBe(true);
	mount(image);
	const faults = faultsOf(mountPoint(), acknowledged);
	expect(sh('umount', mountPoint())).toBe(true);
	return faults;
}

function faultsOf(at: string, acknowledged: ReadonlyMap<string, number>): string[] {
	const faults: string[] = [];
	for (const [name, version] of acknowledged) {
		try {
			const text = readFileSync(`${at}/${name}.json`, 'utf8');
			const value = JSON.parse(text) as { version: number; end: number };
			if (value.end !== value.version || value.version < version)
				faults.push(`${name} is ${value.version} < ${version}`);
		} catch (error) {
			faults.push(`${name}: ${String(error)}`);
		}
	}
	return faults;
}

const kinds = ['ext4', 'xfs', 'btrfs'].filter(canShutDown);
if (kinds.length === 0) console.warn('no file system can be mounted and shut down here: real power cuts are not tried');

describe.runIf(kinds.length > 0)('a file system that is shut down while a process saves', () => {
	it.each(kinds)('%s holds every document that was acknowledged, whole', { timeout: 600_000 }, async (kind) => {
		const image = makeFileSystem(kind);
		const faults: string[] = [];
		for (let round = 0; round < ROUNDS; round++) faults.push(...(await cutOnce(image, durable)));
		expect(faults).toEqual([]);
	});

	it.each(kinds)('%s shows that writing and renaming without a sync loses data', { timeout: 600_000 }, async (kind) => {
		const image = makeFileSystem(kind);
		const faults: string[] = [];
		for (let round = 0; round < 5; round++) faults.push(...(await cutOnce(image, naive)));
		expect(faults.length).toBeGreaterThan(0);
	});
});
