// What all parts of the page share: the items, the step, what is chosen, what is looked at. Parts never talk to each
// other; they change the store and listen to it.

import { Bits } from './bits.js';
import { picturesOf } from './pictures.js';
import { Refused, startOfNumbers, wireOf } from './wire.js';

class Renewed extends Refused {} // an answer about items that are no longer those of the page
const LOOKING = new Set(['places', 'columns', 'thumbnails', 'card', 'plane', 'near', 'why', 'distances', 'words', 'compare', 'symmetry', 'symmetry_map']); // asked anew of the new items

export class Store {
  #listeners = new Map();
  #columns = new Map();
  #turn = startOfNumbers();
  #firstTurn = this.#turn;
  #overtaken = false; // somebody else chose after this view had last told what it chose
  #going = null; // the number of the step that is shown or being fetched
  #pinning = 0; // how often something was pinned or compared, so that a late answer is known as such
  #comparing = 0;

  constructor(model) {
    this.wire = wireOf(model);
    this.scene = null; // the last `scene` message
    this.step = null; // { number, rows: Uint32Array, places: Float32Array (row by row), dimensions, inside: Bits }
    this.other = null; // a second step beside it, when two are compared
    this.conditions = []; // { source, said, act, bits }; what is chosen meets all of them
    this.chosen = null; // Bits; null: nothing is chosen, so nothing is greyed
    this.shown = null; // Bits: what the gallery shows; what is chosen, else the step
    this.hovered = -1; // row, or -1
    this.focused = -1; // row on the item card, or -1
    this.pinned = null; // { row, distances: Float32Array over all items (NaN: none), said }
    this.colour = { by: '' }; // a facet, 'distance', or '' for none
    this.picture = { channel: '', colours: 'gray' }; // channel by name, '' for the most telling; gray, viridis, cividis
    this.region = null; // { row, box: { x, y, size, any_scale }, said }: a part of an item's picture that is searched for
    this.working = null; // { job, said, share, may_stop }
    this.trouble = ''; // in plain words
    this.wire.told = (message, buffers) => this.#told(message, buffers);
    this.wire.lost = (words) => this.complain(new Refused(words));
    this.wire.waiting = (count) => this.emit('waiting', count);
  }

  // --- Listening

