/** Threads of libuv's pool, for calls that hold one for as long as the disk takes. */
import { localScope, MAX_LONG_CALLS, sharedPart } from '../shared-state.ts';

interface Threads {
	free: number;
	/** In the order of their calls. */
	readonly waiting: (() => void)[];
}

const threads = sharedPart(localScope, 'threads', (): Threads => ({ free: MAX_LONG_CALLS, waiting: [] }));

/** Begins a long call as soon as there is a thread for it, which it gives back when it ends. */
export function takeThread(begin: () => void): void {
	if (threads.free === 0) {
		threads.waiting.push(begin);
		return;
	}
	threads.free -= 1;
	begin();
}

export function giveThread(): void {
	const next = threads.waiting.shift();
	if (next === undefined) threads.free += 1;
	else next();
}
