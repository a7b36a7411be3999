/**
 * The layers, as rules: every room imports from the rooms below it only. CONTRIBUTING.md draws them;
 * tests/package/layers.test.ts breaks each rule once to see that it bites.
 */

/** From the bottom to the top. The files directly in lib/ stand above them all, but for the shared ones. */
const rooms = ['ports', 'platform', 'json', 'commit', 'lock', 'recovery', 'schedule', 'journal'];

/** Files directly in lib/ that every room may import. */
const shared = '^lib/(abort|diagnostics|errors|options|shared-state|types)\\.ts$';

const inRoom = (...names) => `^lib/(${names.join('|')})/`;

/** A core module, or a package as dependency-cruiser resolves it. */
const packaged = (...names) => `(^|node_modules/)(${names.join('|')})(/|$)`;

/** May `from` import `to`? One rule each, so that the name in the output says what was broken. */
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const layerRules = rooms.map((room, level) =>
	forbid(
		`${room}-imports-downwards`,
		`${room}/ may import ${[...rooms.slice(0, level), 'the shared files'].join(', ')}, and nothing above`,
		{ path: inRoom(room) },
		{ path: '^lib/', pathNot: [inRoom(...rooms.slice(0, level + 1)), shared] },
	),
);

module.exports = {
	forbidden: [
		...layerRules,
		forbid('ports-are-interfaces', 'ports/ imports nothing', { path: inRoom('ports') }, { pathNot: [inRoom('ports')] }),
		forbid(
			'json-is-pure',
			'json/ imports no other room, no file system and no package',
			{ path: inRoom('json') },
			{ pathNot: [inRoom('json'), shared], dependencyTypesNot: ['core'] },
		),
		forbid(
			'platform-by-injection',
			'only the public face makes the real file system; the rooms are handed a port',
			{ path: inRoom(...rooms.filter((room) => room !== 'platform'), 'testing') },
			{ path: inRoom('platform') },
		),
		forbid(
			'testing-stands-alone',
			'testing/ knows the ports, the errors and the checks of arguments only',
			{ path: inRoom('testing') },
			{ path: '^lib/', pathNot: [inRoom('testing', 'ports'), '^lib/(errors|options)\\.ts$'] },
		),
		forbid(
			'testing-is-not-shipped-code',
			'nothing in lib/ imports testing/',
			{ path: '^lib/', pathNot: inRoom('testing') },
			{ path: inRoom('testing') },
		),
		forbid(
			'shared-files-are-leaves',
			'the shared files import the ports and each other',
			{ path: shared },
			{ path: '^lib/', pathNot: [inRoom('ports'), shared] },
		),
		forbid(
			'cli-is-on-top',
			'nothing imports the command line',
			{ path: '^lib/', pathNot: inRoom('cli') },
			{ path: inRoom('cli') },
		),
		forbid('index-is-a-facade', 'nothing imports an index', { path: '^lib/' }, { path: '^lib/(testing/)?index\\.ts$' }),
		forbid(
			'file-system-in-platform-only',
			'only platform/ touches the disk',
			{ path: '^lib/', pathNot: inRoom('platform', 'testing') },
			{ path: packaged('(node:)?fs', 'fs-extra', 'graceful-fs', 'fs-native-extensions') },
		),
		forbid(
			'testing-touches-no-disk',
			'testing/ simulates the disk: of the real one it knows the types',
			{ path: inRoom('testing') },
			{
				path: packaged('(node:)?fs', 'fs-extra', 'graceful-fs', 'fs-native-extensions'),
				dependencyTypesNot: ['type-only'],
			},
		),
		forbid(
			'p-queue-in-schedule-only',
			'only schedule/ knows p-queue',
			{ path: '^lib/', pathNot: inRoom('schedule') },
			{ path: packaged('p-queue') },
		),
		forbid(
			'async-mutex-in-lock-only',
			'only lock/ knows async-mutex',
			{ path: '^lib/', pathNot: inRoom('lock') },
			{ path: packaged('async-mutex') },
		),
		forbid(
			'lib-stands-alone',
			'lib/ imports nothing else of this repository',
			{ path: '^lib/' },
			{ path: '^(tests|bench|examples|dist)/' },
		),
		forbid(
			'examples-as-a-user-would',
			'examples import the package by its name, never its insides',
			{ path: '^examples/' },
			{ path: '^lib/', pathNot: '^lib/(testing/)?index\\.ts$' },
		),
		forbid(
			'shipped-dependencies-only',
			'lib/ imports dependencies that are installed with it',
			{ path: '^lib/' },
			{ dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
		),
		forbid('no-cycles', 'no import cycles', { path: '^(lib|examples)/' }, { circular: true }),
		forbid(
			'no-unresolved',
			'every import exists (but for what a script builds before it imports it)',
			{ pathNot: '^examples/.*\\.js$' },
			{ couldNotResolve: true },
		),
		forbid(
			'no-orphans',
			'every file is reached from the index or the command line',
			{ path: ['^lib/index\\.ts$', '^lib/cli/main\\.ts$'] },
			{ path: '^lib/', pathNot: ['^lib/index\\.ts$', '^lib/cli/main\\.ts$', inRoom('testing')], reachable: false },
		),
		forbid(
			'no-orphans-in-testing',
			'every file of testing/ is reached from its index',
			{ path: ['^lib/testing/index\\.ts$'] },
			{ path: inRoom('testing'), pathNot: '/index\\.ts$', reachable: false },
		),
	],
	options: {
		doNotFollow: { path: 'node_modules|^dist/' },
		tsPreCompilationDeps: true,
		tsConfig: { fileName: 'tsconfig.json' },
		enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
	},
};
