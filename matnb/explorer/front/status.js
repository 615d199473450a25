// One line that says how many items are chosen, what is being computed and why something has to wait; troubles above it.

import { button, make, slowly, stops } from './dom.js';
import { sayCount } from './units.js';

const WAITED_FOR = {
  hello: 'the corpus', places: 'the map', columns: 'facets', thumbnails: 'pictures', card: 'an item', plane: 'a picture',
  near: 'similar items', why: 'reasons', distances: 'distances', words: 'the search', annotate: 'notes being written',
  code: 'code', keep: 'files', select_step: 'the new step', branch: 'the branch', compare: 'the comparison',
  symmetry: 'symmetry', symmetry_map: 'the symmetry map',
};

export function drawStatus(element, store) {
  const said = make('span', { class: 'mx-said', role: 'status', 'aria-live': 'polite' });
  const waiting = make('span', { class: 'mx-quiet mx-waiting' });
  const working = make('span', { class: 'mx-working' });
  const trouble = make('div', { class: 'mx-trouble-place' });
  const remarks = make('div', { class: 'mx-trouble-place' });
  element.append(remarks, trouble, make('div', { class: 'mx-status-line' }, said, waiting, working));
  const say = slowly(() => { said.textContent = sayChosen(store); }, 250);
  const watch = setInterval(() => { waiting.textContent = sayWaiting(store); }, 350);
  let remarked = ''; // what was shown already; a renewed scene says it again
  const remark = (scene) => {
    const words = scene.live ? (scene.remarks ?? []).join('. ') : '';
    if (words !== remarked) showRemarks(remarks, words);
    remarked = words;
  };
  return stops(
    store.on('scene', remark), store.on('chosen', say), store.on('step', say), store.on('said', (words) => { say.stop(); said.textContent = words; }),
    store.on('working', () => showWorking(working, store)), store.on('trouble', (words) => showTrouble(trouble, store, words)),
    say.stop, () => clearInterval(watch),
  );
}

export function sayChosen(store) {
  const all = store.step?.rows.length;
  if (all === undefined) return '';
  const whole = store.scene.count > all ? ` in this step, ${sayCount(store.scene.count)} in the corpus` : '';
  if (!store.chosen) return `${sayItems(all)}${whole}; nothing chosen`;
  return `${sayCount(store.chosen.count())} of ${sayItems(all)} chosen${whole && ` (${whole.trim()})`}`;
}

export function sayItems(count) { return `${sayCount(count)} ${count === 1 ? 'item' : 'items'}`; }

function sayWaiting(store) {
  const oldest = store.wire.oldest();
  if (!oldest || oldest.seconds < 0.7) return '';
  const what = WAITED_FOR[oldest.kind] ?? oldest.kind;
  if (oldest.seconds < 4 || store.working) return `Waiting for Python: ${what} …`;
  return `Waiting for Python: ${what} (${Math.round(oldest.seconds)} s). It is busy, perhaps with another cell.`;
}

function showWorking(element, store) {
  const { working } = store;
  if (!working) return element.replaceChildren();
  const bar = make('progress', { max: '1', 'aria-label': working.said });
  if (Number.isFinite(working.share)) bar.value = working.share;
  const share = Number.isFinite(working.share) ? ` ${Math.round(working.share * 100)} %` : '';
  const stop = working.may_stop && button('Stop', () => store.attempt('stop', { job: working.job }), { class: 'mx-small' });
  return keepFocus(element, [make('span', {}, working.said + share), bar, stop].filter(Boolean));
}

function keepFocus(element, children) { // a button that is pressed must not be replaced under the finger
  const held = element.contains(element.getRootNode().activeElement);
  const old = held && element.querySelector('button');
  if (!old) return element.replaceChildren(...children);
  element.children[0].replaceWith(children[0]);
  return element.children[1].replaceWith(children[1]);
}

function showTrouble(element, store, words) { showClosable(element, words, 'alert', () => { store.trouble = ''; }); }

function showRemarks(element, words) { showClosable(element, words, 'note', () => {}); } // what of a saved view does not fit

function showClosable(element, words, role, closed) {
  if (!words) return element.replaceChildren();
  const close = button('×', () => { closed(); element.replaceChildren(); }, { 'aria-label': 'Close this message', class: 'mx-close' });
  return element.replaceChildren(make('div', { class: role === 'alert' ? 'mx-trouble' : 'mx-trouble mx-remark', role }, make('span', {}, words), close));
}
