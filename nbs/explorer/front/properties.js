// Two properties against each other: quantities or dates of the items of the step, coloured as on the map.

import { askFacets, facetsAsked } from './asked.js';
import { middleOfValues, wantsLog } from './axes.js';
import { colourChoice } from './colour_choice.js';
import { rankCorrelation, sayCorrelation } from './correlation.js';
import { button, make, nextFrame, slowly, stops } from './dom.js';
import { itemsAct } from './map_choose.js';
import { pairedItems } from './plot_cloud.js';
import { PlotHand } from './plot_hand.js';
import { PlotPane } from './plot_pane.js';
import { sayCount, sayDate, sayQuantity } from './units.js';

const TOOLS_OF_PLOT = [['box', 'Box', 'Draw a box: a range of both properties'], ['lasso', 'Lasso', 'Draw a line around points']];
const AT_ONCE = 100000; // items up to which a plot is made within one frame
const MANY_VALUES = 30; // different ones, from which a facet spreads well along an axis

export function drawProperties(element, store) {
  const panel = new PropertiesPanel(store, !element.closest('.mx-page'));
  element.append(panel.element);
  return () => { panel.stop(); panel.element.remove(); };
}

class PropertiesPanel {
  constructor(store, alone) { // alone: without the page, which has the choice of colour elsewhere
    Object.assign(this, { store, alone, tool: 'box', logs: [null, null], columns: null, shown: '', asked: 0 });
    this.pane = new PlotPane(store);
    this.hand = new PlotHand(this.pane, {
      tool: () => this.tool, boxed: (x, y) => this.boxed(x, y), encircled: (bits) => this.encircled(bits), said: (row) => this.sayItem(row),
    });
    this.colour = colourChoice(store);
    this.summary = make('p', { class: 'mx-plot-said', role: 'note' });
    this.live = make('div', { class: 'mx-hidden', 'aria-live': 'polite' });
    this.empty = make('p', { class: 'mx-quiet mx-absent', hidden: true });
    this.element = make('div', { class: 'mx-properties' }, this.makeTools(), this.empty, this.pane.element, this.summary, this.live);
    this.describe = slowly(() => this.describeNow(), 200);
    const watching = new ResizeObserver(() => this.sized());
    watching.observe(this.pane.element);
    this.stop = stops(this.listen(), () => watching.disconnect(), this.describe.stop, this.colour.stop, () => this.pane.stop());
    if (store.scene) this.fill();
  }

  listen() {
    const { store, pane } = this;
    const recolour = () => { if (this.isSeen()) pane.recolour(); };
    return [
      store.on('scene', () => this.fill()), store.on('columns', () => this.fill()), store.on('step', () => this.refresh()),
      store.on('chosen', (bits) => { if (this.isSeen()) { pane.choose(bits); this.describe(); } }),
      store.on('hover', (row) => { pane.touch(); pane.showTip(pane.points.matches(':hover, :focus-visible') ? row : -1); }),
      store.on('focus', () => pane.touch()), store.on('colour', recolour), store.on('theme', recolour),
      store.on('pin', () => (store.colour.by === 'distance' ? recolour() : pane.touch())), store.on('pictures', () => pane.touch()),
      store.on('view', (change) => { if (change.properties && !this.keeping) { this.fill(); } }),
    ];
  }

  // --- Tools

