// The items of a step that have both of two properties, placed between two axes in pixels from the lower left corner.

import { Axis } from './axes.js';
import { Cloud } from './map_cloud.js';

const SPREAD_UNTIL = 60000; // points; beyond, density is shown
const OFTEN_EQUAL = 2.5; // points per pixel on average from which they are spread
const FARTHEST = 11; // pixels
const GOLDEN_ANGLE = 2.39996; // so that they fill the round evenly
const FREE_ENDS = 0.025; // of an axis, left free at both ends

export function pairedItems(step, across, up, logs) { // { rows, x, y, axes, without }; across and up: columns
  const { rows } = step;
  const kept = new Uint32Array(rows.length);
  const without = [0, 0, 0, 0]; // missing across, missing up, not above zero across, not above zero up
  let count = 0;
  for (let n = 0; n < rows.length; n += 1) {
    const row = rows[n];
    const a = across.values[row];
    const b = up.values[row];
    if (Number.isNaN(a)) without[0] += 1;
    if (Number.isNaN(b)) without[1] += 1;
    if (logs[0] && a <= 0) without[2] += 1;
    if (logs[1] && b <= 0) without[3] += 1;
    if ((logs[0] ? a > 0 : a === a) && (logs[1] ? b > 0 : b === b)) kept[count++] = row;
  }
  const paired = kept.slice(0, count);
  const [x, y] = [across, up].map((column) => valuesAt(column.values, paired));
  return { rows: paired, x, y, without, axes: count ? [axisOf(x, across, logs[0]), axisOf(y, up, logs[1])] : null };
}

function valuesAt(values, rows) {
  const found = new Float64Array(rows.length);
  for (let n = 0; n < rows.length; n += 1) found[n] = values[rows[n]];
  return found;
}

function axisOf(values, { kind, unit }, log) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = 0; n < values.length; n += 1) {
    if (values[n] < low) low = values[n];
    if (values[n] > high) high = values[n];
  }
  const tight = new Axis({ low, high, kind, unit, log });
  return new Axis({ low: tight.value(-FREE_ENDS), high: tight.value(1 + FREE_ENDS), kind, unit, log });
}

export function cloudBetween({ rows, x, y, axes }, itemCount, width, height) {
  const places = new Float32Array(2 * rows.length);
  const [across, up] = axes;
  for (let n = 0; n < rows.length; n += 1) {
    places[2 * n] = across.place(x[n]) * width;
    places[2 * n + 1] = up.place(y[n]) * height;
  }
  const spread = rows.length <= SPREAD_UNTIL && sidewards(places, width, height);
  return Object.assign(new Cloud({ rows, places, dimensions: 2 }, itemCount), { spread });
}

function sidewards(places, width, height) { // points on the same pixel would hide each other: they go into a small round
  const [columns, lines] = [Math.ceil(width) + 1, Math.ceil(height) + 1];
  const cells = new Uint16Array(columns * lines);
  const cellOf = (at) => Math.round(places[at + 1]) * columns + Math.round(places[at]);
  let taken = 0;
  for (let at = 0; at < places.length; at += 2) if (cells[cellOf(at)]++ === 0) taken += 1;
  if (places.length / 2 < OFTEN_EQUAL * taken) return false;
  cells.fill(0);
  for (let at = 0; at < places.length; at += 2) {
    const nth = cells[cellOf(at)]++;
    const reach = Math.min(FARTHEST, 1.3 * Math.sqrt(nth));
    places[at] += reach * Math.cos(nth * GOLDEN_ANGLE);
    places[at + 1] += reach * Math.sin(nth * GOLDEN_ANGLE);
  }
  return true;
}

export function neighbourAlong(cloud, point, axis, turn) { // the next point to the right or left, or up or down
  const value = (n) => cloud.flat[2 * n + axis];
  const here = value(point);
  const across = (n) => Math.abs(cloud.flat[2 * n + 1 - axis] - cloud.flat[2 * point + 1 - axis]);
  let [best, least] = [point, Infinity];
  for (let n = 0; n < cloud.count; n += 1) {
    const ahead = (value(n) - here) * turn;
    const cost = ahead + 2 * across(n);
    if (n !== point && (ahead > 0.01) && cost < least) [best, least] = [n, cost];
  }
  return best;
}
