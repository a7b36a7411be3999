/** Checks what users of the simulated disk and of the explorer pass. What is bad throws, naming argument and value. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { argumentOutOfRange, invalidArgument } from '../errors.ts';
import { asOptions, checkBoolean, checkFunction, checkInteger } from '../options.ts';
import type { CallName } from './disk-calls.ts';

const MAX = Number.MAX_SAFE_INTEGER;

const CALL_NAMES: Readonly<Record<CallName, true>> = {
	...{ open: true, write: true, read: true, sync: true, dataSync: true, truncate: true, fstat: true, chmod: true },
	...{ chown: true, tryLock: true, close: true, openDirectory: true, syncDirectory: true, closeDirectory: true },
	...{ stat: true, lstat: true, realpath: true, readlink: true, readdir: true, readFile: true, rename: true },
	...{ link: true, unlink: true, ensureDirectory: true },
};

/** The codes of this system's errors and of those that Node knows from others, such as EDQUOT and UNKNOWN. */
const ERROR_CODES: ReadonlySet<string> = new Set([
	...Object.keys(constants.errno),
	...Array.from(getSystemErrorMap().values(), ([code]) => code),
]);

/** What tells a disk, a clock and the rest from other objects: an instance of another copy of this package will do. */
const SIGNS = {
	'a SimulatedDisk': ['crashStates', 'peekFile'],
	'a ManualClock': ['advance', 'schedule'],
	'a History': ['submit', 'snapshot'],
	'a file system, such as a SimulatedDisk': ['open', 'rename'],
	'a promise': ['then'],
	'a clock': ['epochMs'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

type Given = Readonly<Record<string, unknown>>;

const given = (name: string, value: unknown): Given => asOptions<Given>(value, 'an object', name);

function hasSigns(expected: keyof typeof SIGNS, value: unknown): boolean {
	const members = Object(value) as Given;
	return SIGNS[expected].every((sign) => typeof members[sign] === 'function');
}

function checkSigns(name: string, expected: keyof typeof SIGNS, value: unknown): void {
	if (!hasSigns(expected, value)) throw invalidArgument(name, expected, value);
}

export function checkDisk(name: string, disk: unknown): void {
	checkSigns(name, 'a SimulatedDisk', disk);
}

export function checkPort(port: unknown): void {
	checkSigns('port', 'a file system, such as a SimulatedDisk', port);
}

export function checkDriven(run: unknown, stage: unknown): void {
	checkSigns('run', 'a promise', run);
	const { disk, clock } = given('stage', stage);
	checkDisk('stage.disk', disk);
	checkSigns('stage.clock', 'a ManualClock', clock);
}

/** The program that a scenario has begun. */
export function checkBegun(run: unknown): void {
	checkSigns('what scenario returns', 'a promise', run);
}

/** What a check has returned: one that says whether all is well, and is not asked, would pass whatever it sees. */
export function checkVerdict(returned: unknown): void {
	if (typeof returned === 'boolean') {
		throw invalidArgument('check', 'a function that throws where something is wrong, and returns nothing', returned);
	}
}

export function checkExploration(scenario: unknown, check: unknown, options: unknown): void {
	requireFunction('scenario', scenario);
	requireFunction('check', check);
	const { disk, start, at, onFailure, seed, statesMax, schedules, checksAtOnce } = given('options', options);
	if (disk !== undefined && start !== undefined) {
		throw invalidArgument('options.disk', 'left out where options.start has a disk', disk);
	}
	if (hasSigns('a SimulatedDisk', disk)) {
		throw invalidArgument('options.disk', 'how a disk behaves; a disk itself is the `disk` of options.start', disk);
	}
	if (disk !== undefined) checkDiskOptions(disk, 'options.disk');
	if (start !== undefined) checkStart(start);
	if (at !== undefined) checkCrashPoint(at);
	checkFunction('options.onFailure', onFailure);
	checkSeed('options.seed', seed);
	checkCount('options.statesMax', statesMax);
	checkCount('options.schedules', schedules);
	checkCount('options.checksAtOnce', checksAtOnce);
}

function checkStart(start: unknown): void {
	const { disk, history } = given('options.start', start);
	checkDisk('options.start.disk', disk);
	checkSigns('options.start.history', 'a History', history);
	if ((disk as Given)['crashed'] === true)
		throw invalidArgument('options.start.disk', 'a disk that has not crashed', disk);
}

function checkCrashPoint(at: unknown): void {
	const { schedule, call, side, state } = given('options.at', at);
	checkCount('options.at.schedule', schedule);
	if (call !== 'end') checkInteger('options.at.call', call, 1, MAX);
	if (side !== undefined) checkSide('options.at.side', side);
	if (state !== undefined && state !== 'process') checkInteger('options.at.state', state, 0, MAX);
}

function checkSide(name: string, side: unknown): void {
	if (side !== 'before' && side !== 'after') throw invalidArgument(name, "'before' or 'after'", side);
}

export function checkCrashAt(callNumber: unknown, side: unknown, carriedOut: number): void {
	checkInteger('callNumber', callNumber, carriedOut + 1, MAX);
	checkSide('side', side);
}

export function checkCrashStateOptions(options: unknown): void {
	const { statesMax, seed } = given('options', options);
	checkCount('options.statesMax', statesMax);
	checkSeed('options.seed', seed);
}

export function checkDiskOptions(options: unknown, at = 'options'): void {
	const { semantics = 'posix', umask, clock, nameBytesMax, ...others } = given(at, options);
	if (semantics !== 'posix' && semantics !== 'win32') {
		throw invalidArgument(`${at}.semantics`, "'posix' or 'win32'", semantics);
	}
	for (const name of ['seed', 'jitterSeed']) checkSeed(`${at}.${name}`, others[name]);
	for (const name of ['capacityBytes', 'fileSizeBytesMax', 'openFilesMax']) {
		if (others[name] !== undefined) checkBound(`${at}.${name}`, others[name]);
	}
	for (const name of ['ignoresCase', 'reusesFreedBlocks', 'locks']) {
		if (others[name] !== undefined) checkBoolean(`${at}.${name}`, others[name]);
	}
	checkCount(`${at}.nameBytesMax`, nameBytesMax);
	if (umask !== undefined) checkInteger(`${at}.umask`, umask, 0, 0o777);
	if (clock !== undefined) checkSigns(`${at}.clock`, 'a clock', clock);
}

export function checkPlanted(path: unknown, content: unknown, metadata: unknown): void {
	checkFilePath('path', path);
	if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
		throw invalidArgument('content', 'a string or a Uint8Array', content);
	}
	const { mode, uid, gid } = given('metadata', metadata);
	if (mode !== undefined) checkInteger('metadata.mode', mode, 0, 0o7777);
	if (uid !== undefined) checkInteger('metadata.uid', uid, 0, MAX);
	if (gid !== undefined) checkInteger('metadata.gid', gid, 0, MAX);
}

/** The simulated disk has no working directory. */
export function checkPath(name: string, path: unknown): void {
	if (typeof path !== 'string' || !path.startsWith('/')) {
		throw invalidArgument(name, "an absolute path, which begins with '/'", path);
	}
}

export function checkFilePath(name: string, path: unknown): void {
	checkPath(name, path);
	if (/\/\.{0,2}$/.test(path as string)) throw invalidArgument(name, 'the path of a file, not of a directory', path);
}

export function checkTarget(target: unknown): void {
	if (typeof target !== 'string' || target === '') throw invalidArgument('target', 'a path', target);
}

function checkCallName(name: unknown): void {
	if (typeof name !== 'string' || (name !== '*' && !Object.hasOwn(CALL_NAMES, name))) {
		throw invalidArgument('name', `'*' or one of ${Object.keys(CALL_NAMES).join(', ')}`, name);
	}
}

export function checkFault(name: unknown, fault: unknown): void {
	checkCallName(name);
	const { code, applied = false } = checkTiming('fault', fault);
	// Errors of Node itself have codes as well: ERR_ACCESS_DENIED.
	if (typeof code !== 'string' || !(ERROR_CODES.has(code) || code.startsWith('ERR_'))) {
		throw invalidArgument('fault.code', "the code of a system's error, such as 'EIO'", code);
	}
	checkBoolean('fault.applied', applied);
}

export function checkShortWrite(short: unknown): void {
	checkInteger('short.bytes', checkTiming('short', short)['bytes'], 0, MAX);
}

export function checkDelay(name: unknown, delay: unknown): void {
	checkCallName(name);
	checkInteger('delay.turns', checkTiming('delay', delay)['turns'], 0, MAX);
}

/** @returns the rest of what was given */
function checkTiming(name: string, timing: unknown): Given {
	const { nth, times, ...rest } = given(name, timing);
	checkCount(`${name}.nth`, nth);
	if (times !== Number.POSITIVE_INFINITY) checkCount(`${name}.times`, times);
	return rest;
}

export function checkVersion(path: unknown, content: unknown): void {
	checkFilePath('path', path);
	if (content !== undefined && typeof content !== 'string') {
		throw invalidArgument('content', 'the text of the document, or undefined where there is none', content);
	}
}

/** A number of bytes or files: 0 and more, up to Infinity. */
export function checkBound(name: string, value: unknown): void {
	if (typeof value !== 'number') throw invalidArgument(name, 'a number', value);
	if (!(value >= 0)) throw argumentOutOfRange(name, 'a number from 0 on', value);
}

/** A point in time or a duration, in milliseconds. */
export function checkMilliseconds(name: string, value: unknown, min: number = Number.NEGATIVE_INFINITY): void {
	if (typeof value !== 'number') throw invalidArgument(name, 'a number of milliseconds', value);
	if (!Number.isFinite(value) || value < min) {
		const expected = min === 0 ? 'a finite number of milliseconds from 0 on' : 'a finite number of milliseconds';
		throw argumentOutOfRange(name, expected, value);
	}
}

export function requireFunction(name: string, value: unknown): void {
	if (typeof value !== 'function') throw invalidArgument(name, 'a function', value);
}

function checkCount(name: string, value: unknown): void {
	if (value !== undefined) checkInteger(name, value, 1, MAX);
}

function checkSeed(name: string, seed: unknown): void {
	if (seed !== undefined) checkInteger(name, seed, -MAX, MAX);
}
