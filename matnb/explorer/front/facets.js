// The facets: how many of the chosen items have which word, quantity or date, and choosing by them.

import { askFacet, bitsOfAsked, facetsAsked, isAsked } from './asked.js';
import { inFrames, othersMet } from './counting.js';
import { button, freshName, make, oncePerFrame, slowly, stops } from './dom.js';
import { colourCloud, cssOf, themeOf } from './map_colour.js';
import { RangeFacet } from './facet_range.js';
import { WordFacet } from './facet_words.js';
import { sayCount } from './units.js';

const WORDS_OPEN = 5; // facets that are open at first
const NUMBERS_OPEN = 3;
const LIVE = 300000; // items up to which everything follows while a range is still being drawn

export function drawFacets(element, store) {
  const panel = new FacetPanel(element, store);
  return () => panel.stop();
}

class FacetPanel {
  constructor(element, store) {
    Object.assign(this, { element, store, blocks: [], counting: null, met: new Map() });
    this.list = make('div', { class: 'mx-facet-list' });
    this.top = this.makeTop();
    element.append(make('div', { class: 'mx-facets' }, this.top, this.list));
    this.recount = oncePerFrame(() => this.countNow());
    const watching = new ResizeObserver(() => this.recount());
    watching.observe(element);
    this.stop = stops(
      store.on('scene', () => this.rebuild()), store.on('columns', () => this.rebuild()), store.on('step', () => { this.recount(); this.showColour(); }),
      store.on('chosen', this.recount), store.on('theme', () => { this.recount(); this.showColour(); }), store.on('colour', () => this.showColour()),
      () => watching.disconnect(), () => this.counting?.(), this.recount.stop, () => this.blocks.forEach((block) => block.stop()),
    );
    if (store.scene) this.rebuild();
  }

  makeTop() {
    const filter = make('input', { type: 'search', placeholder: 'Find a facet', 'aria-label': 'Find a facet', class: 'mx-facet-filter' });
    filter.addEventListener('input', slowly(() => this.showMatching(filter.value.trim().toLowerCase()), 100));
    const order = make('select', { 'aria-label': 'Order of the words', title: 'Order of the words' },
      make('option', { value: '' }, 'frequent first'), make('option', { value: 'share' }, 'unusual first'));
    order.addEventListener('change', () => {
      for (const block of this.blocks) block.inner.byShare = order.value === 'share';
      this.recount();
    });
    return make('div', { class: 'mx-facet-top' }, filter, order);
  }

  showMatching(text) {
    for (const block of this.blocks) block.element.hidden = Boolean(text) && !block.facet.label.toLowerCase().includes(text) && !block.facet.name.includes(text);
  }

  rebuild() { // facets came, went or changed
    const { store } = this;
    this.counting?.();
    this.met.clear();
    const open = new Set(store.scene.view?.facets?.open ?? usuallyOpen(store.scene.facets));
    const before = new Map(this.blocks.map((block) => [block.facet.name, block]));
    this.blocks.forEach((block) => block.stop());
    const top = this.list.scrollTop;
    this.blocks = store.scene.facets.filter((facet) => facet.kind !== 'text').map((facet) => {
      const was = before.get(facet.name);
      return new FacetBlock(facet, this, was ? was.open : open.has(facet.name), was?.inner);
    });
    this.list.replaceChildren(...this.blocks.map((block) => block.element));
    this.list.scrollTop = top;
    this.showColour();
    if (store.step) this.recount();
  }

  keepOpen() { this.store.setView({ facets: { open: this.blocks.filter((block) => block.open).map((block) => block.facet.name) } }); }

  // --- Counting: each facet among the items that meet all conditions but its own

  countNow() {
    if (!this.store.step || !this.element.clientWidth) return;
    this.counting?.();
    this.counting = inFrames(this.counted());
  }

  *counted() {
    const { store } = this;
    const { step } = store;
    const asked = facetsAsked(store);
    const base = this.baseOf(asked);
    for (const block of this.blocks) {
      block.showAsked(asked.get(block.facet.name));
      if (!block.open || block.element.hidden || !block.load()) continue;
      const own = base.met.has(block.facet.name);
      const bits = own ? othersMet(base.others, base.met, block.facet.name) : store.shown;
      const any = own ? base.narrowed || base.met.size > 1 : store.chosen !== null;
      yield* block.inner.count(block.column, step, bits, any);
      block.draw(asked.get(block.facet.name) ?? {}, own && any);
      yield;
    }
  }

  baseOf(asked) { // the conditions of other sources together, and those of the facets one by one
    const { store } = this;
    const outside = store.conditions.filter((condition) => condition.source !== 'facets');
    const others = outside.reduce((bits, condition) => bits.and(condition.bits), store.step.inside);
    const met = new Map();
    for (const [name, each] of asked) {
      const bits = this.metBy(name, each);
      if (!bits) return { others: store.shown, met: new Map(), narrowed: true }; // its column has not come yet
      met.set(name, bits);
    }
    return { others, met, narrowed: outside.length > 0 };
  }

  metBy(name, asked) {
    const key = JSON.stringify([name, asked]);
    const column = this.blocks.find((block) => block.facet.name === name)?.load();
    if (!column) return null;
    if (this.met.get(name)?.key !== key || this.met.get(name).column !== column) {
      this.met.set(name, { key, column, bits: bitsOfAsked(asked, column) });
    }
    return this.met.get(name).bits;
  }

