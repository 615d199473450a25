// The colour bar of a plane of numbers: how often each value occurs, in the colours it is drawn in, with a handle at
// either end of the colours and fields to write the limits in.

import { colourTable } from './colours.js';
import { button, make } from './dom.js';
import { prefixFor, sayQuantity } from './units.js';

const STEPS = 1000;
const BINS = 96;

export class Contrast {
  #changed;

  constructor(changed) { // changed(): the limits were moved by hand
    this.#changed = changed;
    Object.assign(this, { plane: null, low: 0, high: 1, from: 0, to: 1, colours: 'gray' });
    this.canvas = make('canvas', { class: 'mx-occurrences', width: BINS * 3, height: 40, 'aria-hidden': 'true' });
    this.handles = ['Darkest', 'Brightest'].map((name, end) => this.#handle(name, end));
    this.fields = ['Darkest', 'Brightest'].map((name, end) => this.#field(`${name} at`, end));
    this.unit = make('span', { class: 'mx-quiet' });
    this.again = button('Reset', () => this.#put(this.plane.low, this.plane.high), { title: 'Contrast without the outermost percent at either end' });
    this.element = make('div', { class: 'mx-contrast', role: 'group', 'aria-label': 'Colour bar and contrast' },
      make('div', { class: 'mx-colour-bar' }, this.canvas, this.handles),
      make('div', { class: 'mx-limits' }, this.fields[0], this.unit, this.again, this.fields[1]));
  }

  #handle(name, end) {
    const act = () => { const value = this.#valueAt(Number(this.handles[end].value)); this.#put(end ? this.low : value, end ? value : this.high, end); };
    return make('input', { type: 'range', min: 0, max: STEPS, class: 'mx-contrast-handle', 'aria-label': `${name} at`, oninput: act });
  }

  #field(name, end) {
    const act = (event) => {
      const value = Number(event.target.value) * this.factor;
      if (event.target.value === '' || !Number.isFinite(value)) return this.#show();
      return this.#put(end ? this.low : value, end ? value : this.high, end);
    };
    return make('input', { type: 'number', step: 'any', class: 'mx-limit', 'aria-label': name, onchange: act });
  }

  take(plane, colours, keep = false) { // keep: the limits stay, as when a finer copy of the same plane came
    this.plane = plane;
    this.colours = colours;
    if (!keep) [this.low, this.high] = [plane.low ?? 0, plane.high ?? 1];
    const span = (plane.high - plane.low) || Math.abs(plane.high) || 1;
    this.from = Math.max(plane.least, plane.low - 0.6 * span) || 0;
    this.to = Math.min(plane.greatest, plane.high + 0.6 * span) || 0;
    if (!(this.to > this.from)) [this.from, this.to] = [plane.low - span / 2, plane.high + span / 2];
    [this.factor, this.named] = prefixFor(Math.max(Math.abs(this.from), Math.abs(this.to)), plane.unit ?? '');
    this.counts = occurrences(plane.values, this.from, this.to);
    this.element.hidden = plane.low === null;
    this.#show();
  }

  recolour(colours) {
    this.colours = colours;
    if (this.plane) this.#show();
  }

  #valueAt(step) { return this.from + (step / STEPS) * (this.to - this.from); }

  #stepAt(value) { return Math.round(((value - this.from) / (this.to - this.from)) * STEPS); }

  #put(low, high, moved = 0) { // the end that was moved pushes the other one
    const least = (this.to - this.from) / STEPS;
    [this.low, this.high] = high - low >= least ? [low, high] : moved ? [high - least, high] : [low, low + least];
    this.#show();
    this.#changed();
  }

  #show() {
    const limits = [this.low, this.high];
    this.unit.textContent = this.named || 'no unit';
    this.again.disabled = this.low === this.plane.low && this.high === this.plane.high;
    limits.forEach((value, end) => {
      this.handles[end].value = this.#stepAt(value);
      this.handles[end].setAttribute('aria-valuetext', sayQuantity(value, this.plane.unit ?? ''));
      this.fields[end].value = sayPlain(value / this.factor);
    });
    this.#draw();
  }

  #draw() {
    const brush = this.canvas.getContext('2d');
    const { width, height } = this.canvas;
    const table = colourTable(this.colours);
    const most = Math.max(...this.counts, 1);
    brush.clearRect(0, 0, width, height);
    for (let n = 0; n < BINS; n += 1) {
      const share = (this.#valueAt(((n + 0.5) / BINS) * STEPS) - this.low) / (this.high - this.low);
      const at = Math.max(0, Math.min(255, Math.round(share * 255))) * 3;
      const [x, tall] = [(n * width) / BINS, Math.ceil(Math.sqrt(this.counts[n] / most) * (height - 12))];
      brush.fillStyle = `rgb(${table[at]}, ${table[at + 1]}, ${table[at + 2]})`;
      brush.fillRect(x, height - 12, width / BINS + 0.5, 12);
      brush.fillStyle = getComputedStyle(this.canvas).color;
      brush.globalAlpha = share >= 0 && share <= 1 ? 0.75 : 0.3;
      brush.fillRect(x, height - 12 - tall, width / BINS - 0.6, tall);
      brush.globalAlpha = 1;
    }
  }
}

function sayPlain(value) { return String(Number(value.toPrecision(4))); } // what a field for numbers accepts

function occurrences(values, from, to) {
  const counts = new Float64Array(BINS);
  const stride = Math.max(1, Math.floor(values.length / 200000));
  const factor = BINS / (to - from);
  for (let n = 0; n < values.length; n += stride) {
    const bin = Math.floor((values[n] - from) * factor);
    if (bin >= 0 && bin <= BINS) counts[Math.min(bin, BINS - 1)] += 1;
  }
  return counts;
}

export function paintValues(canvas, plane, low, high, colours) { // numbers in a colour map's colours; what is not one stays transparent
  const table = colourTable(colours);
  const words = new Uint32Array(256);
  for (let n = 0; n < 256; n += 1) words[n] = (0xff000000 | (table[n * 3 + 2] << 16) | (table[n * 3 + 1] << 8) | table[n * 3]) >>> 0;
  const [tall, wide] = plane.shape;
  if (canvas.width !== wide || canvas.height !== tall) Object.assign(canvas, { width: wide, height: tall });
  const image = new ImageData(wide, tall);
  const pixels = new Uint32Array(image.data.buffer);
  const [factor, { values }] = [255 / (high - low || 1), plane];
  for (let n = 0; n < values.length; n += 1) {
    const level = (values[n] - low) * factor;
    if (level === level) pixels[n] = words[level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0];
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}
