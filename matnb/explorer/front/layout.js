// Where the parts of the page stand: three columns when there is room, two with tabs beside a narrow notebook, one with
// tabs on a narrow screen. Columns and height can be moved by hand, and are kept with the view.

import { button, make, oncePerFrame } from './dom.js';
import { splitter } from './split.js';
import { followTrait, traitOf } from './wire.js';

const WIDE = 1000; // pixels from which facets and pictures have a column each
const MEDIUM = 620; // from which the map stands beside one of them
const LEAST_CENTRE = 280;
const START = { left: 256, right: 300, below: 0.45, facets: true, centre: 'map', side: 'gallery', only: 'map', height: 720 };
const CENTRES = [['map', 'Map'], ['both', 'Both'], ['properties', 'Properties']];
const TABS = [['map', 'Map'], ['properties', 'Properties'], ['facets', 'Facets'], ['gallery', 'Pictures']];

export class Layout {
  constructor(page, areas, store, model) {
    Object.assign(this, { page, areas, store, model });
    this.now = { ...START, height: numberOr(traitOf(model, 'height'), START.height) };
    this.build();
    const place = oncePerFrame(() => this.place());
    const watching = new ResizeObserver(place);
    watching.observe(page);
    const stops = [store.on('scene', (scene) => this.take(scene.view?.layout)), store.on('focus', () => this.place()),
      store.on('view', (change) => change.layout && this.take(change.layout)), this.followTrait()];
    this.stop = () => { watching.disconnect(); place.stop(); stops.forEach((stop) => stop?.()); };
    this.place();
  }

  build() {
    const { page, areas } = this;
    this.tabs = make('div', { class: 'mx-tabs', role: 'tablist', 'aria-label': 'Parts of the explorer' });
    this.tabs.addEventListener('keydown', (event) => this.tabKey(event));
    this.lines = this.makeLines();
    this.centre = make('div', { class: 'mx-centre' }, areas.map, this.lines.below, areas.properties);
    this.columns = make('div', { class: 'mx-columns' }, this.tabs, areas.facets, this.lines.left, this.centre,
      this.lines.right, areas.gallery, areas.card);
    this.switches = this.makeSwitches();
    page.append(areas.bar, make('div', { class: 'mx-second' }, this.switches.facets, areas.chips, areas.colour, this.switches.centre),
      areas.compared, this.columns, areas.status, this.lines.height);
  }

  makeLines() {
    const width = () => this.columns.clientWidth;
    const line = (label, upright, name, least, most, sign, scale = () => 1) => splitter({
      label, upright, least, sign, size: () => this.now[name] * scale(), most,
      changed: (size) => { this.now[name] = size / scale(); this.place(); }, settled: () => this.keep(),
    });
    return {
      left: line('Width of the facets', true, 'left', 170, () => Math.max(170, width() - this.now.right - LEAST_CENTRE), 1),
      right: line('Width of the pictures', true, 'right', 180, () => Math.max(180, width() - this.leftWidth() - LEAST_CENTRE), -1),
      below: line('Height of the properties', false, 'below', 120, () => this.centre.clientHeight - 120, -1, () => this.centre.clientHeight),
      height: line('Height of the explorer', false, 'height', 420, () => 2000, 1),
    };
  }

  makeSwitches() {
    const facets = button('Facets', () => this.change({ facets: !this.now.facets }), { class: 'mx-switch-facets', title: 'Show or hide the facets' });
    const centre = make('div', { class: 'mx-segments', role: 'group', 'aria-label': 'In the middle' },
      ...CENTRES.map(([name, words]) => button(words, () => this.change({ centre: name }), { 'data-name': name })));
    return { facets, centre };
  }

  leftWidth() { return this.size === 'wide' && this.now.facets ? this.now.left : 0; }

  take(layout) { // what a saved view says, as far as it is sensible
    for (const [name, value] of Object.entries(layout ?? {})) {
      if (typeof value === typeof START[name] && value !== '') this.now[name] = value;
    }
    this.place();
  }

  change(how) {
    Object.assign(this.now, how);
    this.place();
    this.keep();
  }

  keep() { this.store.setView({ layout: { ...this.now } }); }

