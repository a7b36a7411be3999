/**
 * Holds the locks of documents until it is killed, and says when it has them.
 *
 *     node holder.js <file>...
 */
import { withLock } from 'durable-json';

const files = process.argv.slice(2);
let held = 0;
// A timer, as a promise that nothing settles does not keep a process alive.
setInterval(() => undefined, 60_000);
for (const file of files) {
	void withLock(file, () => {
		held += 1;
		if (held === files.length) console.log('held');
		return new Promise<never>(() => undefined);
	});
}
