/** Runs a program on a simulated disk and a manual clock: time passes where nothing else happens. */
import { setTimeout as wait } from 'node:timers/promises';
import { checkDriven } from './arguments.ts';
import { callsOfAllDisks, type DiskCall, LOOKING } from './disk-calls.ts';
import type { ManualClock } from './manual-clock.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** How many turns of the event loop without a call count as waiting for a timer, and as being at rest. */
const IDLE_TURNS = { timer: 12, rest: 2000 };

/** So long without a call is hanging: what is compressed or imported meanwhile takes real time. */
const HANGING_MS = 1000;

/**
 * Waits for `run`, or the crash of its disk. Time passes only where nothing else happens: then it jumps to the next timer.
 * Rejects as `run` does, and where nothing has happened for a second and no timer of the clock is set.
 */
export async function drive(
	run: Promise<void>,
	stage: { readonly disk: SimulatedDisk; readonly clock: ManualClock },
): Promise<void> {
	checkDriven(run, stage);
	const { disk, clock } = stage;
	let settled = false;
	const settle = (): void => {
		settled = true;
	};
	run.then(settle, settle);
	let idleTurns = 0;
	let idleSince = performance.now();
	let calls = callsOfAllDisks();
	while (!settled && !disk.crashed) {
		// Whatever takes real time is not kept from the processor.
		await (idleTurns < IDLE_TURNS.rest ? new Promise((resolve) => setImmediate(resolve)) : wait(1));
		// Another disk may be at work: that of an exploration within this one.
		if (callsOfAllDisks() !== calls) {
			calls = callsOfAllDisks();
			idleTurns = 0;
			idleSince = performance.now();
		} else if (++idleTurns >= IDLE_TURNS.timer && disk.callsUnderWay === 0 && clock.nextTimerMs !== undefined) {
			clock.advance(clock.nextTimerMs);
			idleTurns = 0;
			idleSince = performance.now();
		} else if (idleTurns >= IDLE_TURNS.rest && performance.now() - idleSince >= HANGING_MS) {
			throw hanging(disk);
		}
	}
	if (settled) await run;
}

function hanging({ calls }: SimulatedDisk): Error {
	const last = calls.at(-1);
	const where = last === undefined ? ', and no call was made' : ` after call ${last.number}, ${last.name} ${last.path}`;
	return new Error(
		`nothing happens${where}: what runs waits for a promise that never settles, or for something outside of the simulation: ` +
			'a real timer (in place of `clock`), a real file (in place of `disk` or `fs`), another process',
	);
}

/**
 * Waits until a disk is at rest and no timer is set, but not for ever.
 * @returns the first call that was carried out meanwhile and changed something
 */
export async function changeAfterwards({
	disk,
	clock,
}: {
	readonly disk: SimulatedDisk;
	readonly clock: ManualClock;
}): Promise<DiskCall | undefined> {
	let seen = disk.calls.length;
	for (let turn = 0, idle = 0; turn < IDLE_TURNS.rest; turn++) {
		await new Promise((resolve) => setImmediate(resolve));
		const late = disk.calls.slice(seen).find(({ name }) => !LOOKING.has(name));
		if (late !== undefined) return late;
		idle = disk.callsUnderWay === 0 && disk.calls.length === seen ? idle + 1 : 0;
		seen = disk.calls.length;
		if (idle < IDLE_TURNS.timer) continue;
		if (clock.nextTimerMs === undefined) break;
		clock.advance(clock.nextTimerMs);
		idle = 0;
	}
	return undefined;
}