  makeTools() {
    this.choices = ['Across', 'Up'].map((words) => {
      const choice = make('select', { 'aria-label': words });
      choice.addEventListener('change', () => { this.logs[this.choices.indexOf(choice)] = null; this.keep(); this.refresh(); });
      return choice;
    });
    this.logButtons = [0, 1].map((n) => button('log', () => { this.logs[n] = !this.usedLogs[n]; this.keep(); this.refresh(); }, { class: 'mx-small', 'aria-pressed': 'false', title: 'Logarithmic axis' }));
    this.toolButtons = TOOLS_OF_PLOT.map(([name, words, about]) => button(words, () => this.take(name), { title: about, 'data-name': name, 'aria-pressed': String(name === this.tool) }));
    const swap = button('⇄', () => this.swap(), { 'aria-label': 'Exchange the axes', title: 'Exchange the axes' });
    const [across, up] = this.choices.map((choice, n) => make('label', { class: 'mx-axis-choice' }, make('span', { class: 'mx-quiet' }, n ? '↑' : '→'), choice));
    return make('div', { class: 'mx-plot-tools', role: 'toolbar', 'aria-label': 'Plot tools' }, make('div', { class: 'mx-segments', role: 'group', 'aria-label': 'What a drag does' }, ...this.toolButtons),
      across, this.logButtons[0], swap, up, this.logButtons[1], ...(this.alone ? this.colour.elements : []));
  }

  take(name) {
    this.tool = name;
    for (const each of this.toolButtons) each.setAttribute('aria-pressed', String(each.dataset.name === name));
  }

  swap() {
    const [across, up] = this.choices.map((choice) => choice.value);
    [this.choices[0].value, this.choices[1].value] = [up, across];
    this.logs.reverse();
    this.keep();
    this.refresh();
  }

  keep() {
    const [x, y] = this.choices.map((choice) => choice.value);
    this.keeping = true;
    this.store.setView({ properties: { x, y, logs: this.logs } });
    this.keeping = false;
  }

  fill() { // the facets that can stand on an axis
    const facets = this.store.scene.facets.filter((facet) => (facet.kind === 'quantity' || facet.kind === 'date') && facet.values > 0);
    const telling = [...facets].sort((a, b) => Math.min(b.values, MANY_VALUES) - Math.min(a.values, MANY_VALUES) || (a.kind === 'date') - (b.kind === 'date'));
    const kept = this.store.scene.view?.properties ?? {};
    if (Array.isArray(kept.logs)) this.logs = kept.logs.slice(0, 2);
    this.choices.forEach((choice, n) => {
      const before = choice.value;
      choice.replaceChildren(...facets.map((facet) => make('option', { value: facet.name }, facet.name.replaceAll('_', ' '))));
      const wanted = [n ? kept.y : kept.x, before, telling[Math.min(n, telling.length - 1)]?.name];
      choice.value = wanted.find((name) => facets.some((facet) => facet.name === name)) ?? '';
    });
    this.refresh();
  }

  // --- Showing

  sized() { // what changed while it was not seen is taken in now
    if (!this.isSeen()) return;
    if (this.shown) { this.pane.resize(); this.describe(); } else this.refresh();
  }

  isSeen() { return this.element.clientWidth > 0 && this.element.clientHeight > 0; }

  async refresh() {
    const { store } = this;
    this.shown = '';
    this.asked += 1;
    const turn = this.asked;
    if (!store.step || !this.isSeen()) return;
    const names = this.choices.map((choice) => choice.value);
    if (names.includes('')) { this.sayEmpty('The corpus has no quantities or dates.'); return; }
    let columns = null;
    try { columns = await Promise.all(names.map((name) => store.column(name))); } catch (error) { store.complain(error); return; }
    if (turn === this.asked && store.step.rows.length > AT_ONCE) await nextFrame();
    if (turn === this.asked) await this.place(turn, columns);
  }

  async place(turn, columns) {
    const { store } = this;
    const spans = columns.map((column) => spanIn(column.values, store.step.rows));
    this.usedLogs = columns.map((column, n) => column.kind !== 'date' && spans[n][1] > 0 && (this.logs[n] ?? wantsLog(...spans[n], middleOfValues(column.values, store.step.rows))));
    this.logButtons.forEach((each, n) => {
      each.hidden = columns[n].kind === 'date' || !(spans[n][1] > 0);
      each.setAttribute('aria-pressed', String(this.usedLogs[n]));
      each.setAttribute('aria-label', `log axis ${n ? 'up' : 'across'}`);
    });
    const paired = pairedItems(store.step, ...columns, this.usedLogs);
    if (store.step.rows.length > AT_ONCE) await nextFrame();
    if (turn !== this.asked) return;
    Object.assign(this, { columns, paired });
    this.sayEmpty(this.paired.rows.length ? '' : 'No item of this step has both.');
    const labels = columns.map((column, n) => axisLabel(column, this.paired.axes?.[n]));
    this.pane.show(this.paired, labels);
    this.spread = this.pane.cloud?.spread;
    this.shown = labels.join();
    if (this.paired.rows.length > AT_ONCE) this.describe(); else this.describeNow();
  }

