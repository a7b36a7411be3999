import { expect, it } from 'vitest';
import { giveThread, takeThread } from '../../lib/platform/pool-threads.ts';
import { MAX_LONG_CALLS } from '../../lib/shared-state.ts';

it('long calls leave a thread of the pool to the rest of the process, and begin in their order', () => {
	const begun: number[] = [];
	for (let call = 1; call <= MAX_LONG_CALLS + 2; call++) takeThread(() => begun.push(call));
	const atOnce = Array.from({ length: MAX_LONG_CALLS }, (_, index) => index + 1);
	expect(MAX_LONG_CALLS).toBe(Math.max(1, Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) - 1));
	expect(begun).toEqual(atOnce);
	giveThread();
	expect(begun).toEqual([...atOnce, MAX_LONG_CALLS + 1]);
	for (let call = 0; call <= MAX_LONG_CALLS; call++) giveThread();
	takeThread(() => begun.push(0));
	expect(begun).toEqual([...atOnce, MAX_LONG_CALLS + 1, MAX_LONG_CALLS + 2, 0]);
	giveThread();
});
