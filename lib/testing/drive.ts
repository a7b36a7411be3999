/** Runs a program on a simulated disk and a manual clock: time passes where nothing else happens. */
import { callsOfAllDisks } from './disk-calls.ts';
import type { ManualClock } from './manual-clock.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** How many turns of the event loop without a call count as waiting for a timer, and as hanging. */
const IDLE_TURNS = { timer: 12, hanging: 2000 };

/**
 * Waits for `run`, or the crash of its disk. Time passes only where nothing else happens: then it jumps to the next timer.
 * Rejects as `run` does, and where nothing happens and no timer is set.
 */
export async function drive(
	run: Promise<void>,
	{ disk, clock }: { readonly disk: SimulatedDisk; readonly clock: ManualClock },
): Promise<void> {
	let settled = false;
	const settle = (): void => {
		settled = true;
	};
	run.then(settle, settle);
	let idleTurns = 0;
	let calls = callsOfAllDisks();
	while (!settled && !disk.crashed) {
		await new Promise((resolve) => setImmediate(resolve));
		// Another disk may be at work: that of an exploration within this one.
		if (callsOfAllDisks() !== calls) {
			calls = callsOfAllDisks();
			idleTurns = 0;
		} else if (++idleTurns >= IDLE_TURNS.timer && disk.callsUnderWay === 0 && clock.nextTimerMs !== undefined) {
			clock.advance(clock.nextTimerMs);
			idleTurns = 0;
		} else if (idleTurns >= IDLE_TURNS.hanging) {
			const last = disk.calls.at(-1);
			throw new Error(`nothing happens after call ${last?.number}, ${last?.name} ${last?.path}`);
		}
	}
	if (settled) await run;
}
