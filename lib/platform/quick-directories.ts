/**
 * Which directories answer so fast that a small call is better made in place than in the thread pool.
 *
 * A trip to the pool costs 40 to 100 µs of latency; lstat, realpath, open and fchmod on a local disk cost 1 to 10 µs. On
 * a network file system such a call may take as long as it likes, and must not hold the event loop. So only types known
 * to be local count, and what was slow is left to the pool for a while: calls that change something may have to wait for
 * the journal of the file system, which an fsync elsewhere is writing.
 */
import { statfs } from 'node:fs';

/** f_type of local file systems, see statfs(2). Elsewhere than on Linux the numbers mean other things. */
const LOCAL_TYPES = new Set([
	0xef53, // ext2, ext3, ext4
	0x58465342, // xfs
	0x9123683e, // btrfs
	0x01021994, // tmpfs
	0x794c7630, // overlayfs
	0xf2f52010, // f2fs
	0x2fc12fc1, // zfs
	0xca451a4e, // bcachefs
]);

/** What a call does: looks something up, or changes a file or directory. */
export type CallKind = 'look' | 'change';

/** Calls that take longer on average, of which the last counts for so much, are better made in the pool, for a while. */
const SLOW_MS = 0.5;
const LAST_WEIGHT = 1 / 16;
const SLOW_FOR_MS = 1000;
/** After so long the type is looked up again: something may have been mounted there. */
const KNOWN_FOR_MS = 10_000;
const MAX_KNOWN = 1000;

/** So long calls are made in place, with what comes between them; then a trip to the pool gives the event loop its turn. */
const TURN_MS = 5;

/** When the first call in place of this turn of the event loop was made. */
let turnBegunMs: number | undefined;

function endTurn(): void {
	turnBegunMs = undefined;
}

interface Cost {
	/** What a call takes, smoothed. */
	averageMs: number;
	slowUntilMs: number;
}

export class QuickDirectory {
	readonly #path: string;
	/** Is its file system known to be local? */
	#local = false;
	#askAgainMs = 0;
	#asking = false;
	readonly #look: Cost = { averageMs: 0, slowUntilMs: 0 };
	readonly #change: Cost = { averageMs: 0, slowUntilMs: 0 };

	constructor(path: string) {
		this.#path = path;
	}

	/** May small calls below this directory be made in place? False until its type is known. */
	isQuick(kind: CallKind): boolean {
		if (process.platform !== 'linux') return false;
		const nowMs = performance.now();
		if (turnBegunMs !== undefined && nowMs - turnBegunMs > TURN_MS) return false;
		if (nowMs >= this.#askAgainMs && !this.#asking) this.#ask();
		return this.#local && nowMs >= this.#cost(kind).slowUntilMs;
	}

	/** Makes the call in place, and notes what it takes. */
	inPlace<T>(kind: CallKind, call: () => T): T {
		const startMs = performance.now();
		if (turnBegunMs === undefined) {
			turnBegunMs = startMs;
			setImmediate(endTurn);
		}
		try {
			return call();
		} finally {
			const endMs = performance.now();
			const cost = this.#cost(kind);
			cost.averageMs += LAST_WEIGHT * (endMs - startMs - cost.averageMs);
			if (cost.averageMs > SLOW_MS) {
				cost.averageMs = 0;
				cost.slowUntilMs = endMs + SLOW_FOR_MS;
			}
		}
	}

	#cost(kind: CallKind): Cost {
		return kind === 'look' ? this.#look : this.#change;
	}

	#ask(): void {
		this.#asking = true;
		statfs(this.#path, (error, stats) => {
			this.#asking = false;
			this.#local = error === null && LOCAL_TYPES.has(stats.type);
			this.#askAgainMs = performance.now() + KNOWN_FOR_MS;
		});
	}
}

const directories = new Map<string, QuickDirectory>();
/** The calls of a commit concern one directory, mostly. */
let last = new QuickDirectory('');
let lastPath = '';

export function quickDirectory(path: string): QuickDirectory {
	if (path === lastPath) return last;
	let directory = directories.get(path);
	if (directory === undefined) {
		// Forgetting costs a few trips to the pool.
		if (directories.size >= MAX_KNOWN) directories.clear();
		directory = new QuickDirectory(path);
		directories.set(path, directory);
	}
	last = directory;
	lastPath = path;
	return directory;
}
