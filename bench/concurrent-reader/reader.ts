/**
 * Opens a document again and again, as a virus scanner or an indexer does, until it is told to stop.
 *
 *     node reader.js <file> <milliseconds open> <milliseconds of pause>
 */
import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const [file = '', openMs = '', pauseMs = ''] = process.argv.slice(2);
const met = { reads: 0, torn: 0, missing: 0 };
let over = false;
process.on('message', () => {
	over = true;
	process.disconnect?.();
});
process.send?.('reading');
while (!over) {
	readOnce();
	if (Number(pauseMs) > 0) await pause(Number(pauseMs));
	else await new Promise(setImmediate);
}
console.log(JSON.stringify(met));

function readOnce(): void {
	let descriptor: number;
	try {
		descriptor = fs.openSync(file, 'r');
	} catch {
		met.missing += 1;
		return;
	}
	met.reads += 1;
	try {
		JSON.parse(fs.readFileSync(descriptor, 'utf8'));
	} catch {
		met.torn += 1;
	}
	// Timers of Windows know steps of 16 ms.
	const untilMs = performance.now() + Number(openMs);
	while (performance.now() < untilMs) {}
	fs.closeSync(descriptor);
}
