/**
 * Which directories answer so fast that a small call is better made in place than in the thread pool.
 *
 * A trip to the pool costs 40 to 100 µs of latency; lstat, realpath, open and fchmod on a local disk cost 1 to 10 µs. On a network file system such a call may take as long as it likes, and must not hold the event loop. So
 * only types known to be local count, and one that was slow is left to the pool for a while.
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

/** Calls that take longer on average, of which the last counts for so much, are better made in the pool, for a while. */
const SLOW_MS = 2;
const LAST_WEIGHT = 1 / 16;
const SLOW_FOR_MS = 10_000;
/** After so long the type is looked up again: something may have been mounted there. */
const KNOWN_FOR_MS = 10_000;
const MAX_KNOWN = 1000;

interface Verdict {
	quick: boolean;
	untilMs: number;
	asking: boolean;
	/** What a call takes, smoothed. */
	costMs: number;
}

const verdicts = new Map<string, Verdict>();

/** May small calls below this directory be made in place? False until its type is known. */
export function isQuick(directory: string): boolean {
	if (process.platform !== 'linux') return false;
	let verdict = verdicts.get(directory);
	if (verdict === undefined) {
		// Forgetting costs a few trips to the pool.
		if (verdicts.size >= MAX_KNOWN) verdicts.clear();
		verdict = slowUntil(0);
		verdicts.set(directory, verdict);
	}
	if (performance.now() >= verdict.untilMs && !verdict.asking) ask(directory, verdict);
	return verdict.quick;
}

/** Makes the call in place, and notes what it takes. */
export function inPlace<T>(directory: string, call: () => T): T {
	const startMs = performance.now();
	try {
		return call();
	} finally {
		const endMs = performance.now();
		const verdict = verdicts.get(directory);
		if (verdict !== undefined) {
			verdict.costMs += LAST_WEIGHT * (endMs - startMs - verdict.costMs);
			if (verdict.costMs > SLOW_MS) verdicts.set(directory, slowUntil(endMs + SLOW_FOR_MS));
		}
	}
}

function slowUntil(untilMs: number): Verdict {
	return { quick: false, untilMs, asking: false, costMs: 0 };
}

function ask(directory: string, verdict: Verdict): void {
	verdict.asking = true;
	statfs(directory, (error, stats) => {
		verdict.asking = false;
		verdict.quick = error === null && LOCAL_TYPES.has(stats.type);
		verdict.untilMs = performance.now() + KNOWN_FOR_MS;
	});
}
