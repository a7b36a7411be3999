/**
 * Backups: the last generations of a document that were good, by their numbers.
 *
 * Before the new document takes the name, the numbers are shifted and the document that stands gets the first one as a
 * second name (link(2)), so that there is a document at every moment. A crash in between leaves a gap in the numbers, or the
 * document under both names: the next rotation begins there.
 */
import path from 'node:path';
import { recoverChannel } from '../diagnostics.ts';
import { codeOf } from '../errors.ts';
import type { JsonFormat } from '../json/validator.ts';
import type { FileStat, FileSystem } from '../ports/file-system.ts';
import { sharedPart } from '../shared-state.ts';
import { type Condition, formatOf, judgeFile } from './condition.ts';
import { giveName, NO_LINKS } from './copy-file.ts';
import { syncNames } from './directory-sync.ts';
import { fingerprint } from './fingerprint.ts';
import { formatBackupName, parseKeptName } from './kept-name.ts';
import { syncFile } from './read-only.ts';
import { belongsTo } from './spelling.ts';
import type { Target } from './target.ts';
import { type CommitPorts, removeIfPresent, removeIfPresentSync } from './temp-file.ts';

/** Documents remembered as good; one that is forgotten is read once more. */
const MAX_REMEMBERED = 10_000;

function goodDocuments(fileSystem: FileSystem): Map<string, string> {
	return sharedPart(fileSystem.scope, 'good-documents', () => new Map<string, string>());
}

/** This process wrote the document, or has read it, and it is whole. */
export function rememberGood(fileSystem: FileSystem, key: string, stat: FileStat): void {
	const good = goodDocuments(fileSystem);
	good.delete(key);
	good.set(key, fingerprint(stat));
	if (good.size <= MAX_REMEMBERED) return;
	const [oldest] = good.keys();
	if (oldest !== undefined) good.delete(oldest);
}

/** Does the content that is written make a whole document of this name? Of bytes that is not known. */
export function isWhole(name: string, content: JsonFormat | undefined): boolean {
	return content !== undefined && formatOf(name) === content;
}

/** `unknown`: it has to be read to tell. */
function goodness(fileSystem: FileSystem, { key, name }: Target, stat: FileStat): 'good' | 'empty' | 'unknown' {
	if (goodDocuments(fileSystem).get(key) === fingerprint(stat)) return 'good';
	const format = formatOf(name);
	if (format !== undefined) return 'unknown';
	// Of what is not JSON by its name nothing more is known.
	return stat.sizeBytes > 0 ? 'good' : 'empty';
}

/**
 * Keeps the document that stands as the newest backup, where it is good, and no more than `count` of them. Does nothing where
 * none stands. One that has failed half-way can be called again.
 */
export async function keepBackup(ports: CommitPorts, target: Target, count: number): Promise<void> {
	const { fileSystem } = ports;
	const stat = await fileSystem.lstat(target.file);
	if (stat?.kind !== 'file') return;
	const condition = await conditionOf(fileSystem, target, stat);
	if (condition !== 'good') {
		skipped(target, condition);
		return;
	}
	const standing: (FileStat | undefined)[] = [];
	for (let number = 1; number <= count; number++) {
		standing.push(await fileSystem.lstat(backupPath(target, number)));
		if (standing.at(-1) === undefined) break;
	}
	if (standing[0]?.identity !== stat.identity) {
		for (const { from, to } of shifts(standing, count)) {
			await shift(fileSystem, backupPath(target, from), to === undefined ? undefined : backupPath(target, to));
		}
		await giveName(ports, target, stat, backupPath(target, 1));
	}
	for (let number = count + 1; (await fileSystem.lstat(backupPath(target, number))) !== undefined; number++) {
		await shift(fileSystem, backupPath(target, number), undefined);
	}
}

/**
 * {@link keepBackup}, durably: until the document that stands is kept, none may take its place. It has been read, and is
 * good. Rejects with the system's error.
 */
export async function keepBackupDurably(ports: CommitPorts, target: Target, count: number): Promise<void> {
	const { file, key, directory, existing } = target;
	if (existing === undefined) return;
	rememberGood(ports.fileSystem, key, existing);
	await keepBackup(ports, target, count);
	await syncFile(ports.fileSystem, file);
	await syncNames(ports, directory);
}

/**
 * {@link keepBackup}, holding the event loop. A document that would have to be read first, or copied, is not kept: an exit
 * handler has no time for that.
 */
