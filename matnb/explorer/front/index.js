// What Jupyter, Panel and an exported page call: `render({ model, el })` draws the parts that the model names.

import { Store } from './store.js';
import { PARTS, PARTS_WITHOUT_SCENE } from './parts.js';
import { followTheme } from './theme.js';
import { followTrait, traitOf, wireOf } from './wire.js';

async function render({ model, el }) {
  const root = document.createElement('div');
  root.className = 'matnb-explorer';
  root.dataset.lmSuppressShortcuts = 'true'; // so that Jupyter does not take keys that are meant for us
  el.append(root);
  const alone = PARTS_WITHOUT_SCENE[traitOf(model, 'part')];
  if (alone) return showAlone(alone, root, model);
  const store = new Store(model);
  el.matnbStore = store; // for whoever looks at the page from outside, as the tests do
  const stopTheme = followTheme(root, store, traitOf(model, 'theme'));
  const part = PARTS[traitOf(model, 'part')] ?? drawNothing;
  const stopHeight = keepHeight(root, model);
  const stop = part(root, store, model);
  try { await store.open(); } catch (error) { store.complain(error); }
  return () => {
    stop?.();
    stopTheme();
    stopHeight();
    store.close();
    root.remove();
  };
}

function showAlone(draw, root, model) { // a part that has no store and talks to Python itself
  const wire = wireOf(model);
  const stopTheme = followTheme(root, { on: () => () => {}, emit: () => {} }, traitOf(model, 'theme'));
  const stop = draw(root, wire, model);
  return () => {
    stop?.();
    stopTheme();
    wire.close();
    root.remove();
  };
}

function keepHeight(root, model) { // a part alone is as tall as it was asked to be; the whole page sees to it itself
  if (traitOf(model, 'part') === 'explorer') return () => {};
  const put = () => { const tall = traitOf(model, 'height'); if (tall >= 100) root.style.height = `${tall}px`; };
  put();
  return followTrait(model, 'height', put);
}

function drawNothing(element) {
  element.textContent = 'This part of the explorer is not in this version of matnb.';
}

export default { render };
