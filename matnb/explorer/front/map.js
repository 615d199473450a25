// The map: the step in view and, when two are compared, the other beside it; tools above, legend and quality below.

import { freshName, make, slowly, stops } from './dom.js';
import { sayCount } from './units.js';
import { MapPane } from './map_pane.js';
import { MapHand } from './map_hand.js';
import { listenToMapKeys, sayMapKeys } from './map_keys.js';
import { MapTools } from './map_tools.js';
import { MapTip } from './map_tip.js';
import { drawLegend, newLegend, placeLegend } from './map_legend.js';

export function drawMap(element, store, model) { // alone (then it is drawn for a widget) it says itself by what it is coloured
  const map = new PointMap(store, Boolean(model));
  element.append(map.element);
  return () => { map.stop(); map.element.remove(); };
}

class PointMap {
  #windows = new Map(); // of the steps that were seen: step number -> window

  constructor(store, alone) {
    this.store = store;
    this.tools = new MapTools(store, alone, {
      looked: () => this.#each((pane) => pane.repaint()), taken: () => this.#dress(),
      zoom: (times) => this.#each((pane) => pane.zoom(times)), fit: () => this.#each((pane) => pane.fit()),
    });
    this.panes = make('div', { class: 'mx-map-panes' });
    this.legend = newLegend();
    this.foot = make('div', { class: 'mx-map-foot mx-quiet' });
    this.nothing = make('p', { class: 'mx-map-nothing mx-quiet', hidden: true });
    this.live = make('div', { class: 'mx-hidden', 'aria-live': 'polite' });
    this.help = make('div', { class: 'mx-hidden', id: freshName('map-keys') }, sayMapKeys());
    this.element = make('div', { class: 'mx-map', 'data-lm-suppress-shortcuts': 'true' },
      this.tools.element, this.panes, this.foot, this.live, this.help);
    this.element.pointMap = this; // for whoever looks into it: tests, and the curious in a console
    this.keepWindow = slowly(() => this.#keepWindow(), 400);
    this.setLegendAside = slowly(() => placeLegend(this.legend, this.main), 60);
    const watching = new ResizeObserver(() => this.setLegendAside());
    watching.observe(this.panes);
    this.main = this.#newPane(() => '');
    this.other = null;
    this.panes.append(this.legend, this.nothing);
    this.tip = new MapTip(this.main.pictures, store);
    this.tip.said = (row, words) => { if (row === this.#cursor()) this.#say(words); };
    this.panes.append(this.tip.element);
    this.stopListening = stops(this.#listen(), () => watching.disconnect(), this.setLegendAside.stop);
    if (store.scene) this.tools.fillColours();
    if (store.step) this.#showStep(store.step, false);
  }

  // --- Parts

  #newPane(label) {
    const said = { role: 'application', 'aria-roledescription': 'map', 'aria-describedby': this.help.id };
    const holder = make('div', { class: 'mx-map-pane', tabindex: '0', ...said });
    this.panes.insertBefore(holder, this.legend.parentNode === this.panes ? this.legend : null);
    const pane = new MapPane(holder, this.store, this.tools);
    pane.caption = make('div', { class: 'mx-map-caption' });
    holder.append(pane.caption);
    pane.hand = new MapHand(pane, this.tools, label);
    pane.changed = () => this.#lookChanged();
    pane.moved = () => { this.keepWindow(); this.tip?.show(-1, pane); };
    listenToMapKeys(pane, pane.hand, this.tools, (words) => this.#say(words), label);
    return pane;
  }

  #each(act) { for (const pane of [this.main, this.other]) if (pane) act(pane); }

  #cursor() { return Math.max(this.main.cursor, this.other?.cursor ?? -1); }

  #say(words) { this.live.textContent = words; }

  #listen() {
    const { store } = this;
    const recolour = () => this.#each((pane) => pane.recolour());
    const touch = () => this.#each((pane) => pane.touch());
    return [
      store.on('scene', () => this.#renewed()),
      store.on('steps', () => this.#describe()),
      store.on('step', (step) => this.#showStep(step, !this.renewed)),
      store.on('other', (other) => this.#showOther(other)),
      store.on('chosen', (bits) => { this.#each((pane) => pane.choose(bits)); this.#describe(); }),
      store.on('hover', (row) => this.#hovered(row)),
      store.on('focus', touch), store.on('pictures', touch), store.on('picture', touch),
      store.on('pin', () => (store.colour.by === 'distance' ? recolour() : touch())),
      store.on('colour', () => { this.tools.select.value = store.colour.by; recolour(); }),
      store.on('columns', () => { this.tools.fillColours(); recolour(); }),
      store.on('theme', () => this.#each((pane) => pane.retheme())),
      store.on('view', (change) => { if (change.map && !this.keeping) this.#restore(change.map); }),
    ];
  }

  // --- Steps

  #renewed() { // rows now mean other items: what was drawn of the old ones goes at once
    this.tools.fillColours();
    this.#windows.clear();
    this.renewed = true;
    this.main.empty();
  }

  async #showStep(step, smoothly) {
    this.renewed = false;
    this.tools.asSeemsRight(step.dimensions === 3);
    const kept = this.#windows.get(step.number) ?? this.#viewOf(step.number);
    try { await this.main.show(step, kept, smoothly); } catch (error) { this.store.complain(error); }
    this.#describe();
  }

  async #showOther(other) {
    this.other?.stop();
    this.other?.element.remove();
    this.other = null;
    this.panes.classList.toggle('mx-two', Boolean(other));
    if (other) {
      const label = this.#stepLabel(other.number);
      this.other = this.#newPane(() => label);
      await this.other.show(other, null, false).catch((error) => this.store.complain(error));
    }
    this.#describe();
  }

  #stepLabel(number) { return this.store.scene.steps.find((s) => s.number === number)?.label ?? `step ${number}`; }

  #viewOf(number) {
    const view = this.store.scene.view?.map;
    return view?.step === number ? view : null;
  }

  #keepWindow() {
    if (!this.main.cloud) return;
    const { cloud, window } = this.main;
    const view = { step: cloud.step.number, ...window.kept(), ...(cloud.solid ? { turn: cloud.turn.rows } : {}) };
    this.#windows.set(cloud.step.number, view);
    this.keeping = true;
    this.store.setView({ map: view });
    this.keeping = false;
  }

  #restore(view) { // a saved view, or Python, asks for a window
    if (this.main.cloud && view?.step === this.main.cloud.step.number) this.main.restore(view);
  }

  // --- What is said

  #hovered(row) {
    const pane = [this.main, this.other].find((p) => p?.element.matches(':hover') || (row >= 0 && p?.cursor === row));
    this.tip.show(pane ? row : -1, pane);
    this.#each((p) => p.touch());
  }

  #lookChanged() {
    this.tools.show(this.main);
    const { legend, theme, dense, density } = this.main;
    drawLegend(this.legend, legend, theme, dense ? density : null);
    this.setLegendAside();
  }

  #dress() { this.panes?.setAttribute('data-tool', this.tools.tool); }

  #describe() {
    const { store } = this;
    const step = store.step;
    if (!step) return;
    const told = store.scene.steps.find((s) => s.number === step.number);
    this.#each((pane) => pane.element.setAttribute('aria-label', this.#labelOf(pane)));
    this.#each((pane) => { pane.caption.textContent = this.other && pane.cloud ? this.#stepLabel(pane.cloud.step.number) : ''; });
    this.foot.textContent = footOf(step, told, this.main.cloud);
    this.foot.title = this.foot.textContent;
    this.nothing.textContent = whyNoMap(step, this.main.cloud);
    this.nothing.hidden = !this.nothing.textContent;
    this.#lookChanged();
  }

  #labelOf(pane) {
    const { store } = this;
    const count = pane.cloud?.count ?? 0;
    const chosen = store.chosen ? `${sayCount(store.chosen.count())} chosen` : 'none chosen';
    const colour = store.colour.by ? `coloured by ${pane.legend?.title ?? store.colour.by}` : 'all in one colour';
    return `Map of ${sayCount(count)} items, ${chosen}, ${colour}`;
  }

  stop() {
    this.stopListening();
    this.keepWindow.stop();
    this.tip.stop();
    this.#each((pane) => pane.stop());
  }
}

function whyNoMap(step, cloud) { // in place of the points
  if (!step.rows.length) return 'There are no items in this step.';
  if (!cloud || cloud.placed) return '';
  return step.said || 'This step has no map yet: its items have no vectors here. Embed them, or branch with another vector set.';
}

function footOf(step, told, cloud) {
  if (!cloud?.placed) return '';
  const without = cloud.count - cloud.placed;
  const gone = `${sayCount(without)} of ${sayCount(cloud.count)} items are not on the map: they have no vectors`;
  return [told?.quality_said || qualityOf(step.quality), without ? gone : ''].filter(Boolean).join(' · ');
}

function qualityOf(quality) { // how far the map can be trusted
  const { k, recall, trustworthiness, continuity } = quality ?? {};
  if (!Number.isFinite(trustworthiness)) return '';
  const kept = `Of the ${k} items most like an item, ${Math.round(100 * recall)} % are nearest to it on this map too`;
  const near = Number.isFinite(recall) ? [kept] : [];
  const also = Number.isFinite(continuity) ? [`continuity ${continuity.toFixed(2)}`] : [];
  return [...near, `trustworthiness ${trustworthiness.toFixed(2)}`, ...also].join(' · ');
}
