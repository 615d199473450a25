// By what points are coloured, as a list to choose from.

import { make, stops } from './dom.js';

export function colourChoice(store) { // { elements, stop }
  const choice = make('select', { class: 'mx-colour' });
  choice.addEventListener('change', () => store.setView({ colour: choice.value }));
  const show = () => { choice.value = store.colour.by; };
  const draw = () => { if (store.scene) { choice.replaceChildren(...colourOptions(store)); show(); } };
  const stop = stops(['scene', 'columns', 'pin'].map((event) => store.on(event, draw)), store.on('colour', show));
  draw();
  return { elements: [make('label', { class: 'mx-colour-by' }, make('span', { class: 'mx-quiet' }, 'Colour'), choice)], stop };
}

function colourOptions(store) {
  const option = (value, words) => make('option', { value }, words);
  const groups = [['category', 'Words'], ['quantity', 'Quantities'], ['date', 'Dates']].map(([kind, label]) => {
    const facets = store.scene.facets.filter((facet) => facet.kind === kind);
    return facets.length ? make('optgroup', { label }, ...facets.map((facet) => option(facet.name, facet.name.replaceAll('_', ' ')))) : null;
  });
  const distance = store.pinned || store.colour.by === 'distance' ? option('distance', 'distance to the pinned item') : null;
  return [option('', 'none'), distance, ...groups].filter(Boolean);
}
