// Promise rules alone: they need the compiler's types, also those of dependencies and of Node, which Biome does not
// follow everywhere. Everything else is Biome's.
import tseslint from 'typescript-eslint';

export default [
	{ ignores: ['**/dist/**', 'docs/**', 'coverage/**'] },
	{
		files: ['**/*.ts'],
		linterOptions: { reportUnusedDisableDirectives: 'error' },
		languageOptions: {
			parser: tseslint.parser,
			parserOptions: { project: ['./tsconfig.json', './bench/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
		},
		plugins: { '@typescript-eslint': tseslint.plugin },
		rules: {
			'@typescript-eslint/no-floating-promises': [
				'error',
				{ allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it'], package: 'node:test' }] },
			],
			'@typescript-eslint/no-misused-promises': 'error',
		},
	},
];
