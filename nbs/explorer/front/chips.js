// What has been chosen, as chips that can be taken away one by one, and the search in words.

import { askFacet, facetsOfAct, fillBits, sayAsked } from './asked.js';
import { Bits } from './bits.js';
import { button, make, slowly, stops } from './dom.js';
import { sayCount } from './units.js';

const SOURCES = { words: 'search', python: 'Python' }; // where the words of a condition do not say it themselves

export function drawChips(element, store) {
  const chips = make('ul', { class: 'mx-chips', 'aria-label': 'What is chosen' });
  const search = searchBox(store);
  const invert = button('All but these', () => chooseOthers(store), { title: 'Choose what is not chosen', class: 'mx-small' });
  const clear = button('Clear', () => store.clear(), { title: 'Choose nothing', class: 'mx-small' });
  const show = () => {
    keepChipFocus(chips, search.input, () => chips.replaceChildren(...store.conditions.flatMap((c) => chipsOf(c, store))));
    invert.hidden = clear.hidden = !store.conditions.length;
    search.follow();
  };
  element.append(search.box, chips, invert, clear);
  show();
  return stops(store.on('chosen', show), search.stop);
}

function keepChipFocus(chips, otherwise, draw) { // the next chip gets the focus when the focused one goes
  const before = [...chips.querySelectorAll('button')];
  const at = before.indexOf(chips.getRootNode().activeElement);
  draw();
  if (at < 0) return;
  const after = chips.querySelectorAll('button');
  (after[Math.min(at, after.length - 1)] ?? otherwise).focus();
}

function chipsOf(condition, store) {
  const facets = condition.source === 'facets' ? facetsOfAct(condition.act) : null;
  if (!facets) return [chip(condition.said, SOURCES[condition.source] ?? '', () => store.choose(condition.source, null))];
  return [...facets].map(([name, asked]) => {
    const facet = store.scene.facets.find((each) => each.name === name) ?? { name, unit: '' };
    return chip(sayAsked(asked, facet), '', () => askFacet(store, name, null).catch((error) => store.complain(error)));
  });
}

function chip(said, source, remove) {
  return make('li', { class: 'mx-condition' }, source && make('span', { class: 'mx-quiet' }, source), make('span', { class: 'mx-condition-said', title: said }, said),
    button('×', remove, { 'aria-label': `Take away: ${said}`, class: 'mx-close' }));
}

export function chooseOthers(store) { // all but these: one condition in place of the others
  if (!store.chosen) return;
  const acts = store.conditions.map((condition) => condition.act);
  const all = acts.length === 1 ? acts[0] : { kind: 'in turn', parts: acts };
  const said = store.conditions.map((condition) => condition.said).join(', ');
  const act = acts.every(Boolean) ? { kind: 'not', selection: all } : null; // null: nothing but these items
  const bits = store.step.inside.without(store.chosen);
  store.chooseOnly('map', { said: `all but ${said}`, act, bits });
}

// --- Words

function searchBox(store) {
  const input = make('input', { type: 'search', class: 'mx-search', placeholder: 'Search words', 'aria-label': 'Search in the words of all facets', maxlength: '200' });
  const found = make('span', { class: 'mx-quiet mx-found', role: 'status' });
  let asked = '';
  const look = slowly(async () => { asked = input.value.trim(); await searchWords(store, asked, () => input.value.trim(), found); }, 250);
  input.addEventListener('input', look);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') look();
    if (event.key !== 'Escape' || !input.value) return;
    event.preventDefault();
    input.value = '';
    look();
  });
  const follow = () => { // a search that was taken away, or that Python set
    const text = store.condition('words')?.act?.text ?? '';
    if (text === asked || input.getRootNode().activeElement === input) return;
    asked = text;
    input.value = text;
    if (!text) found.textContent = '';
  };
  return { box: make('div', { class: 'mx-search-box' }, input, found), input, follow, stop: look.stop };
}

async function searchWords(store, text, wanted, found) {
  if (!text) {
    found.textContent = '';
    if (store.condition('words')) store.choose('words', null);
    return;
  }
  const bits = store.wire.live ? await searchInPython(store, text) : await searchHere(store, text);
  if (!bits || wanted() !== text) return;
  const count = bits.count();
  found.textContent = count ? `${sayCount(count)} found` : 'nothing found';
  if (!count) { if (store.condition('words')) store.choose('words', null); return; }
  store.choose('words', { said: `“${text}”`, act: { kind: 'words', text }, bits });
}

async function searchInPython(store, text) { // in texts as well, which have no column
  const answer = await store.attempt('words', { text });
  return answer && new Bits(store.scene.count, new Uint8Array(answer.buffers[0]));
}

async function searchHere(store, text) { // in the categories that an exported page holds: each word must occur somewhere
  const names = store.scene.facets.filter((facet) => facet.kind === 'category').map((facet) => facet.name);
  const columns = await Promise.all(names.map((name) => store.column(name).catch(() => null)));
  const mentions = (word) => columns.filter(Boolean).map((column) => bitsMentioning(word, column));
  const none = new Bits(store.scene.count);
  return text.toLowerCase().split(/\s+/).map((word) => mentions(word).reduce((any, bits) => any.or(bits), none)).reduce((all, bits) => all.and(bits));
}

function bitsMentioning(word, { codes, words }) {
  const found = words.map((each, code) => code > 0 && each.toLowerCase().includes(word));
  return fillBits(codes.length, (r) => found[codes[r]]);
}
