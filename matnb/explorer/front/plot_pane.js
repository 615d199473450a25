// The points of a plot on the screen, painted as on the map: colours and shapes, what is not chosen in grey, density for
// very many; rings, lines and the picture of an item over them.

import { make, oncePerFrame } from './dom.js';
import { Density } from './density.js';
import { colourCloud, themeOf } from './map_colour.js';
import { drawOver } from './map_over.js';
import { MapTip } from './map_tip.js';
import { picturesOf } from './pictures.js';
import { INSET, drawAxes } from './plot_axes.js';
import { cloudBetween } from './plot_cloud.js';
import { SHAPES, Sheet, stampPoints } from './points.js';

const CROWDED = 60000; // points from which on density is shown
const LEAST_PLOT = 60; // pixels that a plot must be wide and high

export class PlotPane {
  constructor(store) {
    Object.assign(this, { store, cloud: null, paired: null, path: null, pictured: false, journey: null, asked: 0 });
    Object.assign(this, { sheet: new Sheet(), density: new Density(), window: { width: 0, height: 0, toScreen: (x, y) => [x, y] } });
    [this.base, this.over, this.rulers] = ['base', 'over', 'rulers'].map((name) => make('canvas', { class: `mx-plot-${name}`, 'aria-hidden': 'true' }));
    this.points = make('div', { class: 'mx-plot-points', tabindex: '0', role: 'application', 'aria-roledescription': 'scatter plot', style: { left: `${INSET.left}px`, top: `${INSET.top}px` } }, this.base, this.over);
    this.tip = new MapTip(picturesOf(store), store);
    this.element = make('div', { class: 'mx-plot' }, this.rulers, this.points, this.tip.element);
    this.offset = { get offsetLeft() { return INSET.left; }, get offsetTop() { return INSET.top; } };
    this.frame = oncePerFrame(() => this.#draw());
  }

  // --- What is shown

  show(paired, labels) {
    Object.assign(this, { paired, labels, path: null });
    this.resize();
  }

  resize() {
    const width = this.element.clientWidth - INSET.left - INSET.right;
    const height = this.element.clientHeight - INSET.top - INSET.bottom;
    if (width < LEAST_PLOT || height < LEAST_PLOT || !this.paired?.axes) { this.cloud = null; this.frame(); return; }
    this.ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    Object.assign(this.window, { width, height, x: width / 2, y: height / 2, scale: 1 });
    Object.assign(this.points.style, { width: `${width}px`, height: `${height}px` });
    for (const layer of [this.base, this.over]) sized(layer, width, height, this.ratio);
    sized(this.rulers, this.element.clientWidth, this.element.clientHeight, this.ratio);
    this.cloud = cloudBetween(this.paired, this.store.scene.count, width, height);
    if (this.cloud.count <= CROWDED) this.cloud.project(this.window, this.ratio);
    this.cloud.choose(this.store.chosen);
    this.recolour();
  }

  async recolour() {
    const { cloud } = this;
    if (!cloud) return;
    this.asked += 1;
    const turn = this.asked;
    this.theme = themeOf(this.element);
    try { this.legend = await colourCloud(this.store, cloud, this.theme); } catch { this.legend = null; } // the map says what is wrong
    if (turn === this.asked) this.repaint();
  }

  choose(bits) {
    this.cloud?.choose(bits);
    this.repaint();
  }

  repaint() { this.stale = true; this.frame(); }

  touch() { this.frame(); }

  // --- Painting

  #draw() {
    if (!this.cloud) { for (const layer of [this.base, this.over, this.rulers]) layer.getContext('2d').clearRect(0, 0, layer.width, layer.height); return; }
    if (!this.theme) return;
    if (this.stale) { this.stale = false; this.#paint(); }
    drawOver(this.over.getContext('2d'), this);
  }

  #paint() {
    const { cloud, sheet, theme, base, ratio } = this;
    sheet.resize(base.width, base.height);
    sheet.back = theme.back;
    sheet.fill(theme.back);
    if (cloud.count > CROWDED) {
      this.density.count(cloud, this.window, ratio, Math.max(1, Math.round(1.5 * ratio)), Boolean(this.legend?.entries || this.legend?.table));
      this.density.paint(sheet, theme);
    } else this.#paintPoints();
    sheet.show(base.getContext('2d'));
    this.#paintRulers();
  }

  #paintPoints() {
    const { cloud, sheet, theme, ratio } = this;
    const radius = Math.round(4 * this.radius() * ratio) / 4;
    const small = radius < 2.2 * ratio;
    const families = SHAPES.map((shape) => sheet.family(small && shape !== 'ring' ? 'disc' : shape, radius, small ? 0.7 : 0.9, small ? 0 : 0.8 * ratio));
    stampPoints(sheet, cloud, cloud.order, 0, cloud.split, families, theme.grey);
    stampPoints(sheet, cloud, cloud.order, cloud.split, cloud.count, families);
  }

  #paintRulers() {
    const context = this.rulers.getContext('2d');
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.rulers.width, this.rulers.height);
    const { width, height } = this.window;
    drawAxes(context, { width, height, axes: this.paired.axes, labels: this.labels, css: this.theme.css, font: getComputedStyle(this.element).fontFamily });
  }

  radius() {
    const room = Math.sqrt((this.window.width * this.window.height) / Math.max(1, this.cloud.count));
    return Math.max(1.25, Math.min(4.5, 0.3 * room));
  }

  // --- Looking

  nearest(x, y, reach = 10) { // a row, or -1
    const n = this.cloud ? this.cloud.grid.nearest(x, this.window.height - y, reach) : -1;
    return n < 0 ? -1 : this.cloud.step.rows[n];
  }

  screenOf(row) {
    const n = this.cloud?.pointOf(row) ?? -1;
    if (n < 0) return null;
    const [x, y] = this.cloud.placeOf(n);
    return [x, this.window.height - y];
  }

  showTip(row) { // beside the point; the tip reckons from the element that holds the points
    const { window, pictured } = this;
    this.tip.show(row, { screenOf: (each) => this.screenOf(each), window, element: this.offset, pictured });
  }

  stop() { this.frame.stop(); this.tip.stop(); }
}

function sized(canvas, width, height, ratio) {
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
}
