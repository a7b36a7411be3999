/** A journal whose state is the list of its entries. */
import { expect, onTestFinished } from 'vitest';
import { type Journal, type JournalOptions, openJournal } from '../../lib/index.ts';

export type List = readonly unknown[];
export type Options = Partial<JournalOptions<List, unknown>>;

export const apply = (list: List, entry: unknown): List => [...list, entry];

/** It is closed when the test ends. */
export async function openList(at: string | URL, options: Options = {}): Promise<Journal<List, unknown>> {
	const journal = await openJournal<List, unknown>(at, { initial: [], apply, ...options });
	onTestFinished(() => journal.close());
	return journal;
}

export async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
	const items: T[] = [];
	for await (const item of iterable) items.push(item);
	return items;
}

export const coded = (code: string, more: object = {}): unknown => expect.objectContaining({ code, ...more });
