// Facts as tables and trees that fold. All of it is text.

import { make } from './dom.js';

const SEARCH_FROM = 12; // entries from which a tree can be searched

export function pairs(facts) { // [{ label or name, value }]
  if (!facts.length) return make('p', { class: 'mx-quiet' }, 'Nothing is known.');
  return make('table', { class: 'mx-pairs' }, make('tbody', {}, facts.map(({ label, name, value }) => make('tr', {},
    make('th', { scope: 'row' }, label ?? name), make('td', {}, value)))));
}

export function folded(open, title, content, usually = false, name = title) { // open: a Map that remembers, from card to card
  const details = make('details', { class: 'mx-fold', open: open.get(name) ?? usually }, make('summary', {}, title), content);
  details.addEventListener('toggle', () => open.set(name, details.open));
  return details;
}

export function tree(told) { // nested text by name, with a field to search in it
  const count = countOf(told);
  if (!count) return make('p', { class: 'mx-quiet' }, 'The instrument wrote nothing else.');
  const list = branch(told, '');
  list.tabIndex = 0; // long ones scroll
  list.setAttribute('aria-label', 'Metadata');
  const said = make('span', { class: 'mx-quiet', role: 'status' });
  const field = make('input', { type: 'search', placeholder: `Search in ${count} entries`, 'aria-label': 'Search in the metadata', oninput: () => sift(list, field.value, said) });
  return make('div', { class: 'mx-metadata' }, count >= SEARCH_FROM ? make('div', { class: 'mx-metadata-head' }, field, said) : null, list);
}

function countOf(told) {
  return Object.values(told ?? {}).reduce((sum, value) => sum + (isBranch(value) ? countOf(value) : 1), 0);
}

function isBranch(value) { return value !== null && typeof value === 'object'; }

function branch(told, above) {
  return make('ul', {}, Object.entries(told).map(([name, value]) => (isBranch(value)
    ? make('li', { 'data-words': '' }, make('details', {}, make('summary', {}, name), branch(value, `${above}${name} `)))
    : make('li', { 'data-words': `${above}${name} ${value}`.toLowerCase() }, make('b', {}, name), ' ', make('span', {}, String(value))))));
}

function sift(list, text, said) { // hide what does not have all the words; open what leads to the rest
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = siftBranch(list, words);
  said.textContent = words.length ? `${found} found` : '';
}

function siftBranch(list, words) {
  let found = 0;
  for (const item of list.children) {
    const inner = item.querySelector(':scope > details');
    const here = inner ? siftBranch(inner.lastElementChild, words) : Number(words.every((word) => item.dataset.words.includes(word)));
    item.hidden = words.length > 0 && !here;
    if (inner && words.length) inner.open = here > 0;
    found += here;
  }
  return found;
}
