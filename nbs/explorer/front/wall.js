// A wall of pictures of which only those in sight exist, so that a million items scroll as well as a hundred. One cell
// can be reached with Tab; arrows, Home, End and the page keys move between cells.

import { make, oncePerFrame } from './dom.js';
import { Frame } from './frames.js';
import { pictureSize } from './pictures.js';
import { sayCount } from './units.js';

const GAP = 6;
const CAPTION = 19; // CSS pixels below each picture
const TALLEST = 6e6; // CSS pixels that a browser surely scrolls; longer walls are scrolled in proportion

export class Wall {
  #store;
  #asks;
  #cells = new Map(); // row -> cell
  #spare = [];
  #ownScroll = 0;
  #watch;
  #later = oncePerFrame(() => this.render());

  constructor(store, asks) { // asks: { name, help, below(row, picture), marked(row), greyed(row), open, pin, mark }
    this.#store = store;
    this.#asks = asks;
    this.rows = new Uint32Array(0);
    this.size = 120;
    this.top = 0;
    this.active = 0;
    this.space = make('div', { class: 'mx-wall-space', role: 'presentation' });
    this.element = make('div', {
      class: 'mx-wall', role: 'listbox', 'aria-multiselectable': 'true', 'aria-label': asks.name, 'aria-describedby': asks.help,
      onscroll: () => this.#scrolled(), onkeydown: (event) => this.#keyed(event), onclick: (event) => this.#clicked(event),
      onpointerover: (event) => this.#pointed(event), onpointerleave: () => store.hover(-1),
      onfocusin: (event) => this.#reached(event),
    }, this.space);
    this.element.addEventListener('wheel', (event) => this.#wheeled(event), { passive: false });
    this.#watch = new ResizeObserver(() => this.#later());
    this.#watch.observe(this.element);
  }

  stop() {
    this.#watch.disconnect();
    this.#later.stop();
  }

  // --- Showing

  show(rows, keep = false) { // other rows; `keep`: stay where the active item is
    const was = this.rows[this.active];
    this.rows = rows;
    const found = was === undefined ? -1 : rows.indexOf(was);
    this.active = keep ? Math.max(0, found) : 0;
    this.element.hidden = !rows.length;
    if (!rows.length) this.#keepOnly(new Set());
    this.#layout();
    if (keep && found >= 0) this.reveal(was); else this.#setTop(0);
    this.render();
  }

  resize(size) { // the first item in sight stays there
    const first = Math.floor(this.top / this.line) * this.columns;
    this.size = size;
    this.#layout();
    this.#setTop(Math.floor(first / this.columns) * this.line);
    this.render();
  }

  reveal(row) {
    const at = this.rows.indexOf(row);
    if (at < 0) return;
    this.#layout();
    const from = Math.floor(at / this.columns) * this.line;
    if (from < this.top) this.#setTop(from);
    else if (from + this.line > this.top + this.view) this.#setTop(from + this.line - this.view);
    this.render();
  }

  states() { for (const cell of this.#cells.values()) this.#state(cell); }

  came(rows) { // these pictures came
    for (const row of rows) {
      const cell = this.#cells.get(row);
      if (cell) this.#draw(cell);
    }
  }

  redraw() { for (const cell of this.#cells.values()) this.#draw(cell); this.#want(); }

  #layout() {
    const wide = Math.max(1, this.element.clientWidth - GAP);
    this.view = this.element.clientHeight;
    this.columns = Math.max(1, Math.floor((wide + GAP) / (this.size + GAP)));
    this.cell = Math.min(Math.floor((wide - GAP * this.columns) / this.columns), Math.ceil(this.size * 1.6));
    this.line = this.cell + CAPTION + GAP;
    this.total = Math.ceil(this.rows.length / this.columns) * this.line + GAP;
    this.tall = Math.min(this.total, TALLEST);
    this.space.style.height = `${this.tall}px`;
  }

  render() {
    if (!this.element.clientWidth) return;
    const [columns, line] = [this.columns, this.line];
    this.#layout();
    if (columns !== this.columns || line !== this.line) this.#setTop(Math.floor(this.top / line) * (columns / this.columns) * this.line || 0);
    this.first = Math.max(0, Math.floor(this.top / this.line)) * this.columns;
    this.last = Math.min(this.rows.length, Math.ceil((this.top + this.view) / this.line) * this.columns);
    const wanted = new Set([this.active]);
    for (let at = this.first; at < this.last; at += 1) wanted.add(at);
    this.#keepOnly(wanted);
    for (const at of wanted) if (at < this.rows.length) this.#place(at);
    this.#want();
  }

  #keepOnly(wanted) {
    const rows = new Set([...wanted].map((at) => this.rows[at]));
    for (const [row, cell] of this.#cells) {
      if (rows.has(row)) continue;
      this.#cells.delete(row);
      this.#spare.push(cell);
      cell.element.remove();
    }
  }

  #place(at) {
    const row = this.rows[at];
    const cell = this.#cells.get(row) ?? this.#fresh(row);
    const [x, y] = [at % this.columns, Math.floor(at / this.columns)];
    const down = y * this.line - this.top + this.element.scrollTop + GAP;
    Object.assign(cell.element.style, { transform: `translate(${GAP + x * (this.cell + GAP)}px, ${down}px)`, width: `${this.cell}px` });
    cell.element.setAttribute('aria-posinset', at + 1);
    cell.element.setAttribute('aria-setsize', this.rows.length);
    cell.element.tabIndex = at === this.active ? 0 : -1;
    cell.at = at;
    if (cell.row !== row || cell.frame.points !== this.cell) { cell.row = row; cell.frame.show(row, this.cell); }
    this.#draw(cell);
    this.#state(cell);
  }

  #fresh(row) {
    const cell = this.#spare.pop() ?? this.#made();
    cell.element.dataset.row = row;
    this.#cells.set(row, cell);
    this.space.append(cell.element);
    return cell;
  }

  #made() {
    const frame = new Frame(this.#store);
    const below = make('span', { class: 'mx-caption' });
    const badges = make('span', { class: 'mx-badges', 'aria-hidden': 'true' });
    return { row: -1, frame, below, badges, element: make('div', { class: 'mx-cell', role: 'option' }, frame.element, badges, below) };
  }

  #draw(cell) {
    cell.frame.draw();
    const about = cell.frame.about;
    const below = this.#asks.below(cell.row, about);
    cell.below.textContent = below;
    cell.element.title = [about?.label, below].filter((words, n, all) => words && all.indexOf(words) === n).join('\n');
    const bar = cell.frame.scale && `scale bar ${cell.frame.scale}`;
    cell.name = [about?.alt || 'Picture on its way', bar, below].filter(Boolean).join('; ');
    this.#nameIt(cell);
  }

