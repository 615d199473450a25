// The gallery: pictures of what is chosen (or of the step), in an order that one can choose.

import { COLOUR_MAPS } from './colours.js';
import { Bits } from './bits.js';
import { button, freshName, make, oncePerFrame, slowly, stops } from './dom.js';
import { itemsAct, notAct } from './map_choose.js';
import { Order, alongMap, asCollected, byColumn, byDistance } from './orders.js';
import { sayCount, sayDistance, sayValue } from './units.js';
import { Wall } from './wall.js';

const SIZES = { least: 56, usual: 84, most: 320 };
const WALL_KEYS = 'Arrow keys move between pictures, Enter opens the item card, P pins, Space marks, Shift with arrows marks several.';

export function drawGallery(element, store) {
  const gallery = new Gallery(store);
  element.append(gallery.element);
  return () => { gallery.stop(); gallery.element.remove(); };
}

class Gallery {
  #store;
  #stop;
  #orders = new Map(); // order -> promise of an Order of the step's rows
  #turn = 0;
  #column = null; // of the facet that orders
  #coloured = null; // of the facet that colours the map: what pictures are named by when no facet orders them
  #before = ''; // the order before something was pinned

  constructor(store) {
    this.#store = store;
    this.order = 'map';
    this.reversed = false;
    this.marked = new Set();
    const help = freshName('help');
    this.wall = new Wall(store, {
      name: 'Pictures', help, below: (row, about) => this.#below(row, about), marked: (row) => this.marked.has(row),
      greyed: (row) => store.chosen && !store.chosen.has(row),
      open: (row) => store.focus(row), pin: (row) => store.pin(store.pinned?.row === row ? -1 : row), mark: (rows, on) => this.#mark(rows, on),
    });
    this.wall.size = SIZES.usual;
    this.head = make('p', { class: 'mx-count' });
    this.live = make('p', { class: 'mx-hidden', role: 'status', 'aria-live': 'polite' });
    this.emptySaid = make('p', {});
    this.empty = make('div', { class: 'mx-gallery-empty', hidden: true }, this.emptySaid, this.freeing = button('Clear all conditions', () => store.clear()));
    this.marks = make('div', { class: 'mx-marks', hidden: true, role: 'group', 'aria-label': 'Marked pictures' });
    this.element = make('section', { class: 'mx-gallery', 'aria-label': 'Gallery' },
      make('header', { class: 'mx-gallery-head' }, this.head, this.#controls()), this.live, this.marks, this.empty, this.wall.element,
      make('p', { class: 'mx-hidden', id: help }, WALL_KEYS));
    this.#stop = this.#listen(oncePerFrame(() => this.#refresh()), slowly(() => this.#announce(), 400));
  }

  stop() {
    this.#stop();
    this.wall.stop();
  }

  #listen(refresh, announce) {
    const { wall } = this;
    const [on, states] = [(event, act) => this.#store.on(event, act), oncePerFrame(() => wall.states())];
    this.announce = announce;
    this.refresh = refresh;
    return stops(
      on('scene', () => this.#renewed()),
      on('step', () => { this.#orders.clear(); refresh(); }), on('chosen', refresh), on('columns', () => { this.#orders.clear(); this.#fill(); refresh(); }),
      on('colour', refresh), on('pin', () => this.#pinned()), on('hover', states), on('focus', (row) => { if (row >= 0 && !this.#inSight(row)) wall.reveal(row); states(); }),
      on('picture', () => { this.#showPicture(); wall.redraw(); }), on('pictures', (rows) => wall.came(rows)),
      on('view', (change) => { if (change.gallery) this.#restore(change.gallery); }),
      refresh.stop, states.stop, announce.stop,
    );
  }

  #renewed() { // rows mean other items now
    this.#turn += 1;
    this.marked.clear();
    this.#orders.clear();
    this.wall.show(new Uint32Array(0));
    this.#showMarks();
    this.#fill();
  }

  #inSight(row) {
    const at = this.wall.rows.subarray(this.wall.first, this.wall.last).indexOf(row);
    return at >= this.wall.columns || at === 0;
  }

  // --- Controls

  #controls() {
    this.orderBox = make('select', { onchange: () => this.#choose({ order: this.orderBox.value }) });
    this.backwards = button('⇅', () => this.#choose({ reversed: !this.reversed }), { 'aria-pressed': 'false', 'aria-label': 'Reverse the order', title: 'Reverse the order' });
    this.sizeBox = make('input', { type: 'range', min: SIZES.least, max: SIZES.most, step: 4, value: SIZES.usual, class: 'mx-size' });
    this.sizeBox.addEventListener('input', () => this.wall.resize(Number(this.sizeBox.value)));
    this.sizeBox.addEventListener('change', () => this.#remember());
    this.channelBox = make('select', { onchange: () => this.#store.setView({ picture: { channel: this.channelBox.value } }) });
    this.coloursBox = make('select', { onchange: () => this.#store.setView({ picture: { colours: this.coloursBox.value } }) },
      COLOUR_MAPS.map((name) => make('option', { value: name }, name)));
    this.othersBox = make('input', { type: 'checkbox', onchange: () => this.refresh() });
    this.othersBox.setAttribute('aria-label', 'others too, greyed');
    this.others = make('label', { class: 'mx-check', hidden: true, title: 'The others too, greyed, in the same order' }, this.othersBox, 'others too');
    const named = (words, box) => { box.setAttribute('aria-label', words); return label(words, box); };
    const label = (words, box) => make('label', { class: `mx-named mx-named-${words.toLowerCase()}`, title: words }, make('span', {}, words), box);
    return [this.others, named('Size', this.sizeBox), make('div', { class: 'mx-gallery-controls' }, make('div', { class: 'mx-ordered' }, named('Order', this.orderBox), this.backwards),
      named('Channel', this.channelBox), named('Colours', this.coloursBox))];
  }

  #fill() { // what can be chosen in this corpus
    const { scene } = this.#store;
    const option = (value, words, more = {}) => make('option', { value, ...more }, words);
    const facets = scene.facets.filter((facet) => facet.kind !== 'text');
    this.pinOption = option('distance', 'like the pin', { disabled: !this.#store.pinned });
    this.orderBox.replaceChildren(option('map', 'along the map'), this.pinOption, option('collected', 'as collected'),
      make('optgroup', { label: 'By facet' }, facets.map((facet) => option(`facet:${facet.name}`, facet.label))));
    this.channelBox.replaceChildren(option('', 'automatic'), ...scene.channels.map((name) => option(name, name)));
    if (![...this.orderBox.options].some((o) => o.value === this.order)) this.order = 'map';
    this.#restore(scene.view?.gallery ?? {});
    this.#showPicture();
  }

  #showPicture() {
    const { channel, colours } = this.#store.picture;
    this.channelBox.value = channel;
    this.coloursBox.value = colours;
  }

  #choose(change) {
    Object.assign(this, change);
    this.#showOrder();
    this.refresh();
    this.#remember();
  }

  #showOrder() {
    this.orderBox.value = this.order;
    this.backwards.setAttribute('aria-pressed', String(this.reversed));
  }

  #remember() { this.#store.setView({ gallery: { order: this.order, reversed: this.reversed, size: Number(this.sizeBox.value) } }); }

  #restore({ order, reversed, size }) {
    const known = order !== undefined && [...this.orderBox.options].some((o) => o.value === order && !o.disabled);
    const changed = (known && order !== this.order) || (reversed !== undefined && reversed !== this.reversed);
    if (known) this.order = order;
    if (reversed !== undefined) this.reversed = Boolean(reversed);
    if (size >= SIZES.least && size <= SIZES.most && size !== this.wall.size) { this.sizeBox.value = size; this.wall.resize(Number(size)); }
    this.#showOrder();
    if (changed) this.refresh();
  }

  #pinned() { // pinning orders by distance; taking the pin away brings the former order back
    const { pinned } = this.#store;
    this.pinOption.disabled = !pinned;
    this.#orders.delete('distance');
    if (pinned && this.order !== 'distance') { this.#before = this.order; this.order = 'distance'; this.reversed = false; }
    if (!pinned && this.order === 'distance') this.order = this.#before || 'map';
    this.#showOrder();
    this.refresh();
  }

  // --- Order

  async #refresh() {
    const { step } = this.#store;
    if (!step) return;
    const turn = ++this.#turn;
    const order = await this.#ordered(this.order);
    const coloured = await this.#colouring();
    if (turn !== this.#turn || step !== this.#store.step) return;
    this.#coloured = coloured;
    this.others.hidden = !this.#store.chosen;
    const all = this.#store.chosen && this.othersBox.checked;
    this.wall.show(order.picked(all ? step.inside : this.#store.shown, this.reversed), this.wall.element.contains(this.#reached()));
    this.#say();
  }

  #reached() { return this.element.getRootNode().activeElement; }

  async #ordered(name) {
    if (!this.#orders.has(name)) this.#orders.set(name, this.#sort(name));
    const order = await this.#orders.get(name);
    this.#column = name.startsWith('facet:') ? await this.#columnOf(name) : null;
    return order;
  }

  async #sort(name) {
    const { step, pinned } = this.#store;
    if (name === 'collected') return asCollected(step.rows);
    if (name === 'map') return alongMap(step);
    const { rows } = await this.#ordered('map'); // decides among equals
    if (name === 'distance') return pinned ? byDistance(rows, pinned.distances) : new Order(rows);
    const column = await this.#columnOf(name);
    return column ? byColumn(rows, column) : new Order(rows);
  }

  async #columnOf(name) {
    try { return await this.#store.column(name.slice('facet:'.length)); } catch (error) { this.#store.complain(error); return null; }
  }

  async #colouring() {
    const { by } = this.#store.colour;
    return by && by !== 'distance' ? this.#columnOf(`facet:${by}`) : null;
  }

  // --- Words

  #below(row, about) {
    if (this.order === 'distance' && this.#store.pinned) return this.#distance(row);
    const column = this.#column ?? this.#coloured;
    return column ? sayValue(column, row) : about?.label ?? '';
  }

  #distance(row) {
    const { pinned } = this.#store;
    return row === pinned.row ? 'the pinned item' : sayDistance(pinned.distances[row]);
  }

  #say() {
    const { scene, step, chosen } = this.#store;
    const [count, all] = [chosen ? chosen.count() : step.rows.length, step.rows.length];
    this.head.replaceChildren(make('strong', {}, sayCount(count)), ` of ${sayCount(chosen ? all : scene.count)} ${all === 1 ? 'item' : 'items'}`);
    this.empty.hidden = this.wall.rows.length > 0;
    this.emptySaid.textContent = all ? 'No item of this step meets all of the conditions above. Take one of them away with its ×, or begin anew:' : 'This step holds no items.';
    this.freeing.hidden = !all;
    this.announce();
  }

  #announce() { this.live.textContent = `${this.head.textContent}, ${this.orderBox.selectedOptions[0]?.textContent ?? ''}`; }

  // --- Marking some by hand

  #mark(rows, on = null) {
    for (const row of rows) {
      if (on ?? !this.marked.has(row)) this.marked.add(row); else this.marked.delete(row);
    }
    this.#showMarks();
  }

  #showMarks() {
    const count = this.marked.size;
    this.marks.hidden = !count;
    this.marks.replaceChildren(make('span', {}, `${sayCount(count)} marked`), button('Choose these', () => this.#takeMarked(false)),
      button('Leave these out', () => this.#takeMarked(true)), button('Clear marks', () => { this.marked.clear(); this.#showMarks(); }));
    this.wall.states();
  }

  #takeMarked(out) {
    const rows = [...this.marked].sort((a, b) => a - b);
    const bits = Bits.of(this.#store.scene.count, rows);
    const these = itemsAct(bits, 'marked in the gallery');
    const count = `${sayCount(rows.length)} ${rows.length === 1 ? 'item' : 'items'} marked by hand`;
    const condition = out ? { said: `without ${count}`, act: notAct(these), bits: bits.not() } : { said: count, act: these, bits };
    this.marked.clear();
    this.#showMarks();
    this.#store.choose('gallery', condition);
  }
}
