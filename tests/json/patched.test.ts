/** What user code changes on built-in objects is seen, as JSON.stringify sees it. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createJsonSource } from '../../lib/json/json-source.ts';
import { drainSync } from './support.ts';

const index = new URL('../../dist/index.js', import.meta.url).href;

/** What a process that runs `patch` before it loads the library writes, and what JSON.stringify gives there. */
function written(patch: string, value: string): { ours: string; native: string } {
	const script = `
		${patch}
		const { stringifyChunks } = await import(${JSON.stringify(index)});
		const value = ${value};
		let ours = '';
		for await (const chunk of stringifyChunks(value)) ours += Buffer.from(chunk);
		console.log(JSON.stringify([ours, JSON.stringify(value)].map((text) => text.slice(0, 100))));
	`;
	const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
	if (stdout === '') throw new Error(stderr);
	const [ours = '', native = ''] = JSON.parse(stdout) as string[];
	return { ours, native };
}

describe('what was replaced before the library was loaded', () => {
	it.each([
		['Date.prototype.toJSON', "Date.prototype.toJSON = function () { return 'patched'; };", 'new Date(0)'],
		['Date.prototype.toISOString', "Date.prototype.toISOString = () => 'patched';", 'new Date(0)'],
		['Buffer.prototype.toJSON', "Buffer.prototype.toJSON = () => 'patched';", "Buffer.from('a')"],
	])('%s', (_name, patch, value) => {
		const { ours, native } = written(patch, value);
		expect(native).toContain('patched');
		expect(ours).toBe(native);
	});
});

describe('what is replaced while a value is written', () => {
	it('a toJSON of arrays, by a getter among numbers', () => {
		const numbers = Array.from({ length: 20 }, (_, i) => i + Math.PI * 1e-7);
		Object.defineProperty(numbers, 10, {
			get() {
				Object.defineProperty(Array.prototype, 'toJSON', { configurable: true, value: () => 'patched' });
				return 0.123456789;
			},
		});
		try {
			const ours = drainSync(createJsonSource([numbers], { finalNewline: false })).toString();
			Reflect.deleteProperty(Array.prototype, 'toJSON');
			expect(JSON.parse(ours)).toHaveLength(1);
			expect(ours).toBe(JSON.stringify([numbers]));
		} finally {
			Reflect.deleteProperty(Array.prototype, 'toJSON');
		}
	});

	it("a typed array's own length, which is not enumerable", () => {
		const numbers = new Uint8Array(5000);
		Object.defineProperty(numbers, 'length', { value: 6000, configurable: true });
		const ours = drainSync(createJsonSource(numbers, { finalNewline: false })).toString();
		expect(ours).toBe(JSON.stringify(numbers));
	});
});
