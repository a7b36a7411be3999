/**
 * The data sets of the serializer's benchmarks. Each is made from a seeded generator, so that every process has the same,
 * and takes a scale: 1 is about 300 MB of telemetry and about 40 MB of everything else.
 */
import { createRequire } from 'node:module';

/** A value and how it is serialised. */
export interface Workload {
	readonly value: unknown;
	readonly replacer?: ((this: unknown, key: string, value: unknown) => unknown) | string[];
	readonly space?: number;
}

type Random = () => number;

function generator(seed: number): Random {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

function list<T>(count: number, make: (index: number) => T): T[] {
	const made: T[] = [];
	for (let index = 0; index < Math.ceil(count); index++) made.push(make(index));
	return made;
}

const STATES = ['online', 'offline', 'degraded', 'maintenance'];

/** A record of 11 properties and two containers, some 220 bytes long. */
export function telemetryRecord(index: number, random: Random): Record<string, unknown> {
	return {
		id: index,
		device: `device-${(random() * 5000) | 0}`,
		time: new Date(1_700_000_000_000 + index * 1000).toISOString(),
		sequence: 1_700_000_000_000 + index,
		state: STATES[(random() * STATES.length) | 0],
		temperature: Math.round(random() * 6000) / 100,
		humidity: Math.round(random() * 1000) / 10,
		ok: random() < 0.9,
		error: random() < 0.9 ? null : 'sensor timeout',
		position: { lat: Math.round(random() * 18e6 - 9e6) / 1e5, lon: Math.round(random() * 36e6 - 18e6) / 1e5 },
		values: [(random() * 100) | 0, (random() * 10_000) | 0, Math.round(random() * 1e6) / 1000],
	};
}

function telemetry(count: number): unknown {
	const random = generator(1);
	return list(count, (index) => telemetryRecord(index, random));
}

function tree(depth: number, random: Random): unknown {
	const node: Record<string, unknown> = { name: `node ${depth}`, size: (random() * 1000) | 0 };
	if (depth > 0) node['children'] = list(2, () => tree(depth - 1, random));
	return node;
}

class Money {
	readonly amount: number;
	constructor(amount: number) {
		this.amount = amount;
	}
	toJSON(): string {
		return `${this.amount.toFixed(2)} EUR`;
	}
}

function words(random: Random, alphabet: string, length: number): string {
	const letters = [...alphabet];
	// Joined, since what += builds is a tree of strings that the first reader has to flatten.
	return list(length, () => letters[(random() * letters.length) | 0]).join('');
}

const LATIN = 'abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ 0123456789 éàüöß';
const UNICODE = 'абвгдежзий 漢字仮名交じり文 ελληνικά 😀🎉';
const ESCAPES = 'abc"\\\n\t\u0001def';

const require = createRequire(import.meta.url);

function corpora(scale: number): unknown {
	const files = ['@mdn/browser-compat-data', 'world-atlas/countries-10m.json', 'emoji-datasource/emoji.json'];
	const parsed: unknown[] = files.map((file) => require(file) as unknown);
	return list(Math.max(1, 2 * scale), () => parsed);
}

/** Every data set by name. */
export const WORKLOADS: Record<string, (scale: number) => Workload> = {
	telemetry: (scale) => ({ value: telemetry(1_340_000 * scale) }),
	'telemetry, peers': (scale) => ({ value: telemetry(200_000 * scale) }),
	wide: (scale) => {
		const random = generator(2);
		const wide: Record<string, unknown> = {};
		for (let index = 0; index < 500_000 * scale; index++) {
			wide[`key-${index}-${(random() * 1e6) | 0}`] = { index, value: (random() * 1e6) | 0 };
		}
		return { value: wide };
	},
	'deep tree': (scale) => ({ value: list(Math.max(1, 8 * scale), () => tree(16, generator(3))) }),
	integers: (scale) => {
		const random = generator(4);
		return { value: list(5_000_000 * scale, () => Math.floor(random() ** 4 * 1e10)) };
	},
	floats: (scale) => {
		const random = generator(5);
		return { value: list(2_000_000 * scale, () => random() * 1000 + random() * 1e-9) };
	},
	decimals: (scale) => {
		const random = generator(6);
		return { value: list(4_000_000 * scale, () => Math.round(random() * 1e6) / 1000) };
	},
	'latin strings': (scale) => {
		const random = generator(7);
		return { value: list(40_000 * scale, (index) => words(random, LATIN, 40 + (index % 2000))) };
	},
	'unicode strings': (scale) => {
		const random = generator(8);
		return { value: list(20_000 * scale, (index) => words(random, UNICODE, 40 + (index % 2000))) };
	},
	escapes: (scale) => {
		const random = generator(9);
		return { value: list(150_000 * scale, (index) => words(random, ESCAPES, 5 + (index % 300))) };
	},
	'small strings, indent 2': (scale) => {
		const random = generator(10);
		const make = (index: number) => ({
			id: `id-${index}`,
			name: words(random, LATIN, 12),
			tags: [words(random, LATIN, 5), words(random, LATIN, 8)],
		});
		return { value: list(300_000 * scale, make), space: 2 };
	},
	// Decoded from bytes, as text that was read is: what repeat() makes is a tree, flattened by the first reader.
	'one huge string': (scale) => ({
		value: {
			text: Buffer.alloc(90_000_000 * scale, 'The quick brown fox jumps over the lazy dog. ').toString('latin1'),
		},
	}),
	'replacer function': (scale) => ({
		value: telemetry(180_000 * scale),
		replacer: (key, value) => (key === 'sequence' ? undefined : value),
	}),
	'replacer array': (scale) => ({
		value: telemetry(300_000 * scale),
		replacer: ['id', 'device', 'time', 'temperature', 'position', 'lat', 'lon', 'values'],
	}),
	toJSON: (scale) => {
		const random = generator(11);
		return {
			value: list(500_000 * scale, (index) => ({
				id: index,
				price: new Money(random() * 1000),
				total: new Money(1e5 * random()),
			})),
		};
	},
	dates: (scale) => ({
		value: list(300_000 * scale, (index) => ({ from: new Date(1.6e12 + index * 1e5), to: new Date(1.7e12 + index) })),
	}),
	bigints: (scale) => {
		const random = generator(12);
		return {
			value: list(500_000 * scale, (index) => ({ id: index, balance: BigInt((random() * 1e15) | 0) * 1_000_000n })),
			replacer: (_key, value) => (typeof value === 'bigint' ? String(value) : value),
		};
	},
	'typed arrays': (scale) => {
		const random = generator(13);
		const integers = Int32Array.from({ length: 1_000_000 * scale }, () => (random() * 1e9) | 0);
		const bytes = Buffer.from(integers.buffer, 0, Math.min(integers.byteLength, 4_000_000 * scale));
		return { value: { integers, bytes } };
	},
	'real corpora': (scale) => ({ value: corpora(scale) }),
};
