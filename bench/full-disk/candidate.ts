/**
 * One candidate in a process of its own: saves a small document, then one that does not fit, then a small one again, and
 * tells what came of it.
 *
 *     node candidate.js <name> <file>
 */
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

type Save = (file: string, text: string) => Promise<unknown>;

const candidates: Record<string, () => Promise<Save>> = {
	'durable-json': async () => {
		const { writeFile: write } = await import('durable-json');
		return write;
	},
	'write-file-atomic': async () => {
		const { default: write } = await import('write-file-atomic');
		return write;
	},
	atomically: async () => {
		const { writeFile: write } = await import('atomically');
		return write;
	},
	steno: async () => {
		const { Writer } = await import('steno');
		return (file, text) => new Writer(file).write(text);
	},
	'fs.writeFile': async () => writeFile,
};

const [name = '', file = ''] = process.argv.slice(2);
const load = candidates[name];
if (load === undefined) throw new Error(`no candidate '${name}'`);
const save = await load();

await save(file, JSON.stringify('old'));
const large = JSON.stringify('x'.repeat(20_000_000));
const saved = await save(file, large).then(
	() => 'resolves',
	(error: { code?: string; cause?: { code?: string } }) => `rejects ${error.cause?.code ?? error.code}`,
);
const after = describe(file);
const litter = readdirSync(path.dirname(file)).filter((other) => other !== path.basename(file)).length;
const next = await save(file, JSON.stringify('next')).then(
	() => describe(file),
	(error: { code?: string }) => `rejects ${error.code}`,
);
console.log(JSON.stringify({ saved, after, litter, next }));

function describe(document: string): string {
	try {
		const value = JSON.parse(readFileSync(document, 'utf8')) as string;
		return value.length > 10 ? 'the new document' : `'${value}'`;
	} catch (error) {
		return error instanceof SyntaxError ? 'TRUNCATED' : 'MISSING';
	}
}
