// A histogram with a brush: all items of the step in grey, those that are chosen before them, and a range that is drawn
// with the pointer, moved with the arrow keys, or written.

import { make, oncePerFrame } from './dom.js';
import { sayCount } from './units.js';

const PLOT = 52; // pixels, for the bars
const TICKS = 15; // and for the words below them
const TALLER = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];

export class Histogram {
  constructor(label, ranged) { // ranged(from, to, done): NaN for an open end
    this.label = label;
    this.ranged = ranged;
    this.canvas = make('canvas', { class: 'mx-range-bars', role: 'img' });
    this.readout = make('div', { class: 'mx-range-readout', 'aria-hidden': 'true' });
    this.handles = ['from', 'to'].map((end) => this.handle(end));
    this.element = make('div', { class: 'mx-range-plot' }, this.canvas, ...this.handles, this.readout);
    this.canvas.addEventListener('pointerdown', (event) => this.drag(event, null));
    this.canvas.addEventListener('pointermove', (event) => this.tell(event));
    this.canvas.addEventListener('pointerleave', () => { this.readout.textContent = ''; });
    this.draw = oncePerFrame(() => this.drawNow());
  }

  show(state) { // { axis, edges, held, chosen, from, to, anyChosen }; held and chosen: counts by bin, missing first
    this.state = state;
    this.draw();
  }

  stop() { this.draw.stop(); }

  // --- Drawing

  drawNow() {
    const width = this.element.clientWidth;
    if (!width || !this.state) return;
    const { axis } = this.state;
    const context = this.sized(width);
    const style = getComputedStyle(this.canvas);
    const ink = (token) => style.getPropertyValue(`--mx-${token}`);
    const factor = this.state.anyChosen ? taller(this.state) : 1;
    this.drawBars(context, width, this.state.held, 1, ink('bar'));
    if (this.state.anyChosen) this.drawBars(context, width, this.state.chosen, factor, ink('accent'));
    this.drawRange(context, width, ink);
    this.drawTicks(context, width, axis, ink, style);
    if (factor > 1) note(context, width, `chosen × ${sayCount(factor)}`, ink);
    this.placeHandles();
    this.describe();
  }

