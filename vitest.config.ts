import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take ten seconds and more. */
const LONGEST = [
	'crash/recovery-crashes',
	'disk/large',
	'crash/strategies',
	'crash/journal',
	'crash/layer-mutants',
	'crash/journal-mutants',
	'disk/kill-recovery',
	'json/large',
].map((name) => `tests/${name}.test.ts`);

/** What mounts disks of its own: `npm run test:crash`. */
const CRASH_ONLY = ['tests/disk/power-cut.test.ts'];

/** What the second Node of CI leaves to the first: disks, simulated and real, recovery, the package, and what takes long. */
const NOT_BRIEF = [
	'{crash,disk,package,recover}/**',
	'json/{large,validator}.test.ts',
	'journal/cli.test.ts',
	'lock/odd-places.test.ts',
	'writer/flush-sync.test.ts',
].map((name) => `tests/${name}`);

/** No worker sits idle at the end. On a fresh clone vitest knows no durations, and would begin with the largest files. */
class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const rank = ({ moduleId }: TestSpecification): number => {
			const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
			return index < 0 ? LONGEST.length : index;
		};
		return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
	}
}

const config: ReturnType<typeof defineConfig> = defineConfig(({ mode }) => ({
	test: {
		include: ['tests/**/*.test.ts'],
		// On Windows, or a node.exe under Wine: npm run test:windows.
		exclude: [
			'**/node_modules/**',
			'tests/windows/**',
			...(mode === 'crash' ? [] : CRASH_ONLY),
			...(mode === 'brief' ? NOT_BRIEF : []),
		],
		// Processes, not threads: tests change the umask, the working directory and limits, which threads share.
		pool: 'forks',
		// Two at least: many tests wait for the disk, or for a child.
		maxWorkers: Math.max(2, availableParallelism() - 1),
		sequence: { sequencer: LongestFirst },
		// Real disks and shared machines have slow moments; a promise that never settles must still end its test.
		testTimeout: mode === 'crash' ? 1_800_000 : 120_000,
		hookTimeout: 30_000,
		teardownTimeout: 5_000,
		// The JSON report is what .ci/run takes its tally from.
		reporters: [
			'default',
			['json', { outputFile: process.env['TEST_RESULTS'] ?? 'node_modules/.cache/test-results.json' }],
		],
		restoreMocks: true,
		unstubEnvs: true,
	},
}));

export default config;
