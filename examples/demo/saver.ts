/** The child of scenes (c) and (d): saves one version after the other and tells its parent what was acknowledged. */
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWriter } from 'durable-json';
import { createDocument, type Message, type Mode } from './versions.ts';

const SWEEP_WITHIN_MS = 2000;

const [mode, path, firstVersion, saves] = process.argv.slice(2) as [Mode, string, string, string];

const send = (message: Message): void => {
	process.send?.(message);
};

const writer = createWriter();
const save = {
	durable: (document: object): Promise<unknown> => writer.write(path, document),
	plain: (document: object): Promise<unknown> => writeFile(path, JSON.stringify(document)),
}[mode];

const leftovers = companions();
let swept: Promise<void> | undefined;
send({ kind: 'ready' });
for (let version = Number(firstVersion); version < Number(firstVersion) + Number(saves); version++) {
	await save(createDocument(version));
	send({ kind: 'acknowledged', version });
	// The first commit into a directory clears what dead writers left there, in the background.
	swept ??= watchSweep();
}
await swept;
process.disconnect();

async function watchSweep(): Promise<void> {
	const deadlineMs = performance.now() + SWEEP_WITHIN_MS;
	while (companions().some((name) => leftovers.includes(name))) {
		if (performance.now() > deadlineMs) return;
		await sleep(5);
	}
	send({ kind: 'swept', leftovers: leftovers.length });
}

function companions(): string[] {
	return readdirSync(dirname(path)).filter((name) => name !== basename(path));
}
