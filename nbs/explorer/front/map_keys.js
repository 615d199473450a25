// A map by keyboard: the arrows go from point to point, and what they come to is said.

import { boxCondition, chooseOnMap, islandCondition, pickOnMap } from './map_choose.js';

export const MAP_KEYS = [ // of a map that has the focus
  ['← → ↑ ↓', 'nearest point in that direction; with Shift: move the map'],
  ['Enter', 'item card of the point; with Shift: choose it as well, with Alt: take it away'],
  ['+, −, 0', 'zoom in, zoom out, all of the map'],
  ['A', 'choose what is in view'],
  ['G', 'choose the island of the point'],
  ['L, B, C, I, M', 'a drag or click means: lasso, box, pick, island, move'],
  ['P, D', 'pictures, density'],
  ['Esc', 'leave what is being drawn; then: choose nothing on the map'],
];

export function sayMapKeys() { return MAP_KEYS.map(([keys, words]) => `${keys}: ${words}.`).join(' '); }

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 60; // pixels that Shift and an arrow move

export function listenToMapKeys(pane, hand, tools, say, label) {
  const hear = (event) => {
    if (event.key === ' ') { hand.space = event.type === 'keydown'; event.preventDefault(); }
    if (event.type !== 'keydown' || event.ctrlKey || event.metaKey || !pane.cloud) return;
    const act = keyAction(event, pane, hand, tools, say, label);
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  pane.element.addEventListener('keydown', hear);
  pane.element.addEventListener('keyup', hear);
  pane.element.addEventListener('blur', () => { hand.space = false; });
}

function keyAction(event, pane, hand, tools, say, label) {
  const { key } = event;
  if (WAYS[key]) return () => (event.shiftKey ? pane.pan(...WAYS[key].map((d) => -d * STEP)) : goAlong(pane, WAYS[key], say));
  if (key === 'Enter') return enterAction(event, pane, say);
  if (key === 'Escape') return escapeAction(pane, hand);
  if (event.altKey) return null;
  const acts = {
    '+': () => pane.zoom(1.5), '=': () => pane.zoom(1.5), '-': () => pane.zoom(1 / 1.5), 0: () => pane.fit(),
    a: () => chooseInView(pane, label()),
    g: () => chooseIsland(pane, label, say),
  };
  return acts[key.toLowerCase()] ?? tools.keyAction(key.toLowerCase());
}

function enterAction(event, pane) {
  const row = pane.cursor;
  if (row < 0) return null;
  if (event.shiftKey || event.altKey) return () => pickOnMap(pane.store, row, event.altKey ? 'less' : 'more');
  return () => pane.store.focus(row);
}

function escapeAction(pane, hand) { // what is being drawn; then what was chosen here; the rest is the page's
  if (pane.path) return () => hand.cancel();
  return pane.store.condition('map') ? () => pane.store.choose('map', null) : null;
}

function chooseInView(pane, label) {
  const { x0, y0, x1, y1 } = pane.window.box();
  chooseOnMap(pane.store, boxCondition(pane.cloud, [x0, y0], [x1, y1], label), '');
}

function chooseIsland(pane, label, say) {
  if (pane.cursor < 0) say('Go to a point first, with the arrows.');
  else chooseOnMap(pane.store, islandCondition(pane.cloud, pane.cursor, label()), '');
}

function goAlong(pane, way, say) {
  const from = pane.cursor >= 0 ? pane.screenOf(pane.cursor) : null;
  const row = from ? nextRow(pane, from, way) : nextRow(pane, [pane.window.width / 2, pane.window.height / 2], null);
  if (row < 0) { say('No point further in this direction.'); return; }
  pane.cursor = row;
  pane.window.see(...pane.cloud.placeOf(pane.cloud.pointOf(row)));
  pane.shift();
  pane.store.hover(row);
}

function nextRow(pane, [x, y], way) { // the nearest within 45 degrees of a direction, on the screen
  const { cloud, window } = pane;
  const [middle, up] = [window.toMap(x, y), way ? [way[0], -way[1]] : null];
  let [best, least] = [-1, Infinity];
  for (let n = 0; n < cloud.count; n += 1) {
    const dx = cloud.flat[n * cloud.stride] - middle[0];
    const dy = cloud.flat[n * cloud.stride + 1] - middle[1];
    const along = up ? dx * up[0] + dy * up[1] : Math.hypot(dx, dy);
    const aside = up ? Math.abs(dx * up[1] - dy * up[0]) : 0;
    if (cloud.step.rows[n] === pane.cursor || !(along > 0 || !up) || aside > along) continue;
    const apart = along + 1.5 * aside;
    if (apart < least) [best, least] = [n, apart];
  }
  return best < 0 ? -1 : cloud.step.rows[best];
}
