// The parts that a widget can show, by name. Each is a function (element, store) that returns how to stop.

import { drawCard } from './card.js';
import { drawFacets } from './facets.js';
import { drawForm } from './form.js';
import { drawGallery } from './gallery.js';
import { drawMap } from './map.js';
import { drawPage } from './page.js';
import { drawProperties } from './properties.js';
import { drawStrip } from './strip.js';

export const PARTS = {
  explorer: (element, store, model) => drawPage(element, store, model, PARTS),
  facets: drawFacets,
  gallery: drawGallery,
  item: drawCard,
  map: drawMap,
  neighbours: drawStrip,
  properties: drawProperties,
};

export const PARTS_WITHOUT_SCENE = { form: drawForm }; // functions (element, wire): these show no corpus
