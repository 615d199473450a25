// The card of one item: its channels, what is known of it, where it came from, what people noted, and what is like it.

import { button, make, oncePerFrame, stops } from './dom.js';
import { Frame } from './frames.js';
import { Notes } from './notes.js';
import { Strip } from './strip.js';
import { SymmetrySeen } from './symmetry.js';
import { folded, pairs, tree } from './tables.js';
import { Viewer } from './viewer.js';

const SMALL = 64; // CSS pixels of a channel's picture

export function drawCard(element, store) {
  const card = new Card(store);
  element.append(card.element);
  return () => { card.stop(); card.element.remove(); };
}

class Card {
  #store;
  #turn = 0;
  #stop;
  #seen = []; // rows, in the order they were looked at
  #at = -1;
  #folds = new Map(); // which parts are open, from card to card

  constructor(store) {
    this.#store = store;
    Object.assign(this, { row: -1, told: null, channels: [] });
    this.viewer = new Viewer(store);
    this.strip = new Strip(store);
    this.symmetry = new SymmetrySeen(store, this.viewer);
    this.notes = new Notes(store, () => this.#again());
    this.element = this.#build();
    const on = (event, act) => store.on(event, act);
    const draw = oncePerFrame(() => this.#drawChannels());
    this.#stop = stops(on('scene', () => this.#forget()), on('focus', (row) => this.#focused(row)), on('pin', () => this.#sayPinned()),
      on('pictures', draw), on('picture', () => { draw(); this.#follow(); }), on('columns', () => this.#again()), on('region', (region) => this.#sought(region)), draw.stop);
    if (store.focused >= 0) this.#focused(store.focused);
  }

  stop() {
    this.#turn += 1;
    this.#stop();
    for (const part of [this.viewer, this.strip, this.symmetry, this.notes]) part.stop();
  }

  // --- Elements

  #build() {
    this.back = button('←', () => this.#leaf(-1), { 'aria-label': 'Back to the item before', title: 'Back to the item before' });
    this.on = button('→', () => this.#leaf(1), { 'aria-label': 'On to the next item seen', title: 'On to the next item seen' });
    this.shut = button('×', () => this.#store.focus(-1), { 'aria-label': 'Close the card', title: 'Close the card (Esc)' });
    this.title = make('h3', { class: 'mx-card-title', tabindex: -1 });
    this.sub = make('p', { class: 'mx-card-sub' });
    this.acts = this.#buildActs();
    this.tabs = make('div', { class: 'mx-channels', role: 'group', 'aria-label': 'Channels' });
    this.facts = make('div', { class: 'mx-facts' });
    this.dialog = make('dialog', { class: 'mx-large', 'aria-label': 'Large picture', onclose: () => this.#small(), onkeydown: (event) => { if (event.key === 'Escape') event.stopPropagation(); } });
    this.place = make('div', { class: 'mx-card-picture' }, this.viewer.element);
    this.range = make('div', { class: 'mx-card-range' }, this.viewer.contrast.element);
    this.body = make('div', { class: 'mx-card-body', hidden: true }, make('div', { class: 'mx-card-look' }, this.acts, this.place, this.symmetry.element), make('div', { class: 'mx-card-like' }, this.strip.element),
      make('div', { class: 'mx-card-more' }, this.tabs, this.range), make('div', { class: 'mx-card-known' }, this.notes.element, this.symmetry.facts, this.facts));
    this.empty = make('div', { class: 'mx-card-empty' }, make('p', {}, 'No item is open.'),
      make('p', {}, 'Click a point of the map or a picture of the gallery. With the keyboard: move to a picture with the arrow keys and press Enter.'));
    return make('article', { class: 'mx-card', 'aria-label': 'Item card' },
      make('header', { class: 'mx-card-head' }, this.title, make('div', { class: 'mx-card-leaf' }, this.back, this.on, this.shut), this.sub),
      this.empty, this.body, this.dialog);
  }

  #buildActs() {
    this.pin = button('Pin', () => this.#store.pin(this.#store.pinned?.row === this.row ? -1 : this.row), { title: 'Order the gallery by distance to this item' });
    return make('div', { class: 'mx-card-acts', role: 'group', 'aria-label': 'With this item' }, this.pin,
      this.viewer.boxTool, button('Enlarge', () => this.#large(), { title: 'A large picture, to look closely' }));
  }

  // --- Which item

  #forget() { // rows of another edition are other items
    this.#turn += 1;
    Object.assign(this, { row: -1, told: null });
    this.element.removeAttribute('aria-busy');
    this.#seen = [];
    this.#at = -1;
    this.#show();
  }

  #focused(row) {
    if (row === this.row) return;
    this.row = row;
    if (row >= 0 && this.#seen[this.#at] !== row) {
      this.#seen = [...this.#seen.slice(0, this.#at + 1), row].slice(-200);
      this.#at = this.#seen.length - 1;
    }
    if (row >= 0) { this.#fetch(true); return; }
    this.#turn += 1; // an answer that is still to come is no longer wanted
    this.told = null;
    this.element.removeAttribute('aria-busy');
    this.#show();
  }

  #sought(region) { // what was found stands in the strip
    if (this.dialog.open) this.dialog.close();
    if (region) this.strip.element.scrollIntoView({ block: 'nearest' });
  }

  #leaf(by) {
    const row = this.#seen[this.#at + by];
    if (row === undefined) return;
    this.#at += by;
    this.#store.focus(row);
  }

  async #fetch(fresh) {
    const turn = ++this.#turn;
    this.element.setAttribute('aria-busy', 'true');
    const answer = await this.#store.attempt('card', { row: this.row });
    if (turn !== this.#turn) return;
    this.element.removeAttribute('aria-busy');
    if (answer) { this.told = answer.message; this.#show(fresh); }
  }

  #again() { if (this.row >= 0 && this.told) this.#fetch(false); }

  // --- What is shown

  #show(fresh = true) {
    const { told } = this;
    this.body.hidden = !told;
    this.empty.hidden = Boolean(told);
    this.shut.hidden = !told;
    this.back.disabled = this.#at <= 0;
    this.on.disabled = this.#at >= this.#seen.length - 1;
    this.title.textContent = told?.label ?? 'Item';
    this.sub.replaceChildren();
    if (!told) return;
    this.#sayWhat();
    this.#sayPinned();
    this.notes.show(told);
    if (fresh) { this.#showChannels(); this.element.scrollTop = 0; }
    this.#showFacts();
  }

  #sayWhat() {
    const { told } = this;
    const copied = make('span', { class: 'mx-quiet', role: 'status' });
    const copy = button('', () => this.#copy(told.id, copied), { class: 'mx-tiny mx-card-id', title: 'Copy the id of this item', 'aria-label': `Copy id ${told.id}` });
    copy.append(make('code', {}, told.id));
    const unsaid = told.simulated && !(told.label ?? '').includes('simulated');
    this.sub.replaceChildren(unsaid ? make('span', { class: 'mx-origin' }, 'simulated') : '', make('span', { class: 'mx-card-file' }, told.file ?? ''), copy, copied);
  }

  async #copy(words, said) {
    try { await navigator.clipboard.writeText(words); said.textContent = ' copied'; } catch { said.textContent = ' This page may not copy; mark it and press Ctrl-C.'; }
  }

  #sayPinned() {
    const pinned = this.row >= 0 && this.#store.pinned?.row === this.row;
    this.pin.setAttribute('aria-pressed', String(pinned));
    this.pin.textContent = pinned ? 'Pinned' : 'Pin';
  }

  // --- Channels

  #showChannels() {
    const { told } = this;
    const wanted = this.#store.picture.channel;
    this.channels = told.channels.map((channel) => this.#channelTab(channel));
    this.tabs.replaceChildren(...this.channels.map((tab) => tab.element));
    this.tabs.hidden = told.channels.length < 2;
    const open = told.channels.some((c) => c.name === wanted) ? wanted : told.channels.find((c) => told.alt?.startsWith(`${c.name} of`))?.name ?? told.channels[0]?.name ?? '';
    this.#open(open);
    for (const tab of this.channels) this.#loadTab(tab);
  }

  #channelTab({ name, unit, said }) {
    const frame = new Frame(this.#store, { points: SMALL, channel: name, plain: true });
    frame.show(this.row, SMALL);
    const title = [name, unit && `in ${unit}`, said].filter(Boolean).join(', ');
    const element = make('button', { type: 'button', class: 'mx-channel', title, 'aria-pressed': 'false', onclick: () => this.#open(name) }, frame.element, make('span', {}, name));
    return { name, frame, element };
  }

  async #loadTab(tab) {
    const turn = this.#turn;
    await this.#store.pictures.load(this.row, tab.frame.size, `channel ${tab.name}`, tab.name);
    if (turn === this.#turn) tab.frame.draw();
  }

  #drawChannels() { for (const tab of this.channels) tab.frame.draw(); }

  #open(name) {
    this.channel = name;
    for (const tab of this.channels) tab.element.setAttribute('aria-pressed', String(tab.name === name));
    this.viewer.show(this.row, name, this.told.label);
    this.symmetry.show(this.row, name, this.told.label);
  }

  #follow() { // the channel of all pictures was changed
    const { channel } = this.#store.picture;
    if (this.told && channel && channel !== this.channel && this.told.channels.some((c) => c.name === channel)) this.#open(channel);
  }

  #large() {
    this.dialog.append(make('div', { class: 'mx-large-head' }, make('strong', {}, this.told.label), button('Close', () => this.dialog.close())), this.viewer.element, this.viewer.contrast.element);
    this.dialog.showModal();
    this.viewer.canvas.focus();
  }

  #small() {
    this.place.append(this.viewer.element);
    this.range.append(this.viewer.contrast.element);
    this.dialog.replaceChildren();
  }

  // --- Facts

  #showFacts() {
    const { told } = this;
    const size = told.size_said ? [{ label: 'scan', value: told.size_said }] : [];
    this.facts.replaceChildren(
      told.trouble ? make('p', { class: 'mx-warned' }, told.trouble) : '',
      folded(this.#folds, 'Facets', pairs([...size, ...told.facets]), true),
      folded(this.#folds, 'Metadata of the instrument', tree(told.metadata)),
      folded(this.#folds, `History (${told.history.length})`, this.#history(told.history), false, 'History'),
      folded(this.#folds, 'Provenance', pairs(told.provenance)),
      told.encoders?.length ? folded(this.#folds, 'Vectors', pairs(told.encoders.map(({ name, said }) => ({ label: name, value: said })))) : '',
    );
  }

  #history(changes) {
    if (!changes.length) return make('p', { class: 'mx-quiet' }, 'Nothing was changed since it was brought in.');
    return make('ol', { class: 'mx-history' }, changes.map(({ when, who, what, why }) => make('li', {},
      make('span', { class: 'mx-quiet' }, `${when}, ${who}`), make('span', {}, what), why ? make('em', {}, why) : null)));
  }
}
