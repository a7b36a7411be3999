/** The real port seen from outside, by strace: the order of its system calls, and each of them failing. Linux with strace only. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LIBRARY } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Saves, tells how it went, saves again. */
const script = `
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
const { writeJson } = await import(process.env.LIBRARY);
const [directory, file] = process.argv.slice(1);
const result = await writeJson(file, 'new').then(() => ({}), (error) => error);
const { code, step, outcome, cause } = result;
const state = { code, step, outcome, cause: cause?.code, value: readFileSync(file, 'utf8'), names: readdirSync(directory) };
writeFileSync(1, JSON.stringify(state) + '\\n');
// strace counts the calls of each thread apart, and a small call is made in this one or in the pool: in the other one the
// next call is the first again.
await writeJson(file, 'next').catch(() => writeJson(file, 'next'));
writeFileSync(1, readFileSync(file, 'utf8'));
`;

interface Traced {
	readonly status: number | null;
	readonly output: string[];
	readonly calls: string[];
}

/** One thread in the pool, so that the calls of a kind are counted in one place. */
function trace(calls: string, inject: readonly string[]): Traced {
	const log = directory.file('strace.log');
	const document = directory.file('data', 'a.json');
	const node = [process.execPath, '--input-type=module', '-e', script, directory.file('data'), document];
	const { status, stdout } = spawnSync('strace', ['-f', '-y', '-o', log, '-e', `trace=${calls}`, ...inject, ...node], {
		encoding: 'utf8',
		timeout: 60_000,
		env: { ...process.env, LIBRARY, UV_THREADPOOL_SIZE: '1' },
	});
	return { status, output: stdout.trim().split('\n'), calls: readFileSync(log, 'utf8').split('\n') };
}

function plantDocument(): void {
	spawnSync('mkdir', [directory.file('data')]);
	spawnSync('bash', ['-c', `echo '"old"' > ${directory.file('data', 'a.json')}`]);
}

const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
if (!canTrace) console.warn('strace is missing or not allowed: the system calls of the real port are not checked');

describe.runIf(canTrace)('the system calls of a save', () => {
	it('are fsync of the file, rename, fsync of the directory, and only then is it acknowledged', () => {
		plantDocument();
		const { status, calls } = trace('fsync,fdatasync,rename,renameat,renameat2,write', []);
		expect(status).toBe(0);
		const steps = calls.flatMap((line) => {
			if (/f(data)?sync\(\d+<[^>]*\.part>\)/.test(line)) return ['sync file'];
			if (/rename.*\.part".*a\.json"/.test(line)) return ['rename'];
			if (/fsync\(\d+<[^>]*\/data>\)/.test(line)) return ['sync directory'];
			return /write\(1<.*(\\"|")value|write\(1<.*next/.test(line) ? ['acknowledged'] : [];
		});
		const save = ['sync file', 'rename', 'sync directory', 'acknowledged'];
		// Directories above that are not known to be durable are synced at first use.
		expect(steps.filter((step, at) => step !== 'sync directory' || steps[at - 1] !== step)).toEqual([...save, ...save]);
	});

	it.each([
		['fsync', 'EIO', 1, 'sync', 'not_applied'],
		['fsync', 'ENOSPC', 1, 'sync', 'not_applied'],
		['fsync', 'EIO', 2, 'sync-directory', 'unknown'],
		['rename', 'EIO', 1, 'rename', 'not_applied'],
		['rename', 'EACCES', 1, 'rename', 'not_applied'],
		['pwrite64', 'ENOSPC', 1, 'write', 'not_applied'],
		['pwrite64', 'EFBIG', 1, 'write', 'not_applied'],
	])('%s that fails with %s (call %i) rejects, and the next save works', (call, errno, when, step, outcome) => {
		plantDocument();
		const { status, output } = trace(call, ['-e', `inject=${call}:error=${errno}:when=${when}`]);
		expect(status).toBe(0);
		const [told = '{}', next] = output;
		const state = JSON.parse(told) as Record<string, unknown>;
		expect(state).toMatchObject({ code: 'ERR_WRITE_FAILED', step, outcome, cause: errno, names: ['a.json'] });
		expect(state['value']).toBe(outcome === 'not_applied' ? '"old"\n' : '"new"\n');
		expect(next).toBe('"next"');
	});
});
