// The line on top: what is looked at, the steps that led here, and what can be done with what is chosen.

import { button, enable, make, stops } from './dom.js';
import { keyTable } from './keys.js';
import { codeButton, keepButton } from './keep.js';
import { needPython, popupButton, popupField } from './popup.js';
import { drawCrumbs } from './steps.js';
import { compareButton } from './compare.js';
import { THEMES } from './theme.js';
import { sayCount } from './units.js';

export const LEAST_TO_MAP = 4;

export function drawBar(element, store) {
  const title = make('strong', { class: 'mx-title' });
  const badge = make('span', { class: 'mx-simulated', hidden: true, title: 'Some or all of these items were computed, not measured' }, 'simulated');
  const trail = make('div', { class: 'mx-steps' });
  const acts = make('div', { class: 'mx-acts', role: 'toolbar', 'aria-label': 'What to do' });
  const parts = [undoButtons(store), mapButton(store), branchButton(store), compareButton(store),
    codeButton(store), keepButton(store), themeButton(store), helpButton(store)];
  acts.append(...parts.flatMap((part) => part.elements));
  element.append(make('div', { class: 'mx-heading' }, title, badge), trail, acts);
  const named = (scene) => {
    title.textContent = scene.title;
    title.title = `${scene.title}, ${sayCount(scene.count)} items${scene.where ? `, ${scene.where}` : ''}`;
    badge.hidden = !scene.simulated;
  };
  return stops(drawCrumbs(trail, store), store.on('scene', named), parts.map((part) => part.stop));
}

function undoButtons(store) {
  const undo = button('↶', () => store.attempt('undo'), { 'aria-label': 'Undo', 'aria-disabled': 'true' });
  const redo = button('↷', () => store.attempt('redo'), { 'aria-label': 'Redo', 'aria-disabled': 'true' });
  const show = () => {
    for (const [each, what, words] of [[undo, store.scene.undo, 'Undo'], [redo, store.scene.redo, 'Redo']]) {
      enable(each, Boolean(what));
      each.hidden = !store.wire.live;
      each.title = typeof what === 'string' && what ? `${words}: ${what}` : words;
    }
  };
  return { elements: [undo, redo], stop: stops(store.on('scene', show), store.on('steps', show)) };
}

function mapButton(store) {
  const map = button('Map this selection', () => store.attempt('select_step', {}), { class: 'mx-main', 'aria-disabled': 'true' });
  const show = () => {
    const reason = whyNotMap(store);
    enable(map, reason === '');
    map.title = reason || `Make a map of the ${sayCount(store.chosen.count())} items that are chosen`;
  };
  map.addEventListener('click', () => { if (map.getAttribute('aria-disabled') === 'true') store.emit('said', map.title); });
  return { elements: [map], stop: stops(...['chosen', 'working', 'step'].map((event) => store.on(event, show))) };
}

export function whyNotMap(store) { // '' when it can be done
  if (!store.wire.live) return 'A new map needs Python; this page is a copy without it.';
  if (store.working) return `Wait for this to end: ${store.working.said}`;
  if (!store.chosen) return 'Choose items first: with the lasso, a facet, the search or likeness.';
  const count = store.chosen.count();
  if (count < LEAST_TO_MAP) return `A map needs at least ${LEAST_TO_MAP} items; ${count} chosen.`;
  return count === store.step?.rows.length ? 'All items of this step are chosen; their map is the one you see.' : '';
}

function branchButton(store) {
  const popup = popupButton('Branch', (close) => branchForm(store, close), { title: 'The same items, mapped in another way' });
  return { elements: [popup], stop: store.on('scene', () => needPython(popup.opener, store)) };
}

function branchForm(store, close) {
  const step = store.scene.steps.find((each) => each.number === store.scene.current);
  const option = (value, words, chosen) => make('option', { value, selected: chosen }, words);
  const vectors = make('select', { 'data-first': '' }, ...store.scene.vectors.map((name) => option(name, name, name === step?.vectors)));
  const dimensions = make('select', {}, option('2', 'flat (2-D)', true), option('3', 'in space (3-D)', false));
  const name = make('input', { placeholder: 'optional', maxlength: '120' });
  const start = button('Make the branch', () => {
    close();
    store.attempt('branch', { name: name.value.trim(), options: { vectors: vectors.value, dimensions: Number(dimensions.value) } });
  }, { class: 'mx-main' });
  return [make('p', { class: 'mx-quiet' }, 'The items of this step, mapped in another way. It becomes a step beside it.'),
    popupField('Vectors', vectors), popupField('Dimensions', dimensions), popupField('Name', name), start];
}

// --- Theme and help

function themeButton(store) {
  const theme = () => store.scene?.view?.theme ?? 'auto';
  const turn = button('◐', () => {
    store.setView({ theme: THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] });
  });
  const show = () => {
    const words = `Theme: ${theme() === 'auto' ? 'as the notebook' : theme()}`;
    turn.title = words;
    turn.setAttribute('aria-label', words);
    turn.textContent = { auto: '◐', light: '☀', dark: '☾' }[theme()];
  };
  show();
  return { elements: [turn], stop: stops(store.on('scene', show), store.on('view', show)) };
}

function helpButton(store) {
  const popup = popupButton('?', () => [make('h3', {}, 'Keys'), keyTable()], { 'aria-label': 'Help: keys', title: 'Keys (?)', 'data-opens': null });
  return { elements: [popup], stop: store.on('help', () => popup.openPanel()) };
}
