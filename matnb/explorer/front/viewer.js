// A closer look at one channel of one item: the numbers themselves, zoomed to single points, with contrast, a colour bar,
// the value under the pointer, a true scale bar, and a box that can be searched for in other items.

import { Contrast, paintValues } from './contrast.js';
import { button, freshName, make, oncePerFrame, slowly, stops } from './dom.js';
import { Lens } from './lens.js';
import { drawBox, drawCursor, drawHatch } from './overlays.js';
import { scaleBar, sayQuantity } from './units.js';

const FIRST_MOST = 512; // points a side that are fetched first
const MOST = 2048; // and when they are looked at
const LEAST_BOX = 4; // points of a scan
const VIEWER_KEYS = 'Arrow keys move the cursor and say the value there, plus and minus zoom, 0 fits. B begins a box: arrow keys '
  + 'move it, with Shift they change its size, Enter searches for it, Escape takes it away.';

export class Viewer {
  #store;
  #turn = 0;
  #draw = oncePerFrame(() => this.draw());
  #finer = slowly(() => this.#askFiner(), 250);
  #read = slowly(() => { this.live.textContent = this.readout.textContent; }, 350);
  #fingers = new Map();
  #dragged = null; // { box: [column, line] } or { pan: true }
  #stop;

  constructor(store) {
    this.#store = store;
    this.lens = new Lens();
    this.painted = document.createElement('canvas');
    Object.assign(this, { row: -1, channel: '', plane: null, cursor: null, box: null, boxing: false, over: null, described: '' });
    this.contrast = new Contrast(() => this.#repaint());
    this.element = this.#build();
    const watch = new ResizeObserver(() => this.#resized());
    watch.observe(this.stage);
    this.#stop = stops(() => watch.disconnect(), this.#draw.stop, this.#finer.stop, this.#read.stop,
      store.on('picture', () => { this.contrast.recolour(store.picture.colours); this.#repaint(); }));
  }

  stop() { this.#turn += 1; this.#stop(); }

  // --- Elements

  #build() {
    const help = freshName('help');
    this.canvas = make('canvas', { class: 'mx-plane', tabindex: 0, role: 'application', 'aria-roledescription': 'picture', 'aria-describedby': help });
    this.#listen(this.canvas);
    this.bar = make('span', { class: 'mx-scale mx-stage-scale', 'aria-hidden': 'true', hidden: true }, make('i'), make('b'));
    this.said = make('p', { class: 'mx-stage-said', hidden: true });
    this.stage = make('div', { class: 'mx-stage' }, this.canvas, this.bar, this.said, this.#tools());
    this.readout = make('span', { class: 'mx-value-here' });
    this.honest = make('span', { class: 'mx-honest' });
    this.live = make('span', { class: 'mx-hidden', role: 'status', 'aria-live': 'polite' });
    this.boxBar = make('div', { class: 'mx-box-bar', role: 'group', 'aria-label': 'Box', hidden: true });
    return make('div', { class: 'mx-viewer' }, this.stage, this.boxBar, make('p', { class: 'mx-under-stage' }, this.readout, this.honest), this.live,
      make('p', { class: 'mx-hidden', id: help }, VIEWER_KEYS));
  }

  #tools() {
    const middle = (factor) => () => this.#zoom(this.lens.across / 2, this.lens.down / 2, factor);
    this.boxTool = button('Search a region', () => this.beginBox(), { 'aria-pressed': 'false', title: 'Draw a box on the picture and find scans that have such a region (or drag with Shift)' });
    this.tools = make('div', { class: 'mx-tools', role: 'group', 'aria-label': 'Zoom and tools' },
      button('−', middle(1 / 1.5), { 'aria-label': 'Zoom out' }), button('+', middle(1.5), { 'aria-label': 'Zoom in' }),
      button('Fit', () => { this.lens.fit(); this.#draw(); }), button('1:1', () => this.#exact(), { title: 'One point of the scan for each pixel of the screen', 'aria-label': '1:1, one to one' }));
    return this.tools;
  }

  // --- What is shown

  async show(row, channel, named = '') { // another item or channel; the view stays when only the channel changes
    const turn = ++this.#turn;
    const same = row === this.row;
    Object.assign(this, { row, channel, cursor: same ? this.cursor : null, plane: null, named });
    if (!same) { this.lens.fitted = true; this.#setBox(null); }
    this.#nameIt();
    this.#say('');
    this.#standIn();
    await new Promise((resolve) => { setTimeout(resolve, 60); }); // whoever leafs on at once asks for nothing
    if (turn === this.#turn) await this.#fetch(FIRST_MOST, turn, false);
  }

  lay(over, described) { // something drawn over the scan: a function (brush, lens), or null
    Object.assign(this, { over, described });
    this.#nameIt();
    this.#draw();
  }

  #nameIt() {
    const { channel, named, described } = this;
    this.canvas.setAttribute('aria-label', [`${channel || 'Most telling channel'} of ${named || 'this item'}`, described].filter(Boolean).join(', '));
  }

  #standIn() { // the small picture until the numbers are here
    const small = this.#store.pictures.largest(this.row, this.channel);
    this.waiting = !small;
    if (small) {
      Object.assign(this.painted, { width: small.width, height: small.height });
      this.painted.getContext('2d').drawImage(small, 0, 0);
      this.#hold(small.width, small.height, 1);
    }
    this.readout.textContent = 'Fetching the numbers …';
    this.honest.textContent = '';
    this.#draw();
  }

  async #fetch(most, turn, keep) {
    try {
      const { message, buffers } = await this.#store.ask('plane', { row: this.row, channel: this.channel, most });
      if (turn === this.#turn) this.#take({ ...message, values: floatsOf(buffers[0]) }, keep);
    } catch (error) {
      if (turn === this.#turn && !keep) this.#say(error.message);
    }
  }

  #take(plane, keep) {
    this.plane = plane.period && plane.low !== null ? aroundZero(plane) : plane;
    plane = this.plane;
    this.waiting = false;
    const [high, wide] = plane.of;
    const whole = plane.extent ?? (plane.pixel_size && [plane.pixel_size[0] * plane.shape[0], plane.pixel_size[1] * plane.shape[1]]);
    this.scale = whole ? [whole[0] / high, whole[1] / wide] : null; // metres between the points that were measured
    this.#hold(wide, high, this.scale ? this.scale[0] / this.scale[1] : 1);
    this.contrast.take(plane, this.#store.picture.colours, keep);
    this.#say(plane.low === null ? 'Nothing was measured in this channel.' : '');
    this.readout.textContent = plane.fits === false ? `There is no ${this.channel} here; this is ${plane.channel}.` : 'Point at the picture to read values.';
    this.#repaint();
  }

  #hold(wide, high, aspect) { // the stage takes the proportions of the scan, unless it is very long
    this.lens.hold(wide, high, aspect);
    this.stage.style.setProperty('--mx-proportions', String(Math.max(0.7, Math.min(2.2, wide / (high * aspect)))));
  }

  #say(words) {
    this.said.textContent = words;
    this.said.hidden = !words;
    if (words) this.readout.textContent = '';
  }

  get shrunk() { return this.plane ? this.plane.of[1] / this.plane.shape[1] : 1; }

  #askFiner() { // once the points that are here are larger than the screen's
    const { plane } = this;
    if (!plane || this.shrunk <= 1 || plane.shape.some((side) => side >= MOST)) return;
    if (this.lens.zoom * this.shrunk * (globalThis.devicePixelRatio ?? 1) > 1.2) this.#fetch(MOST, this.#turn, true);
  }

  #sayHonestly() {
    if (!this.plane) return;
    const [high, wide] = this.plane.of;
    const zoom = this.lens.zoom * (globalThis.devicePixelRatio ?? 1);
    const drawn = zoom >= 1 ? `${rounded(zoom)}:1` : `1:${rounded(1 / zoom)}`;
    const kept = this.shrunk > 1 ? `, averaged to 1/${rounded(this.shrunk)}` : '';
    this.honest.textContent = `${wide} × ${high} points, shown at ${drawn}${kept}`;
  }

  // --- Drawing

  #resized() {
    const { clientWidth, clientHeight } = this.stage;
    if (!clientWidth || !clientHeight) return;
    const dense = globalThis.devicePixelRatio ?? 1;
    Object.assign(this.canvas, { width: Math.round(clientWidth * dense), height: Math.round(clientHeight * dense) });
    this.lens.frame(clientWidth, clientHeight);
    this.draw();
  }

  #repaint() {
    if (this.plane) paintValues(this.painted, this.plane, this.contrast.low, this.contrast.high, this.#store.picture.colours);
    this.#draw();
  }

  draw() {
    const brush = this.canvas.getContext('2d');
    const dense = globalThis.devicePixelRatio ?? 1;
    brush.setTransform(dense, 0, 0, dense, 0, 0);
    brush.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.row < 0 || this.waiting) return;
    const place = this.lens.place;
    drawHatch(brush, this.lens, getComputedStyle(this.stage).getPropertyValue('--mx-line'));
    brush.imageSmoothingEnabled = this.lens.zoom * this.shrunk * dense < 1.001;
    brush.imageSmoothingQuality = 'high';
    brush.drawImage(this.painted, ...place);
    if (this.over) this.over(brush, this.lens);
    if (this.box) drawBox(brush, this.lens, this.box);
    if (this.cursor && !this.box) drawCursor(brush, this.lens, this.cursor);
    this.#drawScale();
    this.#sayHonestly();
    this.#finer();
  }

  #drawScale() {
    this.bar.hidden = !this.scale;
    if (!this.scale) return;
    const [left, , wide] = this.lens.place;
    const seen = Math.min(this.lens.across, wide);
    const { length, words } = scaleBar((seen / this.lens.zoom) * this.scale[1], 0.3);
    this.bar.style.left = `${Math.max(0, left) + 8}px`;
    this.bar.style.bottom = `${Math.max(0, this.lens.down - this.lens.place[1] - this.lens.place[3]) + 8}px`;
    this.bar.firstChild.style.width = `${(length / this.scale[1]) * this.lens.zoom}px`;
    this.bar.lastChild.textContent = words;
  }

  // --- Reading

  #point(column, line) { // the value at a point of the scan, in words
    const { plane, scale } = this;
    if (!plane || !this.lens.inside(column, line)) return '';
    const at = Math.min(plane.shape[0] - 1, Math.floor((line * plane.shape[0]) / plane.of[0])) * plane.shape[1]
      + Math.min(plane.shape[1] - 1, Math.floor((column * plane.shape[1]) / plane.of[1]));
    const value = plane.values[at];
    const said = Number.isFinite(value) ? sayQuantity(value, plane.unit ?? '') : 'not measured';
    const place = scale ? [(column + 0.5) * scale[1], (line + 0.5) * scale[0]].map((p) => sayQuantity(p, 'm')) : [`point ${column + 1}`, `line ${line + 1}`];
    return `${said} at ${place[0]} from the left, ${place[1]} from the top`;
  }

