// What the pointer does on a map: draw a line or a box around points, move or turn, zoom, click, look.

import { boxCondition, chooseOnMap, islandCondition, lassoCondition, pickOnMap } from './map_choose.js';
import { closedPath } from './lasso.js';

const SLACK = 4; // pixels that a click may move
const COUNTED_UNTIL = 200000; // points up to which those inside are counted while the line is drawn
const CORNER_APART = 2; // pixels between corners of a drawn line

export class MapHand {
  #pointers = new Map();
  #drag = null; // { kind, x, y, moved }
  #entered = null; // where on the screen the pointer came in; a page that scrolls below a resting pointer is left alone

  constructor(pane, tools, label) {
    Object.assign(this, { pane, tools, label, space: false });
    const listen = (name, act) => pane.element.addEventListener(name, act.bind(this), { passive: false });
    listen('pointerdown', this.#down);
    listen('pointermove', this.#move);
    listen('pointerup', this.#up);
    listen('pointercancel', this.cancel);
    listen('pointerenter', this.#enter);
    listen('pointerleave', this.#leave);
    listen('wheel', this.#wheel);
    listen('dblclick', () => pane.fit());
  }

  get dragging() { return this.#drag?.moved ?? false; }

  #place(event) {
    const box = this.pane.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    if (event.button > 1 || !this.pane.cloud) return;
    if (event.button === 1) event.preventDefault(); // else the browser would scroll by itself
    this.pane.element.setPointerCapture(event.pointerId);
    const [x, y] = this.#place(event);
    this.#pointers.set(event.pointerId, [x, y]);
    if (this.#pointers.size === 2) { this.cancel(); this.#drag = { kind: 'pinch', moved: true, ...this.#span() }; return; }
    this.#drag = { kind: this.#kind(event), x, y, moved: false, how: howOf(event) };
  }

  #kind(event) {
    if (event.button === 1 || this.space) return 'pan';
    const { tool } = this.tools;
    if (tool === 'lasso' || tool === 'box') return tool;
    return this.pane.cloud.solid && !event.shiftKey ? 'turn' : 'pan';
  }

  #move(event) {
    if (!this.#entered?.moved) this.#notice(event);
    const [x, y] = this.#place(event);
    const drag = this.#drag;
    if (!drag) { if (event.pointerType !== 'touch') this.#look(x, y); return; }
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    this.#pointers.set(event.pointerId, [x, y]);
    if (drag.kind === 'pinch') { this.#pinch(drag); return; }
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < SLACK) return;
    if (!drag.moved) this.#begin(drag);
    this.#follow(drag, event, before, x, y);
  }

  #begin(drag) {
    drag.moved = true;
    this.pane.store.hover(-1);
    this.pane.element.classList.toggle('mx-dragging', drag.kind === 'pan' || drag.kind === 'turn');
    if (drag.kind === 'lasso' || drag.kind === 'box') {
      this.pane.path = { kind: drag.kind, places: [this.pane.window.toMap(drag.x, drag.y)], count: null };
    }
  }

  #follow(drag, event, before, x, y) {
    const { pane } = this;
    if (drag.kind === 'turn') pane.turn(x - before[0], y - before[1]);
    else if (drag.kind === 'pan') pane.pan(x - before[0], y - before[1]);
    else if (pane.path) {
      for (const part of event.getCoalescedEvents?.() ?? [event]) pane.path.places.push(pane.window.toMap(...this.#place(part)));
      drag.how = howOf(event);
      this.#count(pane.path);
      pane.touch();
    }
  }

  #count(path) { // how many are inside so far, when that is quick
    const { cloud } = this.pane;
    if (cloud.count > COUNTED_UNTIL || path.places.length < 3) return;
    cancelAnimationFrame(this.counting);
    this.counting = requestAnimationFrame(() => {
      if (this.pane.path !== path) return;
      path.count = this.#condition(path).bits.count();
      this.pane.touch();
    });
  }

  #condition({ kind, places }) {
    const { pane } = this;
    if (kind === 'box') return boxCondition(pane.cloud, places[0], places.at(-1), this.label());
    return lassoCondition(pane.cloud, closedPath(places, CORNER_APART / pane.window.scale), this.label());
  }

  #up(event) {
    const drag = this.#drag;
    this.#pointers.delete(event.pointerId);
    if (!drag) return;
    if (drag.kind === 'pinch') { if (!this.#pointers.size) this.#drag = null; return; }
    this.#drag = null;
    this.pane.element.classList.remove('mx-dragging');
    if (!drag.moved) this.#click(event, drag);
    else if (this.pane.path) this.#finish(drag);
  }

  #finish({ how }) {
    const { path } = this.pane;
    this.pane.path = null;
    if (path.kind === 'box' || path.places.length > 2) chooseOnMap(this.pane.store, this.#condition(path), how);
    this.pane.touch();
  }

  #click(event, { x, y, kind }) {
    const row = this.pane.nearest(x, y, event.pointerType === 'touch' ? 18 : 8);
    if (row < 0 || (kind === 'pan' && event.button === 1)) return;
    const { tool } = this.tools;
    if (tool === 'island') { chooseOnMap(this.pane.store, islandCondition(this.pane.cloud, row, this.label()), howOf(event)); return; }
    const how = tool === 'pick' ? howOf(event) || 'other' : howOf(event);
    if (how) pickOnMap(this.pane.store, row, how);
    else this.pane.store.focus(row);
  }

  cancel() { // what is being drawn is forgotten
    const drawing = this.pane.path !== null;
    this.pane.path = null;
    this.#drag = null;
    this.pane.element.classList.remove('mx-dragging');
    this.pane.touch();
    return drawing;
  }

  // --- Zooming

  #enter(event) { this.#entered = { x: event.screenX, y: event.screenY, moved: false }; }

  #notice(event) {
    if (!this.#entered || event.screenX !== this.#entered.x || event.screenY !== this.#entered.y) this.#entered = { moved: true };
  }

  #wheel(event) {
    if (!this.pane.cloud || !(this.#entered?.moved || event.ctrlKey)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
    const turned = Math.max(-240, Math.min(240, event.deltaY * lines)) * (event.ctrlKey ? 4 : 1);
    this.pane.zoom(Math.exp(-turned * 0.0022), ...this.#place(event));
  }

  #span() { // of two fingers
    const [[x0, y0], [x1, y1]] = [...this.#pointers.values()];
    return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, apart: Math.max(10, Math.hypot(x1 - x0, y1 - y0)) };
  }

  #pinch(drag) {
    if (this.#pointers.size < 2) return;
    const now = this.#span();
    this.pane.pan(now.x - drag.x, now.y - drag.y);
    this.pane.zoom(now.apart / drag.apart, now.x, now.y);
    Object.assign(drag, now);
  }

  // --- Looking

  #look(x, y) {
    this.at = [x, y];
    this.pane.store.hover(this.pane.nearest(x, y));
  }

  #leave() {
    this.#entered = null;
    if (!this.#drag) this.pane.store.hover(-1);
  }
}

function howOf(event) {
  if (event.altKey) return 'less';
  return event.shiftKey || event.ctrlKey || event.metaKey ? 'more' : '';
}
