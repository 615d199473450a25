// A picture of an item in a frame that never changes its size: what is not measured is hatched, the scale bar is true,
// while the picture is on its way there is a quiet field of its proportions, and one that cannot be shown says why.

import { make } from './dom.js';
import { pictureSize } from './pictures.js';
import { scaleBar } from './units.js';

const WORDS_FROM = 84; // CSS pixels of a picture below which a scale bar has no room for its length in words

export class Frame {
  #store;
  #drawn = null; // the picture that is on the canvas, and in which colours

  constructor(store, { points = 128, channel = null, plain = false } = {}) { // channel null: that of all pictures; plain: no scale bar
    this.#store = store;
    Object.assign(this, { points, plain, row: -1, own: channel });
    this.canvas = make('canvas', { class: 'mx-picture', 'aria-hidden': 'true', width: 1, height: 1 });
    this.bar = make('span', { class: 'mx-scale', 'aria-hidden': 'true' }, make('i'), make('b'));
    this.shot = make('span', { class: 'mx-shot' }, this.canvas, this.bar);
    this.failed = make('span', { class: 'mx-frame-failed' });
    this.element = make('span', { class: 'mx-frame' }, this.shot, this.failed);
  }

  show(row, points = this.points) {
    if (row !== this.row) this.#drawn = null;
    this.row = row;
    this.points = points;
    this.draw();
  }

  get scale() { return this.bar.hidden ? '' : this.bar.lastChild.textContent; } // what the bar says

  get size() { return pictureSize(this.points); }

  get channel() { return this.own ?? this.#store.picture.channel; }

  get about() { return this.row < 0 ? null : this.#store.pictures.about(this.row, this.size, this.channel); }

  draw() { // what is here now; asks for nothing
    if (this.row < 0) return;
    const { pictures } = this.#store;
    const [about, source] = [this.about, pictures.seen(this.row, this.size, this.channel)];
    const { colours } = this.#store.picture;
    this.element.classList.toggle('mx-awaited', !source && !about?.failed);
    this.element.classList.toggle('mx-broken', Boolean(about?.failed));
    this.failed.textContent = about?.failed ?? '';
    this.#proportions(source ? source.width / source.height : pictures.ratio);
    if (source && (source !== this.#drawn?.source || colours !== this.#drawn.colours)) this.#copy(source);
    this.canvas.hidden = !source;
    this.#drawn = source ? { source, colours } : null;
    this.#scale(source ? about : null);
  }

  #copy(source) {
    this.canvas.width = source.width;
    this.canvas.height = source.height;
    this.canvas.getContext('2d').drawImage(source, 0, 0);
  }

  #proportions(ratio) {
    this.wide = this.points * Math.min(1, ratio);
    Object.assign(this.shot.style, { width: `${100 * Math.min(1, ratio)}%`, height: `${100 * Math.min(1, 1 / ratio)}%` });
  }

  #scale(about) {
    const known = about?.width > 0 && !this.plain;
    this.bar.hidden = !known;
    if (!known) return;
    const { length, words } = scaleBar(about.width, this.wide < WORDS_FROM ? 0.7 : 0.45);
    this.bar.firstChild.style.width = `${(100 * length) / about.width}%`;
    this.bar.lastChild.textContent = words;
    this.bar.classList.toggle('mx-tight', this.wide < WORDS_FROM);
  }

  mark(corners) { // a part of the scan: (x, y) of its corners, in parts of the picture's width and height
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    shape.setAttribute('class', 'mx-window');
    shape.setAttribute('viewBox', '0 0 100 100');
    shape.setAttribute('preserveAspectRatio', 'none');
    shape.setAttribute('aria-hidden', 'true');
    for (const name of ['mx-window-dark', 'mx-window-light']) {
      const line = document.createElementNS('http://www.w3.org/2000/svg', 'polygon');
      line.setAttribute('class', name);
      line.setAttribute('points', corners.map(([x, y]) => `${100 * Number(x)},${100 * Number(y)}`).join(' '));
      shape.append(line);
    }
    this.shot.append(shape);
  }
}
