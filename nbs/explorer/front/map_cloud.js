// The points of one step, in typed arrays: where they lie, how they are coloured, which are chosen, in which order they
// are painted. Point n is row `rows[n]` of the scene.

import { flatten, usualTurn } from './turn.js';
import { PlaceGrid, boundsOf } from './map_grid.js';
import { encircled, insideBox, rowsInside } from './lasso.js';
import { Bits } from './bits.js';

export const PICTURED = 300; // points in view until which pictures are shown
export const DEPTHS = 5; // sizes of points by nearness, in three dimensions
const SHUFFLED_UNTIL = 250000; // beyond, points are painted as they come: their order would be lost in the crowd

export class Cloud {
  #grid = null;
  #order = null; // null until it is needed: density needs none
  #pointOf = null;

  constructor(step, itemCount) {
    const count = step.rows.length;
    Object.assign(this, { step, count, itemCount, solid: step.dimensions === 3 });
    this.turn = this.solid ? usualTurn() : null;
    this.flat = this.solid ? new Float32Array(2 * count) : step.places;
    this.depths = this.solid ? new Float32Array(count) : null;
    [this.xs, this.ys] = [new Float32Array(count), new Float32Array(count)]; // on the screen, in pixels
    [this.paints, this.shapes] = [new Uint32Array(count), new Uint8Array(count)];
    this.forms = this.solid ? new Uint8Array(count) : this.shapes;
    this.flags = null; // 1 for what is chosen; null when nothing is
    this.shuffled = shuffledOrder(count);
    this.#order = this.shuffled;
    this.split = 0; // from there on the order holds what is chosen
    this.turned();
    this.measure();
    this.placed = countPlaced(step.places, step.dimensions);
  }

  get stride() { return this.solid ? 2 : this.step.dimensions; }

  get across() { return this.solid ? this.turn.across : []; }

  turned() { // after the map was turned: what is seen of it
    if (this.solid) flatten(this.step.places, this.turn, this.flat, this.depths);
    this.#grid = null;
  }

  measure() { this.box = { ...boundsOf(this.flat, this.stride, this.count), few: this.count <= PICTURED }; }

  get grid() { // made when first needed after a turn
    this.#grid ??= new PlaceGrid(this.flat, this.stride, this.count);
    return this.#grid;
  }

  pointOf(row) { // -1 for an item that is not in the step, or has no place on its map
    if (row < 0) return -1;
    this.#pointOf ??= pointsByRow(this.step.rows, this.itemCount);
    const n = this.#pointOf[row] ?? -1;
    return n >= 0 && this.flat[n * this.stride] === this.flat[n * this.stride] ? n : -1;
  }

  placeOf(n) { return [this.flat[n * this.stride], this.flat[n * this.stride + 1]]; }

  isGrey(n) { return this.flags !== null && !this.flags[n]; }

  choose(bits) {
    this.flags = bits ? flagsOf(bits, this.step.rows) : null;
    this.#order = bits ? null : this.shuffled;
    this.split = bits ? countGrey(this.flags) : 0;
  }

  get order() { // what is chosen is painted last
    this.#order ??= chosenLast(this.shuffled, this.flags, this.split);
    return this.#order;
  }

  project(window, ratio) { // to pixels of the screen
    const { flat, stride, xs, ys, count } = this;
    const scale = window.scale * ratio;
    const right = (window.width * ratio) / 2 - window.x * scale;
    const down = (window.height * ratio) / 2 + window.y * scale;
    for (let n = 0, at = 0; n < count; n += 1, at += stride) {
      xs[n] = flat[at] * scale + right;
      ys[n] = down - flat[at + 1] * scale;
    }
  }

  sortByDepth() { // far ones first, among the grey and among the others; and smaller
    const { depths, forms, shapes, count, split, order } = this;
    for (let n = 0; n < count; n += 1) forms[n] = shapes[n] * DEPTHS + Math.min(DEPTHS - 1, depths[n] * DEPTHS | 0);
    const bins = 256;
    const level = (k) => (k < split ? 0 : bins) + Math.min(bins - 1, depths[order[k]] * (bins - 1) | 0);
    this.#order = sortedInto(2 * bins, order, level);
  }

  inBox(window) { // how many points are in view
    const [box, { flat, stride, count }] = [window.box(), this];
    let found = 0;
    for (let n = 0, at = 0; n < count; n += 1, at += stride) {
      const x = flat[at];
      const y = flat[at + 1];
      if (x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1) found += 1;
    }
    return found;
  }

  encircled(corners) {
    return this.#items(encircled(this.step.places, this.step.dimensions, corners, this.across));
  }

  boxed(low, high) { return this.#items(insideBox(this.step.places, this.step.dimensions, low, high)); }

  #items(inside) { return rowsInside(this.step, inside, new Bits(this.itemCount)); }
}

function countPlaced(places, dimensions) {
  let placed = 0;
  for (let at = 0; at < places.length; at += dimensions) if (places[at] === places[at]) placed += 1;
  return placed;
}

function pointsByRow(rows, itemCount) {
  const points = new Int32Array(itemCount).fill(-1);
  for (let n = 0; n < rows.length; n += 1) points[rows[n]] = n;
  return points;
}

function flagsOf(bits, rows) {
  const flags = new Uint8Array(rows.length);
  const { bytes } = bits;
  for (let n = 0; n < rows.length; n += 1) flags[n] = (bytes[rows[n] >> 3] >> (rows[n] & 7)) & 1;
  return flags;
}

function countGrey(flags) {
  let grey = 0;
  for (let n = 0; n < flags.length; n += 1) if (!flags[n]) grey += 1;
  return grey;
}

function chosenLast(order, flags, split) {
  const sorted = new Uint32Array(order.length);
  let [grey, chosen] = [0, split];
  for (let k = 0; k < order.length; k += 1) {
    if (flags[order[k]]) sorted[chosen++] = order[k];
    else sorted[grey++] = order[k];
  }
  return sorted;
}

function shuffledOrder(count) { // the same every time; so that no kind lies above another only because it comes later
  const order = new Uint32Array(count);
  for (let n = 0; n < count; n += 1) order[n] = n;
  if (count > SHUFFLED_UNTIL) return order;
  let state = 12345;
  for (let n = count - 1; n > 0; n -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 4294967296) * (n + 1));
    const kept = order[n];
    order[n] = order[other];
    order[other] = kept;
  }
  return order;
}

function sortedInto(bins, order, level) { // by counting
  const [levels, first] = [new Uint16Array(order.length), new Uint32Array(bins + 1)];
  for (let k = 0; k < order.length; k += 1) {
    levels[k] = level(k);
    first[levels[k] + 1] += 1;
  }
  for (let k = 1; k <= bins; k += 1) first[k] += first[k - 1];
  const sorted = new Uint32Array(order.length);
  for (let k = 0; k < order.length; k += 1) sorted[first[levels[k]]++] = order[k];
  return sorted;
}
