// From what was drawn on a map to a condition: what it says, how Python repeats it, and which items it means.

import { Bits } from './bits.js';
import { islandAround } from './island.js';
import { rowsInside } from './lasso.js';

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
  return { said: about, act: { kind: 'items', rows: [...bits.rows()], about }, bits };
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
  const listed = old?.act.kind === 'items' ? old.act.rows : null;
  if (!listed && old) return chooseOnMap(store, itemCondition(store.scene.count, [row]), less ? 'less' : 'more');
  const rows = new Set(listed ?? []);
  if (less && !listed) return chooseOnMap(store, itemCondition(store.scene.count, [row]), 'less');
  if (less) rows.delete(row); else rows.add(row);
  return store.choose('map', rows.size ? itemCondition(store.scene.count, [...rows]) : null);
}

function withThese(old, fresh) {
  const parts = [...(old.act.kind === 'any of' ? old.act.parts : [old.act]), fresh.act];
  return { said: counted(old.said, parts.length), act: { kind: 'any of', parts }, bits: old.bits.or(fresh.bits) };
}

function withoutThese(old, fresh) {
  const less = { kind: 'not', selection: fresh.act };
  const parts = [...(old.act.kind === 'in turn' ? old.act.parts : [old.act]), less];
  return { said: counted(old.said, parts.length), act: { kind: 'in turn', parts }, bits: old.bits.without(fresh.bits) };
}

function allBut(fresh) {
  return { said: `not ${fresh.said}`, act: { kind: 'not', selection: fresh.act }, bits: fresh.bits.not() };
}

function counted(said, parts) { return `${said.replace(/, in \d+ parts$/, '')}, in ${parts} parts`; }

function tidy(condition, store) { // so that it never becomes deeper or longer than a file may hold
  if (depthOf(condition.act) <= 6 && (condition.act.parts?.length ?? 0) <= PARTS_KEPT) return condition;
  const bits = store.step ? condition.bits.and(store.step.inside) : condition.bits;
  return { ...condition, bits, act: { kind: 'items', rows: [...bits.rows()], about: condition.said } };
}

function depthOf(act) {
  const inner = act.parts ?? (act.selection ? [act.selection] : []);
  return 1 + Math.max(0, ...inner.map(depthOf));
}
