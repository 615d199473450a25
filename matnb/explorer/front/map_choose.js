// From what was drawn on a map to a condition: what it says, how Python repeats it, and which items it means.

import { Bits } from './bits.js';
import { islandAround } from './island.js';
import { rowsInside } from './lasso.js';

const FEW_ROWS = 5000; // items that are listed; of more, only the bits travel
const PARTS_KEPT = 40; // of a condition that grew by and by; beyond, its items are listed instead

export function lassoCondition(cloud, corners, label) { // corners in the coordinates of the map as it is seen
  const act = { kind: 'lasso', corners, across: cloud.across };
  return conditionOn(cloud, cloud.encircled(corners), act, 'drawn on the map', label);
}

export function boxCondition(cloud, from, to, label) {
  const [low, high] = [[0, 1].map((n) => Math.min(from[n], to[n])), [0, 1].map((n) => Math.max(from[n], to[n]))];
  if (cloud.solid) return lassoCondition(cloud, [low, [high[0], low[1]], high, [low[0], high[1]]], label);
  return conditionOn(cloud, cloud.boxed(low, high), { kind: 'box', low, high }, 'in a box on the map', label);
}

export function itemCondition(itemCount, rows) {
  const said = rows.length === 1 ? 'one item picked on the map' : `${rows.length} items picked on the map`;
  return { said, act: { kind: 'items', rows: [...rows], about: 'picked on the map' }, bits: Bits.of(itemCount, rows) };
}

export function islandCondition(cloud, row, label) {
  const { inside, reach, least } = islandAround(cloud, cloud.pointOf(row));
  const bits = rowsInside(cloud.step, inside, new Bits(cloud.itemCount));
  return conditionOn(cloud, bits, { kind: 'cluster', rows: [row], reach, least }, 'an island of the map', label);
}

function conditionOn(cloud, bits, act, said, label) { // on a map beside the current one only the items can be named
  if (!label) return { said, act, bits };
  const about = `${said} of ${label}`;
  return { said: about, act: itemsAct(bits, about), bits };
}

export function itemsAct(bits, about) { // null: nothing but these items, which the bits name
  return bits.count() > FEW_ROWS ? null : { kind: 'items', rows: [...bits.rows()], about };
}

export function notAct(act) { return act && { kind: 'not', selection: act }; }

function joinedAct(kind, old, fresh) { // null when one of the two is nothing but its items
  if (!old || !fresh) return null;
  return { kind, parts: [...(old.kind === kind ? old.parts : [old]), fresh] };
}

export function chooseOnMap(store, fresh, how) { // how: '' instead of the old, 'more' as well, 'less' without these
  const old = store.condition('map');
  const none = !fresh.bits.count();
  if (none && how) return;
  if (none) store.choose('map', null);
  else if (how === 'less') store.choose('map', tidy(old ? withoutThese(old, fresh) : allBut(fresh), store));
  else store.choose('map', how === 'more' && old ? tidy(withThese(old, fresh), store) : fresh);
}

export function pickOnMap(store, row, how) { // one item more, or less, or the other way round
  const old = store.condition('map');
  const less = how === 'less' || (how === 'other' && Boolean(old?.bits.has(row)));
  const listed = old?.act?.kind === 'items' ? old.act.rows : null;
  if (!listed && old) return chooseOnMap(store, itemCondition(store.scene.count, [row]), less ? 'less' : 'more');
  const rows = new Set(listed ?? []);
  if (less && !listed) return chooseOnMap(store, itemCondition(store.scene.count, [row]), 'less');
  if (less) rows.delete(row); else rows.add(row);
  return store.choose('map', rows.size ? itemCondition(store.scene.count, [...rows]) : null);
}

function withThese(old, fresh) {
  const act = joinedAct('any of', old.act, fresh.act);
  return { said: counted(old.said), act, bits: old.bits.or(fresh.bits) };
}

function withoutThese(old, fresh) {
  const act = joinedAct('in turn', old.act, notAct(fresh.act));
  return { said: counted(old.said), act, bits: old.bits.without(fresh.bits) };
}

function allBut(fresh) {
  return { said: `not ${fresh.said}`, act: notAct(fresh.act), bits: fresh.bits.not() };
}

function counted(said) { // one part more than before
  const [, first, parts] = said.match(/^(.*), in (\d+) parts$/s) ?? [null, said, 1];
  return `${first}, in ${Number(parts) + 1} parts`;
}

function tidy(condition, store) { // so that it never becomes deeper or longer than a file may hold
  if (!condition.act || (depthOf(condition.act) <= 6 && (condition.act.parts?.length ?? 0) <= PARTS_KEPT)) return condition;
  const bits = store.step ? condition.bits.and(store.step.inside) : condition.bits;
  return { ...condition, bits, act: itemsAct(bits, condition.said) };
}

function depthOf(act) {
  const inner = act.parts ?? (act.selection ? [act.selection] : []);
  return 1 + Math.max(0, ...inner.map(depthOf));
}