  sized(width) {
    const density = window.devicePixelRatio || 1;
    const [across, down] = [Math.round(width * density), Math.round((PLOT + TICKS) * density)];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    const context = this.canvas.getContext('2d');
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, PLOT + TICKS);
    return context;
  }

  drawBars(context, width, counts, factor, colour) {
    const { edges, axis, held } = this.state;
    const most = mostIn(held);
    context.fillStyle = colour;
    for (let n = 0; n < edges.length - 1; n += 1) {
      if (!counts[n + 1]) continue;
      const [left, right] = [axis.place(edges[n]) * width, axis.place(edges[n + 1]) * width];
      const tall = Math.min(PLOT, Math.max(1.5, (PLOT - 2) * (counts[n + 1] / most) * factor));
      context.fillRect(left + 0.5, PLOT - tall, Math.max(1, right - left - 1), tall);
    }
  }

  drawRange(context, width, ink) {
    const { axis, from, to } = this.state;
    context.fillStyle = ink('line');
    context.fillRect(0, PLOT, width, 1);
    if (!Number.isFinite(from) && !Number.isFinite(to)) return;
    const [left, right] = this.ends().map((value) => axis.place(value) * width);
    context.fillStyle = ink('back');
    context.globalAlpha = 0.62;
    context.fillRect(0, 0, left, PLOT);
    context.fillRect(right, 0, width - right, PLOT);
    context.globalAlpha = 1;
    context.fillStyle = ink('focus');
    context.fillRect(left, PLOT - 1, Math.max(2, right - left), 3);
  }

  drawTicks(context, width, axis, ink, style) {
    context.fillStyle = ink('quiet');
    context.font = `11px ${style.fontFamily}`;
    context.textBaseline = 'alphabetic';
    let free = 0;
    for (const { place, words } of axis.ticks(Math.max(2, Math.floor(width / 56)))) {
      const half = context.measureText(words).width / 2;
      const at = Math.min(width - half, Math.max(half, place * width));
      context.fillRect(Math.min(width - 1, place * width), PLOT, 1, 3);
      if (at - half < free) continue;
      context.fillText(words, at - half, PLOT + TICKS - 2);
      free = at + half + 6;
    }
  }

  placeHandles() {
    const { axis, from, to } = this.state;
    this.ends().forEach((value, n) => {
      const handle = this.handles[n];
      handle.style.left = `${100 * Math.min(1, Math.max(0, axis.place(value)))}%`;
      handle.classList.toggle('mx-set', Number.isFinite(n ? to : from));
      handle.setAttribute('aria-valuemin', plainNumber(axis.low));
      handle.setAttribute('aria-valuemax', plainNumber(axis.high));
      handle.setAttribute('aria-valuenow', plainNumber(value));
      handle.setAttribute('aria-valuetext', Number.isFinite(n ? to : from) ? axis.sayWithUnit(value) : `open (${axis.sayWithUnit(value)})`);
    });
  }

  describe() {
    const { held, chosen, axis, edges, anyChosen } = this.state;
    const [all, some] = [sumOf(held), sumOf(chosen)];
    const spread = `from ${axis.sayWithUnit(edges[0])} to ${axis.sayWithUnit(edges.at(-1))}`;
    const most = chosen.indexOf(mostIn(chosen));
    const mode = some && most > 0 ? `, most between ${axis.say(edges[most - 1])} and ${axis.sayWithUnit(edges[most])}` : '';
    const counts = anyChosen ? `${sayCount(some)} of ${sayCount(all)} items` : `${sayCount(all)} items`;
    this.canvas.setAttribute('aria-label', `Histogram of ${this.label}: ${counts} ${spread}${mode}`);
  }

  // --- The brush

  ends() { // with the ends of the axis for open ones
    const { axis, from, to } = this.state;
    return [Number.isFinite(from) ? from : axis.low, Number.isFinite(to) ? to : axis.high];
  }

  valueAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const { axis } = this.state;
    const place = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return axis.rounded(axis.value(place), box.width);
  }

  put(from, to, done) { // an end at the end of the axis is open
    const { axis } = this.state;
    const [low, high] = from <= to ? [from, to] : [to, from];
    const [open, shut] = [low <= axis.low ? NaN : low, high >= axis.high ? NaN : high];
    Object.assign(this.state, { from: open, to: shut });
    this.draw();
    this.ranged(open, shut, done);
  }

  drag(down, end) { // end: 'from', 'to', or null on the bars
    if (!this.state || down.button > 0) return;
    down.preventDefault();
    const target = down.currentTarget;
    const begun = this.valueAt(down);
    const [from, to] = this.ends();
    const ranged = Number.isFinite(this.state.from) || Number.isFinite(this.state.to);
    const how = end ?? (ranged && begun > from && begun < to ? 'move' : 'new');
    let moved = false;
    const at = (event) => this.draggedTo(how, begun, this.valueAt(event), from, to);
    const move = (event) => {
      moved ||= Math.abs(event.clientX - down.clientX) > 2;
      if (moved) this.put(...at(event), false);
    };
    const finish = (event) => {
      for (const [name, act] of [['pointermove', move], ['pointerup', finish], ['pointercancel', finish]]) target.removeEventListener(name, act);
      if (moved) this.put(...at(event), true);
      else if (!end) this.pickBin(begun);
    };
    target.setPointerCapture(down.pointerId);
    for (const [name, act] of [['pointermove', move], ['pointerup', finish], ['pointercancel', finish]]) target.addEventListener(name, act);
  }

  draggedTo(how, begun, now, from, to) {
    if (how === 'from') return [now, to];
    if (how === 'to') return [from, now];
    if (how === 'new') return [begun, now];
    const { axis } = this.state;
    const [low, high, by] = [axis.place(from), axis.place(to), axis.place(now) - axis.place(begun)];
    const shift = Math.min(1 - high, Math.max(-low, by));
    const round = (place) => axis.rounded(axis.value(place), this.element.clientWidth);
    return [round(low + shift), round(high + shift)];
  }

  binAt(value) {
    const { edges } = this.state;
    return Math.max(0, edges.findLastIndex((edge, n) => n < edges.length - 1 && edge <= value));
  }

  pickBin(value) { // a click: one bin, and once more: no range
    const { edges, from, to } = this.state;
    const bin = this.binAt(value);
    if (Number.isFinite(from) || Number.isFinite(to)) return this.put(-Infinity, Infinity, true);
    return this.put(edges[bin], edges[bin + 1], true);
  }

  tell(event) { // what the bar under the pointer stands for
    if (!this.state || event.buttons) return;
    const { edges, held, chosen, axis, anyChosen } = this.state;
    const bin = this.binAt(this.valueAt(event));
    const counts = anyChosen ? `${sayCount(chosen[bin + 1])} of ${sayCount(held[bin + 1])}` : sayCount(held[bin + 1]);
    this.readout.textContent = `${axis.say(edges[bin])} to ${axis.sayWithUnit(edges[bin + 1])}: ${counts}`;
  }

  handle(end) {
    const name = `${this.label}: ${end === 'from' ? 'lower' : 'upper'} end`;
    const handle = make('span', { class: `mx-range-handle mx-range-handle-${end}`, role: 'slider', tabindex: '0', 'aria-label': name, 'aria-valuenow': '0' });
    handle.addEventListener('pointerdown', (event) => { handle.focus(); this.drag(event, end); });
    handle.addEventListener('keydown', (event) => this.key(event, end));
    return handle;
  }

  key(event, end) {
    if (!this.state) return;
    const { edges } = this.state;
    const [from, to] = this.ends();
    const now = end === 'from' ? from : to;
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === 'Delete' || event.key === 'Backspace') this.put(-Infinity, Infinity, true);
    else if (steps === undefined) return;
    else {
      const at = nextEdge(edges, now, steps);
      this.put(end === 'from' ? Math.min(at, to) : from, end === 'to' ? Math.max(at, from) : to, true);
    }
    event.preventDefault();
  }
}

