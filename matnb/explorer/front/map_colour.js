// What colour each point has, and what the legend says about it.

import { OTHER_WORDS, WORD_COLOURS, colourTable, rgbOf } from './colours.js';
import { RING, blended, packed, unpacked } from './points.js';
import { ramp } from './density.js';
import { prefixFor, sayDate, sayDistance, sayNumber, sayQuantity } from './units.js';

const NAMED = 7; // words with a colour of their own
const RATHER_LOGARITHMIC = 30; // times that the largest value exceeds the smallest
const LOOKED_AT = 20000; // values that suffice to know a range

export function themeOf(element) { // the colours of the page, as numbers
  const style = getComputedStyle(element);
  const read = (token) => rgbOfText(style.getPropertyValue(token));
  const backRgb = read('--mx-back');
  const dark = backRgb[0] * 0.3 + backRgb[1] * 0.59 + backRgb[2] * 0.11 < 128;
  const named = ['back', 'text', 'quiet', 'accent', 'line', 'focus'];
  const css = Object.fromEntries(named.map((n) => [n, `rgb(${read(`--mx-${n}`).join()})`]));
  const [back, grey, accent] = [packed(backRgb), packed(read('--mx-grey-point')), packed(read('--mx-accent'))];
  const strong = (dark ? ['#6ab7f5', '#e1f0ff'] : ['#56a0d7', '#0b5496', '#061e42']).map((hex) => packed(rgbOf(hex)));
  return {
    dark, css, back, backRgb, grey, accent,
    blues: ramp(back, strong), accents: ramp(back, strong, 0.45),
    greys: ramp(back, [grey, blended(grey, packed(read('--mx-text')), 0.35)], 0.35),
  };
}

