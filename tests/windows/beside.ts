/** Programs that run beside a test, in processes of their own: `node beside.js <program> <arguments>`. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createWriter, openJournal, openPendingFile, readJson, recover, withLock } from 'durable-json';

/** What a reader has met. */
export interface Met {
	readonly opened: number;
	readonly missing: number;
	readonly refused: number;
	readonly torn: number;
}

let finishing = false;
process.on('message', () => {
	finishing = true;
	process.disconnect();
});

/** Written when it returns: what was said before the process is killed counts. */
function say(line: string): void {
	fs.writeSync(1, `${line}\n`);
}

interface Version {
	readonly version: number;
	readonly text: string;
	readonly end: number;
}

function versionOf(version: number): Version {
	return { version, text: 'x'.repeat(Math.floor(Math.random() ** 3 * 200_000)), end: version };
}

/** Waits without giving the event loop back: timers of Windows know steps of 16 ms. */
function spin(milliseconds: number): void {
	const untilMs = performance.now() + milliseconds;
	while (performance.now() < untilMs) {}
}

const programs: Record<string, (file: string, ...args: string[]) => Promise<void>> = {
	/** Recovers, and then saves one version after the other; says each that it was told is durable. */
	async save(file) {
		say('begin');
		await recover(file);
		say('recovered');
		let { version } = await readJson<Version>(file, { fallback: { version: 0, text: '', end: 0 } });
		const writer = createWriter();
		while (!finishing) {
			version += 1;
			await writer.write(file, versionOf(version), { backups: 2 });
			say(String(version));
		}
		await writer.close();
	},

	/** Adds one to a counter that other processes add to as well; says each sum that it was told is durable. */
	async count(file) {
		say('begin');
		const writer = createWriter({ lock: 'file' });
		while (!finishing) {
			const { sum } = await writer.update<{ sum: number }>(file, (value) => ({ sum: value.sum + 1 }), {
				initial: { sum: 0 },
			});
			say(String(sum));
		}
		await writer.close();
	},

	/** Appends 1, 2, 3, ... to a journal, with checkpoints; says each that it was told is durable. */
	async append(file) {
		say('begin');
		const journal = await openJournal<readonly number[], number>(file, {
			initial: [],
			apply: (list, entry) => [...list, entry],
			checkpoint: { maxEntries: 10 },
		});
		while (!finishing) {
			const { sequence } = await journal.append(journal.state.length + 1);
			say(String(sequence));
		}
		await journal.close();
	},

	/** Takes the lock of a document, and keeps it. */
	async lock(file) {
		await withLock(file, async () => {
			say('locked');
			while (!finishing) await pause(10);
		});
	},

	/** Writes half a document, and waits. */
	async pending(file) {
		const pending = await openPendingFile(file);
		await pending.write('{"half":');
		say('open');
		while (!finishing) await pause(10);
		await pending.discard();
	},

	/** Opens the file again and again, as a virus scanner does; says at the end what it has met. */
	async read(file, openMs = '', pauseMs = '') {
		const met = { opened: 0, missing: 0, refused: 0, torn: 0 };
		say('reading');
		while (!finishing) {
			readOnce(file, Number(openMs), met);
			await pause(Number(pauseMs));
		}
		say(JSON.stringify(met));
	},

	/** Opens whatever is in the directory of the file, one after the other. */
	async scan(file) {
		const directory = path.dirname(file);
		let opened = 0;
		say('reading');
		while (!finishing) {
			for (const name of fs.readdirSync(directory)) {
				if (openFor(path.join(directory, name), 1)) opened += 1;
				await new Promise(setImmediate);
			}
		}
		say(JSON.stringify({ opened, missing: 0, refused: 0, torn: 0 }));
	},

	/** Reads the document with readJson, without a pause. */
	async readJson(file) {
		const met = { opened: 0, missing: 0, refused: 0, torn: 0 };
		say('reading');
		while (!finishing) {
			try {
				const { version, end } = await readJson<Version>(file);
				met.opened += 1;
				if (version !== end) met.torn += 1;
			} catch (error) {
				met.refused += 1;
				if (met.refused === 1) console.error(error);
			}
		}
		say(JSON.stringify(met));
	},

	/** Writes when the process ends, in the exit handler alone. */
	async exit(file) {
		const writer = createWriter();
		process.once('exit', () => writer.flushSync());
		writer.schedule(file, { saved: 1 });
		writer.schedule(file, { saved: 2 });
		process.exit();
	},
};

/** @returns false where it was gone, or in nobody else's reach */
function openFor(file: string, openMs: number): boolean {
	try {
		const descriptor = fs.openSync(file, 'r');
		spin(openMs);
		fs.closeSync(descriptor);
		return true;
	} catch {
		return false;
	}
}

function readOnce(file: string, openMs: number, met: { -readonly [count in keyof Met]: number }): void {
	let descriptor: number;
	try {
		descriptor = fs.openSync(file, 'r');
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') met.missing += 1;
		else met.refused += 1;
		return;
	}
	met.opened += 1;
	try {
		const { version, end } = JSON.parse(fs.readFileSync(descriptor, 'utf8')) as Version;
		if (version !== end) met.torn += 1;
	} catch {
		met.torn += 1;
	}
	spin(openMs);
	fs.closeSync(descriptor);
}

const [name = '', file = '', ...args] = process.argv.slice(2);
const program = programs[name];
if (program === undefined) throw new Error(`there is no program '${name}'`);
await program(file, ...args);
if (process.connected) process.disconnect();
