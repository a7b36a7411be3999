/** Draws with Observable Plot, without a browser. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { COLOURS } from './colours.ts';

const { document } = parseHTML('<html><body></body></html>');

/** A chart as the text of an SVG that stands in a page, whose style it takes its colours from. */
export function draw(label: string, options: Plot.PlotOptions): string {
	const svg = Plot.plot({ ...options, document: document as never });
	// Plot's own style sheet is for pages that it draws in.
	for (const style of svg.querySelectorAll('style')) style.remove();
	svg.setAttribute('class', 'chart');
	svg.setAttribute('role', 'img');
	svg.setAttribute('aria-label', label);
	svg.setAttribute('fill', 'var(--ink)');
	for (const name of ['height', 'width']) svg.removeAttribute(name);
	return svg.outerHTML.replaceAll(/(\d+\.\d{2})\d+/g, '$1');
}

const BORDER_PX = 12;
const TITLE_PX = 30;

/** The same as a file of its own: with its title, and on a ground of its own, as the page around it may be of any colour. */
export function standalone(svg: string, title: string): string {
	const style = `<style>${COLOURS.replaceAll(/\s+/g, ' ')} text { font-family: system-ui, sans-serif }</style>`;
	const [width = 0, height = 0] = (/viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? []).slice(1).map(Number);
	const left = -BORDER_PX;
	const top = -BORDER_PX - TITLE_PX;
	const [outerWidth, outerHeight] = [width + 2 * BORDER_PX, height + 2 * BORDER_PX + TITLE_PX];
	const ground = `<rect x="${left}" y="${top}" width="${outerWidth}" height="${outerHeight}" rx="10" fill="var(--card)"/>`;
	const heading = `<text x="0" y="-14" font-size="15" font-weight="600" text-anchor="start">${escapeText(title)}</text>`;
	return `${svg
		.replace(/viewBox="[^"]*"/, `viewBox="${left} ${top} ${outerWidth} ${outerHeight}"`)
		.replace('<svg ', `<svg xmlns="http://www.w3.org/2000/svg" width="${outerWidth}" height="${outerHeight}" `)
		.replace(/(<svg [^>]*>)/, `$1<title>${escapeText(title)}</title>${style}${ground}${heading}`)}\n`;
}

export function escapeText(text: string): string {
	return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
