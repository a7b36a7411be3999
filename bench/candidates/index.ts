/** All candidates, in the order of the tables. */
import type { Candidate } from './candidate.ts';
import { databases } from './databases.ts';
import { durableJson } from './durable-json.ts';
import { files, streams } from './files.ts';
import { locked } from './locked.ts';
import { yardsticks } from './yardsticks.ts';

export const candidates: readonly Candidate[] = [
	...durableJson,
	...files,
	...streams,
	...locked,
	...databases,
	...yardsticks,
];