  on(event, act) {
    const acts = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, acts.add(act));
    return () => acts.delete(act);
  }

  emit(event, what) {
    for (const act of [...(this.#listeners.get(event) ?? [])]) {
      try { act(what); } catch (error) { console.error(error); this.complain(error); }
    }
  }

  complain(error) { // an error in the view, in plain words
    if (error instanceof Renewed) return;
    this.trouble = error instanceof Refused ? error.message : `Something went wrong in the page: ${error.message ?? error}`;
    this.emit('trouble', this.trouble);
  }

  async ask(kind, body = {}) { // rows in the answer mean the items of now, or there is no answer
    const edition = this.scene?.edition ?? 0;
    const late = () => LOOKING.has(kind) && edition !== (this.scene?.edition ?? 0);
    try {
      const answer = await this.wire.ask(kind, { edition, ...body });
      if (!late()) return answer;
    } catch (error) { if (!late()) throw error; }
    throw new Renewed('The corpus has changed; the page is being renewed.');
  }

  async attempt(kind, body = {}) { // ask; a refusal is shown and gives null
    try { return await this.ask(kind, body); } catch (error) { this.complain(error); return null; }
  }

  // --- Opening

  async open() {
    const { message } = await this.wire.ask('hello');
    await this.#take(message);
  }

  async #take(scene) {
    this.scene = scene;
    this.#forget();
    this.colour = { by: scene.view?.colour ?? this.colour.by };
    this.picture = { ...this.picture, ...(scene.view?.picture ?? {}) };
    this.conditions = this.#read(scene.chosen?.conditions);
    this.emit('scene', scene);
    await this.go(scene.current);
    if (!this.step) this.#setConditions(this.conditions);
    if (scene !== this.scene && scene.edition !== this.scene.edition) return;
    if (scene.view?.focus >= 0) this.focus(scene.view.focus, true);
    if (scene.live && scene.view?.pin >= 0) this.pin(scene.view.pin, '', true);
  }

  #forget() { // what was said of rows: they mean other items now
    this.#columns.clear();
    this.#pinning += 1;
    this.#comparing += 1;
    Object.assign(this, { step: null, conditions: [], chosen: null, shown: null });
    this.hover(-1);
    if (this.pinned) { this.pinned = null; this.emit('pin', null); }
    if (this.other) { this.other = null; this.emit('other', null); }
    if (this.region) this.searchRegion(null);
    if (this.focused >= 0) { this.focused = -1; this.emit('focus', -1); }
  }

  #read(conditions) { return (conditions ?? []).map((c) => ({ ...c, bits: Bits.fromText(this.scene.count, c.mask) })); }

  async #told(message, buffers) {
    if (message.kind === 'scene') return this.#take(message);
    if (message.edition !== undefined && message.edition !== this.scene?.edition) return undefined;
    if (message.kind === 'steps') {
      this.scene = { ...this.scene, steps: message.steps, current: message.current, undo: message.undo, redo: message.redo };
      this.emit('steps', this.scene);
      if (message.current !== this.#going || message.changed) await this.go(message.current);
    } else if (message.kind === 'chosen') {
      if (!this.#isOld(message)) this.#setConditions(this.#read(message.conditions));
    } else if (message.kind === 'columns') { // these facets changed
      for (const name of message.facets) this.#columns.delete(name);
      this.scene = { ...this.scene, facets: message.definitions ?? this.scene.facets };
      if (message.vectors) this.scene.vectors = message.vectors;
      this.emit('columns', message.facets);
    } else if (message.kind === 'working') {
      this.working = message.done ? null : message;
      this.emit('working', message);
    } else if (message.kind === 'trouble') {
      this.trouble = message.said;
      this.emit('trouble', message.said);
    } else if (message.kind === 'view') {
      this.setView(message.view, true);
    } else {
      this.emit(`told:${message.kind}`, { message, buffers });
    }
    return undefined;
  }

  #isOld({ own, turn }) { // the echo of what was chosen here; it counts only if somebody else was heard in between
    const mine = own && turn > this.#firstTurn && turn <= this.#turn;
    const old = mine && (turn < this.#turn || !this.#overtaken);
    if (!old) this.#overtaken = !mine;
    return old;
  }

  // --- Steps

  async placesOf(number) {
    const { message, buffers } = await this.ask('places', { step: number });
    const rows = new Uint32Array(aligned(buffers[0], 4));
    return {
      number, rows, dimensions: message.dimensions, quality: message.quality, mapped: message.mapped,
      said: message.said ?? '', // why there is no map
      places: new Float32Array(aligned(buffers[1], 4)), inside: Bits.of(this.scene.count, rows),
    };
  }

  async go(number) { // show another step; the map moves its points there
    const edition = this.scene.edition;
    const late = () => edition !== this.scene.edition || number !== this.#going; // one has gone elsewhere since
    let step = null;
    this.#going = number;
    try { step = await this.placesOf(number); } catch (error) {
      if (!late()) { this.#going = this.step?.number ?? null; this.complain(error); }
      return undefined;
    }
    if (late()) return undefined;
    this.step = step;
    this.emit('step', step);
    this.#setConditions(this.conditions);
    return step;
  }

  async compareWith(number) { // null ends the comparison
    const turn = ++this.#comparing;
    const other = number === null ? null : await this.placesOf(number);
    if (turn !== this.#comparing) return;
    this.other = other;
    this.emit('other', other);
  }

  // --- Choosing. A condition has a source (map, facets, words, near, properties, python); a new one takes the place of
  // the old one of its source, and what is chosen meets all of them within the step.

  condition(source) { return this.conditions.find((c) => c.source === source) ?? null; }

  choose(source, condition) { // condition: { said, act, bits }, or null to take it away
    const others = this.conditions.filter((c) => c.source !== source && (c.source !== 'python' || !condition));
    this.#setConditions(condition ? [...others, { source, ...condition }] : others);
    this.#tellPython();
  }

  chooseOnly(source, condition) { // one condition in place of all others
    this.#setConditions([{ source, ...condition }]);
    this.#tellPython();
  }

  clear() {
    if (!this.conditions.length) return;
    this.#setConditions([]);
    this.#tellPython();
  }

  #setConditions(conditions) {
    this.conditions = conditions;
    const inside = this.step?.inside ?? Bits.all(this.scene.count);
    this.chosen = conditions.length ? conditions.reduce((all, c) => all.and(c.bits), inside) : null;
    this.shown = this.chosen ?? inside;
    this.emit('chosen', this.chosen);
  }

  #tellPython() {
    this.#turn += 1;
    this.#overtaken = false;
    this.wire.tell('chosen', {
      edition: this.scene.edition, turn: this.#turn, step: this.step?.number ?? this.scene.current,
      conditions: this.conditions.map((c) => ({ source: c.source, said: c.said, act: c.act, mask: c.bits.toText() })),
    });
  }

  // --- Columns: the facets of all items, fetched when first needed

  column(name) { // a promise of { name, kind, label, unit, words?, codes?, values? }
    if (!this.#columns.has(name)) {
      const column = this.ask('columns', { facets: [name] }).then(({ message, buffers }) => columnOf(message.columns[0], buffers[0]));
      this.#columns.set(name, column);
      column.catch(() => { if (this.#columns.get(name) === column) this.#columns.delete(name); });
    }
    return this.#columns.get(name);
  }

  // --- Looking

  hover(row) {
    if (row === this.hovered) return;
    this.hovered = row;
    this.emit('hover', row);
  }

  focus(row, fromPython = false) {
    if (!this.scene) return;
    this.focused = row;
    this.scene.view = { ...this.scene.view, focus: row };
    this.emit('focus', row);
    if (!fromPython) this.wire.tell('view', { edition: this.scene.edition, view: { focus: row } });
  }

  searchRegion(region) { // { row, box, said }; null ends it
    this.region = region;
    this.emit('region', region);
  }

  async pin(row, vectors = '', fromPython = false) { // order everything by distance to one item; -1 takes the pin away
    const turn = ++this.#pinning;
    const found = row >= 0 ? await this.attempt('distances', { row, vectors }) : null;
    if (turn !== this.#pinning) return;
    this.pinned = found && { row, said: found.message.said, distances: new Float32Array(aligned(found.buffers[0], 4)) };
    this.emit('pin', this.pinned);
    const pin = this.pinned?.row ?? -1;
    if (pin === (this.scene.view?.pin ?? -1)) return;
    this.scene.view = { ...this.scene.view, pin };
    if (!fromPython) this.wire.tell('view', { edition: this.scene.edition, view: { pin } });
  }

  setView(change, fromPython = false) { // { colour, picture, ... }: how it is looked at, kept in saved views
    if (!this.scene) return;
    if (change.colour !== undefined) { this.colour = { by: change.colour }; this.emit('colour', this.colour); }
    if (change.picture !== undefined) {
      this.picture = { ...this.picture, ...change.picture };
      this.emit('picture', this.picture);
    }
    if (fromPython && change.focus !== undefined) this.focus(change.focus, true);
    if (fromPython && change.pin !== undefined) this.pin(change.pin, '', true);
    this.scene.view = { ...this.scene.view, ...change };
    this.emit('view', change);
    if (!fromPython) this.wire.tell('view', { edition: this.scene.edition, view: change });
  }

  get pictures() { return picturesOf(this); }

  close() { this.wire.close(); }
}

function aligned(bytes, size) { // a buffer that typed arrays can begin at
  if (bytes.byteOffset % size === 0) return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return bytes.slice().buffer;
}

const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

function columnOf(told, bytes) {
  const values = new KINDS[told.stored](aligned(bytes, Number(told.stored[1])));
  return told.words ? { ...told, codes: values } : { ...told, values };
}