function nextEdge(edges, now, steps) {
  const slack = (edges.at(-1) - edges[0]) * 1e-9;
  const beyond = steps > 0 ? edges.findIndex((edge) => edge > now + slack) : edges.findLastIndex((edge) => edge < now - slack);
  const from = beyond < 0 ? (steps > 0 ? edges.length - 1 : 0) : beyond;
  return edges[Math.min(edges.length - 1, Math.max(0, from + steps - Math.sign(steps)))];
}

function taller({ held, chosen }) { // few among many would be too low to see, so they are drawn so many times taller
  const share = mostIn(chosen) / Math.max(1, mostIn(held));
  if (!share || share >= 0.3) return 1;
  return TALLER.findLast((factor) => factor * share <= 0.9) ?? 1;
}

function note(context, width, words, ink) {
  const across = context.measureText(words).width;
  context.fillStyle = ink('back');
  context.globalAlpha = 0.75;
  context.fillRect(width - across - 4, 0, across + 4, 13);
  context.globalAlpha = 1;
  context.fillStyle = ink('accent');
  context.fillText(words, width - across - 2, 10);
}

function mostIn(counts) { // without the missing ones
  let most = 0;
  for (let n = 1; n < counts.length; n += 1) if (counts[n] > most) most = counts[n];
  return most;
}

function sumOf(counts) {
  let sum = 0;
  for (let n = 1; n < counts.length; n += 1) sum += counts[n];
  return sum;
}

function plainNumber(value) { // ARIA knows no powers of ten
  return Number(value).toLocaleString('en-US', { useGrouping: false, maximumSignificantDigits: 6 });
}
