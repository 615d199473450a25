// What Jupyter, Panel and an exported page call: `render({ model, el })` draws the parts that the model names.

import { Store } from './store.js';
import { PARTS } from './parts.js';
import { followTheme } from './theme.js';
import { traitOf } from './wire.js';

async function render({ model, el }) {
  const store = new Store(model);
  const root = document.createElement('div');
  root.className = 'matnb-explorer';
  root.dataset.lmSuppressShortcuts = 'true'; // so that Jupyter does not take keys that are meant for us
  el.append(root);
  el.matnbStore = store; // for whoever looks at the page from outside, as the tests do
  const stopTheme = followTheme(root, store, traitOf(model, 'theme'));
  const part = PARTS[traitOf(model, 'part')] ?? drawNothing;
  const stop = part(root, store, model);
  try { await store.open(); } catch (error) { store.complain(error); }
  return () => {
    stop?.();
    stopTheme();
    store.close();
    root.remove();
  };
}

function drawNothing(element) {
  element.textContent = 'This part of the explorer is not in this version of matnb.';
}

export default { render };
