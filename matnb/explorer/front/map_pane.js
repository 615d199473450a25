// One map on the screen: the points of a step, pictures over them, rings and lines on top. Everything is painted by the
// processor: it needs no graphics hardware and looks the same everywhere.

import { make, oncePerFrame, slowly } from './dom.js';
import { Cloud, DEPTHS, PICTURED } from './map_cloud.js';
import { colourAlike, colourCloud, cssOf, themeOf } from './map_colour.js';
import { MapWindow } from './map_window.js';
import { Journey, TRAVELLING_UNTIL, fadeOut, wantsStillness } from './map_move.js';
import { Marks } from './marks.js';
import { Density } from './density.js';
import { SHAPES, Sheet, stampPoints } from './points.js';
import { drawOver } from './map_over.js';
import { pictureSize, picturesOf } from './pictures.js';

const CROWD = 120000; // points in view from which on density is shown
const SHARPEST = 2; // pixels per CSS pixel that are painted at most
const SWIFT = 13; // milliseconds; a picture that takes longer is moved first and painted when there is time

export class MapPane {
  constructor(element, store, tools) {
    Object.assign(this, { element, store, tools, cloud: null, journey: null, legend: null });
    Object.assign(this, { window: new MapWindow(), sheet: new Sheet(), density: new Density(), marks: new Marks() });
    Object.assign(this, { inView: 0, cost: 0, painted: null, cursor: -1, path: null, dense: false, pictured: false, asked: 0 });
    this.pictures = picturesOf(store);
    [this.base, this.ghost, this.middle, this.top] = ['base', 'ghost', 'middle', 'top'].map((name) => (
      make('canvas', { class: `mx-map-layer mx-map-${name}`, 'aria-hidden': 'true' })));
    this.element.append(this.base, this.ghost, this.middle, this.top);
    this.changed = () => {}; // called when what is shown became something else (legend, density, pictures)
    this.moved = () => {}; // called after the window was moved
    this.frame = oncePerFrame(() => this.#draw());
    this.settle = slowly(() => this.#settled(), 90);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
  }

  // --- What is shown

  async show(step, window, smoothly = true) { // a step, in a window as it was kept, or all of it
    const asked = ++this.asked;
    this.theme = themeOf(this.element);
    const cloud = step?.rows.length ? new Cloud(step, this.store.scene.count) : null;
    const legend = cloud ? await this.#coloured(cloud) : null;
    if (asked !== this.asked) return;
    const before = this.cloud;
    Object.assign(this, { cloud, legend, journey: null, cursor: -1, path: null });
    this.marks.clear();
    if (cloud) {
      cloud.choose(this.store.chosen);
      this.#setWindow(cloud, window);
      if (smoothly && before && !wantsStillness()) this.#travel(before, cloud);
    }
    this.repaint();
    this.changed();
  }

  async #coloured(cloud) { // without the facet that was to give the colours there is a map all the same
    try { return await colourCloud(this.store, cloud, this.theme); } catch (error) {
      this.store.complain(error);
      return colourAlike(cloud, this.theme);
    }
  }

  empty() {
    this.asked += 1;
    Object.assign(this, { cloud: null, journey: null, legend: null, cursor: -1, path: null, inView: 0, dense: false });
    this.marks.clear();
    this.repaint();
  }

  #setWindow(cloud, kept) {
    if (kept?.turn && cloud.solid) { cloud.turn.rows = kept.turn; cloud.turned(); cloud.measure(); }
    this.window.fit(cloud.box);
    if (kept) this.window.restore(kept);
  }

  restore(kept) { // a window as it was kept
    this.#setWindow(this.cloud, kept);
    this.repaint();
  }

