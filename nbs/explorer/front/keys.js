// Keys for the whole explorer. They act only while the focus is inside it, and never while somebody is writing.

import { make } from './dom.js';
import { MAP_KEYS } from './map_keys.js';

export const KEY_HELP = [
  ['Tab, Shift-Tab', 'from one part to the next; arrow keys move inside a part'],
  ['/', 'search in the words of all facets'],
  ['Ctrl-Z or ⌘-Z', 'undo the last step; with Shift: redo'],
  ['Esc', 'leave a tool, close the item card or a panel'],
  ['Space, Enter', 'on a word of a facet: add or take away it; only this one'],
  ['← →, Page Up/Down, Home, End', 'on a handle of a histogram: move this end of the range'],
  ['← → ↑ ↓', 'on a line between two parts: make them larger or smaller'],
  ['Shift while choosing on the map', 'these as well; with Alt: without these'],
  ['?', 'this list'],
];

export function listenToKeys(page, store) {
  const hear = (event) => {
    if (event.defaultPrevented || isWriting(event.target)) return;
    const act = actionOf(event, page, store);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  page.addEventListener('keydown', hear);
  return () => page.removeEventListener('keydown', hear);
}

function isWriting(target) { return target.matches?.('input:not([type=checkbox]):not([type=radio]), textarea, select') ?? false; }

function actionOf(event, page, store) {
  const { key } = event;
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (key.toLowerCase() === 'z') return () => store.attempt(event.shiftKey ? 'redo' : 'undo');
    if (key.toLowerCase() === 'y') return () => store.attempt('redo');
    return null;
  }
  if (event.altKey) return null;
  if (key === '?') return () => store.emit('help');
  if (key === '/') return () => page.querySelector('.mx-search')?.focus();
  if (key === 'Escape' && store.focused >= 0) return () => store.focus(-1);
  return null;
}

export function keyTable() {
  const rows = (all) => all.map(([keys, words]) => make('tr', {}, make('th', { scope: 'row' }, keys), make('td', {}, words)));
  return make('table', { class: 'mx-keys' }, make('caption', { class: 'mx-hidden' }, 'Keys'), make('tbody', {}, ...rows(KEY_HELP)),
    make('tbody', {}, make('tr', {}, make('th', { colspan: '2', scope: 'rowgroup' }, 'On the map')), ...rows(MAP_KEYS)));
}