function rgbOfText(text) { // any colour that a style sheet may hold
  const context = document.createElement('canvas').getContext('2d');
  context.fillStyle = text.trim() || '#888888';
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

export async function colourCloud(store, cloud, theme) { // paints and shapes of the points; gives the legend, or null
  const { by } = store.colour;
  if (by === 'distance') return colourByDistance(store, cloud, theme);
  const column = by ? await store.column(by) : null;
  if (by !== store.colour.by) return colourCloud(store, cloud, theme); // another colour was chosen while this one was fetched
  if (!column) return colourAlike(cloud, theme);
  if (column.codes) return colourByWord(cloud, column, theme);
  return colourByNumber(cloud, column.values, theme, { title: column.label, ...sayingOf(column) });
}

export function colourAlike(cloud, theme) {
  cloud.paints.fill(theme.accent);
  cloud.shapes.fill(0);
  return null;
}

function colourByDistance(store, cloud, theme) {
  if (!store.pinned) {
    colourAlike(cloud, theme);
    return { title: 'Distance', note: 'Pin an item: then points are coloured by their distance to it.' };
  }
  const say = (values) => ({ say: sayDistance, unit: '', values });
  return colourByNumber(cloud, store.pinned.distances, theme, { title: 'Distance to the pinned item', nearIsStrong: true, ...say() });
}

// --- Words

function colourByWord(cloud, column, theme) {
  const counts = countWords(cloud, column);
  const entries = wordEntries(column, counts, theme);
  const [paints, shapes] = [new Uint32Array(column.words.length).fill(themed(OTHER_WORDS, theme)), new Uint8Array(column.words.length)];
  for (const { code, colour, shape } of entries) if (code >= 0) [paints[code], shapes[code]] = [colour, shape];
  [paints[0], shapes[0]] = [theme.grey, RING];
  for (let n = 0; n < cloud.count; n += 1) {
    const code = column.codes[cloud.step.rows[n]];
    cloud.paints[n] = paints[code];
    cloud.shapes[n] = shapes[code];
  }
  return { title: column.label, entries, missing: counts[0] };
}

function countWords(cloud, column) {
  const counts = new Uint32Array(column.words.length);
  for (let n = 0; n < cloud.count; n += 1) counts[column.codes[cloud.step.rows[n]]] += 1;
  return counts;
}

function wordEntries(column, counts, theme) { // a word has the same colour in every step where it has one
  const present = column.words.map((_, code) => code).filter((code) => code > 0 && counts[code]);
  const [usual, rest] = [present.filter((code) => code <= NAMED), present.filter((code) => code > NAMED)];
  const left = Array.from({ length: NAMED }, (_, n) => n).filter((n) => !usual.includes(n + 1));
  const named = [...usual.map((code) => [code, code - 1])];
  if (rest.length === 1 && !left.length) left.push(NAMED);
  rest.sort((a, b) => counts[b] - counts[a]).splice(0, left.length).forEach((code, n) => named.push([code, left[n]]));
  const entries = named.map(([code, n]) => ({
    code, words: column.words[code], count: counts[code], colour: themed(WORD_COLOURS[n], theme), shape: n % 4,
  })).sort((a, b) => b.count - a.count);
  const others = rest.reduce((sum, code) => sum + counts[code], 0);
  if (others) entries.push({ code: -1, words: `${rest.length} other words`, count: others, colour: themed(OTHER_WORDS, theme), shape: 0 });
  return entries;
}

function themed(hex, theme) { // lighter on a dark page
  return theme.dark ? blended(packed(rgbOf(hex)), packed([255, 255, 255]), 0.3) : packed(rgbOf(hex));
}

// --- Numbers

function sayingOf(column) {
  if (column.kind === 'date') return { say: sayDate, unit: '' };
  return { unit: column.unit ?? '', say: null };
}

function colourByNumber(cloud, values, theme, { title: label, unit, say, nearIsStrong }) {
  const title = label.replace(` (${unit})`, ''); // the unit that is shown has a prefix
  const range = rangeOf(cloud, values, say !== null);
  const table = tableFor(theme, nearIsStrong);
  const missing = paintNumbers(cloud, values, range, table, theme);
  if (!(range.high >= range.low)) return { title, missing, note: 'No point of this step has a value.' };
  const wide = range.low > 0 && range.high / range.low > 999; // then each end has a prefix of its own
  const [factor, named] = say || wide ? [1, ''] : prefixFor(Math.max(Math.abs(range.low), Math.abs(range.high)), unit);
  const write = say ?? (wide ? (value) => sayQuantity(value, unit) : (value) => sayNumber(value / factor));
  const words = [`${range.cutLow ? '≤ ' : ''}${write(range.low)}`, `${range.cutHigh ? '≥ ' : ''}${write(range.high)}`];
  const scale = range.logarithmic ? 'logarithmic' : '';
  return { title, unit: [named, scale].filter(Boolean).join(', '), table, words, missing };
}

function rangeOf(cloud, values, plain) { // without the outermost hundredth when that stretches the range very far
  const seen = [];
  const every = Math.max(1, Math.floor(cloud.count / LOOKED_AT));
  for (let n = 0; n < cloud.count; n += every) {
    const value = values[cloud.step.rows[n]];
    if (Number.isFinite(value)) seen.push(value);
  }
  const sorted = Float64Array.from(seen).sort();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.round(share * (sorted.length - 1)))];
  const [low, high, usualLow, usualHigh] = [at(0), at(1), at(0.01), at(0.99)];
  const logarithmic = !plain && low > 0 && high / low > RATHER_LOGARITHMIC;
  const scaled = logarithmic ? Math.log : Number;
  const stretched = scaled(high) - scaled(low) > 1.6 * (scaled(usualHigh) - scaled(usualLow)) && usualHigh > usualLow;
  if (!stretched) return { low, high, logarithmic };
  return { low: usualLow, high: usualHigh, logarithmic, cutLow: low < usualLow, cutHigh: high > usualHigh };
}

function tableFor(theme, nearIsStrong) { // viridis without the end that would be lost on the background
  const colours = colourTable('viridis');
  const [from, to] = theme.dark ? [56, 255] : [0, 228];
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    const at = 3 * Math.round(from + ((to - from) * n) / 255);
    return packed([colours[at], colours[at + 1], colours[at + 2]]);
  });
  return nearIsStrong && theme.dark ? table.reverse() : table;
}

function paintNumbers(cloud, values, { low, high, logarithmic }, table, theme) {
  const scaled = logarithmic ? Math.log : Number;
  const [first, extent] = [scaled(low), scaled(high) - scaled(low) || 1];
  let missing = 0;
  for (let n = 0; n < cloud.count; n += 1) {
    const value = values[cloud.step.rows[n]];
    const known = Number.isFinite(value);
    if (!known) missing += 1;
    const level = Math.max(0, Math.min(255, Math.round((255 * (scaled(value) - first)) / extent))) || 0;
    cloud.paints[n] = known ? table[level] : theme.grey;
    cloud.shapes[n] = known ? 0 : RING;
  }
  return missing;
}

export function cssOf(colour) { return `rgb(${unpacked(colour).join()})`; }
