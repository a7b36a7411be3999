/** Every combination of what can stand at a document's path with what can lie beside it, and what becomes of each. */
import { backupPath, DOCUMENT, good, tempPath, torn } from './support.ts';

/** Versions tell where a document came from. */
const AT_DOCUMENT = 9;
export const TEMP = 10;
const OLDER_TEMP = 8;
export const BACKUP: readonly number[] = [0, 7, 6, 5];

export const documents: Readonly<Record<'missing' | 'good' | 'empty' | 'nul' | 'torn', string | undefined>> = {
	missing: undefined,
	good: good(AT_DOCUMENT),
	empty: '',
	nul: '\0'.repeat(40),
	torn: torn(AT_DOCUMENT),
};

type Files = Record<string, string>;

export const temps: Record<string, Files> = {
	none: {},
	complete: { [tempPath('ready')]: good(TEMP) },
	torn: { [tempPath('part')]: torn(TEMP) },
	several: {
		[tempPath('ready')]: good(TEMP),
		[tempPath('ready', 5)]: good(OLDER_TEMP),
		[tempPath('part', 1)]: torn(TEMP),
		[tempPath('part', 2)]: good(TEMP),
	},
	foreign: {
		'/data/.state.json.tmp': good(TEMP),
		'/data/state.json.tmp-4711': good(TEMP),
		'/data/state.json.1234': good(TEMP),
		'/data/.dj1kn-state.json': '',
		'/data/state.json.lock': '',
	},
	live: { [tempPath('ready')]: good(TEMP), [tempPath('part', 3)]: torn(TEMP) },
};

export const backups: Record<string, Files> = {
	none: {},
	good: { [backupPath(1)]: good(BACKUP[1] ?? 0) },
	torn: { [backupPath(1)]: torn(BACKUP[1] ?? 0) },
	older: { [backupPath(1)]: torn(BACKUP[1] ?? 0), [backupPath(2)]: good(BACKUP[2] ?? 0) },
	several: Object.fromEntries([1, 2, 3].map((number) => [backupPath(number), good(BACKUP[number] ?? 0)])),
};

/**
 * What the document is after `recover(file)`: `kept`, `absent`, `lost`, or the version that it was restored to. The columns are the
 * backups: none, good, torn, older, several.
 */
const expected: Record<string, readonly (string | number)[]> = {
	'missing none': ['absent', 7, 'lost', 6, 7],
	'missing complete': [TEMP, 7, TEMP, 6, 7],
	'missing torn': ['absent', 7, 'lost', 6, 7],
	'missing several': [TEMP, 7, TEMP, 6, 7],
	'missing foreign': ['absent', 7, 'lost', 6, 7],
	'missing live': ['absent', 7, 'lost', 6, 7],
	'good none': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good complete': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good torn': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good several': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good foreign': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'good live': ['kept', 'kept', 'kept', 'kept', 'kept'],
	'empty none': ['lost', 7, 'lost', 6, 7],
	'empty complete': [TEMP, 7, TEMP, 6, 7],
	'empty torn': ['lost', 7, 'lost', 6, 7],
	'empty several': [TEMP, 7, TEMP, 6, 7],
	'empty foreign': ['lost', 7, 'lost', 6, 7],
	'empty live': ['lost', 7, 'lost', 6, 7],
	'nul none': ['lost', 7, 'lost', 6, 7],
	'nul complete': [TEMP, 7, TEMP, 6, 7],
	'nul torn': ['lost', 7, 'lost', 6, 7],
	'nul several': [TEMP, 7, TEMP, 6, 7],
	'nul foreign': ['lost', 7, 'lost', 6, 7],
	'nul live': ['lost', 7, 'lost', 6, 7],
	'torn none': ['lost', 7, 'lost', 6, 7],
	'torn complete': [TEMP, 7, TEMP, 6, 7],
	'torn torn': ['lost', 7, 'lost', 6, 7],
	'torn several': [TEMP, 7, TEMP, 6, 7],
	'torn foreign': ['lost', 7, 'lost', 6, 7],
	'torn live': ['lost', 7, 'lost', 6, 7],
};

export interface Case {
	readonly document: keyof typeof documents;
	readonly temp: string;
	readonly backup: string;
	readonly result: string | number;
}

export const cases: Case[] = Object.entries(expected).flatMap(([row, results]) => {
	const [document = '', temp = ''] = row.split(' ');
	return Object.keys(backups).map((backup, index) => ({
		document: document as keyof typeof documents,
		temp,
		backup,
		result: results[index] ?? 'missing from the table',
	}));
});

export function filesOf({ document, temp, backup }: Case): Files {
	const content = documents[document];
	return { ...(content === undefined ? {} : { [DOCUMENT]: content }), ...temps[temp], ...backups[backup] };
}
