import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/testing/manual-clock.ts';

it('fires timers in the order of their due times, each at its own time', () => {
	const clock = new ManualClock(1000);
	const fired: string[] = [];
	const note = (name: string) => () => fired.push(`${name}@${clock.monotonicMs()}/${clock.epochMs()}`);
	clock.schedule(20, note('late'));
	clock.schedule(10, note('first'));
	clock.schedule(10, note('second'));
	clock.schedule(10, () => clock.schedule(5, note('nested')));
	clock.schedule(26, note('not yet'));
	expect(clock.nextTimerMs).toBe(10);
	clock.advance(25);
	expect(fired).toEqual(['first@10/1010', 'second@10/1010', 'nested@15/1015', 'late@20/1020']);
	expect(clock.monotonicMs()).toBe(25);
	expect(clock.nextTimerMs).toBe(1);
});

it('does not fire a timer that was cancelled', () => {
	const clock = new ManualClock();
	let fired = 0;
	const cancel = clock.schedule(1, () => fired++);
	cancel();
	clock.advance(10);
	expect(fired).toBe(0);
	expect(clock.nextTimerMs).toBeUndefined();
});

it('keeps timers and durations apart from the wall clock', () => {
	const clock = new ManualClock(1000);
	clock.setEpochMs(50);
	clock.advance(5);
	expect(clock.epochMs()).toBe(55);
	expect(clock.monotonicMs()).toBe(5);
});
