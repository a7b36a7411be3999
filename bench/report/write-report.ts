import type { Results } from '../harness/result.ts';
export async function writeReport(_r: Results, _d: string): Promise<string> {
	return '';
}
