// The orders of the gallery: numbers are sorted together with the row they belong to, in typed arrays only, so that a
// million items take a fraction of a second, spread over several frames. Every order is over all rows of a step; what is
// shown is picked from it.

import { nextFrame } from './dom.js';

const MANY_AT_ONCE = 200000; // items that are sorted within one frame
const SORTS_LAST = 2 ** 32 - 1; // sorts last

export class Order { // rows in their order; those without a value come last, also when it is reversed
  constructor(rows, present = rows.length) {
    this.rows = rows;
    this.present = present;
  }

  picked(bits, reversed = false) { // the rows in the set, in this order
    const found = new Uint32Array(this.rows.length);
    let at = 0;
    const { rows, present } = this;
    for (let n = 0; n < present; n += 1) {
      const row = rows[reversed ? present - 1 - n : n];
      if (bits.has(row)) { found[at] = row; at += 1; }
    }
    for (let n = present; n < rows.length; n += 1) if (bits.has(rows[n])) { found[at] = rows[n]; at += 1; }
    return found.subarray(0, at);
  }
}

export function asCollected(rows) { return new Order(Uint32Array.from(rows).sort()); }

function breath(count) { return count > MANY_AT_ONCE ? nextFrame() : null; } // lets the page move on while very many are sorted

export async function alongMap(step) { // along a Hilbert curve over the map, so that neighbours on the map are neighbours here
  const { rows, places, dimensions } = step;
  const numbers = new Uint32Array(rows.length);
  const found = gridOf(places, dimensions, rows.length);
  if (!found) return asCollected(rows);
  const { grid, bits } = found;
  for (let n = 0; n < rows.length; n += 1) {
    if (n % MANY_AT_ONCE === 0) await breath(rows.length);
    numbers[n] = dimensions === 2 ? flatHilbertNumber(grid[2 * n], grid[2 * n + 1]) : hilbertNumber(grid, n * dimensions, dimensions, bits);
  }
  return sorted(rows, numbers);
}

export function byDistance(rows, distances) { // nearest first; items without a distance last
  return byValues(rows, distances);
}

export function byColumn(rows, column) { // rows come in the order that decides among equals
  if (!column.words) return byValues(rows, column.values);
  const places = wordPlaces(column.words);
  return byValues(rows, { length: column.codes.length, at: (row) => places[Math.min(column.codes[row], places.length - 1)] });
}

function wordPlaces(words) { // words in the order people expect (a2 before a10); 0, the missing, has none
  const inOrder = new Intl.Collator('en', { numeric: true });
  const order = words.map((_, code) => code).slice(1).sort((a, b) => inOrder.compare(words[a], words[b]));
  const places = new Float64Array(words.length).fill(NaN);
  order.forEach((code, place) => { places[code] = place; });
  return places;
}

async function byValues(rows, values) {
  await breath(rows.length);
  const numberOf = values instanceof Float32Array ? exactNumbers(values) : evenNumbers(rows, values);
  const numbers = new Uint32Array(rows.length);
  let missing = 0;
  for (let n = 0; n < rows.length; n += 1) {
    numbers[n] = numberOf(rows[n]);
    missing += numbers[n] === SORTS_LAST;
  }
  return sorted(rows, numbers, rows.length - missing);
}

function exactNumbers(values) { // the bits of 32-bit numbers, turned so that they grow with the value
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return (row) => (Number.isFinite(values[row]) ? (words[row] ^ (words[row] >>> 31 ? 0xffffffff : 0x80000000)) >>> 0 : SORTS_LAST);
}

function evenNumbers(rows, values) { // dates and places of words: even steps between the least and the greatest
  const at = ArrayBuffer.isView(values) ? (row) => values[row] : values.at;
  const [least, greatest] = extent(rows, at);
  const factor = greatest > least ? (SORTS_LAST - 1) / (greatest - least) : 0;
  return (row) => (Number.isFinite(at(row)) ? Math.floor((at(row) - least) * factor) : SORTS_LAST);
}

