// The symmetry map of an item, beside its picture: what repeats at each place, in one of several layers. Both pictures
// have one cursor; what lies under it is said in words.

import { paintValues } from './contrast.js';
import { WORD_COLOURS, OTHER_WORDS, rgbOf } from './colours.js';
import { button, freshName, make, oncePerFrame, stops } from './dom.js';
import { scaleBar, sayNumber } from './units.js';

const CYCLE = ['#e2d9e2', '#9ebbc9', '#6785be', '#5e43a5', '#421257', '#8a2a5e', '#b5615a', '#cfa991', '#e2d9e2']; // comes round
const BOTH_WAYS = ['#7f3b08', '#e08214', '#fee0b6', '#f7f7f7', '#d8daeb', '#8073ac', '#2d004b'];
const SYMMAP_KEYS = 'Arrow keys move the cursor and say what is there; with Shift they move ten times as far.';

export class SymmetryMap {
  #store;
  #turn = 0;
  #stop;
  #draw = oncePerFrame(() => this.#redraw());

  constructor(store) {
    this.#store = store;
    Object.assign(this, { row: -1, told: null, layers: [], cursor: null, painted: new Map() });
    this.element = this.#build();
    this.#stop = stops(store.on('working', (job) => this.#working(job)), store.on('scene', () => this.element.close()), this.#draw.stop);
  }

