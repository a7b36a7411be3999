/** The durable entries of an open journal, read from its file. */
import { argumentOutOfRange, DurableJsonError } from '../errors.ts';
import type { JournalLog } from './journal-log.ts';
import { closeQuietly, readGroups } from './read-file.ts';
import { JournalScanner } from './scanner.ts';
import type { JournalEntry } from './types.ts';

/**
 * Reads those that are there when the reading begins, in bounded memory.
 *
 * @param from the sequence to begin with. Default: the first in the file
 * @param toEntry validates an entry as JSON gives it back. Undefined where any is taken.
 * @throws RangeError where `from` is part of a checkpoint; DurableJsonError ERR_READ_FAILED, ERR_CORRUPT, or of `toEntry`.
 */
export async function* readEntries<Entry>(
	log: JournalLog,
	path: string,
	from: number | undefined,
	toEntry: ((raw: unknown, place: string) => Promise<Entry>) | undefined,
): AsyncGenerator<JournalEntry<Entry>, void, undefined> {
	const { file, base, end } = await log.openToRead();
	try {
		const first = from ?? base.sequence + 1;
		if (first <= base.sequence) {
			throw argumentOutOfRange('from', `at least ${base.sequence + 1}: what is before is in the checkpoint`, from);
		}
		const scanner = new JournalScanner(path, { from: base });
		for await (const groups of readGroups(file, path, scanner, base.offset, end.offset)) {
			for (const group of groups) {
				for (const [index, raw] of group.entries.entries()) {
					const sequence = group.sequence + index;
					if (sequence < first) continue;
					const entry = toEntry === undefined ? (raw as Entry) : await toEntry(raw, `, entry ${sequence}`);
					yield { sequence, entry };
				}
			}
		}
		assertWhole(path, scanner.end(), end.sequence);
	} finally {
		await closeQuietly(file, path);
	}
}

/** All that is durable must have been read: somebody else may have written to the file. */
function assertWhole(
	path: string,
	read: { readonly offset: number; readonly sequence: number },
	sequence: number,
): void {
	const { offset } = read;
	if (read.sequence === sequence) return;
	const message = `${path} is corrupt at byte ${offset}: entry ${read.sequence + 1} is not whole any more`;
	throw new DurableJsonError('ERR_CORRUPT', message, { path, step: 'parse', offset });
}
