import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { LIBRARY, runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Saves a small document, then one that does not fit by each kind of write, then a small one again. */
const script = `
import { readdirSync } from 'node:fs';
const { createWriteStream, readJson, writeFile, writeJson, writeJsonLines } = await import(process.env.LIBRARY);
const [file] = process.argv.slice(1);
const results = [];
await writeJson(file, 'old');
const text = 'x'.repeat(20e6);
const streamed = () => new Promise((resolve, reject) => {
	createWriteStream(file).on('finish', resolve).on('error', reject).end(text);
});
for (const write of [
	() => writeJson(file, { text }),
	() => writeJsonLines(file, Array.from({ length: 20_000 }, () => text.slice(0, 1000))),
	() => writeFile(file, text),
	streamed,
]) {
	const error = await write().then(() => ({}), (error) => error);
	const { code, step, outcome, cause } = error;
	results.push({ code, step, outcome, cause: cause?.code, names: readdirSync(process.argv[2]), value: await readJson(file) });
}
await writeJson(file, 'next');
console.log(JSON.stringify({ results, next: await readJson(file) }));
`;

function expectHarmless(stdout: string, cause: string): void {
	const { results, next } = JSON.parse(stdout) as { results: Record<string, unknown>[]; next: unknown };
	expect(results).toHaveLength(4);
	for (const result of results) {
		expect(result).toEqual({
			code: 'ERR_WRITE_FAILED',
			step: 'write',
			outcome: 'not_applied',
			cause,
			names: ['a.json'],
			value: 'old',
		});
	}
	expect(next).toBe('next');
}

describe('when the disk is full or a limit is hit', () => {
	it('rejects at the file-size limit, keeps the document, leaves nothing, and goes on', () => {
		const args = [directory.file('a.json'), directory.path];
		const { stdout, stderr, status } = runChild(script, args, { prelude: 'ulimit -f 4096' });
		expect(status, stderr).toBe(0);
		expectHarmless(stdout, 'EFBIG');
	});

	const image = (): string => directory.file('image');
	const canMount =
		process.getuid?.() === 0 &&
		spawnSync('bash', [
			'-c',
			'd=$(mktemp -d) && mount -t tmpfs -o size=1m none "$d" && umount "$d"; r=$?; rmdir "$d"; exit $r',
		]).status === 0;
	if (!canMount) console.log('skipped: a really full disk (mounting needs root)');

	it.skipIf(!canMount).each(['tmpfs', 'ext4'])('does the same on a full %s', (type) => {
		const mounted = directory.file('mounted');
		const prepare =
			type === 'tmpfs'
				? `mkdir ${mounted} && mount -t tmpfs -o size=8m none ${mounted}`
				: `truncate -s 12M ${image()} && mkfs.ext4 -q -m 0 ${image()} && mkdir ${mounted} && mount -o loop ${image()} ${mounted}`;
		expect(spawnSync('bash', ['-c', prepare]).status).toBe(0);
		try {
			expect(spawnSync('mkdir', [`${mounted}/d`]).status).toBe(0);
			const { stdout, stderr, status } = runChild(script, [`${mounted}/d/a.json`, `${mounted}/d`]);
			expect(status, stderr).toBe(0);
			expectHarmless(stdout, 'ENOSPC');
		} finally {
			spawnSync('umount', [mounted]);
		}
	});

	it('rejects with EMFILE when no file can be opened, and works again when one can', () => {
		const { stdout, stderr, status } = runChild(
			`
			import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
			const { writeJson } = await import(process.env.LIBRARY);
			const [file, directory] = process.argv.slice(1);
			await writeJson(file, 'old');
			const open = [];
			try {
				for (;;) open.push(openSync(file));
			} catch {}
			const error = await writeJson(file, 'new').catch((error) => error);
			for (const fd of open) closeSync(fd);
			const after = readFileSync(file, 'utf8');
			await writeJson(file, 'next');
			const { code, step, outcome, cause } = error;
			console.log(JSON.stringify({ code, step, outcome, cause: cause.code, after, names: readdirSync(directory) }));
			`,
			[directory.file('a.json'), directory.path],
			{ prelude: 'ulimit -n 100' },
		);
		expect(status, stderr).toBe(0);
		expect(JSON.parse(stdout)).toEqual({
			code: 'ERR_WRITE_FAILED',
			step: 'open',
			outcome: 'not_applied',
			cause: 'EMFILE',
			after: '"old"\n',
			names: ['a.json'],
		});
	});

	it.skipIf(process.platform === 'win32')('rejects with EACCES without permission', () => {
		const asNobody = process.getuid?.() === 0 ? 'process.setgid(65534); process.setuid(65534);' : '';
		const { stdout, stderr, status } = runChild(
			`
			import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
			const { writeJson } = await import(${JSON.stringify(LIBRARY)});
			const locked = process.argv[1] + '/locked';
			mkdirSync(locked);
			chmodSync(process.argv[1], 0o755);
			chmodSync(locked, 0o555);
			${asNobody}
			const { code, step, outcome, cause } = await writeJson(locked + '/a.json', 1).catch((error) => error);
			console.log(JSON.stringify({ code, step, outcome, cause: cause.code, names: readdirSync(locked) }));
			`,
			[directory.path],
		);
		expect(status, stderr).toBe(0);
		expect(JSON.parse(stdout)).toEqual({
			code: 'ERR_WRITE_FAILED',
			step: 'open',
			outcome: 'not_applied',
			cause: 'EACCES',
			names: [],
		});
	});
});
