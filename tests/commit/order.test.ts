import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createWriter, openPendingFile } from '../../lib/index.ts';
import { RecordingFileSystem } from '../support/recording-file-system.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();

/** Expects the calls to have happened in this order, each ended before the next began; others may stand between. */
function expectOrder(recording: RecordingFileSystem, ...steps: { name: string; path: string | RegExp }[]): void {
	let from = 0;
	for (const step of steps) {
		const matches = (call: (typeof recording.calls)[number]): boolean =>
			call.name === step.name && (typeof step.path === 'string' ? call.path === step.path : step.path.test(call.path));
		const begun = recording.calls.findIndex((call, i) => i >= from && matches(call));
		const ended = recording.calls.findIndex((call, i) => i >= Math.max(begun, 0) && matches(call) && call.at === 'end');
		expect(begun, `${step.name} after call ${from} of\n${recording.ended.join('\n')}`).toBeGreaterThanOrEqual(0);
		from = ended + 1;
	}
}

const temp = /\.dj1nl-[0-9a-z]{15}-[0-9a-f]{16}-a\.json\.(part|ready)$/;

describe('the order on the real disk', () => {
	it('is write < sync(temp) < rename < sync(directory) < acknowledgement', async () => {
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		for (let i = 0; i < 3; i++) {
			recording.calls.length = 0;
			await writer.write(directory.file('a.json'), i);
			recording.note('acknowledged');
			expectOrder(
				recording,
				{ name: 'open', path: temp },
				{ name: 'write', path: temp },
				{ name: 'sync', path: temp },
				{ name: 'rename', path: temp },
				{ name: 'syncDirectory', path: directory.path },
				{ name: 'acknowledged', path: '' },
			);
		}
	});

	it('is the same for a pending file, with the permissions set before the sync', async () => {
		const recording = new RecordingFileSystem();
		const pending = await openPendingFile(directory.file('a.json'), { fileSystem: recording.fileSystem, mode: 0o640 });
		await pending.write('[1');
		await pending.write(']');
		await pending.commit();
		recording.note('acknowledged');
		expectOrder(
			recording,
			{ name: 'open', path: temp },
			{ name: 'write', path: temp },
			{ name: 'write', path: temp },
			{ name: 'chmod', path: temp },
			{ name: 'sync', path: temp },
			{ name: 'rename', path: temp },
			{ name: 'syncDirectory', path: directory.path },
			{ name: 'acknowledged', path: '' },
		);
	});

	it('syncs the parent of every directory that was made, outermost first, before the acknowledgement', async () => {
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		await writer.write(directory.file('x', 'y', 'a.json'), 1);
		recording.note('acknowledged');
		expectOrder(
			recording,
			{ name: 'ensureDirectory', path: directory.file('x', 'y') },
			{ name: 'rename', path: temp },
			{ name: 'syncDirectory', path: directory.path },
			{ name: 'syncDirectory', path: directory.file('x') },
			{ name: 'acknowledged', path: '' },
		);
		recording.calls.length = 0;
		await writer.write(directory.file('x', 'y', 'a.json'), 2);
		expect(recording.count('syncDirectory')).toBe(1);
	});

	it('marks a document as complete before its first rename, never before its sync', async () => {
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		await writer.write(directory.file('a.json'), 1);
		expectOrder(
			recording,
			{ name: 'sync', path: /\.part$/ },
			{ name: 'rename', path: /\.part$/ },
			{ name: 'rename', path: /\.ready$/ },
		);
		recording.calls.length = 0;
		await writer.write(directory.file('a.json'), 2);
		expect(recording.count('rename')).toBe(1);
		await writer.remove(directory.file('a.json'));
		recording.calls.length = 0;
		await writer.write(directory.file('a.json'), 3, { durability: 'none' });
		expect(recording.count('rename')).toBe(1);
		expect(recording.count('sync')).toBe(0);
	});

	it('shares directory syncs among commits that arrive together', async () => {
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		const files = Array.from({ length: 200 }, (_, i) => directory.file(`${i}.json`));
		await Promise.all(files.map((file) => writer.write(file, 'x'.repeat(20_000))));
		expect(recording.count('rename')).toBe(400);
		expect(writer.stats().directorySyncs).toBe(recording.count('syncDirectory'));
		expect(recording.count('syncDirectory')).toBeLessThan(100);
	});

	it('covers each rename by a directory sync that began after it', async () => {
		const recording = new RecordingFileSystem();
		const writer = createWriter({ fileSystem: recording.fileSystem, recovery: 'off' });
		const files = Array.from({ length: 30 }, (_, i) => directory.file(`${i}.json`));
		await Promise.all(
			files.map(async (file, i) => {
				await new Promise((resolve) => setTimeout(resolve, i * 2));
				await writer.write(file, i);
				recording.note('acknowledged', file);
			}),
		);
		for (const file of files) {
			const renamed = recording.calls.findIndex(({ name, to, at }) => name === 'rename' && to === file && at === 'end');
			const acknowledged = recording.calls.findIndex(({ name, path: at }) => name === 'acknowledged' && at === file);
			const begun = recording.calls.findIndex(
				({ name, at }, i) => i > renamed && name === 'syncDirectory' && at === 'start',
			);
			const ended = recording.calls.findIndex(
				({ name, at }, i) => i > begun && name === 'syncDirectory' && at === 'end',
			);
			expect(renamed).toBeGreaterThanOrEqual(0);
			expect(begun).toBeGreaterThan(renamed);
			expect(ended).toBeGreaterThan(begun);
			expect(acknowledged).toBeGreaterThan(ended);
		}
	});
});

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace) console.log('skipped: the order seen from outside (strace is not installed)');

describe.skipIf(!hasStrace)('the order seen from outside', () => {
	it('is the same in the system calls of a process', () => {
		const library = pathToFileURL(path.resolve('dist/index.js')).href;
		const script = `
			import { writeSync } from 'node:fs';
			import { writeJson } from ${JSON.stringify(library)};
			for (let i = 0; i < 3; i++) {
				await writeJson(process.argv[1], i);
				writeSync(1, 'ACK' + i);
			}
			process.exit();`;
		const trace = directory.file('trace');
		const { status, stderr } = spawnSync(
			'strace',
			[
				'-f',
				'-y',
				'-o',
				trace,
				'-e',
				'trace=pwrite64,write,fsync,rename',
				process.execPath,
				'--input-type=module',
				'-e',
				script,
				directory.file('a.json'),
			],
			{ encoding: 'utf8' },
		);
		expect(status, stderr).toBe(0);
		const calls = spawnSync('cat', [trace], { encoding: 'utf8' }).stdout.split('\n');
		let at = 0;
		for (let i = 0; i < 3; i++) {
			for (const pattern of [
				/write64\(\d+<.*\.dj1nl-.*\.part>/,
				/fsync\(\d+<.*\.dj1nl-.*\.part>/,
				// strace ends a line where another thread makes a call meanwhile.
				/rename\(".*\.dj1nl-.*", ".*a\.json"/,
				new RegExp(`fsync\\(\\d+<${directory.path}>`),
				new RegExp(`write\\(1<.*ACK${i}`),
			]) {
				const found = calls.findIndex((line, index) => index >= at && pattern.test(line));
				expect(found, `${pattern} after line ${at} of\n${calls.join('\n')}`).toBeGreaterThanOrEqual(0);
				at = found + 1;
			}
		}
	});
});
