/**
 * A real file system that is cut off while a process saves: what was not on the medium is gone, as in a power cut. It is
 * mounted from an image, and shut down without its log being flushed (the ioctl FS_IOC_SHUTDOWN). One that has no such call is
 * mounted from an image on an ext4 that is shut down: its disk loses what it was not told to flush. Root on Linux only; a
 * few rounds, a hundred in `npm run test:crash`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
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
const disk = (): string => directory.file('disk');

function mount(image: string, at: string): void {
	retried('mount', '-o', 'loop', image, at);
}

function unmount(at: string): void {
	retried('umount', at);
}

/** Another test may be faster at taking a loop device, and whatever looks at all mounts keeps one busy for a moment. */
function retried(command: string, ...args: string[]): void {
	const run = () => spawnSync(command, args, { encoding: 'utf8' });
	let result = run();
	for (let attempt = 1; attempt < 20 && result.status !== 0; attempt++) {
		spawnSync('sleep', ['0.1']);
		result = run();
	}
	expect(result.status, `${command} ${args.join(' ')}: ${result.stderr}`).toBe(0);
}

function makeImage(kind: string, image: string, size: string): void {
	expect(sh('truncate', '-s', size, image) && sh(`mkfs.${kind}`, '-q', image), `mkfs.${kind}`).toBe(true);
}

/** A file system that can lose its power, and what has it again. */
interface Medium {
	mount(): void;
	cut(): void;
	unmount(): void;
}

/** It is shut down itself. */
function shutDown(kind: string): Medium {
	const image = directory.file(`${kind}.img`);
	mkdirSync(mountPoint());
	makeImage(kind, image, kind === 'ext4' ? '64M' : '320M');
	return {
		mount: () => mount(image, mountPoint()),
		cut: () => expect(sh('perl', '-e', SHUTDOWN, mountPoint())).toBe(true),
		unmount: () => unmount(mountPoint()),
	};
}

/** Its disk is: an image on another file system. */
function onDiskThatIsShutDown(kind: string): Medium {
	const outer = directory.file('disk.img');
	const image = path.join(disk(), `${kind}.img`);
	mkdirSync(mountPoint());
	mkdirSync(disk());
	makeImage('ext4', outer, '400M');
	mount(outer, disk());
	makeImage(kind, image, '320M');
	unmount(disk());
	return {
		mount: () => {
			mount(outer, disk());
			mount(image, mountPoint());
		},
		cut: () => expect(sh('perl', '-e', SHUTDOWN, disk())).toBe(true),
		unmount: () => {
			unmount(mountPoint());
			unmount(disk());
		},
	};
}

/** Undefined where it can be had; else what is missing. */
function missing(kind: string, how: 'mounted' | 'shut down'): string | undefined {
	if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'root on Linux';
	if (!sh('bash', '-c', `command -v mkfs.${kind}`)) return `mkfs.${kind}`;
	const script = `set -e; d=$(mktemp -d); trap 'umount $d/m 2>/dev/null; rm -rf $d' EXIT; mkdir $d/m
		truncate -s 320M $d/i; mkfs.${kind} -q $d/i; mount -o loop $d/i $d/m
		${how === 'shut down' ? `perl -e '${SHUTDOWN}' $d/m` : ':'}`;
	return sh('bash', '-c', script) ? undefined : `a ${kind} that can be ${how}`;
}

/** How each kind of file system is cut off here. */
const media = new Map<string, (kind: string) => Medium>();
for (const kind of ['ext4', 'xfs', 'btrfs']) {
	const reason = missing(kind, 'mounted');
	if (reason !== undefined) console.warn(`no real power cuts on ${kind}: there is no ${reason} here`);
	else if (missing(kind, 'shut down') === undefined) media.set(kind, shutDown);
	else if (media.get('ext4') === shutDown) media.set(kind, onDiskThatIsShutDown);
	else console.warn(`no real power cuts on ${kind}: neither it nor an ext4 below it can be shut down here`);
}
const kinds = [...media.keys()];

function mediumOf(kind: string): Medium {
	const make = media.get(kind);
	if (make === undefined) throw new Error(`there is no ${kind}`);
	return make(kind);
}

afterEach(() => {
	sh('umount', mountPoint());
	sh('umount', disk());
});

/** @returns what was wrong after the cut */
async function cutOnce(medium: Medium, writer: string): Promise<string[]> {
	medium.mount();
	for (const name of readdirSync(mountPoint())) sh('rm', '-rf', `${mountPoint()}/${name}`);
	sh('sync');
	const child = startChild(saver(writer), [mountPoint()]);
	const closed = new Promise((resolve) => child.once('close', resolve));
	let output = '';
	const saving = new Promise<void>((resolve) => {
		child.stdout?.on('data', (chunk: Buffer) => {
			output += chunk.toString();
			if (output.length > 40) resolve();
		});
	});
	await Promise.race([saving, closed]);
	expect(output.length, 'what the process told before it ended').toBeGreaterThan(40);
	await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
	// What is told before the shutdown is promised; what comes after it is not looked at.
	const acknowledged = new Map<string, number>();
	for (const [, name = '', version] of output.matchAll(/^(\w+) (\d+)$/gm)) acknowledged.set(name, Number(version));
	medium.cut();
	child.kill('SIGKILL');
	await closed;
	medium.unmount();
	medium.mount();
	const faults = faultsOf(mountPoint(), acknowledged);
	medium.unmount();
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

describe.runIf(kinds.length > 0)('a file system that is cut off while a process saves', () => {
	it.each(kinds)('%s holds every document that was acknowledged, whole', { timeout: 600_000 }, async (kind) => {
		const medium = mediumOf(kind);
		const faults: string[] = [];
		for (let round = 0; round < ROUNDS; round++) faults.push(...(await cutOnce(medium, durable)));
		expect(faults).toEqual([]);
	});

	it.each(kinds)('%s shows that writing and renaming without a sync loses data', { timeout: 600_000 }, async (kind) => {
		const medium = mediumOf(kind);
		const faults: string[] = [];
		for (let round = 0; round < 5; round++) faults.push(...(await cutOnce(medium, naive)));
		expect(faults.length).toBeGreaterThan(0);
	});
});
