// What the colours and shapes on the map mean.

import { make } from './dom.js';
import { sayCount } from './units.js';
import { RING, SHAPES } from './points.js';
import { rampImage } from './density.js';
import { cssOf } from './map_colour.js';

export function newLegend() { // whoever opens or closes it by hand is not overruled
  const element = make('details', { class: 'mx-map-legend', hidden: true, open: true, 'data-corner': 'low left' });
  element.addEventListener('click', (event) => { if (event.target.closest('summary')) element.dataset.byHand = ''; });
  return element;
}

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

// --- Where it stands: in the corner with the fewest points; closed where it would lie over many of them in a small map

const CORNERS = [['low', 'left'], ['low', 'right'], ['high', 'left'], ['high', 'right']];
const COUNTED = 200000; // points of a map up to which corners are compared
const LARGE = 0.16; // of a map, from which on a legend over points is closed

export function placeLegend(element, pane) {
  const { cloud, window } = pane;
  if (!cloud || element.hidden || !window.ofAll || cloud.count > COUNTED) return;
  const byHand = element.dataset.byHand !== undefined;
  if (!byHand) element.open = true;
  let [corner, hidden] = emptiestCorner(element, pane);
  const share = (element.offsetWidth * element.offsetHeight) / (window.width * window.height);
  if (hidden && share > LARGE && !byHand) {
    element.open = false;
    [corner, hidden] = emptiestCorner(element, pane);
  }
  element.dataset.corner = corner.join(' ');
  element.style.left = corner[1] === 'left' ? '8px' : `${window.width - element.offsetWidth - 8}px`;
}

function emptiestCorner(element, { cloud, window }) { // and how many points lie below it there
  const [wide, tall] = [element.offsetWidth + 14, element.offsetHeight + 14];
  const counted = CORNERS.map((corner) => {
    const [left, top] = [corner[1] === 'left' ? 0 : window.width - wide, corner[0] === 'high' ? 0 : window.height - tall];
    const [[x0, y1], [x1, y0]] = [window.toMap(left, top), window.toMap(left + wide, top + tall)];
    const inside = ([x, y]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;
    return [corner, cloud.grid.within({ x0, y0, x1, y1 }).filter((n) => inside(cloud.placeOf(n))).length];
  });
  return counted.reduce((best, each) => (each[1] < best[1] ? each : best));
}
