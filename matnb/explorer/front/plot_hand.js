// What pointer and keys do on a plot: draw a box or a line around points, look at one, walk from one to the next.

import { closedPath } from './lasso.js';
import { neighbourAlong } from './plot_cloud.js';

const STILL = 4; // pixels that a click may move
const WALK = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [1, 1], ArrowDown: [1, -1] };

export class PlotHand {
  constructor(pane, acts) { // acts: { tool(), boxed(low, high), encircled(bits), said(row) }; box in values of the axes
    Object.assign(this, { pane, acts, drag: null });
    const { points } = pane;
    const listen = (name, act) => points.addEventListener(name, act);
    listen('pointerdown', (event) => this.down(event));
    listen('pointermove', (event) => this.move(event));
    listen('pointerup', (event) => this.up(event));
    listen('pointercancel', () => this.cancel());
    listen('pointerleave', () => { if (!this.drag) pane.store.hover(-1); });
    listen('keydown', (event) => this.key(event));
  }

  place(event) {
    const box = this.pane.points.getBoundingClientRect();
    const { width, height } = this.pane.window;
    return [Math.min(width, Math.max(0, event.clientX - box.left)), Math.min(height, Math.max(0, event.clientY - box.top))];
  }

  down(event) {
    if (event.button > 0 || !this.pane.cloud) return;
    this.pane.points.setPointerCapture(event.pointerId);
    this.drag = { from: this.place(event), moved: false };
  }

  move(event) {
    const at = this.place(event);
    const { drag, pane } = this;
    if (!drag) { if (event.pointerType !== 'touch') pane.store.hover(pane.nearest(...at)); return; }
    if (!drag.moved && Math.hypot(at[0] - drag.from[0], at[1] - drag.from[1]) < STILL) return;
    if (!drag.moved) { drag.moved = true; pane.store.hover(-1); pane.path = { kind: this.acts.tool(), places: [drag.from], count: null }; }
    pane.path?.places.push(at);
    pane.touch();
  }

  up(event) {
    const { drag, pane } = this;
    this.drag = null;
    if (!drag) return;
    const { path } = pane;
    pane.path = null;
    if (!drag.moved) this.click(event);
    else if (path?.kind === 'box') this.box(path.places[0], path.places.at(-1));
    else if (path && path.places.length > 2) this.lasso(path.places);
    pane.touch();
  }

  cancel() {
    this.drag = null;
    this.pane.path = null;
    this.pane.touch();
  }

  click(event) {
    const row = this.pane.nearest(...this.place(event));
    if (row >= 0) this.pane.store.focus(row);
  }

  box(from, to) {
    const { width, height } = this.pane.window;
    const [across, up] = this.pane.paired.axes;
    const ends = (axis, places, pixels) => places.map((place) => axis.rounded(axis.value(place), pixels)).sort((a, b) => a - b);
    const x = ends(across, [from[0] / width, to[0] / width], width);
    const y = ends(up, [1 - from[1] / height, 1 - to[1] / height], height);
    this.acts.boxed(x, y);
  }

  lasso(places) {
    const { cloud, window } = this.pane;
    this.acts.encircled(cloud.encircled(closedPath(places, 1.5).map(([x, y]) => [x, window.height - y])));
  }

  key(event) { // the point where one stands is the hovered one
    const { pane } = this;
    const { cloud, store } = pane;
    if (!cloud) return;
    const here = cloud.pointOf(store.hovered);
    if (event.key === 'Escape' && (this.drag || here >= 0)) { this.cancel(); store.hover(-1); } else if (event.key === 'Enter' && here >= 0) store.focus(store.hovered);
    else if (WALK[event.key]) {
      const next = here < 0 ? cloud.grid.nearest(pane.window.width / 2, pane.window.height / 2, 1e6) : neighbourAlong(cloud, here, ...WALK[event.key]);
      if (next >= 0) { store.hover(cloud.step.rows[next]); this.acts.said(cloud.step.rows[next]); }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
