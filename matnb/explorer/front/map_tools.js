// The tools above a map: what a drag does, zoom, pictures or points or density, and by what points are coloured.

import { button, make } from './dom.js';

const TOOLS = [
  ['lasso', 'Lasso', 'l', 'Draw a line around points'], ['box', 'Box', 'b', 'Draw a box around points'],
  ['pick', 'Pick', 'c', 'Click points one by one'], ['island', 'Island', 'i', 'Click a point to choose all of its island'],
  ['move', 'Move', 'm', 'Drag to move the map, or turn it in three dimensions'],
];
const LOOKS = [['pictures', 'Pictures', 'p', 'Pictures instead of points'], ['density', 'Density', 'd', 'How many points lie where']];

export class MapTools {
  constructor(store, alone, acts) { // acts: { looked, zoom, fit }
    Object.assign(this, { store, acts, tool: 'lasso', pictures: null, density: null }); // null: as seems right
    this.buttons = new Map();
    this.element = make('div', { class: 'mx-map-tools', role: 'toolbar', 'aria-label': 'Map tools' },
      group('What a drag does', TOOLS.map(([name, ...rest]) => this.#button(name, () => this.#takeByHand(name), ...rest))),
      group('Zoom', [
        button('−', () => acts.zoom(1 / 1.5), { 'aria-label': 'Zoom out', title: 'Zoom out (−)' }),
        button('Fit', () => acts.fit(), { 'aria-label': 'Fit: zoom to all', title: 'Zoom to all (0, or double click)' }),
        button('+', () => acts.zoom(1.5), { 'aria-label': 'Zoom in', title: 'Zoom in (+)' }),
      ]),
      group('How points are shown', LOOKS.map(([name, ...rest]) => this.#button(name, () => this.#toggle(name), ...rest))),
      this.#colours(alone));
    this.take('lasso');
  }

  #button(name, act, words, key, about) {
    const made = button(words, act, { 'aria-pressed': 'false', title: `${about} (${key.toUpperCase()})`, 'aria-keyshortcuts': key });
    this.buttons.set(name, made);
    return made;
  }

  #colours(alone) {
    this.select = make('select', { onchange: () => this.store.setView({ colour: this.select.value }) });
    return alone && make('label', { class: 'mx-map-colour' }, make('span', {}, 'Colour'), this.select);
  }

  fillColours() { // after the scene or its facets changed
    const coloured = (this.store.scene?.facets ?? []).filter((facet) => facet.kind !== 'text');
    const options = [['', 'none'], ...coloured.map((facet) => [facet.name, facet.label]), ['distance', 'distance to the pinned item']];
    this.select.replaceChildren(...options.map(([value, words]) => make('option', { value }, words)));
    this.select.value = this.store.colour.by;
  }

  take(name) {
    this.tool = name;
    for (const [tool] of TOOLS) this.buttons.get(tool).setAttribute('aria-pressed', String(tool === name));
    this.acts.taken?.(name);
  }

  #takeByHand(name) {
    this.byHand = true;
    this.take(name);
  }

  #toggle(name) {
    this[name] = this.buttons.get(name).getAttribute('aria-pressed') !== 'true';
    if (name === 'density' && this.density) this.pictures = this.pictures === null ? null : false;
    this.acts.looked();
  }

  asSeemsRight(solid) { // for another step
    [this.pictures, this.density] = [null, null];
    this.buttons.get('move').textContent = solid ? 'Turn' : 'Move';
    if (!this.byHand) this.take(solid ? 'move' : 'lasso');
  }

  keyAction(key) { // what a letter does, or null
    const tool = TOOLS.find(([, , letter]) => letter === key);
    if (tool) return () => this.#takeByHand(tool[0]);
    const look = LOOKS.find(([, , letter]) => letter === key);
    return look ? () => this.#toggle(look[0]) : null;
  }

  show({ pictured, dense }) { // what is seen now
    this.buttons.get('pictures').setAttribute('aria-pressed', String(pictured));
    this.buttons.get('density').setAttribute('aria-pressed', String(dense));
  }
}

function group(label, buttons) { return make('div', { class: 'mx-map-group', role: 'group', 'aria-label': label }, ...buttons); }
