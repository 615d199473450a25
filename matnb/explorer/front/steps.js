// The steps of a recursive search: a breadcrumb of where we are, and the tree of all of them.

import { button, make } from './dom.js';
import { popupButton } from './popup.js';
import { sayCount } from './units.js';

const MOST_CRUMBS = 4;

export function drawCrumbs(element, store) {
  const trail = make('ol', { class: 'mx-crumbs' });
  const tree = popupButton('Steps', (close) => stepTree(store, close), { 'aria-label': 'All steps', class: 'mx-quietly' });
  element.append(make('nav', { 'aria-label': 'Steps', class: 'mx-trail' }, trail), tree);
  const show = () => {
    trail.replaceChildren(...crumbsOf(store));
    if (!tree.panel.hidden) tree.openPanel();
  };
  const stopping = ['scene', 'steps', 'step'].map((event) => store.on(event, show));
  return () => stopping.forEach((stop) => stop());
}

export function stepName(step) { return step.name || (step.parent === null || step.parent === undefined ? 'all' : step.said || step.label); }

export function lineage(steps, number) { // from the whole to a step
  const found = [];
  for (let at = steps.find((s) => s.number === number); at; at = steps.find((s) => s.number === at.parent)) found.unshift(at);
  return found;
}

function crumbsOf(store) {
  if (!store.scene) return [];
  const line = lineage(store.scene.steps, store.scene.current);
  const hidden = Math.max(0, line.length - MOST_CRUMBS);
  const shown = hidden ? [line[0], null, ...line.slice(hidden + 1)] : line;
  return shown.map((step) => make('li', {}, step ? crumb(step, store) : make('span', { title: `${hidden} more` }, '…')));
}

function crumb(step, store) {
  const current = step.number === store.scene.current;
  const told = `${step.label}, ${sayCount(step.count)} items${step.said ? `, ${step.said}` : ''}`;
  const more = { title: told, class: 'mx-crumb' };
  if (current) more['aria-current'] = 'step';
  return button(`${stepName(step)} · ${sayCount(step.count)}`, () => (current ? null : goToStep(store, step.number)), more);
}

export function goToStep(store, step) { return store.attempt('go', { step }); }

// --- The tree

function stepTree(store, close) {
  const { steps } = store.scene;
  const children = (parent) => steps.filter((step) => (step.parent ?? null) === parent);
  const branch = (parent) => make('ul', {}, ...children(parent).map((step) => make('li', {}, treeRow(step, store, close), branch(step.number))));
  const roots = new Set(steps.map((step) => step.number));
  const top = steps.filter((step) => !roots.has(step.parent));
  const list = make('ul', { class: 'mx-step-tree' }, ...top.map((step) => make('li', {}, treeRow(step, store, close), branch(step.number))));
  return [make('h3', {}, 'Steps'), list];
}

function treeRow(step, store, close) {
  const current = step.number === store.scene.current;
  const name = stepName(step);
  const go = button(name, () => { close(); if (!current) goToStep(store, step.number); }, { class: 'mx-step-tree-name', 'aria-current': current ? 'step' : null });
  const told = [`${sayCount(step.count)} items`, step.said, step.vectors, step.quality_said].filter(Boolean).join(' · ');
  const row = make('div', { class: 'mx-step-tree-row' }, go, make('span', { class: 'mx-quiet', title: told }, told));
  const rename = button('Rename', () => renameStep(row, step, store), { class: 'mx-small', 'aria-label': `Rename ${name}` });
  const remove = button('Delete', () => confirmDelete(row, step, store), { class: 'mx-small', 'aria-label': `Delete ${name}`, disabled: step.parent === null || step.parent === undefined });
  row.append(rename, remove);
  return row;
}

function renameStep(row, step, store) {
  const input = make('input', { value: stepName(step), 'aria-label': 'New name', maxlength: '120' });
  const done = () => { if (input.value.trim()) store.attempt('rename', { step: step.number, name: input.value.trim() }); };
  input.addEventListener('keydown', (event) => { if (event.key === 'Enter') done(); });
  row.replaceChildren(input, button('Rename', done, { class: 'mx-small' }));
  input.focus();
  input.select();
}

function confirmDelete(row, step, store) {
  const inner = store.scene.steps.filter((other) => lineage(store.scene.steps, other.number).some((s) => s.number === step.number)).length - 1;
  const words = inner ? `Delete it and the ${inner} within?` : 'Delete it?';
  const yes = button('Delete', () => store.attempt('delete', { step: step.number }), { class: 'mx-small', 'data-first': '' });
  row.replaceChildren(make('span', {}, `${stepName(step)}: ${words}`), yes, button('Keep', () => store.emit('steps', store.scene), { class: 'mx-small' }));
  yes.focus();
}
