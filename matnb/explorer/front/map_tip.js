// What the item under the pointer is: its picture, its name and the value that gives it its colour. One picture is asked
// for at a time; when the pointer has gone on meanwhile, only the last item that it came to is asked for next.

import { make } from './dom.js';
import { pictureSize } from './pictures.js';
import { sayDate, sayDistance, sayQuantity } from './units.js';

const SIZE = 132; // CSS pixels
const REST = 25; // milliseconds that a pointer stays before a picture is asked for

export class MapTip {
  constructor(pictures, store) {
    Object.assign(this, { pictures, store, row: -1, asking: false, timer: 0 });
    this.canvas = make('canvas', { class: 'mx-tip-picture', 'aria-hidden': 'true' });
    this.label = make('div', { class: 'mx-tip-label' });
    this.value = make('div', { class: 'mx-quiet' });
    this.element = make('div', { class: 'mx-map-tip', hidden: true, 'aria-hidden': 'true' }, this.canvas, this.label, this.value);
    this.said = () => {}; // called with the words for an item, once they are here
  }

  show(row, pane) { // -1 hides it
    if (row === this.row) return;
    this.row = row;
    clearTimeout(this.timer);
    this.element.hidden = row < 0;
    if (row < 0) return;
    this.#place(pane);
    this.#fill(this.pictures.about(row, pictureSize(SIZE)));
    this.#value(row);
    this.timer = setTimeout(() => this.#ask(), REST);
  }

  async #ask() {
    const { row } = this;
    if (this.asking || row < 0) return;
    this.asking = true;
    const picture = await this.pictures.load(row, pictureSize(SIZE), 'tip');
    this.asking = false;
    if (this.row !== row) this.#ask();
    else if (picture) { this.#fill(picture); this.said(row, picture.label || picture.alt); }
  }

  #fill(picture) {
    this.label.textContent = picture?.label ?? '…';
    const drawn = picture && !picture.failed ? this.pictures.get(this.row, pictureSize(SIZE)) : null; // here already
    this.canvas.classList.toggle('mx-empty', !drawn);
    const [wide, high] = drawn ? [drawn.width, drawn.height] : [SIZE, Math.round(SIZE / (this.pictures.ratio || 1))];
    [this.canvas.width, this.canvas.height] = [wide, high];
    const shrunk = SIZE / Math.max(wide, high);
    Object.assign(this.canvas.style, { width: `${Math.round(wide * shrunk)}px`, height: `${Math.round(high * shrunk)}px` });
    if (drawn) this.canvas.getContext('2d').drawImage(drawn, 0, 0);
    if (picture?.failed) this.label.textContent = picture.failed;
  }

  async #value(row) {
    const words = await this.#saidOfColour(row);
    if (row === this.row) this.value.textContent = words;
  }

  async #saidOfColour(row) {
    const { by } = this.store.colour;
    if (by === 'distance') return this.store.pinned ? `distance ${sayDistance(this.store.pinned.distances[row])}` : '';
    if (!by) return '';
    try {
      const column = await this.store.column(by);
      return `${column.label}: ${valueIn(column, row)}`;
    } catch { return ''; } // the map itself has already said what is wrong with this facet
  }

  #place(pane) { // beside the point, where there is room
    const at = pane.screenOf(this.row);
    if (!at) { this.element.hidden = true; return; }
    const { width, height } = pane.window;
    const [left, top] = [pane.element.offsetLeft, pane.element.offsetTop];
    const [right, low] = [at[0] > width - SIZE - 40, at[1] > height - SIZE - 70];
    const gap = 14 + (pane.pictured ? pane.marks.size / 2 : 0);
    Object.assign(this.element.style, {
      left: `${left + at[0] + (right ? -gap : gap)}px`, top: `${top + at[1] + (low ? -8 : 8)}px`,
      transform: `translate(${right ? '-100%' : '0'}, ${low ? '-100%' : '0'})`,
    });
  }

  stop() { clearTimeout(this.timer); }
}

function valueIn(column, row) {
  if (column.codes) return column.words[column.codes[row]] || 'missing';
  return column.kind === 'date' ? sayDate(column.values[row]) : sayQuantity(column.values[row], column.unit ?? '');
}
