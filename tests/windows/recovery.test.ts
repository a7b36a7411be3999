/** Recovery and backups on Windows, and processes that are killed there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createWriter, readJson, recover, writeJson } from 'durable-json';
import { hold, startBeside, useDirectory } from './support.ts';

const directory = useDirectory();

const TEMPORARY = /\.(part|ready|aside)$/;

const LIFE = '-00mhz5xk4000001-0123456789abcdef-';

interface Version {
	readonly version: number;
	readonly end: number;
}

describe('a process that is killed at a random moment, 15 times', () => {
	it('leaves a whole document, not older than acknowledged, and no litter after the next recovery', {
		timeout: 120_000,
	}, async () => {
		const file = directory.file('state.json');
		let acknowledged = 0;
		for (let round = 0; round < 15; round++) {
			const saver = startBeside('save', file);
			await saver.said(round % 3 === 0 ? 'begin' : 'recovered');
			await pause(Math.random() * 60);
			await saver.kill();
			acknowledged = Math.max(acknowledged, ...saver.lines.map(Number).filter(Number.isInteger));
			const report = await recover(file);
			assert.deepEqual(report.failures, []);
			const { version, end } = await readJson<Version>(file, { fallback: { version: 0, end: 0 } });
			assert.equal(end, version);
			assert.ok(version >= acknowledged && version <= acknowledged + 1, `${version} after ${acknowledged}`);
			assert.deepEqual(
				fs.readdirSync(directory.path).filter((name) => TEMPORARY.test(name)),
				[],
			);
			acknowledged = version;
		}
		assert.ok(acknowledged > 0);
	});
});

describe('recover', () => {
	it('leaves the temporary file of a live process, and removes that of a dead one', async () => {
		const file = directory.file('state.json');
		await writeJson(file, 'old');
		const live = startBeside('pending', file);
		await live.said('open');
		const report = await recover(file);
		assert.deepEqual(report.failures, []);
		assert.equal(report.livenessBy, 'lock');
		assert.deepEqual(
			report.documents[0]?.files.map(({ kind, liveness, action }) => ({ kind, liveness, action })),
			[{ kind: 'part', liveness: 'live', action: 'kept' }],
		);
		await live.kill();
		await recover(file);
		directory.assertOnly('state.json');
	});

	it('takes nothing from writers that are at work beside it', { timeout: 120_000 }, async () => {
		const file = directory.file('state.json');
		const savers = [startBeside('save', file), startBeside('save', directory.file('other.json'))];
		await Promise.all(savers.map((saver) => saver.said('3')));
		for (let round = 0; round < 30; round++) {
			const report = await recover(directory.path);
			assert.deepEqual(report.failures, []);
			assert.deepEqual(
				report.documents.filter(({ outcome }) => outcome !== 'kept'),
				[],
			);
		}
		for (const saver of savers) {
			const last = Number(await saver.finish());
			assert.ok(last > 3, 'the saver ended before it was asked to');
		}
	});

	it('restores a torn document from its backup, and keeps the torn one', async () => {
		const file = directory.file('state.json');
		for (const count of [1, 2]) await writeJson(file, { count }, { backups: 2 });
		fs.writeFileSync(file, '{"count":');
		assert.deepEqual(await readJson(file), { count: 1 });
		const { documents } = await recover(file);
		assert.equal(documents[0]?.outcome, 'restored');
		assert.deepEqual(directory.json('state.json'), { count: 1 });
		assert.equal(fs.readFileSync(documents[0]?.quarantined ?? '', 'utf8'), '{"count":');
	});

	it('puts back a document that a killed writer had moved aside', async () => {
		fs.writeFileSync(directory.file(`.dj1nl${LIFE}state.json.aside`), '"old"');
		assert.equal(await readJson(directory.file('state.json')), 'old');
		await recover(directory.path);
		assert.equal(directory.json('state.json'), 'old');
		directory.assertOnly('state.json');
	});

	it('knows state.json.tmp and state.json.bak', async () => {
		const file = directory.file('state.json');
		fs.writeFileSync(directory.file('state.json.tmp'), '{"half":');
		fs.writeFileSync(directory.file('state.json.bak'), '"good"');
		await recover(file);
		assert.equal(directory.json('state.json'), 'good');
		directory.assertOnly('state.json');
	});

	it('reports a file that its holder shares with nobody, and goes on with the others', async () => {
		await writeJson(directory.file('good.json'), 1);
		fs.writeFileSync(directory.file('bad.json'), '');
		fs.writeFileSync(directory.file('bad.json.bak'), '"restored"');
		fs.writeFileSync(directory.file('held.json'), '');
		fs.writeFileSync(directory.file('held.json.bak'), '"restored"');
		const release = hold(directory.file('held.json'), 'nothing');
		const report = await recover(directory.path);
		release();
		assert.deepEqual(
			report.failures.map((failure) => failure.path),
			[directory.file('held.json')],
		);
		assert.equal(directory.json('bad.json'), 'restored');
		await recover(directory.path);
		assert.equal(directory.json('held.json'), 'restored');
	});

	it('is a command, and so is verify', () => {
		const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
		const run = (...args: string[]): { status: number | null; stdout: string } =>
			spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
		fs.writeFileSync(directory.file('a.json'), '');
		fs.writeFileSync(directory.file('a.json.bak'), '{"good":true}');
		assert.equal(run('verify', directory.file('a.json')).status, 1);
		const { status, stdout } = run('recover', directory.path, '--json');
		assert.equal(status, 0);
		assert.equal((JSON.parse(stdout) as { documents: { outcome: string }[] }).documents[0]?.outcome, 'restored');
		assert.equal(run('verify', directory.file('a.json')).status, 0);
		assert.equal(run('verify').status, 2);
	});
});

describe('backups', () => {
	it('are the last generations, newest first, while others read the document', async () => {
		const file = directory.file('state.json');
		const writer = createWriter();
		await writer.write(file, 0);
		const reader = startBeside('read', file, '1', '4');
		await reader.said('reading');
		for (let value = 1; value <= 30; value++) await writer.write(file, value, { backups: 3 });
		await reader.finish();
		await writer.close();
		directory.assertOnly('state.json', ...[1, 2, 3].map((number) => `.dj1bn-00${number}-state.json`));
		for (const number of [1, 2, 3]) assert.equal(directory.json(`.dj1bn-00${number}-state.json`), 30 - number);
	});

	it('answer for a document that is missing', async () => {
		const file = directory.file('state.json');
		for (const value of [1, 2]) await writeJson(file, value, { backups: 1 });
		fs.unlinkSync(file);
		let reason = '';
		const value = await readJson(file, { onFallback: (fallback) => (reason = fallback.reason) });
		assert.deepEqual([value, reason], [1, 'backup']);
	});
});
