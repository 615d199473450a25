// Taking something away from the explorer: code that makes this view again, and files.

import { button, make } from './dom.js';
import { needPython, popupButton, popupField } from './popup.js';
import { sayCount } from './units.js';

const KINDS_KEPT = [
  ['table', 'Table', 'A row per item with its facets', 'items.csv'],
  ['images', 'Images', 'A folder of pictures with scale bars', 'images'],
  ['corpus', 'New corpus', 'A corpus of its own with these items', 'corpus'],
  ['view', 'This view', 'Steps, choice and colours, for a colleague with the corpus', 'view.json'],
  ['page', 'Web page', 'One file for people without Python', 'page.html'],
];

export function codeButton(store) {
  const popup = popupButton('Code', () => codePanel(store), { 'aria-label': 'Copy as code', title: 'Python that makes this view again' });
  return { elements: [popup], stop: null };
}

async function codePanel(store) {
  const answer = await store.attempt('code');
  if (!answer) return make('p', {}, 'There is no code for this view now.');
  const { code } = answer.message;
  const text = make('textarea', { readonly: true, rows: String(Math.min(16, code.split('\n').length + 1)), cols: '64', 'aria-label': 'Python code', spellcheck: 'false', class: 'mx-code' });
  text.value = code;
  const said = make('span', { class: 'mx-quiet', role: 'status' });
  const again = button('Copy', () => copyText(code, text, said), { 'data-first': '' });
  copyText(code, text, said);
  return [make('p', { class: 'mx-quiet' }, 'This makes the same view again:'), text, make('div', { class: 'mx-row' }, again, said)];
}

async function copyText(code, text, said) { // the clipboard may be forbidden; then the text is selected
  try {
    await navigator.clipboard.writeText(code);
    said.textContent = 'Copied.';
  } catch {
    text.focus();
    text.select();
    said.textContent = 'Selected; copy it with Ctrl-C or ⌘-C.';
  }
}

export function keepButton(store) {
  const popup = popupButton('Keep', (close) => keepForm(store, close), { title: 'Write what is chosen, or this view, to files' });
  return { elements: [popup], stop: store.on('scene', () => needPython(popup.opener, store)) };
}

function keepForm(store, close) {
  const count = sayCount(store.shown?.count() ?? 0);
  const name = make('input', { 'data-first': '', maxlength: '120' });
  const said = make('p', { role: 'status', class: 'mx-quiet' });
  const kinds = make('select', { size: '5' }, ...KINDS_KEPT.map(([what, words]) => make('option', { value: what }, words)));
  const about = () => {
    const [, , words, usual] = KINDS_KEPT[kinds.selectedIndex];
    said.textContent = kinds.selectedIndex < 3 ? `${words} (${count} items).` : `${words}.`;
    name.value = usual;
  };
  kinds.addEventListener('change', about);
  kinds.selectedIndex = 0;
  about();
  const write = button('Keep', () => writeKept(store, kinds.value, name.value.trim(), said, close), { class: 'mx-main' });
  name.addEventListener('keydown', (event) => { if (event.key === 'Enter') write.click(); });
  return [popupField('What', kinds), popupField('Name', name), said, write];
}

async function writeKept(store, what, name, said) {
  if (!name) { said.textContent = 'It needs a name.'; return; }
  said.textContent = 'Writing …';
  const answer = await store.attempt('keep', { what, name });
  said.textContent = answer ? answer.message.said : 'It was not written; the reason stands at the bottom.';
  if (answer) store.emit('said', answer.message.said);
}
