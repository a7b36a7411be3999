/** The next start after every crash of every program, itself cut off at every call, and the recovery after that. */
import { afterAll, expect, it } from 'vitest';
import { openPendingFile, recover } from '../../lib/index.ts';
import { Census, checkNoLitter, LONG } from '../support/crash-promises.ts';
import { PassingPort } from '../support/passing-port.ts';
import { type Check, exploreCrashes, type Scenario } from '../support/simulation.ts';
import { actOf, acts, asScenario, startAnew } from './scenarios.ts';

const statesMax = LONG ? 256 : 64;
const schedules = LONG ? 12 : 4;

const census = new Census();
afterAll(() => console.log(String(census)));

const recovering: Scenario = async ({ disk, clock }) => {
	await recover('/', { fileSystem: disk, clock, recursive: true });
};

const nextStart: Scenario = async (stage) => {
	await recovering(stage);
	await startAnew(stage);
};

/** G1 to G3 as the second crash left it, and with G6 when recovery has run to its end. */
const checkEnd: Check = async (stage) => {
	const { disk, history } = stage;
	history.check(disk);
	await recovering(stage);
	history.check(disk);
	checkNoLitter(disk);
};

it.each(
	Object.entries(acts).flatMap(([name, act]) =>
		(['posix', 'win32'] as const).map((semantics) => ({ name, act, semantics })),
	),
)('keeps the promises of $name, $semantics', async ({ name, act, semantics }) => {
	const end = census.counting(semantics, checkEnd);
	const seen = census.counting(`${semantics}, first crash`, async ({ disk, history }) => {
		census.add(
			await exploreCrashes(nextStart, end, {
				start: { disk, history },
				checksAtOnce: 16,
				statesMax,
			}),
		);
	});
	const options = { disk: { semantics }, schedules, statesMax };
	await exploreCrashes(asScenario(act), seen, options).catch((error: Error) => {
		throw new Error(`${name}: ${error.message}`, { cause: error });
	});
});

it('lets a live writer of another process alone, after every crash of a save', async () => {
	const meanwhile: Scenario = async (stage) => {
		const { disk, clock, history } = stage;
		const acknowledge = history.submit('/data/live.txt', 'written all along');
		const elsewhere = new PassingPort(disk, {});
		const file = await openPendingFile('/data/live.txt', { fileSystem: elsewhere, clock });
		await file.write('written ');
		await recovering(stage);
		await file.write('all along');
		const { durability } = await file.commit();
		if (durability === 'full') acknowledge();
		expect(disk.peekFile('/data/live.txt')?.toString()).toBe('written all along');
	};
	for (const semantics of ['posix', 'win32'] as const) {
		await exploreCrashes(
			asScenario(actOf('replacing saves')),
			async ({ disk, history }) => {
				await exploreCrashes(meanwhile, checkEnd, { start: { disk, history }, checksAtOnce: 16, statesMax: 32 });
			},
			{ disk: { semantics }, statesMax: 32 },
		);
	}
});

const enough = 79_000;
it(`keeps them in more than ${enough} different states`, () => {
	expect(census.distinct).toBeGreaterThan(enough);
});
