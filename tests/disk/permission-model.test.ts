import { describe, expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { useTempDirectory } from '../support/temp-directory.ts';

const directory = useTempDirectory();
const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';

describe("Node's permission model", () => {
	it('lets documents be written where writing is allowed, and says what durability was had', () => {
		const { stdout, stderr, status } = runChild(
			`
			const { readJson, writeJson } = await import(process.env.LIBRARY);
			const file = process.argv[1] + '/made/a.json';
			const first = await writeJson(file, 1, { mode: 0o640 });
			const second = await writeJson(file, 2);
			const outside = await writeJson(process.argv[2], 3).catch((error) => error);
			console.log(JSON.stringify({ first, second, value: await readJson(file), outside: [outside.code, outside.cause?.code] }));`,
			[directory.file('allowed'), directory.file('forbidden.json')],
			{
				nodeOptions: [flag, '--allow-fs-read=*', `--allow-fs-write=${directory.file('allowed')}/`],
				prelude: `mkdir ${directory.file('allowed')}`,
			},
		);
		expect(status, stderr).toBe(0);
		const { first, second, value, outside } = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
		for (const receipt of [first, second]) {
			expect(receipt).toMatchObject(
				receipt?.['directorySynced'] ? { durability: 'full' } : { durability: 'file', directorySynced: false },
			);
		}
		expect(value).toBe(2);
		expect(outside).toEqual(['ERR_WRITE_FAILED', 'ERR_ACCESS_DENIED']);
	});
});
