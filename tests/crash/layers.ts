/**
 * The layers beside the plain write, each as a program over a port of one's choice, and what must hold after any crash of it:
 * for honest ports, and for those of `mutants/`, which must be caught.
 */
import { expect } from 'vitest';
import {
	createWriter,
	type DurableJsonError,
	debounce,
	openJsonFile,
	openPendingFile,
	type PendingFile,
	recover,
} from '../../lib/index.ts';
import type { SimulatedDisk } from '../../lib/testing/simulated-disk.ts';
import { backupPath, DOCUMENT, good, torn } from '../recover/support.ts';
import { PassingPort } from '../support/passing-port.ts';
import type { Check, ExploreOptions, Scenario } from '../support/simulation.ts';
import { type MakePort, textOf, track, version } from './scenarios.ts';

export type Prepare = (disk: SimulatedDisk) => void;

export interface Layer {
	scenario(makePort: MakePort, prepare: Prepare): Scenario;
	readonly check: Check;
	readonly options?: ExploreOptions;
}

const kept: Check = ({ disk, history }) => history.check(disk);

/** Values that an exit handler writes: in place of others, and in directories that it makes. */
const flushSync: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock, history } = stage;
		disk.plantDirectory('/data');
		prepare(disk);
		const strategy = debounce({ waitMs: 1000 });
		const writer = createWriter({ fileSystem: makePort(disk), clock, strategy, onError: () => {} });
		for (const number of [1, 2, 3]) {
			const acknowledgements = ['/data/a.json', '/data/x/new/deep/b.json'].map((path) => {
				writer.schedule(path, version(number));
				return history.submit(path, textOf(version(number)));
			});
			try {
				writer.flushSync();
				for (const acknowledge of acknowledgements) acknowledge();
			} catch {
				// Nothing was promised.
			}
		}
		await writer.close().catch(() => {});
	},
	check: kept,
};

const METADATA = { mode: 0o640, uid: 7, gid: 8 };

/** Documents that have an owner and permissions, or are to have them, by both halves of the port. */
const metadata: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock } = stage;
		for (const path of ['/data/a.json', '/data/b.json']) disk.plantFile(path, textOf(version(0)), METADATA);
		prepare(disk);
		const writer = createWriter({ fileSystem: makePort(disk), clock, onError: () => {} });
		await writer.write('/data/a.json', version(1)).catch(() => {});
		await writer.write('/data/new.json', 1, { mode: 0o604 }).catch(() => {});
		writer.schedule('/data/b.json', version(1));
		try {
			writer.flushSync();
		} catch {
			// It stands as before.
		}
		await writer.close().catch(() => {});
	},
	async check({ disk }) {
		for (const path of ['/data/a.json', '/data/b.json']) {
			expect(await disk.stat(path), `mode and owner of ${path}`).toMatchObject(METADATA);
		}
		const made = await disk.lstat('/data/new.json');
		if (made !== undefined) expect(made.mode, 'mode of /data/new.json').toBe(0o604);
	},
};

const OLD = textOf({ version: 1, name: 'a' });
const NEW = textOf({ version: 2, names: ['a'] });

/** A document that another program wrote without any sync is migrated: what took its place never stands without it. */
function migration(links: boolean): Layer {
	return {
		scenario: (makePort, prepare) => async (stage) => {
			const { disk, fs, clock, history } = stage;
			disk.plantDirectory('/data');
			await fs.writeFile(DOCUMENT, OLD);
			prepare(disk);
			if (!links) disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY });
			const acknowledge = history.submit(DOCUMENT, NEW);
			const file = await openJsonFile(DOCUMENT, {
				...{ fileSystem: makePort(disk), clock, version: 2 },
				migrate: (old) => ({ version: 2, names: [(old as { name: string }).name] }),
			}).catch(() => undefined);
			if (file !== undefined) acknowledge();
			await file?.close();
		},
		check({ disk, history }) {
			if (!history.allowed(DOCUMENT).includes(undefined)) history.check(disk);
			// Of the old one a power cut may leave anything, until it has been made durable.
			if (disk.peekFile(DOCUMENT)?.includes('"version":2') !== true) return;
			expect(disk.peekFile(DOCUMENT)?.toString(), 'the new generation').toBe(NEW);
			expect(disk.peekFile(backupPath(1))?.toString(), 'the old generation').toBe(OLD);
		},
	};
}