  place() {
    const width = this.page.clientWidth;
    if (!width) return;
    this.size = width >= WIDE ? 'wide' : width >= MEDIUM ? 'medium' : 'narrow';
    for (const size of ['wide', 'medium', 'narrow']) this.page.classList.toggle(`mx-${size}`, this.size === size);
    this.measure(width);
    this.show();
    this.drawTabs();
    this.drawSwitches();
    for (const line of Object.values(this.lines)) line.saySize();
  }

  measure(width) {
    const { now, page } = this;
    const left = this.leftWidth();
    const right = Math.min(now.right, width - left - LEAST_CENTRE);
    const put = (name, value) => page.style.setProperty(name, value);
    put('--mx-left', `${left}px`);
    put('--mx-right', `${Math.max(180, right)}px`);
    put('--mx-height', `${now.height}px`);
    put('--mx-below', this.centreShows().length > 1 ? `${100 * Math.min(0.8, Math.max(0.15, now.below))}%` : '100%');
  }

  centreShows() {
    if (this.size === 'narrow') return ['map', 'properties'].filter((name) => name === this.now.only);
    return this.now.centre === 'both' ? ['map', 'properties'] : [this.now.centre];
  }

  show() {
    const { areas, now, lines } = this;
    const [wide, narrow] = [this.size === 'wide', this.size === 'narrow'];
    const centre = this.centreShows();
    const side = narrow ? now.only : now.side;
    areas.facets.hidden = wide ? !now.facets : side !== 'facets';
    areas.gallery.hidden = !wide && side !== 'gallery';
    areas.map.hidden = !centre.includes('map');
    areas.properties.hidden = !centre.includes('properties');
    this.centre.hidden = !centre.length;
    lines.below.hidden = centre.length < 2;
    lines.left.hidden = areas.facets.hidden || !wide;
    lines.right.hidden = narrow;
    this.cover(this.store.focused >= 0, wide);
  }

  cover(focused, wide) { // the item card lies over what stands in its column
    const { areas } = this;
    const active = this.page.getRootNode().activeElement;
    const leaving = areas.card.contains(active) && !focused;
    areas.card.hidden = !focused;
    areas.gallery.inert = focused;
    areas.facets.inert = focused && !wide;
    this.centre.inert = focused && this.size === 'narrow';
    if (leaving) this.before?.focus();
    else if (active && this.page.contains(active) && active.closest('[inert]')) this.enterCard(active);
  }

  enterCard(from) { // the keyboard goes on to the card, and back when it is closed
    this.before = from;
    this.areas.card.querySelector('.mx-card-title')?.focus({ preventScroll: true });
  }

  // --- Tabs and switches

  tabNames() {
    if (this.size === 'wide') return [];
    return this.size === 'narrow' ? TABS : TABS.slice(2);
  }

  shownTab() { return this.size === 'narrow' ? this.now.only : this.now.side; }

  drawTabs() {
    const names = this.tabNames();
    this.tabs.hidden = !names.length;
    if (this.tabs.dataset.names !== String(names)) {
      this.tabs.dataset.names = String(names);
      this.tabs.replaceChildren(...names.map(([name, words]) => button(words, () => this.openTab(name), {
        role: 'tab', 'data-name': name, 'aria-controls': this.areas[name].id,
      })));
    }
    for (const tab of this.tabs.children) {
      const open = tab.dataset.name === this.shownTab();
      tab.setAttribute('aria-selected', String(open));
      tab.tabIndex = open ? 0 : -1;
    }
  }

  openTab(name) {
    if (this.store.focused >= 0) this.store.focus(-1);
    this.change(this.size === 'narrow' ? { only: name } : { side: name });
  }

  tabKey(event) {
    const tabs = [...this.tabs.children];
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    const next = tabs[(tabs.findIndex((tab) => tab.tabIndex === 0) + turn + tabs.length) % tabs.length];
    this.openTab(next.dataset.name);
    next.focus();
  }

  drawSwitches() {
    const { facets, centre } = this.switches;
    facets.hidden = this.size !== 'wide';
    facets.setAttribute('aria-pressed', String(this.now.facets));
    centre.hidden = this.size === 'narrow';
    for (const each of centre.children) each.setAttribute('aria-pressed', String(each.dataset.name === this.now.centre));
  }

  // --- The height that the widget was given

  followTrait() {
    return followTrait(this.model, 'height', () => this.change({ height: numberOr(traitOf(this.model, 'height'), this.now.height) }));
  }
}

function numberOr(value, otherwise) { return Number.isFinite(value) && value >= 200 ? value : otherwise; }
