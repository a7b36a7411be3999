/** What the demo shows: numbers, a progress bar where stderr is a terminal, plain lines where not, and tables. */

export function megabytes(bytes: number): string {
	return `${(bytes / 1e6).toFixed(0)} MB`;
}

export function speed(bytes: number, seconds: number): string {
	return `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`;
}

export function milliseconds(ms: number): string {
	return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

export function integer(value: number): string {
	return value.toLocaleString('en-US');
}

export function heading(text: string): void {
	console.log(`\n${text}\n${'-'.repeat(text.length)}`);
}

/** Rows of cells, aligned; the first row is the header. */
export function table(rows: readonly (readonly string[])[]): void {
	const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
	for (const [index, row] of rows.entries()) {
		console.log(
			row
				.map((cell, column) => cell.padEnd(widths[column] ?? 0))
				.join('  ')
				.trimEnd(),
		);
		if (index === 0) console.log(widths.map((width) => '-'.repeat(width)).join('  '));
	}
}

const BAR_WIDTH = 30;
const REDRAW_MS = 100;

/** Progress of one task. On a terminal a bar that is redrawn in place, else a line at each quarter. */
export class Progress {
	readonly #label: string;
	readonly #onTerminal = process.stderr.isTTY === true;
	#drawnMs = 0;
	#quarter = 0;

	constructor(label: string) {
		this.#label = label;
	}

	/** @param done from 0 to 1 */
	show(done: number, detail: string): void {
		if (this.#onTerminal) this.#draw(done, detail);
		else this.#print(done, detail);
	}

	end(): void {
		if (this.#onTerminal) process.stderr.write('\r\x1b[2K');
	}

	#draw(done: number, detail: string): void {
		const nowMs = performance.now();
		if (nowMs - this.#drawnMs < REDRAW_MS && done < 1) return;
		this.#drawnMs = nowMs;
		const filled = Math.round(Math.min(done, 1) * BAR_WIDTH);
		const bar = '#'.repeat(filled) + '.'.repeat(BAR_WIDTH - filled);
		const line = `${this.#label} [${bar}] ${(done * 100).toFixed(0).padStart(3)} %  ${detail}`;
		process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns || 80) - 1)}`);
	}

	#print(done: number, detail: string): void {
		const quarter = Math.floor(done * 4);
		if (quarter <= this.#quarter) return;
		this.#quarter = quarter;
		console.error(`${this.#label}: ${quarter * 25} %, ${detail}`);
	}
}