/** Saves with backups that are links, or copies: each generation that is kept is a whole one. */
function backups(links: boolean): Layer {
	return {
		scenario: (makePort, prepare) => async (stage) => {
			const { disk, clock } = stage;
			disk.plantDirectory('/data');
			prepare(disk);
			if (!links) disk.fail('link', { code: 'EPERM', times: Number.POSITIVE_INFINITY });
			const writer = createWriter({ fileSystem: makePort(disk), clock });
			const program = { ...stage, failures: [] };
			for (const number of [1, 2, 3, 4]) {
				const value = version(number);
				await track(program, DOCUMENT, textOf(value), () => writer.write(DOCUMENT, value, { backups: 2 }));
			}
			await writer.close();
		},
		check({ disk }) {
			const whole = [1, 2, 3, 4].map((number) => textOf(version(number)));
			for (const path of [backupPath(1), backupPath(2), backupPath(3)]) {
				const text = disk.peekFile(path)?.toString();
				if (text !== undefined) expect(whole, 'a generation is torn').toContain(text);
			}
		},
	};
}

/** Files that stand there when recovery begins, none of them synced, and the document that is to come of them. */
function recovery(leave: Record<string, string>, links = true): Layer {
	return {
		scenario: (makePort, prepare) => async (stage) => {
			const { disk, fs, clock, history } = stage;
			disk.plantDirectory('/data');
			for (const [path, text] of Object.entries(leave)) await fs.writeFile(path, text);
			prepare(disk);
			if (!links) disk.fail('link', { code: 'ENOTSUP', times: Number.POSITIVE_INFINITY });
			const acknowledge = history.submit(DOCUMENT, good(1));
			const report = await recover(DOCUMENT, { fileSystem: makePort(disk), clock }).catch(() => undefined);
			if (report?.documents[0]?.outcome === 'restored') acknowledge();
		},
		check({ disk, history }) {
			// Until it is restored, what stood there may be anything, as nobody has synced it.
			const isOfRecovery = disk.peekFile(DOCUMENT)?.includes('"version":1') === true;
			if (isOfRecovery || !history.allowed(DOCUMENT).includes(undefined)) history.check(disk);
		},
	};
}

/** A disk may refuse to sync it; nothing else may come between. */
async function commitUnlessRefused(file: PendingFile, acknowledge: () => void): Promise<void> {
	await file.commit().then(acknowledge, (error: DurableJsonError) => {
		if (error.step !== 'sync' && error.step !== 'sync-directory') throw error;
	});
}

/** A recovery while another process is between two writes of the document. */
const recoveryBesideWriter: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock, history } = stage;
		disk.plantDirectory('/data');
		prepare(disk);
		const acknowledge = history.submit(DOCUMENT, 'written all along');
		const file = await openPendingFile(DOCUMENT, { fileSystem: new PassingPort(disk, {}), clock });
		await file.write('written ');
		await recover('/', { fileSystem: makePort(disk, {}), clock, recursive: true });
		await file.write('all along');
		await commitUnlessRefused(file, acknowledge);
	},
	check: kept,
};

/** A document is removed in the caller's stack while another process writes it. */
const removalBesideWriter: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock, history } = stage;
		disk.plantFile(DOCUMENT, good(1));
		history.begin(DOCUMENT, good(1));
		prepare(disk);
		history.submit(DOCUMENT, undefined);
		const acknowledge = history.submit(DOCUMENT, 'written all along');
		const file = await openPendingFile(DOCUMENT, { fileSystem: new PassingPort(disk, {}), clock });
		await file.write('written ');
		const writer = createWriter({ fileSystem: makePort(disk, {}), clock });
		const removed = writer.remove(DOCUMENT);
		try {
			writer.flushSync();
		} catch {
			// It is there still, or is not.
		}
		await removed.catch(() => {});
		await file.write('all along');
		await commitUnlessRefused(file, acknowledge);
		await writer.close();
	},
	check: kept,
};

