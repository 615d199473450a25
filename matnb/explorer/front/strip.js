// Neighbours of an item in the space of the vectors, not on the map: with distances, with reasons when asked for, and
// with "more like this" and "less like this" to say better what is meant. Also what a searched region was found in.

import { Bits } from './bits.js';
import { button, freshName, make, oncePerFrame, stops } from './dom.js';
import { Frame } from './frames.js';
import { sayCount, sayDistance, sayValue } from './units.js';

const COUNTS = [12, 24, 48, 96];
const POINTS = 88; // CSS pixels of a picture
const STRIP_KEYS = 'Left and right arrows move, Enter opens the item card, plus searches for more like this one, minus for less '
  + 'like it, W says why it is near, P pins it.';

export function drawStrip(element, store) {
  const strip = new Strip(store);
  element.append(strip.element);
  return () => { strip.stop(); strip.element.remove(); };
}

export class Strip {
  #store;
  #turn = 0;
  #stop;
  #names = new Map(); // of rows that were seen here
  #ask = oncePerFrame(() => this.#search());
  #draw = oncePerFrame(() => this.#redraw());

  constructor(store) {
    this.#store = store;
    Object.assign(this, { of: -1, likes: [], unlikes: [], found: null, cells: [], active: 0, region: null, coloured: null });
    this.element = this.#build();
    const on = (event, act) => store.on(event, act);
    this.#stop = stops(on('scene', () => this.#fill()), on('focus', () => this.#changed()), on('pin', () => this.#changed()),
      on('step', () => this.#ask()), on('region', (region) => this.#sought(region)), on('hover', this.#draw), on('colour', () => this.#colouring()), on('columns', () => this.#colouring()), on('picture', () => { this.#want(); this.#draw(); }),
      on('pictures', this.#draw), this.#ask.stop, this.#draw.stop);
    if (store.scene) this.#fill();
  }

  stop() { this.#turn += 1; this.#stop(); }

  // --- Elements

  #build() {
    const help = freshName('help');
    const select = (words, options) => make('select', { 'aria-label': words, onchange: () => this.#ask() }, options);
    this.title = make('strong', { class: 'mx-strip-title' });
    this.vectors = select('Vectors', []);
    this.within = select('Among', [make('option', { value: 'step' }, 'in this step'), make('option', { value: 'all' }, 'among all')]);
    this.count = select('How many', COUNTS.map((n) => make('option', { value: n, selected: n === 24 }, String(n))));
    this.chooseThese = button('Choose these', () => this.choose(), { class: 'mx-choose', title: 'Choose this item and these neighbours, on the map and in the gallery' });
    this.end = button('×', () => this.#store.searchRegion(null), { 'aria-label': 'Back to the neighbours', title: 'Back to the neighbours', hidden: true });
    this.examples = make('div', { class: 'mx-examples', role: 'group', 'aria-label': 'Examples', hidden: true });
    this.said = make('p', { class: 'mx-strip-said', role: 'status', 'aria-live': 'polite' });
    this.list = make('ul', { class: 'mx-strip-list', 'aria-label': 'Neighbours', 'aria-describedby': help, onkeydown: (event) => this.#keyed(event), onpointerleave: () => this.#store.hover(-1) });
    this.reason = make('div', { class: 'mx-reason', role: 'status', 'aria-live': 'polite', hidden: true });
    this.settings = make('div', { class: 'mx-strip-settings' }, this.vectors, this.within, this.count);
    return make('section', { class: 'mx-strip', 'aria-label': 'Neighbours' },
      make('header', { class: 'mx-strip-head' }, this.title, this.end, this.chooseThese), this.examples, this.list, this.reason, make('div', { class: 'mx-strip-foot' }, this.said, this.settings),
      make('p', { class: 'mx-hidden', id: help }, STRIP_KEYS));
  }

  #fill() { // another scene: other rows
    const { vectors } = this.#store.scene;
    const kept = this.vectors.value;
    this.vectors.replaceChildren(...vectors.map((name) => make('option', { value: name }, name)));
    if (vectors.includes(kept)) this.vectors.value = kept;
    this.vectors.hidden = vectors.length < 2;
    Object.assign(this, { of: -1, likes: [], unlikes: [], region: null });
    this.#turn += 1;
    this.#names.clear();
    this.coloured = null;
    this.#colouring();
    this.element.removeAttribute('aria-busy');
    this.#show(null);
    this.#changed();
  }

  async #colouring() { // neighbours are named by what colours the map
    const { by } = this.#store.colour;
    try { this.coloured = by && by !== 'distance' ? await this.#store.column(by) : null; } catch { this.coloured = null; } // the map says what is wrong
    this.#draw();
  }

  // --- Of what

  #changed() {
    const { focused, pinned } = this.#store;
    const of = focused >= 0 ? focused : pinned?.row ?? -1;
    if (of === this.of && this.found) return;
    Object.assign(this, { of, likes: [], unlikes: [] });
    if (this.region && this.region.row !== of) this.region = null;
    this.#ask();
  }

  #sought(region) {
    this.region = region;
    if (region) Object.assign(this, { likes: [], unlikes: [] });
    this.#ask();
  }

  #example(row, which) { // one more example; again takes it back
    const [to, other] = which > 0 ? ['likes', 'unlikes'] : ['unlikes', 'likes'];
    this[other] = this[other].filter((each) => each !== row);
    this[to] = this[to].includes(row) ? this[to].filter((each) => each !== row) : [...this[to], row];
    this.#ask();
  }

  get #asked() { return [this.of, ...this.likes]; }

  async #search() {
    const turn = ++this.#turn;
    this.#showExamples();
    this.reason.hidden = true;
    if (!this.#store.scene || (this.of < 0 && !this.region)) return this.#show(null);
    if (!this.#store.scene.vectors.length && !this.region) return this.#show(null, 'There are no vectors to compare items by. matnb.embed(corpus) makes some.');
    this.element.setAttribute('aria-busy', 'true');
    this.said.textContent = this.region ? 'Looking for this region …' : 'Looking for neighbours …';
    let [found, trouble] = [null, ''];
    try { found = (await this.#store.ask('near', this.#question())).message; } catch (error) { trouble = error.message; }
    if (turn !== this.#turn) return undefined;
    this.element.removeAttribute('aria-busy');
    return this.#show(found, trouble);
  }

  #question() {
    const question = { count: Number(this.count.value), vectors: this.vectors.value, within: this.within.value, unlike: this.unlikes };
    if (this.region) return { ...question, row: this.region.row, vectors: '', box: this.region.box };
    return this.likes.length ? { ...question, rows: this.#asked } : { ...question, row: this.of };
  }

  // --- What was found

  #show(found, trouble = '') {
    this.found = found;
    this.settings.hidden = this.chooseThese.hidden = !found;
    this.end.hidden = !this.region;
    this.vectors.hidden = Boolean(this.region) || (this.#store.scene?.vectors.length ?? 0) < 2;
    this.title.textContent = this.region ? 'Found regions' : 'Neighbours';
    this.said.textContent = trouble || found?.said || 'Choose an item, on the map or in the gallery, to see what is like it.';
    this.said.classList.toggle('mx-warned', Boolean(trouble));
    this.chooseThese.textContent = found?.rows.length ? `Choose these ${sayCount(found.rows.length)}` : 'Choose these';
    this.chooseThese.disabled = !found?.rows.length;
    this.active = 0;
    this.cells = (found?.rows ?? []).map((row, at) => this.#cell(row, at));
    this.list.hidden = !this.cells.length;
    this.list.replaceChildren(...this.cells.map((cell) => cell.element));
    this.list.scrollLeft = 0;
    this.#want();
    this.#redraw();
  }

  #cell(row, at) {
    const { distances, windows, distances_said: exactly } = this.found;
    const frame = new Frame(this.#store, { points: POINTS });
    frame.show(row, POINTS);
    if (windows?.[at]?.corners) frame.mark(windows[at].corners);
    const act = (words, label, doing) => button(words, doing, { class: 'mx-tiny', tabindex: -1, 'aria-label': label, title: label });
    const pick = make('button', { type: 'button', class: 'mx-pick', tabindex: at ? -1 : 0, onclick: (event) => this.#clicked(event, row), onfocus: () => this.#activate(at), onpointerenter: () => this.#store.hover(row) }, frame.element);
    const less = act('−', 'Less like this one', () => this.#example(row, -1));
    const more = act('+', 'More like this one', () => this.#example(row, 1));
    const why = act('why', 'Why is it near?', () => this.#explain(row));
    const below = make('span', { class: 'mx-strip-below' }, make('span', { class: 'mx-distance', title: exactly?.[at] }, sayDistance(distances[at])), why, ...(this.region ? [] : [more, less]));
    const named = make('span', { class: 'mx-strip-name' });
    return { row, frame, pick, named, element: make('li', { class: 'mx-strip-cell', 'data-row': row }, pick, named, below) };
  }

  #want() {
    const { pictures } = this.#store;
    const rows = this.cells.map((cell) => cell.row);
    const size = this.cells[0]?.frame.size;
    if (rows.length) pictures.want(rows.filter((row) => !pictures.about(row, size)), size, 'neighbours');
  }

  #redraw() {
    for (const [at, cell] of this.cells.entries()) {
      cell.frame.draw();
      const about = cell.frame.about;
      if (about?.label) this.#names.set(cell.row, about.label);
      cell.pick.title = about?.label ?? '';
      cell.named.textContent = this.coloured ? sayValue(this.coloured, cell.row) : '';
      const name = about?.failed ? `Item that cannot be shown: ${about.failed}` : about?.alt || 'Picture on its way';
      const far = this.found.distances_said?.[at] ?? sayDistance(this.found.distances[at]);
      cell.pick.setAttribute('aria-label', [name, `distance ${far}`, cell.frame.scale && `scale bar ${cell.frame.scale}`].filter(Boolean).join('; '));
      cell.element.classList.toggle('mx-hovered', this.#store.hovered === cell.row);
      cell.element.classList.toggle('mx-carded', this.#store.focused === cell.row);
    }
  }

  // --- Examples

  #showExamples() {
    const chip = (row, which) => make('span', { class: 'mx-example' }, which > 0 ? '+ ' : '− ', this.#nameOf(row),
      button('×', () => this.#example(row, which), { class: 'mx-tiny', 'aria-label': `No longer ${which > 0 ? 'more' : 'less'} like ${this.#nameOf(row)}` }));
    const all = [...this.likes.map((row) => chip(row, 1)), ...this.unlikes.map((row) => chip(row, -1))];
    this.examples.hidden = !all.length;
    this.examples.replaceChildren(...all, button('Only the first', () => { this.likes = []; this.unlikes = []; this.#ask(); }, { class: 'mx-tiny' }));
  }

  #nameOf(row) { return this.#names.get(row) || this.#store.pictures.labelOf(row) || `item ${sayCount(row + 1)}`; }

  // --- Reasons

  async #explain(row) {
    const turn = this.#turn;
    this.reason.hidden = false;
    this.reason.replaceChildren(make('p', {}, 'Looking for reasons …'));
    const [of, vectors, box] = this.region ? [this.region.row, '', this.region.box] : [this.of, this.vectors.value, null];
    const answer = await this.#store.attempt('why', { row: of, other: row, vectors, box });
    if (turn !== this.#turn) return;
    const close = button('×', () => { this.reason.hidden = true; this.cells[this.active]?.pick.focus(); }, { class: 'mx-tiny', 'aria-label': 'Close the reasons' });
    const lines = answer?.message.lines ?? [];
    this.reason.hidden = !answer;
    this.reason.replaceChildren(close, make('p', {}, make('strong', {}, `Why ${this.#nameOf(row)}?`)),
      make('ul', {}, lines.map((line) => make('li', {}, line))), make('p', { class: 'mx-quiet' }, lines.length ? '' : answer?.message.said ?? ''));
  }

  // --- Choosing

  async choose() { // the examples with what is near them, exactly as Python would choose them within this step
    if (!this.found?.rows.length) return;
    const { region, found: { rows, said } } = this;
    if (region || this.within.value === 'all') return this.#put({ kind: 'items', rows, about: region ? region.said : said }, region ? rows : [...this.#asked, ...rows], region?.said ?? said);
    const question = { ...this.#question(), row: undefined, rows: this.#asked, with_examples: true };
    question.count += this.#asked.length;
    const answer = await this.#store.attempt('near', question);
    const act = { kind: 'like', rows: question.rows, unlike: this.unlikes, count: question.count, within: null, vectors: question.vectors };
    if (answer) this.#put(act, answer.message.rows, answer.message.said);
  }

  #put(act, rows, said) {
    this.#store.choose('near', { said: `near ${this.#nameOf(this.of)}: ${said}`, act, bits: Bits.of(this.#store.scene.count, rows) });
  }

  // --- Pointer and keys

  #clicked(event, row) {
    if (event.shiftKey && !this.region) this.#example(row, 1);
    else if (event.altKey && !this.region) this.#example(row, -1);
    else this.#store.focus(row);
  }

  #activate(at) {
    if (this.cells[this.active]) this.cells[this.active].pick.tabIndex = -1;
    this.active = at;
    this.cells[at].pick.tabIndex = 0;
  }

  #keyed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !event.target.classList.contains('mx-pick')) return;
    const { row } = this.cells[this.active];
    const last = this.cells.length - 1;
    const moves = { ArrowLeft: this.active - 1, ArrowRight: this.active + 1, Home: 0, End: last, PageUp: this.active - 5, PageDown: this.active + 5 };
    const acts = { '+': () => this.#example(row, 1), '-': () => this.#example(row, -1), w: () => this.#explain(row), p: () => this.#store.pin(row) };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key in moves) this.cells[Math.max(0, Math.min(moves[key], last))].pick.focus();
    else if (key in acts && !(this.region && '+-'.includes(key))) acts[key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
