/** Recovery after every crash of every program, itself cut off at every call, and the recovery after that. */
import { afterAll, expect, it } from 'vitest';
import { recover } from '../../lib/index.ts';
import { Census, LONG, temps } from '../support/crash-promises.ts';
import { type Check, exploreCrashes, type Scenario } from '../support/simulation.ts';
import { acts, asScenario } from './scenarios.ts';

const census = new Census();
afterAll(() => console.log(String(census)));

const recovering: Scenario = async ({ disk, clock }) => {
	await recover('/', { fileSystem: disk, clock, recursive: true });
};

/** G1 to G3 as the second crash left it, and with G6 when recovery has run to its end. */
const checkEnd: Check = async (stage) => {
	const { disk, history } = stage;
	history.check(disk);
	await recovering(stage);
	history.check(disk);
	expect(temps(disk)).toEqual([]);
	expect(disk.openHandles()).toEqual([]);
};

it.each(
	Object.entries(acts).flatMap(([name, act]) =>
		(['posix', 'win32'] as const).map((semantics) => ({ name, act, semantics })),
	),
)('keeps the promises of $name, $semantics', async ({ name, act, semantics }) => {
	const end = census.counting(semantics, checkEnd);
	const seen = census.counting(`${semantics}, first crash`, async ({ disk, history }) => {
		census.add(await exploreCrashes(recovering, end, { start: { disk, history }, statesMax: LONG ? 256 : 48 }));
	});
	const options = {
		disk: { semantics },
		schedules: LONG ? 8 : 1,
		statesMax: LONG ? 256 : Number(process.env['SM'] ?? 64),
	};
	await exploreCrashes(asScenario(act), seen, options).catch((error: Error) => {
		throw new Error(`${name}: ${error.message}`, { cause: error });
	});
});

it('was tried on thousands of different states', () => {
	expect(census.distinct).toBeGreaterThan(5_000);
});
