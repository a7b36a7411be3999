/**
 * The micro-benchmarks behind the serializer's tricks: each against what it replaces, in nanoseconds for one operation,
 * medians of interleaved rounds. A trick whose ratio falls to 1 on the Node versions that matter can go.
 *
 *     node bench/start.js serializer-micro
 */
import { isDeepStrictEqual } from 'node:util';

type Json = typeof import('../../dist/json/bytes.js') &
	typeof import('../../dist/json/dates.js') &
	typeof import('../../dist/json/integers.js') &
	typeof import('../../dist/json/key-cache.js') &
	typeof import('../../dist/json/numbers.js') &
	typeof import('../../dist/json/strings.js');

/** The built library's own modules, which its package does not export. */
async function loadJson(): Promise<Json> {
	const entry = import.meta.resolve('durable-json');
	const names = ['bytes', 'dates', 'integers', 'key-cache', 'numbers', 'strings'];
	const modules = names.map((name) => import(new URL(`json/${name}.js`, entry).href) as Promise<object>);
	return Object.assign({}, ...(await Promise.all(modules))) as Json;
}

const { toRun, writeRun, writeDate, KeyCache, KeyEntry, writeNumber, writeUnsigned, writeShortString } =
	await loadJson();

type Operation = (index: number) => number;

const ROUNDS = 15;
const OPERATIONS = 20_000;

const buffer = Buffer.alloc(262_144);
const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
let sink = 0;

function once(operation: Operation, count: number): number {
	const start = performance.now();
	for (let index = 0; index < count; index++) sink += operation(index);
	return ((performance.now() - start) * 1e6) / count;
}

function median(numbers: number[]): number {
	return numbers.sort((a, b) => a - b)[numbers.length >> 1] as number;
}

function compare(trick: string, ours: Operation, replaced: string, theirs: Operation, count = OPERATIONS): void {
	const our: number[] = [];
	const their: number[] = [];
	for (let round = 0; round < ROUNDS; round++) {
		our.push(once(ours, count));
		their.push(once(theirs, count));
	}
	const [a, b] = [median(our), median(their)];
	console.log(
		`${trick.padEnd(44)} ${a.toFixed(1).padStart(9)} ns   ${replaced.padEnd(34)} ${b.toFixed(1).padStart(9)} ns   x${(b / a).toFixed(2)}`,
	);
}

function list<T>(make: (index: number) => T): T[] {
	return Array.from({ length: 1000 }, (_, index) => make(index));
}

function pick<T>(values: readonly T[], index: number): T {
	return values[index % values.length] as T;
}

console.log(process.version);

const key = ',"temperature":';
const run = toRun(key);
const words = run?.words ?? new Float64Array(0);
const bytes = Buffer.from(key);
compare(
	'a key as 64-bit words',
	(index) => {
		writeRun(view, index & 1023, words);
		return key.length;
	},
	'byte by byte',
	(index) => {
		let at = index & 1023;
		for (let byte = 0; byte < bytes.length; byte++) buffer[at++] = bytes[byte] as number;
		return at;
	},
);

const cache = new KeyCache();
const names = list((index) => `property${index % 12}`);
const entries = names.slice(0, 12).map((name) => new KeyEntry(name, 0, `,"${name}":`));
for (const [index, entry] of entries.entries()) entry.next = entries[(index + 1) % 12] as (typeof entries)[number];
const before = new KeyEntry(undefined, 0, '');
let entry = entries[11] as (typeof entries)[number];
compare(
	'a key guessed from the one before',
	(index) => {
		const { next } = entry;
		entry = next.key === pick(names, index % 12) ? next : entry;
		return entry.byteLength;
	},
	'looked up in a Map',
	(index) => cache.follow(before, pick(names, index % 12), ',', ':').byteLength,
);

for (const length of [8, 24, 64, 128]) {
	const texts = list((index) => `${index}`.padEnd(length, 'abc é'.slice(0, 4)));
	compare(
		`a string of ${length}, character by character`,
		(index) => writeShortString(buffer, index & 1023, pick(texts, index)),
		'JSON.stringify and Buffer.write',
		(index) => buffer.write(JSON.stringify(pick(texts, index)), index & 1023),
	);
}

const integers = list((index) => (index * 7_919_317) % 1_000_003);
compare(
	'an integer by groups of three digits',
	(index) => writeUnsigned(view, index & 1023, pick(integers, index)),
	'String and Buffer.write',
	(index) => buffer.write(String(pick(integers, index)), index & 1023),
);

const decimals = list((index) => Math.round(index * 1234.567) / 100 + 0.25);
compare(
	'a short decimal by scaling',
	(index) => writeNumber(buffer, view, index & 1023, pick(decimals, index)),
	'JSON.stringify and Buffer.write',
	(index) => buffer.write(JSON.stringify(pick(decimals, index)), index & 1023),
);

const floats = list((index) => Math.sin(index + 1) * 1000);
compare(
	'a number of all digits by exact scaling',
	(index) => writeNumber(buffer, view, index & 1023, pick(floats, index)),
	'JSON.stringify and Buffer.write',
	(index) => buffer.write(JSON.stringify(pick(floats, index)), index & 1023),
);

const runs = list((index) => Array.from({ length: 64 }, (_, offset) => floats[(index + offset) % 1000] as number));
compare(
	'64 such numbers',
	(index) => {
		let at = 0;
		for (const value of pick(runs, index)) at = writeNumber(buffer, view, at, value);
		return at;
	},
	'JSON.stringify of them all and Buffer.write',
	(index) => buffer.write(JSON.stringify(pick(runs, index)), 0, 'latin1'),
	2000,
);

compare(
	'12 names known from the document before',
	(index) => {
		let at = before;
		for (let name = 0; name < 12; name++) at = cache.follow(at, pick(names, name), ',', ':');
		return at.byteLength + index;
	},
	'made anew for each document',
	(index) => {
		const fresh = new KeyCache();
		let at = fresh.root;
		for (let name = 0; name < 12; name++) at = fresh.follow(at, pick(names, name), ',', ':');
		return at.byteLength + index;
	},
	2000,
);

const dates = list((index) => new Date(1.6e12 + index * 123_456_789));
compare(
	'a Date from its time',
	(index) => writeDate(buffer, view, index & 1023, pick(dates, index)),
	'toJSON and writing the string',
	(index) => writeShortString(buffer, index & 1023, pick(dates, index).toJSON()),
);

const containers: object[] = Array.from({ length: 12 }, () => ({}));
const values = list((index) => ({ index }));
const open = new Set(containers);
compare(
	'12 open containers scanned for a circle',
	(index) => {
		const value = pick(values, index);
		for (let depth = containers.length - 1; depth >= 0; depth--) if (containers[depth] === value) return 1;
		return 0;
	},
	'a Set, with add and delete',
	(index) => {
		const value = pick(values, index);
		if (open.has(value)) return 1;
		open.add(value);
		open.delete(value);
		return 0;
	},
);

const typed = new Float64Array(10_000);
compare(
	'10,000 indices known by comparison',
	() => Number(isDeepStrictEqual(typed, new Float64Array(typed.buffer))),
	'listed by Object.keys',
	() => Object.keys(typed).length,
	50,
);

if (sink === 0) console.log(sink);