  #state(cell) {
    const { store, row } = { store: this.#store, row: cell.row };
    const states = {
      hovered: store.hovered === row, carded: store.focused === row, pinned: store.pinned?.row === row,
      marked: this.#asks.marked(row), greyed: this.#asks.greyed(row),
    };
    for (const [name, is] of Object.entries(states)) cell.element.classList.toggle(`mx-${name}`, Boolean(is));
    cell.element.setAttribute('aria-selected', String(Boolean(states.marked)));
    const said = [states.pinned && 'pinned', states.marked && '✓', states.carded && 'on card'].filter(Boolean).join(' · ');
    if (cell.badges.textContent === said) return;
    cell.badges.textContent = said;
    this.#nameIt(cell);
  }

  #nameIt({ element, name, badges }) { element.setAttribute('aria-label', [name, badges.textContent].filter(Boolean).join('; ')); }

  #want() { // what is in sight first, then the next and the last page
    const size = pictureSize(this.cell);
    const { pictures } = this.#store;
    const page = this.last - this.first;
    const order = [...this.rows.subarray(this.first, this.last), ...this.rows.subarray(this.last, this.last + page),
      ...this.rows.subarray(Math.max(0, this.first - page), this.first)];
    pictures.want(order.filter((row) => !pictures.about(row, size)), size, this.#asks.name);
  }

  // --- Scrolling

  #setTop(top) {
    this.top = Math.max(0, Math.min(top, this.total - this.view));
    const reach = this.total - this.view;
    const target = this.total > this.tall && reach > 0 ? (this.top / reach) * (this.tall - this.view) : this.top;
    this.element.scrollTop = target;
    this.#ownScroll = this.element.scrollTop;
  }

  #scrolled() {
    const at = this.element.scrollTop;
    if (Math.abs(at - this.#ownScroll) < 1.5) return;
    this.#ownScroll = at;
    const reach = this.tall - this.view;
    this.top = this.total > this.tall && reach > 0 ? (at / reach) * (this.total - this.view) : at;
    this.#later();
  }

  #wheeled(event) { // only very long walls: the wheel goes line by line there too
    if (this.total <= this.tall || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? this.view : 1;
    this.#setTop(this.top + event.deltaY * unit);
    this.#later();
  }

  // --- Pointer and keys

  #rowOf(event) {
    const cell = event.target.closest?.('.mx-cell');
    return cell ? Number(cell.dataset.row) : -1;
  }

  #pointed(event) { this.#store.hover(this.#rowOf(event)); }

  #reached(event) {
    const cell = this.#cells.get(this.#rowOf(event));
    if (cell) this.#activate(cell.at);
  }

  #clicked(event) {
    const cell = this.#cells.get(this.#rowOf(event));
    if (!cell) return;
    const from = this.active;
    this.move(cell.at);
    if (event.shiftKey) this.#asks.mark(this.rows.slice(Math.min(from, cell.at), Math.max(from, cell.at) + 1), true);
    else if (event.ctrlKey || event.metaKey) this.#asks.mark([cell.row]);
    else this.#asks.open(cell.row);
  }

  #activate(at) {
    const before = this.#cells.get(this.rows[this.active]);
    if (before) before.element.tabIndex = -1;
    this.active = at;
    const cell = this.#cells.get(this.rows[at]);
    if (cell) cell.element.tabIndex = 0;
  }

  move(at) { // make another item the active one, bring it into sight and give it the keyboard
    const to = Math.max(0, Math.min(at, this.rows.length - 1));
    this.#activate(to);
    this.reveal(this.rows[to]);
    this.#cells.get(this.rows[to])?.element.focus({ preventScroll: true });
  }

  #keyed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.rows.length) return;
    const page = Math.max(1, Math.floor(this.view / this.line)) * this.columns;
    const moves = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns,
      Home: -Infinity, End: Infinity, PageUp: -page, PageDown: page,
    };
    const row = this.rows[this.active];
    const acts = { Enter: () => this.#asks.open(row), ' ': () => this.#asks.mark([row]), p: () => this.#asks.pin(row), P: () => this.#asks.pin(row) };
    if (event.key in moves) this.#step(moves[event.key], event.shiftKey);
    else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(by, marking) {
    const from = this.active;
    this.move(from + by);
    if (marking) this.#asks.mark(this.rows.slice(Math.min(from, this.active), Math.max(from, this.active) + 1), true);
    this.#store.hover(this.rows[this.active]);
  }

  get said() { return `${sayCount(this.first + 1)} to ${sayCount(this.last)}`; }
}
