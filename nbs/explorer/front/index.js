// What Jupyter, Panel and an exported page call: `render({ model, el })` draws the parts that the model names.

import { Store } from './store.js';
import { PARTS } from './parts.js';
import { traitOf } from './wire.js';

async function render({ model, el }) {
  const store = new Store(model);
  const root = document.createElement('div');
  root.className = 'matnb-explorer';
  el.append(root);
  const part = PARTS[traitOf(model, 'part')];
  const stop = part(root, store, model);
  try { await store.open(); } catch (error) { store.complain(error); }
  return () => {
    stop?.();
    store.close();
    root.remove();
  };
}

export default { render };