  #travel(before, cloud) {
    if (Math.max(before.count, cloud.count) > TRAVELLING_UNTIL || this.dense) return fadeOut(this.ghost, this.base);
    cloud.project(this.window, this.ratio);
    if (cloud.solid) cloud.sortByDepth();
    this.journey = new Journey(before, cloud, performance.now());
    return undefined;
  }

  async recolour() {
    const { cloud } = this;
    if (!cloud) return;
    const legend = await this.#coloured(cloud);
    if (cloud !== this.cloud) return;
    this.legend = legend;
    this.repaint();
    this.changed();
  }

  choose(bits) {
    this.cloud?.choose(bits);
    this.repaint();
  }

  retheme() {
    this.theme = themeOf(this.element);
    this.recolour();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    this.seen = width > 0 && height > 0;
    if (!this.seen) return;
    this.ratio = Math.min(SHARPEST, globalThis.devicePixelRatio || 1);
    this.window.resize(width, height, this.cloud?.box);
    for (const layer of [this.base, this.middle, this.top]) {
      [layer.width, layer.height] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    }
    this.repaint();
    this.#draw();
  }

  // --- Moving

  fit() {
    if (!this.cloud) return;
    if (this.cloud.solid) this.cloud.measure();
    this.window.fit(this.cloud.box);
    this.shift();
  }

  zoom(times, x, y) { this.window.zoom(times, x, y); this.shift(); }

  pan(right, down) { this.window.pan(right, down); this.shift(); }

  turn(right, down) { // by a drag over so many pixels; what is in the middle stays there
    const { cloud } = this;
    if (!cloud?.solid) return;
    const [middle, before] = [middleOf(cloud.step), cloud.turn];
    const [x, y] = before.seen(middle);
    before.by(right * 0.008, -down * 0.008);
    cloud.turned();
    const [newX, newY] = before.seen(middle);
    this.window.x += newX - x;
    this.window.y += newY - y;
    this.journey = null;
    this.shift(true);
  }

  shift(anew = false) { // the window was moved
    this.journey = null;
    this.moving = true;
    this.stale = true;
    if (anew) this.painted = null;
    this.settle();
    this.moved();
    this.frame();
  }

  repaint() {
    this.stale = true;
    this.painted = null;
    this.frame();
    this.settle();
  }

  touch() { this.frame(); } // rings or the drawn line changed

  #settled() {
    this.moving = false;
    if (!this.cloud || !this.seen) return;
    if (this.stale) this.painted = null;
    this.#chooseMarks();
    this.frame();
  }

  // --- Painting

  #draw() {
    if (!this.ratio || !this.theme || !this.seen) return; // a map that is hidden is painted when it is shown again
    if (this.journey) this.stale = true;
    if (this.stale) this.#paintOrMove();
    this.#drawMarks();
    drawOver(this.top.getContext('2d'), this);
    if (this.journey) this.frame();
  }

  #paintOrMove() { // what takes too long for a frame is moved as it is, and painted when the hand rests for a moment
    const waits = this.moving && this.painted && this.cost > SWIFT && performance.now() - this.paintedAt < 4 * this.cost;
    if (waits) { this.#movePicture(); return; }
    this.#paint();
    this.stale = false;
    const { x, y, scale } = this.window;
    this.painted = Object.assign(new MapWindow(), { x, y, scale, width: this.window.width, height: this.window.height });
    this.base.style.transform = '';
  }

  #movePicture() {
    const times = this.window.scale / this.painted.scale;
    const [right, down] = this.window.toScreen(...this.painted.toMap(0, 0));
    this.base.style.transform = `translate(${right}px, ${down}px) scale(${times})`;
  }

  #paint() {
    const began = performance.now();
    const { cloud, sheet, base, theme } = this;
    sheet.resize(base.width, base.height);
    sheet.back = theme.back;
    sheet.fill(theme.back);
    if (cloud) {
      this.#decide(cloud);
      if (this.dense) this.#paintDensity(); else this.#paintPoints();
    }
    sheet.show(base.getContext('2d'));
    this.paintedAt = performance.now();
    this.took = this.paintedAt - began;
    this.cost = this.cost ? 0.7 * this.cost + 0.3 * this.took : this.took;
    if (this.lookChanged) this.changed();
  }

  #decide(cloud) { // points or their density
    const wanted = this.tools.density;
    this.inView = cloud.inBox(this.window);
    const crowd = (cloud.solid ? 2 : 1) * (this.dense ? 0.8 : 1) * CROWD;
    const dense = wanted ?? this.inView > crowd;
    this.lookChanged = dense !== this.dense;
    this.dense = dense;
  }

  #paintDensity() {
    const coloured = Boolean(this.legend?.entries || this.legend?.table);
    this.density.count(this.cloud, this.window, this.ratio, Math.max(1, Math.round(1.5 * this.ratio)), coloured);
    this.density.paint(this.sheet, this.theme);
  }

  #paintPoints() {
    const { cloud, sheet, theme, journey } = this;
    if (journey) return this.#paintJourney();
    cloud.project(this.window, this.ratio);
    if (cloud.solid) cloud.sortByDepth();
    const families = this.#families();
    stampPoints(sheet, cloud, cloud.order, 0, cloud.split, this.#families(0.8, cloud, 0.8), theme.grey);
    stampPoints(sheet, cloud, cloud.order, cloud.split, cloud.count, families);
    return undefined;
  }

  #paintJourney() {
    const { cloud, sheet, theme, journey } = this;
    const over = journey.step(cloud, performance.now()) >= 1;
    const { before, leaving, leavingGrey, shown } = journey;
    const fading = this.#families(1 - shown, before);
    stampPoints(sheet, before, leaving, 0, leavingGrey, this.#families(0.8 - 0.8 * shown, before, 0.8), theme.grey);
    stampPoints(sheet, before, leaving, leavingGrey, leaving.length, fading);
    for (const staying of [0, 1]) {
      const [order, grey] = journey.part(cloud.order, cloud.split, staying);
      const families = this.#families(staying ? 1 : shown);
      stampPoints(sheet, cloud, order, 0, grey, this.#families(staying ? 0.8 : 0.8 * shown, cloud, 0.8), theme.grey);
      stampPoints(sheet, cloud, order, grey, order.length, families);
    }
    if (over) { this.journey = null; this.settle(); }
  }

  radius() { // CSS pixels: smaller the more there are, larger when one looks closer
    const { width, height, magnified } = this.window;
    const sized = (count) => {
      const room = Math.sqrt((width * height) / Math.max(1, count));
      return Math.max(1.25, Math.min(5, 0.32 * room * Math.max(1, magnified) ** 0.45));
    };
    const [now, { journey }] = [sized(this.cloud.count), this];
    return journey ? now + (sized(journey.before.count) - now) * (1 - journey.shown) : now;
  }

  #families(share = 1, cloud = this.cloud, size = 1) { // stamps for each form of a point
    const radius = Math.round(4 * this.radius() * this.ratio * size) / 4;
    const rim = radius >= 2.4 * this.ratio ? this.ratio * 0.8 : 0;
    const kinds = SHAPES.map((shape) => (shape !== 'ring' && radius < 2.2 * this.ratio ? 'disc' : shape));
    const cover = share * (radius < 2 * this.ratio ? 0.85 : 0.95);
    if (!cloud.solid) return kinds.map((kind) => this.sheet.family(kind, radius, cover, rim));
    return kinds.flatMap((kind) => Array.from({ length: DEPTHS }, (_, n) => (
      this.sheet.family(kind, radius * (0.65 + 0.18 * n), cover * (0.4 + 0.15 * n), rim))));
  }

  // --- Pictures

  #chooseMarks() {
    const wanted = this.tools.pictures ?? (this.inView <= PICTURED && this.inView > 0 && !this.dense);
    const before = this.pictured;
    this.pictured = wanted;
    if (wanted) this.marks.choose(this.cloud, this.window, this.inView); else this.marks.clear();
    if (wanted !== before || this.dense) this.changed();
  }

  #drawMarks() {
    const context = this.middle.getContext('2d');
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.window.width, this.window.height);
    if (!this.pictured || this.journey || !this.cloud) return;
    const look = { theme: this.theme, size: pictureSize(this.marks.size), colourOf: (n) => cssOf(this.cloud.paints[n]) };
    this.marks.draw(context, this.cloud, this.window, this.pictures, look);
  }

  // --- Looking

  nearest(x, y, reach = 8) { // the row of the point nearest to a place on the screen, or -1
    if (!this.cloud) return -1;
    const mark = this.pictured ? this.marks.at(this.cloud, this.window, x, y) : -1;
    const n = mark >= 0 ? mark : this.cloud.grid.nearest(...this.window.toMap(x, y), reach / this.window.scale);
    return n < 0 ? -1 : this.cloud.step.rows[n];
  }

  screenOf(row) { // where an item is on the screen, or null
    const n = this.cloud?.pointOf(row) ?? -1;
    return n < 0 ? null : this.window.toScreen(...this.cloud.placeOf(n));
  }

  stop() {
    this.observer.disconnect();
    this.frame.stop();
    this.settle.stop();
  }
}

function middleOf(step) { // of a map in three dimensions
  if (step.middle) return step.middle;
  const [low, high] = [[Infinity, Infinity, Infinity], [-Infinity, -Infinity, -Infinity]];
  for (let at = 0; at < step.places.length; at += 1) {
    const value = step.places[at];
    if (value < low[at % 3]) low[at % 3] = value;
    if (value > high[at % 3]) high[at % 3] = value;
  }
  step.middle = low.map((v, n) => (v + high[n]) / 2);
  return step.middle;
}