  sayEmpty(words) {
    this.empty.textContent = words;
    this.empty.hidden = !words;
    this.pane.element.style.visibility = words ? 'hidden' : '';
    if (words) this.summary.textContent = '';
  }

  // --- Saying

  describeNow() {
    if (!this.paired?.rows.length || !this.isSeen()) return;
    const { store, paired } = this;
    this.foundAll = this.foundFor === paired ? this.foundAll : rankCorrelation(paired.x, paired.y);
    this.foundFor = paired;
    const all = sayCorrelation(this.foundAll, sayCount);
    const chosen = store.chosen ? sayCorrelation(this.chosenCorrelation(), sayCount) : '';
    const said = [all && `Spearman ${all}`, chosen && `chosen: ${chosen}`, ...this.sayWithout()].filter(Boolean).join(' · ');
    this.summary.textContent = said;
    this.pane.points.setAttribute('aria-label', `${this.columns[1].label} against ${this.columns[0].label}, ${sayCount(paired.rows.length)} items. ${said}. `
      + 'Arrow keys go from point to point, Enter opens the item.');
  }

  chosenCorrelation() {
    const { rows, x, y } = this.paired;
    const [a, b] = [new Float64Array(rows.length), new Float64Array(rows.length)];
    let count = 0;
    for (let n = 0; n < rows.length; n += 1) if (this.store.chosen.has(rows[n])) { a[count] = x[n]; b[count] = y[n]; count += 1; }
    return rankCorrelation(a.subarray(0, count), b.subarray(0, count));
  }

  sayWithout() {
    const [noX, noY, lowX, lowY] = this.paired.without;
    const [x, y] = this.columns.map((column) => column.name.replaceAll('_', ' '));
    const spread = this.spread ? ['equal values lie side by side'] : [];
    return [[noX, `without ${x}`], [x === y ? 0 : noY, `without ${y}`], [lowX, `with ${x} not above zero`], [lowY, `with ${y} not above zero`]]
      .filter(([count]) => count).map(([count, words]) => `${sayCount(count)} ${words}`).concat(spread);
  }

  sayItem(row) {
    const said = this.columns.map((column) => `${column.name.replaceAll('_', ' ')} ${column.kind === 'date' ? sayDate(column.values[row]) : sayQuantity(column.values[row], column.unit)}`);
    this.live.textContent = said.join(', ');
  }

  // --- Choosing

  boxed(x, y) {
    const names = this.columns.map((column) => column.name);
    const all = new Map([[names[0], { from: x[0], to: x[1] }]]);
    if (names[1] !== names[0]) all.set(names[1], { from: y[0], to: y[1] });
    askFacets(this.store, all, 'properties').catch((error) => this.store.complain(error));
  }

  encircled(bits) {
    if (!bits.count()) { this.store.choose('properties', null); return; }
    const about = `drawn around in ${this.columns[1].name.replaceAll('_', ' ')} against ${this.columns[0].name.replaceAll('_', ' ')}`;
    this.store.choose('properties', { said: about, act: itemsAct(bits, about), bits });
  }
}

function spanIn(values, rows) { // of the values above zero, to decide about a logarithmic axis; high 0 where there are none
  let [low, high] = [Infinity, 0];
  for (let n = 0; n < rows.length; n += 1) {
    const value = values[rows[n]];
    if (value <= 0) return [value, high];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function axisLabel(column, axis) {
  const name = column.name.replaceAll('_', ' ');
  const unit = axis?.unitOfTicks();
  return unit ? `${name} (${unit})` : name;
}