  stop() { this.#turn += 1; this.#stop(); }

  #build() {
    const help = freshName('help');
    this.title = make('strong', {});
    this.choice = make('select', { 'aria-label': 'What the map shows', onchange: () => this.#draw() });
    this.waiting = make('p', { class: 'mx-symmap-waiting', role: 'status' });
    this.halt = button('Stop', () => this.job && this.#store.attempt('stop', { job: this.job }), { class: 'mx-small', hidden: true });
    this.picture = this.#canvas('Picture', help);
    this.map = this.#canvas('Symmetry map', help);
    this.legend = make('div', { class: 'mx-symmap-legend' });
    this.said = make('p', { class: 'mx-symmap-said' });
    this.here = make('p', { class: 'mx-symmap-here', role: 'status', 'aria-live': 'polite' });
    this.body = make('div', { class: 'mx-symmap-body', hidden: true }, make('div', { class: 'mx-symmap-pair' }, this.picture, this.map),
      make('div', { class: 'mx-symmap-foot' }, make('label', { class: 'mx-field' }, make('span', {}, 'Show'), this.choice), this.legend), this.here, this.said);
    return make('dialog', { class: 'mx-large mx-symmap', 'aria-label': 'Symmetry map', onclose: () => this.#closed(), onkeydown: (event) => { if (event.key === 'Escape') event.stopPropagation(); } },
      make('div', { class: 'mx-large-head' }, this.title, button('Close', () => this.element.close())), this.waiting, this.halt, this.body, make('p', { class: 'mx-hidden', id: help }, SYMMAP_KEYS));
  }

  #canvas(name, help) {
    const canvas = make('canvas', { class: 'mx-symmap-canvas', tabindex: 0, role: 'application', 'aria-roledescription': 'picture', 'aria-label': name, 'aria-describedby': help });
    canvas.addEventListener('pointermove', (event) => this.#point(event.offsetX / canvas.clientWidth, event.offsetY / canvas.clientHeight));
    canvas.addEventListener('keydown', (event) => this.#keyed(event));
    return canvas;
  }

  // --- Opening

  async open(row, channel, named) {
    const turn = ++this.#turn;
    this.title.textContent = `Symmetry map of ${named || 'this item'}`;
    this.body.hidden = true;
    this.#wait('Looking at every place of the image …');
    this.element.showModal();
    try {
      const [map, plane] = await Promise.all([this.#store.ask('symmetry_map', { row, channel }), this.#store.ask('plane', { row, channel, most: 512 })]);
      if (turn === this.#turn) this.#take(map, plane, row);
    } catch (error) { if (turn === this.#turn) this.#wait(error.message); }
  }

  #closed() { this.#turn += 1; this.halt.hidden = true; this.job = null; }

  #wait(words) { this.waiting.textContent = words; this.waiting.hidden = !words; }

  #working(job) { // how far it is, while the page's own line is behind the dialog
    if (!this.element.open || !this.body.hidden || job.said !== 'mapping symmetry') return;
    this.job = job.done ? null : job.job;
    this.halt.hidden = job.done || !job.may_stop;
    if (!job.done) this.#wait(`Looking at every place of the image … ${Math.round(100 * (job.share ?? 0))} %`);
  }

  #take({ message, buffers }, plane, row) {
    this.#wait('');
    this.halt.hidden = true;
    Object.assign(this, { row, told: message, cursor: null });
    this.layers = message.layers.map((layer, n) => ({ ...layer, values: layer.kind === 'words' ? buffers[n] : gridNumbers(buffers[n]) }));
    this.probability = gridNumbers(buffers.at(-1));
    this.painted = new Map(this.layers.map((layer) => [layer.name, paintedLayer(layer)]));
    this.plane = { ...plane.message, values: gridNumbers(plane.buffers[0]) };
    this.#paintPlane();
    const kept = this.choice.value;
    this.choice.replaceChildren(...this.layers.map(({ name, label }) => make('option', { value: name, selected: name === kept }, label)));
    this.said.textContent = message.said;
    this.here.textContent = 'Point at a place, or move to it with the arrow keys.';
    this.body.hidden = false;
    this.#draw();
  }

  #paintPlane() {
    const canvas = document.createElement('canvas');
    if (this.plane.low !== null) paintValues(canvas, this.plane, this.plane.low, this.plane.high, this.#store.picture.colours);
    this.painted.set('picture', canvas);
  }

  // --- Drawing

  get layer() { return this.layers.find(({ name }) => name === this.choice.value) ?? this.layers[0]; }

  #redraw() {
    if (!this.told) return;
    const { layer } = this;
    this.map.setAttribute('aria-label', `Map of the ${layer.label}: ${this.told.said}`);
    this.#drawOn(this.picture, this.painted.get('picture'), [0, 0, 1, 1]);
    this.#drawOn(this.map, this.painted.get(layer.name), layer.place);
    this.#scaleBar(this.picture);
    this.legend.replaceChildren(...(layer.kind === 'words' ? wordLegend(this.told.groups) : scaleLegend(layer)));
  }

  #drawOn(canvas, painted, [left, top, right, bottom]) {
    const [high, wide] = this.told.of;
    const dense = globalThis.devicePixelRatio ?? 1;
    canvas.style.aspectRatio = `${wide} / ${high}`;
    Object.assign(canvas, { width: Math.round(canvas.clientWidth * dense), height: Math.round((canvas.clientWidth * dense * high) / wide) });
    const brush = canvas.getContext('2d');
    const { width, height } = canvas;
    brush.imageSmoothingEnabled = false;
    if (painted.width && painted.height) brush.drawImage(painted, left * width, top * height, (right - left) * width, (bottom - top) * height);
    if (this.cursor) this.#drawCursor(brush, width, height, dense);
  }

  #drawCursor(brush, width, height, dense) { // the window that was looked at
    const [x, y] = this.cursor;
    const side = this.told.window * width;
    for (const [colour, wide] of [['#000000', 4], ['#ffffff', 2]]) {
      Object.assign(brush, { strokeStyle: colour, lineWidth: wide * dense });
      brush.strokeRect(x * width - side / 2, y * height - side / 2, side, side);
    }
  }

  #scaleBar(canvas) {
    if (!this.told.extent) return;
    const brush = canvas.getContext('2d');
    const dense = globalThis.devicePixelRatio ?? 1;
    const { length, words } = scaleBar(this.told.extent[1], 0.3);
    const [x, y, long] = [10 * dense, canvas.height - 12 * dense, (length / this.told.extent[1]) * canvas.width];
    brush.fillStyle = 'rgb(0 0 0 / 65%)';
    brush.font = `${12 * dense}px system-ui, sans-serif`;
    brush.fillRect(x - 4 * dense, y - 20 * dense, Math.max(long, brush.measureText(words).width) + 8 * dense, 28 * dense);
    brush.fillStyle = '#ffffff';
    brush.fillRect(x, y, long, 3 * dense);
    brush.fillText(words, x, y - 5 * dense);
  }

  // --- Pointing

  #keyed(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!by || !this.told || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [left, top, right, bottom] = this.layers[0].place;
    const [high, wide] = this.layers[0].shape;
    const far = event.shiftKey ? 10 : 1;
    const [x, y] = this.cursor ?? [0.5, 0.5];
    this.#point(x + (by[0] * far * (right - left)) / wide, y + (by[1] * far * (bottom - top)) / high);
  }

  #point(x, y) {
    if (!this.told) return;
    this.cursor = [x, y].map((value) => Math.max(0, Math.min(1, value)));
    this.here.textContent = this.#sayHere();
    this.#draw();
  }

  #sayHere() { // all layers at one place
    const [group] = this.layers;
    const at = gridPlace(group, this.cursor);
    if (at < 0) return 'No window has its middle here.';
    if (group.values[at] === 255) return `Nothing repeats here (${sayNumber(this.#value('periodic'), 2)} that something does).`;
    const departure = this.#value('departure');
    return [`${this.told.groups[group.values[at]]} (${this.probability[at].toFixed(2)})`, sayTurned(this.#value('rotation'), this.#value('strain'), this.#value('shear')),
      Number.isFinite(departure) && `departs from the lattice by ${departure.toFixed(2)} of the contrast`].filter(Boolean).join(', ');
  }

  #value(name) {
    const layer = this.layers.find((each) => each.name === name);
    const at = gridPlace(layer, this.cursor);
    return at < 0 ? NaN : layer.values[at];
  }
}

function gridNumbers(bytes) { return new Float32Array(bytes.slice().buffer); }

export function sayTurned(turn, strain, shear) { // against the lattice that occurs most; another lattice has no turn
  if (!Number.isFinite(turn)) return 'another lattice than elsewhere';
  return `turned by ${turn.toFixed(1)}°, spacing ${sayChange(strain)} %, shear ${shear.toFixed(2)} %`;
}

function sayChange(value) { return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`; }

function gridPlace({ place: [left, top, right, bottom], shape: [high, wide] }, [x, y]) {
  const column = Math.floor(((x - left) / (right - left)) * wide);
  const line = Math.floor(((y - top) / (bottom - top)) * high);
  return column >= 0 && line >= 0 && column < wide && line < high ? line * wide + column : -1;
}

// --- Colours

function wordColour(n) { return WORD_COLOURS[n] ?? OTHER_WORDS; }

function alongColours(colours, share) { // share from 0 to 1
  const at = Math.max(0, Math.min(1, share)) * (colours.length - 1);
  const low = Math.min(Math.floor(at), colours.length - 2);
  const [a, b] = [rgbOf(colours[low]), rgbOf(colours[low + 1])];
  return a.map((value, n) => Math.round(value + (b[n] - value) * (at - low)));
}

function coloursOf(kind) { return { cyclic: CYCLE, diverging: BOTH_WAYS }[kind] ?? null; }

function paintedLayer(layer) { // blank places stay transparent, so that the hatching below is seen
  const canvas = document.createElement('canvas');
  const [high, wide] = layer.shape;
  Object.assign(canvas, { width: wide, height: high });
  const colours = coloursOf(layer.kind);
  if (layer.kind === 'rising') { paintValues(canvas, layer, layer.low, layer.high, 'cividis'); return canvas; }
  const image = new ImageData(wide, high);
  layer.values.forEach((value, n) => {
    if (layer.kind === 'words' ? value === 255 : !Number.isFinite(value)) return;
    const rgb = layer.kind === 'words' ? rgbOf(wordColour(value)) : alongColours(colours, (value - layer.low) / (layer.high - layer.low));
    image.data.set([...rgb, 255], 4 * n);
  });
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// --- Legend

function wordLegend(groups) {
  const entry = (name, colour) => { const dot = make('i', { class: 'mx-symmap-dot', style: { background: colour } }); return make('span', { class: 'mx-symmap-entry' }, dot, name); };
  return [...groups.map((name, n) => entry(name, wordColour(n))), make('span', { class: 'mx-symmap-entry' }, make('i', { class: 'mx-symmap-dot mx-symmap-blank' }), 'nothing repeats')];
}

function scaleLegend({ low, high, unit, kind }) {
  const canvas = make('canvas', { class: 'mx-symmap-scale', width: 128, height: 1, 'aria-hidden': 'true' });
  const values = Float32Array.from({ length: 128 }, (_, n) => low + ((high - low) * n) / 127);
  canvas.getContext('2d').drawImage(paintedLayer({ kind, low, high, values, shape: [1, 128] }), 0, 0);
  const say = (value) => String(Number(value.toPrecision(3)));
  return [make('span', {}, say(low)), canvas, make('span', {}, say(high)), make('span', { class: 'mx-quiet' }, unit)];
}
