import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const config: ReturnType<typeof defineConfig> = defineConfig(({ mode }) => ({
	test: {
		include: ['tests/**/*.test.ts'],
		// On Windows, or a node.exe under Wine: npm run test:windows.
		exclude: ['**/node_modules/**', 'tests/windows/**'],
		// Processes, not threads: tests change the umask, the working directory and limits, which threads share.
		pool: 'forks',
		// Two at least: many tests wait for the disk, or for a child.
		maxWorkers: Math.max(2, availableParallelism() - 1),
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
