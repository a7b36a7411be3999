/**
 * Values that can be read only once: streams, generators and other iterators.
 *
 * Nothing of the caller's runs here: they are told by their kind, and a proxy is never touched.
 */
import { Readable } from 'node:stream';
import { types } from 'node:util';

/** Can the value be written later as well as now? */
export function isRereadable(value: unknown): boolean {
	if (typeof value !== 'object' || value === null || types.isProxy(value)) return true;
	return !types.isGeneratorObject(value) && !(Symbol.asyncIterator in value);
}

/**
 * Takes charge of a stream that waits for its turn: should it fail meanwhile, its error is met when it is read, and must
 * not end the process as an unhandled 'error' event does.
 */
export function holdSource(value: unknown): void {
	if (!types.isProxy(value) && value instanceof Readable) value.on('error', ignoreUntilRead);
}

function ignoreUntilRead(): void {}

/** Closes a source that nobody will read. Never throws. */
export function releaseSource(value: unknown): void {
	if (isRereadable(value)) return;
	closeUnread(value).catch(ignoreUnread);
}

async function closeUnread(value: unknown): Promise<void> {
	if (value instanceof Readable) value.destroy();
	else await (value instanceof ReadableStream ? value.cancel() : returnOf(value));
}

/** What closing says does not matter to a write that does not take place. */
function ignoreUnread(): void {}

async function returnOf(value: unknown): Promise<void> {
	const iterator = value as Partial<AsyncGenerator>;
	await iterator.return?.(undefined);
}
