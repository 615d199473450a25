// The whole explorer: bar, facets, map and properties, pictures with the item card over them, and the line of status.

import { drawBar } from './bar.js';
import { drawChips } from './chips.js';
import { drawCompared } from './compare.js';
import { colourChoice } from './colour_choice.js';
import { freshName, make, stops } from './dom.js';
import { listenToKeys } from './keys.js';
import { Layout } from './layout.js';
import { drawStatus } from './status.js';

const SHOWN = { facets: 'facets', map: 'map', gallery: 'gallery', properties: 'properties', card: 'item' };

export function drawPage(element, store, model, parts) { // parts: how to draw each, by name
  const page = make('div', { class: 'mx-page' });
  const areas = pageAreas();
  const layout = new Layout(page, areas, store, model);
  element.append(page);
  const colour = colourChoice(store);
  areas.colour.append(...colour.elements);
  const around = [
    colour.stop,
    drawBar(areas.bar, store), drawChips(areas.chips, store), drawCompared(areas.compared, store),
    drawStatus(areas.status, store), listenToKeys(page, store),
  ];
  const drawn = Object.entries(SHOWN).map(([area, name]) => drawPart(parts[name], name, areas[area], store));
  return stops(around, drawn, layout.stop, () => page.remove());
}

function pageAreas() {
  const plain = (name) => make('div', { class: `mx-area mx-area-${name}` });
  const region = (name, label) => make('section', { class: `mx-area mx-area-${name}`, 'aria-label': label, id: freshName(name) });
  return {
    bar: plain('bar'), chips: plain('chips'), compared: plain('compared'), colour: plain('colour'), status: plain('status'),
    facets: region('facets', 'Facets'), map: region('map', 'Map'), gallery: region('gallery', 'Pictures'),
    properties: region('properties', 'Properties'), card: region('card', 'Item'),
  };
}

function drawPart(part, name, area, store) { // a part that is not there says so instead of breaking the others
  if (!part) {
    area.append(make('p', { class: 'mx-quiet mx-absent' }, `This page has no part “${name}”.`));
    return null;
  }
  try { return part(area, store); } catch (error) { store.complain(error); return null; }
}