function extent(rows, at) {
  let [least, greatest] = [Infinity, -Infinity];
  for (const row of rows) {
    const value = at(row);
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}

async function sorted(rows, numbers, present = rows.length) { // by number, equal ones as they were: two rounds of counting
  const places = new Uint32Array(rows.length);
  for (let n = 0; n < places.length; n += 1) places[n] = n;
  await breath(rows.length);
  const first = countingRound(places, numbers, 0);
  await breath(rows.length);
  const order = countingRound(first, numbers, 16);
  for (let n = 0; n < order.length; n += 1) order[n] = rows[order[n]];
  return new Order(order, present);
}

function countingRound(places, numbers, shift) { // in the order of 16 of the bits
  const starts = new Uint32Array(65537);
  for (let n = 0; n < places.length; n += 1) starts[((numbers[n] >>> shift) & 65535) + 1] += 1;
  for (let n = 1; n < starts.length; n += 1) starts[n] += starts[n - 1];
  const found = new Uint32Array(places.length);
  for (let n = 0; n < places.length; n += 1) found[starts[(numbers[places[n]] >>> shift) & 65535]++] = places[n];
  return found;
}

function gridOf(places, dimensions, count) { // places as whole numbers on a grid that covers the map
  if (!count || dimensions < 2 || places.length < count * dimensions) return null;
  const bits = dimensions === 2 ? 16 : 10;
  const grid = new Uint32Array(count * dimensions);
  for (let d = 0; d < dimensions; d += 1) {
    let [least, greatest] = [Infinity, -Infinity];
    for (let at = d; at < grid.length; at += dimensions) {
      if (places[at] < least) least = places[at];
      if (places[at] > greatest) greatest = places[at];
    }
    const factor = greatest > least ? (2 ** bits - 1) / (greatest - least) : 0;
    for (let at = d; at < grid.length; at += dimensions) grid[at] = (places[at] - least) * factor;
  }
  return { grid, bits };
}

// Skilling, "Programming the Hilbert curve", AIP Conf. Proc. 707, 381 (2004): a place becomes its number along the curve.
function hilbertNumber(grid, from, dimensions, bits) {
  const last = from + dimensions - 1;
  for (let high = 2 ** (bits - 1); high > 1; high /= 2) untwist(grid, from, last, high);
  for (let at = from + 1; at <= last; at += 1) grid[at] ^= grid[at - 1];
  let turn = 0;
  for (let high = 2 ** (bits - 1); high > 1; high /= 2) if (grid[last] & high) turn ^= high - 1;
  for (let at = from; at <= last; at += 1) grid[at] ^= turn;
  let number = 0;
  for (let bit = bits - 1; bit >= 0; bit -= 1) {
    for (let at = from; at <= last; at += 1) number = number * 2 + ((grid[at] >>> bit) & 1);
  }
  return number;
}

function untwist(grid, from, last, high) {
  const below = high - 1;
  for (let at = from; at <= last; at += 1) {
    if (grid[at] & high) {
      grid[from] ^= below;
    } else {
      const swapped = (grid[from] ^ grid[at]) & below;
      grid[from] ^= swapped;
      grid[at] ^= swapped;
    }
  }
}

function flatHilbertNumber(column, line) { // the same in two dimensions and 16 bits, where it has to be quick
  let [x, y, turn] = [column, line, 0];
  for (let high = 32768; high > 1; high >>= 1) {
    const below = high - 1;
    if (x & high) x ^= below;
    if (y & high) { x ^= below; } else { const swapped = (x ^ y) & below; x ^= swapped; y ^= swapped; }
  }
  y ^= x;
  for (let high = 32768; high > 1; high >>= 1) if (y & high) turn ^= high - 1;
  return ((spread(x ^ turn) << 1) | spread(y ^ turn)) >>> 0;
}

function spread(bits) { // 16 bits with a gap after each
  let b = (bits | (bits << 8)) & 0x00ff00ff;
  b = (b | (b << 4)) & 0x0f0f0f0f;
  b = (b | (b << 2)) & 0x33333333;
  return (b | (b << 1)) & 0x55555555;
}