  ask(name, asked, done) {
    const { store } = this;
    if (!done && store.scene.count > LIVE) return;
    askFacet(store, name, isAsked(asked) ? asked : null).catch((error) => store.complain(error));
  }

  // --- Colour

  showColour() {
    for (const block of this.blocks) block.showColour(this.store.colour.by);
    this.showSwatches().catch((error) => this.store.complain(error));
  }

  async showSwatches() { // the colours and shapes that words have on the map
    const { store } = this;
    const { by } = store.colour;
    const block = this.blocks.find((each) => each.facet.name === by && each.facet.kind === 'category');
    const legend = block && store.step ? await colourCloud(store, bareCloud(store.step), themeOf(this.element)) : null;
    if (by !== store.colour.by) return;
    for (const each of this.blocks) if (each.inner.showSwatches) each.inner.showSwatches(each === block ? swatchesOf(legend) : null);
  }
}

function bareCloud(step) { // what is needed to know which colour each word has
  const count = step.rows.length;
  return { step, count, paints: new Uint32Array(count), shapes: new Uint8Array(count) };
}

function swatchesOf(legend) { // code -> { colour, shape }
  const found = new Map((legend?.entries ?? []).map(({ code, colour, shape }) => [code, { colour: cssOf(colour), shape }]));
  return (code) => found.get(code) ?? (code && found.has(-1) ? found.get(-1) : null);
}

function usuallyOpen(facets) {
  const several = facets.filter((facet) => facet.kind !== 'text' && facet.values > 1);
  const words = several.filter((facet) => facet.kind === 'category');
  const numbers = several.filter((facet) => facet.kind !== 'category');
  return [...words.slice(0, WORDS_OPEN), ...numbers.slice(0, NUMBERS_OPEN)].map((facet) => facet.name);
}

class FacetBlock {
  constructor(facet, panel, open, before) {
    Object.assign(this, { facet, panel, open, column: null, loading: false });
    const Inner = facet.kind === 'category' ? WordFacet : RangeFacet;
    this.inner = new Inner(facet, (asked, done) => panel.ask(facet.name, asked, done));
    if (before) Object.assign(this.inner, { all: before.all, log: before.log, byShare: before.byShare });
    this.inner.again = () => panel.recount();
    this.build();
  }

  build() {
    const { facet } = this;
    const name = facet.name.replaceAll('_', ' ');
    const id = freshName('facet');
    this.opener = button('', () => this.toggle(), { class: 'mx-facet-name', 'aria-expanded': String(this.open), 'aria-controls': id, title: facet.about || null });
    this.opener.replaceChildren(make('span', { class: 'mx-turn', 'aria-hidden': 'true' }), make('span', {}, name), make('span', { class: 'mx-quiet', title: spreadOf(facet) }, facet.kind === 'category' ? sayCount(facet.values) : ''));
    this.clearing = button('×', () => this.panel.ask(facet.name, {}, true), { class: 'mx-close', 'aria-label': `Ask nothing of ${name}`, title: 'Ask nothing of this facet', hidden: true });
    this.colouring = button('', () => this.colour(), { class: 'mx-colour-dot', 'aria-label': `Colour by ${name}`, title: `Colour the points by ${name}`, 'aria-pressed': 'false' });
    this.colouring.append(make('span', {}, 'colour'));
    this.body = make('div', { id, class: 'mx-facet-body', hidden: !this.open }, this.waiting = make('p', { class: 'mx-quiet' }, '…'));
    this.apart = make('p', { class: 'mx-quiet mx-apart', hidden: true }, 'Counted without what is asked of this facet.');
    this.element = make('section', { class: 'mx-facet', 'aria-label': name, 'data-facet': facet.name },
      make('h3', {}, this.opener, this.clearing, this.colouring), this.body);
  }

  toggle() {
    this.open = !this.open;
    this.opener.setAttribute('aria-expanded', String(this.open));
    this.body.hidden = !this.open;
    this.panel.keepOpen();
    this.panel.recount();
  }

  load() { // the column, or null until it has come
    if (this.column || this.loading) return this.column;
    this.loading = true;
    this.panel.store.column(this.facet.name).then((column) => { this.column = column; this.panel.recount(); }, (error) => {
      this.waiting.textContent = error.message;
    }).finally(() => { this.loading = false; });
    return null;
  }

  draw(asked, apart) { // apart: counted among what the other conditions leave
    if (this.waiting.parentElement) this.body.replaceChildren(this.inner.element, this.apart);
    this.apart.hidden = !apart;
    this.inner.draw(asked);
  }

  showAsked(asked) {
    this.clearing.hidden = !isAsked(asked);
    this.element.classList.toggle('mx-asked', isAsked(asked));
  }

  colour() {
    const { store } = this.panel;
    store.setView({ colour: store.colour.by === this.facet.name ? '' : this.facet.name });
  }

  showColour(by) {
    this.colouring.setAttribute('aria-pressed', String(by === this.facet.name));
  }

  stop() { this.inner.stop(); }
}

function spreadOf({ kind, values }) {
  if (kind === 'category') return `${sayCount(values)} ${values === 1 ? 'word' : 'words'}`;
  return '';
}
