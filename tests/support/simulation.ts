/** The explorer, as the tests of crashes use it. */
export { drive } from '../../lib/testing/drive.ts';
export {
	type Check,
	CrashFailure,
	type CrashKind,
	type Exploration,
	type ExploreOptions,
	exploreCrashes,
	type Scenario,
	type Stage,
} from '../../lib/testing/explore-crashes.ts';
export { type Content, History } from '../../lib/testing/history.ts';
