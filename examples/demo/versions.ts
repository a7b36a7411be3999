/** The documents that the child saves, and what its parent makes of the file after a kill. */
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** `durable`: through this library. `plain`: fs.promises.writeFile. */
export type Mode = 'durable' | 'plain';

/** What the child tells its parent. */
export type Message =
	| { readonly kind: 'ready' }
	| { readonly kind: 'acknowledged'; readonly version: number }
	| { readonly kind: 'swept'; readonly leftovers: number };

export interface VersionedDocument {
	readonly version: number;
	readonly blocks: readonly string[];
	readonly checksum: number;
}

/** `torn`: missing, empty, not JSON, or not all there. `stale`: whole, but older than what was acknowledged. */
export type Verdict = 'good' | 'torn' | 'stale';

const BLOCK_BYTES = 1024;
const BLOCKS_MAX_LOG2 = 12;
const block = randomBytes((BLOCK_BYTES * 3) / 4).toString('base64');

/** A document of a random size, from 1 KiB to 4 MiB, each doubling as likely as the other. */
export function createDocument(version: number): VersionedDocument {
	const blockCount = Math.floor(2 ** (Math.random() * BLOCKS_MAX_LOG2));
	const blocks = Array.from({ length: blockCount }, () => {
		const start = randomInt(BLOCK_BYTES);
		return block.slice(start) + block.slice(0, start);
	});
	return { version, blocks, checksum: checksum(version, blocks) };
}

export function judge(path: string, acknowledged: number): Verdict {
	const document = parse(path);
	if (document === undefined || document.checksum !== checksum(document.version, document.blocks)) return 'torn';
	return document.version < acknowledged ? 'stale' : 'good';
}

function parse(path: string): VersionedDocument | undefined {
	try {
		return JSON.parse(readFileSync(path, 'utf8'));
	} catch {
		return undefined;
	}
}

function checksum(version: number, blocks: readonly string[]): number {
	return blocks.reduce((crc, text) => crc32(text, crc), crc32(String(version)));
}
