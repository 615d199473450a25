// Two steps beside each other: choosing the other one, and what can be said about the two.

import { button, make, stops } from './dom.js';
import { popupButton, popupField } from './popup.js';
import { stepName } from './steps.js';
import { sayCount } from './units.js';

export function compareButton(store) {
  const popup = popupButton('Compare', (close) => compareForm(store, close), { title: 'Another step beside this one, with the same items chosen' });
  const show = () => popup.opener.classList.toggle('mx-on', store.other !== null);
  return { elements: [popup], stop: store.on('other', show) };
}

function compareForm(store, close) {
  const others = store.scene.steps.filter((step) => step.number !== store.scene.current);
  if (!others.length) return [make('p', {}, 'There is only one step. Map a selection, or make a branch with other vectors; then the two can be compared.')];
  const choice = make('select', { 'data-first': '' }, ...others.map((step) => make('option', { value: String(step.number) },
    `${stepName(step)} (${sayCount(step.count)}${step.vectors ? `, ${step.vectors}` : ''})`)));
  if (store.other) choice.value = String(store.other.number);
  const begin = button('Compare', () => { close(); startComparing(store, Number(choice.value)); }, { class: 'mx-main' });
  const end = store.other && button('End the comparison', () => { close(); store.compareWith(null); });
  return [popupField('This step with', choice), make('div', { class: 'mx-row' }, begin, end)];
}

export async function startComparing(store, number) {
  try { await store.compareWith(number); } catch (error) { store.complain(error); }
}

export function drawCompared(element, store) { // a strip of lines below the bar while two steps are compared
  let asked = 0;
  const show = async () => {
    asked += 1;
    const turn = asked;
    element.replaceChildren();
    if (!store.other) return;
    if (store.other.number === store.step.number) { store.compareWith(null); return; }
    const answer = await store.attempt('compare', { first: store.step.number, second: store.other.number });
    if (answer && turn === asked) element.replaceChildren(comparedLines(answer.message, store));
  };
  return stops(store.on('other', show), store.on('step', () => { if (store.other) show(); }));
}

function comparedLines({ lines }, store) {
  const [first, ...rest] = lines;
  const more = rest.length ? make('details', {}, make('summary', {}, `What differs most (${rest.length})`), make('ul', {}, ...rest.map((line) => make('li', {}, line)))) : null;
  return make('div', { class: 'mx-compared', role: 'region', 'aria-label': 'Comparison' }, make('div', {}, make('p', {}, first ?? ''), more),
    button('End', () => store.compareWith(null), { class: 'mx-small', title: 'End the comparison' }));
}