/** Saves of several documents of one directory, some of which come while it is being synced for others. */
const sharedSyncs: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock } = stage;
		disk.plantDirectory('/data');
		disk.slow('syncDirectory', { turns: 25, times: Number.POSITIVE_INFINITY });
		prepare(disk);
		const writer = createWriter({ fileSystem: makePort(disk), clock });
		const program = { ...stage, failures: [] };
		const save = async (name: string, turns: number): Promise<void> => {
			for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
			const path = `/data/${name}.json`;
			for (const number of [1, 2]) {
				await track(program, path, textOf(version(number)), () => writer.write(path, version(number)));
			}
		};
		await Promise.all([save('a', 0), save('b', 15), save('c', 70)]);
		await writer.close();
	},
	check: kept,
	options: { statesMax: 64 },
};

/** Bytes, of which no recovery can see that they are torn: their file may be called complete only when it is. */
const firstSaveOfBytes: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock } = stage;
		disk.plantDirectory('/data');
		prepare(disk);
		const writer = createWriter({ fileSystem: makePort(disk), clock });
		await track({ ...stage, failures: [] }, '/data/a.bin', 'bytes', () => writer.writeFile('/data/a.bin', 'bytes'));
		await writer.close();
	},
	async check({ disk, clock, history }) {
		history.check(disk);
		await recover('/', { fileSystem: disk, clock, recursive: true });
		history.check(disk);
	},
};

/** A document below directories of which none holds another. */
const parents: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock } = stage;
		disk.plantDirectory('/data');
		prepare(disk);
		const writer = createWriter({ fileSystem: makePort(disk), clock });
		const path = '/data/p/q/r/a.json';
		await track({ ...stage, failures: [] }, path, textOf(1), () => writer.write(path, 1));
		await writer.close();
	},
	check: kept,
};

/** Updates, each of which builds on the one before. */
const updates: Layer = {
	scenario: (makePort, prepare) => async (stage) => {
		const { disk, clock, history } = stage;
		disk.plantDirectory('/data');
		prepare(disk);
		const writer = createWriter({ fileSystem: makePort(disk), clock });
		const add = async (): Promise<void> => {
			let acknowledge = (): void => undefined;
			const adding = writer.update(DOCUMENT, (found: unknown) => {
				const next = { count: ((found as { count: number } | undefined)?.count ?? 0) + 1 };
				acknowledge = history.submit(DOCUMENT, textOf(next));
				return next;
			});
			await adding.then(() => acknowledge()).catch(() => {});
		};
		await add();
		await Promise.all([add(), add()]);
		await add();
		await writer.close();
	},
	check: kept,
};

export type LayerName =
	| 'updates'
	| 'flushSync'
	| 'modes and owners'
	| 'shared directory syncs'
	| 'directories made on the way'
	| 'a first save of bytes, recovered'
	| 'backups that are links'
	| 'backups that are copies'
	| 'migration of what nobody has synced'
	| 'migration of what nobody has synced, by copy'
	| 'recovery of a .tmp that nobody has synced'
	| 'recovery without links'
	| 'recovery from a backup'
	| 'recovery beside a writer'
	| 'removal beside a writer';

export const layers: Readonly<Record<LayerName, Layer>> = {
	updates,
	flushSync,
	'modes and owners': metadata,
	'shared directory syncs': sharedSyncs,
	'directories made on the way': parents,
	'a first save of bytes, recovered': firstSaveOfBytes,
	'backups that are links': backups(true),
	'backups that are copies': backups(false),
	'migration of what nobody has synced': migration(true),
	'migration of what nobody has synced, by copy': migration(false),
	'recovery of a .tmp that nobody has synced': recovery({ [`${DOCUMENT}.tmp`]: good(1) }),
	'recovery without links': recovery({ [`${DOCUMENT}.tmp`]: good(1) }, false),
	'recovery from a backup': recovery({ [DOCUMENT]: torn(2), [backupPath(1)]: good(1) }),
	'recovery beside a writer': recoveryBesideWriter,
	'removal beside a writer': removalBesideWriter,
};
