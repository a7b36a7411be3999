/**
 * How much is tried: in `npm test`; in `--mode brief`, for a further version of Node where the run of `npm test` has tried
 * the rest; and in `--mode crash`, of `npm run test:crash`.
 */
export function byExtent<T>({ brief, usual, long }: { readonly brief: T; readonly usual: T; readonly long: T }): T {
	const mode = process.env['MODE'];
	if (mode === 'crash') return long;
	return mode === 'brief' ? brief : usual;
}
