// What repeats in the item on the card: plane group and lattice in words, drawn over the picture when asked for, and the
// way to the symmetry map. It is looked for once the item has been open for a moment, and only by Python.

import { button, enable, make, slowly, stops } from './dom.js';
import { drawSymmetry } from './symmetry_signs.js';
import { SymmetryMap } from './symmetry_map.js';
import { folded, pairs } from './tables.js';

const OPEN_FOR = 350; // milliseconds that an item stays open before it is looked at

export class SymmetrySeen {
  #store;
  #viewer;
  #turn = 0;
  #stop;
  #folds = new Map();
  #look = slowly(() => this.#ask(), OPEN_FOR);

  constructor(store, viewer) {
    this.#store = store;
    this.#viewer = viewer;
    Object.assign(this, { row: -1, channel: '', told: null, drawn: false });
    this.map = new SymmetryMap(store);
    this.element = this.#build();
    this.#stop = stops(this.#look.stop, store.on('scene', () => this.#forget()), () => this.map.stop());
  }

  stop() { this.#turn += 1; this.#stop(); }

  #build() {
    this.short = make('span', { class: 'mx-symmetry-short', role: 'status', 'aria-live': 'polite' });
    this.lattice = make('span', { class: 'mx-quiet' });
    this.toggle = button('Draw', () => this.#draw(!this.drawn), { class: 'mx-small', 'aria-label': 'Draw the symmetry over the picture', 'aria-pressed': 'false', title: 'Draw cell, mirror lines, glide lines and rotation centres over the picture' });
    this.opener = button('Map', () => this.map.open(this.row, this.channel, this.named), { class: 'mx-small', 'aria-label': 'Map of the symmetry', title: 'What repeats at each place: grains, twins, domains, defects', 'aria-haspopup': 'dialog' });
    this.facts = make('div', { class: 'mx-symmetry-facts' }); // stands with the other facts of the card
    this.legend = make('p', { class: 'mx-symmetry-legend mx-quiet', hidden: true });
    return make('section', { class: 'mx-symmetry', 'aria-label': 'Symmetry', hidden: !this.#store.wire.live },
      make('div', { class: 'mx-symmetry-line' }, make('strong', {}, 'Symmetry'), this.short, this.toggle, this.opener),
      this.lattice, this.legend, this.map.element);
  }

  // --- Of what

  show(row, channel, named) { // another item or channel
    if (row === this.row && channel === this.channel && this.told) return;
    this.#turn += 1;
    Object.assign(this, { row, channel, named, told: null });
    this.element.hidden = row < 0 || !this.#store.wire.live;
    this.#say('…', '');
    if (row >= 0 && this.#store.wire.live) this.#look();
  }

  #forget() { this.#turn += 1; Object.assign(this, { row: -1, told: null }); this.#say('', ''); }

  async #ask() {
    const turn = ++this.#turn;
    this.element.setAttribute('aria-busy', 'true');
    let [told, trouble] = [null, ''];
    try { told = (await this.#store.ask('symmetry', { row: this.row, channel: this.channel })).message; } catch (error) { trouble = error.message; }
    if (turn !== this.#turn) return;
    this.element.removeAttribute('aria-busy');
    this.told = told;
    this.#say(told?.short ?? trouble, told?.lattice ?? '');
  }

  // --- What is said

  #say(short, lattice) {
    const { told } = this;
    this.short.textContent = short;
    this.short.classList.toggle('mx-on-word', Boolean(told?.periodic));
    this.lattice.textContent = lattice;
    this.facts.replaceChildren(...(told ? [folded(this.#folds, 'Symmetry: what matches itself, and how well', pairs(told.facts), false, 'symmetry')] : []));
    this.lattice.hidden = !lattice;
    enable(this.toggle, Boolean(told?.overlay));
    enable(this.opener, Boolean(told));
    this.toggle.title = told && !told.overlay ? 'Nothing repeats here that could be drawn' : 'Draw cell, mirror lines, glide lines and rotation centres over the picture';
    this.#draw(this.drawn);
  }

  #draw(drawn) {
    this.drawn = drawn;
    this.toggle.setAttribute('aria-pressed', String(drawn && Boolean(this.told?.overlay)));
    const overlay = drawn ? this.told?.overlay ?? null : null;
    this.#viewer.lay(overlay && ((brush, lens) => drawSymmetry(brush, lens, overlay)), overlay ? this.#described(overlay) : '');
    this.legend.hidden = !overlay;
    this.legend.textContent = overlay ? legendOf(overlay) : '';
  }

  #described(overlay) {
    const kinds = new Set(overlay.elements.map((e) => (e.kind === 'centre' ? `${FOLDS[e.order]} centres` : `${e.kind} lines`)));
    return `with the cell${kinds.size ? `, ${[...kinds].join(', ')}` : ''} of ${this.told.short} drawn over it`;
  }
}

const FOLDS = { 2: 'twofold', 3: 'threefold', 4: 'fourfold', 6: 'sixfold' };
const SIGN_NAMES = { 2: 'lens twofold', 3: 'triangle threefold', 4: 'square fourfold', 6: 'hexagon sixfold' };

function legendOf({ elements }) {
  const has = (kind) => elements.some((e) => e.kind === kind);
  const orders = [...new Set(elements.filter((e) => e.kind === 'centre').map((e) => e.order))].sort().reverse();
  const lines = [has('mirror') && 'solid: mirror lines', has('glide') && 'dashed: glide lines'];
  return ['White: one cell', ...lines, orders.length > 0 && `centres: ${orders.map((order) => SIGN_NAMES[order]).join(', ')}`].filter(Boolean).join('; ');
}
