// What the colours and shapes on the map mean.

import { make } from './dom.js';
import { sayCount } from './units.js';
import { RING, SHAPES } from './points.js';
import { rampImage } from './density.js';
import { cssOf } from './map_colour.js';

export function newLegend() { return make('details', { class: 'mx-map-legend', hidden: true, open: true }); }

export function drawLegend(element, legend, theme, density) { // legend: as colourCloud gives it; density: { most } or null
  const parts = legend ? wordsOf(legend, theme) : [];
  const counted = density?.most > 0;
  const coloured = legend?.entries || legend?.table;
  if (counted && coloured) parts.push(make('div', { class: 'mx-quiet' }, 'Mean colour; stronger where more points lie'));
  else if (counted) parts.push(bar(theme.blues, ['1', sayCount(density.most)]));
  const title = legend ? [legend.title, legend.unit ? ` (${legend.unit})` : ''] : ['Points at one spot'];
  element.replaceChildren(make('summary', { class: 'mx-legend-title' }, ...title), ...parts);
  element.hidden = !parts.length;
}

function wordsOf(legend, theme) {
  const missing = { words: 'missing', count: legend.missing, colour: theme.grey, shape: RING };
  return [
    legend.table && bar(legend.table, legend.words),
    legend.entries && make('ul', {}, ...legend.entries.map(legendEntry)),
    legend.note && make('div', { class: 'mx-quiet' }, legend.note),
    legend.missing && make('ul', {}, legendEntry(missing)),
  ].filter(Boolean);
}

function bar(table, words) {
  const canvas = make('canvas', { width: 256, height: 1, class: 'mx-legend-bar', 'aria-hidden': 'true' });
  rampImage(canvas.getContext('2d'), table);
  return make('div', {}, canvas, make('div', { class: 'mx-legend-ends' }, ...words.map((w) => make('span', {}, w))));
}

function legendEntry({ words, count, colour, shape }) {
  const swatch = make('canvas', { width: 24, height: 24, class: 'mx-legend-swatch', 'aria-hidden': 'true' });
  drawShape(swatch.getContext('2d'), SHAPES[shape], cssOf(colour));
  return make('li', {}, swatch, make('span', { class: 'mx-legend-word', title: words }, words),
    make('span', { class: 'mx-quiet' }, sayCount(count)));
}

const OUTLINES = {
  square: [[4, 4], [20, 4], [20, 20], [4, 20]],
  triangle: [[12, 2], [22, 20], [2, 20]],
  diamond: [[12, 1], [23, 12], [12, 23], [1, 12]],
};

function drawShape(context, shape, colour) {
  context.beginPath();
  if (OUTLINES[shape]) OUTLINES[shape].forEach((corner) => context.lineTo(...corner));
  else context.arc(12, 12, shape === 'ring' ? 7 : 9, 0, 7);
  context.closePath();
  [context.fillStyle, context.strokeStyle, context.lineWidth] = [colour, colour, 4];
  if (shape === 'ring') context.stroke(); else context.fill();
}