export function keepBackupSync({ fileSystem }: CommitPorts, target: Target, count: number): void {
	const { sync } = fileSystem;
	const stat = sync.lstat(target.file);
	if (stat?.kind !== 'file') return;
	const known = goodness(fileSystem, target, stat);
	if (known !== 'good') {
		skipped(target, known);
		return;
	}
	const standing: (FileStat | undefined)[] = [];
	for (let number = 1; number <= count && (number === 1 || standing.at(-1) !== undefined); number++) {
		standing.push(sync.lstat(backupPath(target, number)));
	}
	if (standing[0]?.identity === stat.identity) return;
	for (const { from, to } of shifts(standing, count)) {
		if (to === undefined) removeIfPresentSync(sync, backupPath(target, from));
		else sync.rename(backupPath(target, from), backupPath(target, to));
	}
	try {
		sync.link(target.file, backupPath(target, 1));
	} catch (error) {
		if (!NO_LINKS.has(codeOf(error) ?? '')) throw error;
		skipped(target, 'unknown');
		return;
	}
	for (let number = count + 1; sync.lstat(backupPath(target, number)) !== undefined; number++) {
		removeIfPresentSync(sync, backupPath(target, number));
	}
}

/** Removes the backups of a document and its quarantined ones. @returns how many. */
export async function removeKept(fileSystem: FileSystem, { directory, name }: Target): Promise<number> {
	const kept = (await fileSystem.readdir(directory)).filter((file) => isKeptFor(fileSystem, directory, file, name));
	for (const file of kept) await removeIfPresent(fileSystem, path.join(directory, file));
	return kept.length;
}

/** {@link removeKept}, holding the event loop. */
export function removeKeptSync(fileSystem: FileSystem, { directory, name }: Target): void {
	const { sync } = fileSystem;
	for (const file of sync.readdir(directory)) {
		if (isKeptFor(fileSystem, directory, file, name)) removeIfPresentSync(sync, path.join(directory, file));
	}
}

/** The paths of a document's backups, newest first. */
export async function listBackups(fileSystem: FileSystem, directory: string, document: string): Promise<string[]> {
	return (await fileSystem.readdir(directory))
		.filter((file) => parseKeptName(file)?.kind === 'backup' && isKeptFor(fileSystem, directory, file, document))
		.sort()
		.map((file) => path.join(directory, file));
}

function isKeptFor(fileSystem: FileSystem, directory: string, file: string, document: string): boolean {
	const kept = parseKeptName(file);
	return kept !== undefined && belongsTo(fileSystem, directory, file, kept, document);
}

function backupPath({ directory, name }: Target, number: number): string {
	return path.join(directory, formatBackupName(name, number));
}

async function conditionOf(fileSystem: FileSystem, target: Target, stat: FileStat): Promise<Condition> {
	const known = goodness(fileSystem, target, stat);
	if (known !== 'unknown') return known;
	const judged = await judgeFile(fileSystem, target.file, formatOf(target.name) ?? 'json');
	if (judged.condition === 'good') rememberGood(fileSystem, target.key, judged.stat);
	return judged.condition;
}

/**
 * What makes the first number free: from the end, up to the first gap. The oldest takes the number after the last until the
 * document has the first one, so that none is given up for one that cannot be made. Where two numbers are names of one file,
 * rename(2) would do nothing: one of them goes.
 */
function shifts(standing: readonly (FileStat | undefined)[], count: number): { from: number; to?: number }[] {
	const gap = standing.indexOf(undefined);
	const steps: { from: number; to?: number }[] = [];
	for (let from = gap === -1 ? count : gap; from >= 1; from--) {
		const twins = from < count && standing[from - 1]?.identity === standing[from]?.identity;
		steps.push(twins ? { from } : { from, to: from + 1 });
	}
	return steps;
}

/** Gives a backup another number, or removes it. Another process may shift the same numbers. */
async function shift(fileSystem: FileSystem, from: string, to: string | undefined): Promise<void> {
	try {
		if (to === undefined) await fileSystem.unlink(from);
		else await fileSystem.rename(from, to);
	} catch (error) {
		if (codeOf(error) !== 'ENOENT') throw error;
	}
}

function skipped({ file }: Target, condition: string): void {
	recoverChannel.publish({ path: file, action: 'backup-skipped', condition });
}