  #hover(x, y) {
    const [column, line] = this.lens.scanAt(x, y).map(Math.floor);
    const said = this.#point(column, line);
    if (said) this.readout.textContent = said;
  }

  // --- Pointer

  #listen(canvas) {
    const on = (event, act, more) => canvas.addEventListener(event, act, more);
    on('pointerdown', (event) => this.#pressed(event));
    on('pointermove', (event) => this.#moved(event));
    for (const end of ['pointerup', 'pointercancel']) on(end, (event) => this.#released(event));
    on('wheel', (event) => this.#wheeled(event), { passive: false });
    on('keydown', (event) => this.#keyed(event));
    on('dblclick', (event) => this.#zoom(event.offsetX, event.offsetY, 2));
    on('blur', () => { this.cursor = null; this.#draw(); });
  }

  #pressed(event) {
    if (event.button !== 0 || !this.plane) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.cursor = null;
    const boxing = (this.boxing || event.shiftKey) && this.#fingers.size === 1;
    this.#dragged = boxing ? { box: this.lens.scanAt(event.offsetX, event.offsetY) } : { pan: true };
  }

  #moved(event) {
    const before = this.#fingers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) { this.#hover(...now); return; }
    const others = [...this.#fingers].filter(([id]) => id !== event.pointerId);
    this.#fingers.set(event.pointerId, now);
    if (others.length) this.#pinched(before, now, others[0][1]);
    else if (this.#dragged?.box) this.#stretch(this.#dragged.box, this.lens.scanAt(...now));
    else this.lens.move(now[0] - before[0], now[1] - before[1]);
    this.#draw();
  }

  #pinched(before, now, other) {
    const far = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    this.lens.zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, far(now) / Math.max(1, far(before)));
    this.lens.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  }

  #released(event) {
    this.#fingers.delete(event.pointerId);
    if (this.#dragged?.box && this.box) this.#setBoxing(false);
    if (!this.#fingers.size) this.#dragged = null;
    this.lens.fitted = this.lens.zoom <= this.lens.least;
  }

  #wheeled(event) {
    const factor = Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : event.ctrlKey ? 0.01 : 0.002));
    if (this.#zoom(event.offsetX, event.offsetY, factor) || event.ctrlKey) event.preventDefault();
  }

  #zoom(x, y, factor) {
    const changed = this.lens.zoomAt(x, y, factor);
    this.#draw();
    return changed;
  }

  #exact() {
    const factor = 1 / (globalThis.devicePixelRatio ?? 1) / this.lens.zoom;
    this.#zoom(this.lens.across / 2, this.lens.down / 2, factor);
  }

  // --- Keys

  #keyed(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.altKey || event.ctrlKey || event.metaKey || !this.plane) return;
    const middle = [this.lens.across / 2, this.lens.down / 2];
    const acts = {
      '+': () => this.#zoom(...middle, 1.5), '=': () => this.#zoom(...middle, 1.5), '-': () => this.#zoom(...middle, 1 / 1.5),
      0: () => { this.lens.fit(); this.#draw(); }, b: () => this.#boxAtCursor(), B: () => this.#boxAtCursor(),
    };
    if (this.box) Object.assign(acts, { Enter: () => this.#search(), Escape: () => this.#setBox(null) });
    if (event.key in arrows) this.#step(arrows[event.key], event.shiftKey);
    else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step([dx, dy], shift) {
    if (this.box) { this.#nudge(dx, dy, shift); return; }
    const by = (shift ? 10 : 1) * Math.max(1, Math.round(1 / this.lens.zoom));
    const from = this.cursor ?? [this.lens.wide / 2, this.lens.high / 2].map(Math.floor);
    const clamp = (value, most) => Math.max(0, Math.min(most - 1, value));
    this.cursor = [clamp(from[0] + dx * by, this.lens.wide), clamp(from[1] + dy * by, this.lens.high)];
    this.lens.show(...this.cursor);
    this.readout.textContent = this.#point(...this.cursor);
    this.#read();
    this.#draw();
  }

  // --- The box

  #setBoxing(boxing) {
    this.boxing = boxing;
    this.boxTool.setAttribute('aria-pressed', String(boxing));
    this.canvas.classList.toggle('mx-boxing', boxing);
  }

  beginBox() { // as from "search for this region"
    if (!this.plane) return;
    this.#boxAtCursor();
    this.#setBoxing(true);
    this.canvas.focus();
  }

  #boxAtCursor() {
    const { left, top, right, bottom } = this.lens.sight;
    const [x, y] = this.cursor ?? [(left + right) / 2, (top + bottom) / 2];
    this.#setBox(this.#within(x, y, Math.min(right - left, (bottom - top) * this.lens.aspect) / 3));
  }

  #nudge(dx, dy, grow) {
    const { x, y, size } = this.box;
    const by = Math.max(1, Math.round(4 / this.lens.zoom));
    this.#setBox(grow ? this.#within(x, y, size + 2 * by * (dx - dy)) : this.#within(x + dx * by, y + dy * by, size));
  }

  #stretch(from, to) { // a square on the sample, from one corner towards the pointer
    const { aspect } = this.lens;
    const size = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]) * aspect);
    if (size < LEAST_BOX) return;
    const [x, y] = [from[0] + (Math.sign(to[0] - from[0]) || 1) * size / 2, from[1] + ((Math.sign(to[1] - from[1]) || 1) * size) / 2 / aspect];
    this.#setBox(this.#within(x, y, size));
  }

  #within(x, y, wanted) { // the box inside the scan: first as large as fits, then moved
    const { wide, high, aspect } = this.lens;
    const size = Math.max(LEAST_BOX, Math.min(wanted, wide, high * aspect));
    const tall = size / aspect;
    return { x: Math.max(size / 2, Math.min(x, wide - size / 2)), y: Math.max(tall / 2, Math.min(y, high - tall / 2)), size };
  }

  #setBox(box) {
    this.box = box;
    this.boxBar.hidden = !box;
    if (box) {
      const said = this.scale ? sayQuantity(box.size * this.scale[1], 'm') : `${Math.round(box.size)} points`;
      if (!this.boxBar.childNodes.length) this.#buildBoxBar();
      this.boxSaid.textContent = `A box of ${said}`;
      this.live.textContent = this.boxSaid.textContent;
    }
    this.#draw();
  }

  #buildBoxBar() {
    this.boxSaid = make('span', {});
    this.anyScale = make('input', { type: 'checkbox' });
    this.boxBar.append(this.boxSaid, button('Search for this region', () => this.#search(), { class: 'mx-main' }),
      make('label', { class: 'mx-check' }, this.anyScale, 'of any size'), button('Take away', () => { this.#setBox(null); this.#setBoxing(false); }));
  }

  #search() {
    const { x, y, size } = this.box;
    const box = { x, y, size, any_scale: this.anyScale.checked };
    this.#store.searchRegion({ row: this.row, box, said: `${this.boxSaid.textContent.toLowerCase()} in ${this.named || 'this item'}` });
  }
}

function aroundZero(plane) { // angles come cut where the scan has fewest; whole turns bring them to where people expect them
  const turns = plane.period * Math.round((plane.low + plane.high) / 2 / plane.period);
  if (!turns) return plane;
  const [low, high, least, greatest] = [plane.low, plane.high, plane.least, plane.greatest].map((value) => value - turns);
  return { ...plane, low, high, least, greatest, values: plane.values.map((value) => value - turns) };
}

function floatsOf(bytes) { return new Float32Array(bytes.slice().buffer); }

function rounded(value) { return value >= 10 ? Math.round(value) : Number(value.toPrecision(2)); }
