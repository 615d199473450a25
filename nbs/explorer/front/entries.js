// The fields of a form: what stands in them, what they mean, and what is wrong with it, tied together for screen readers.

import { freshName, make } from './dom.js';

// Each gives { element, control, value(), show(given), complain(words), touched }.
export function entryOf(field, typed) {
  if (field.kind === 'yes or no') return tickEntry(field, typed);
  if (field.kind === 'several') return severalEntry(field, typed);
  const control = field.kind === 'choice' ? choiceControl(field) : lineControl(field);
  control.addEventListener('input', () => typed(field.kind === 'choice' ? 'end' : ''));
  control.addEventListener('change', () => typed('end'));
  return framed(field, control, () => control.value, (given) => showIn(control, given));
}

function showIn(control, given) { // leaves the caret where it is if nothing changes
  if (control.value !== given) control.value = given;
}

function lineControl(field) {
  if (field.kind === 'text' && field.long) return make('textarea', { rows: '4', class: 'mx-entry-line' });
  const number = field.kind === 'number' || field.kind === 'whole number';
  return make('input', {
    type: field.kind === 'date' ? 'date' : 'text', spellcheck: 'false', class: `mx-entry-line${number ? ' mx-entry-number' : ''}`,
    inputmode: field.kind === 'number' ? 'decimal' : null,
  });
}

function choiceControl(field) {
  const open = field.needed ? make('option', { value: '', disabled: true, hidden: true }, 'choose') : make('option', { value: '' }, '(none)');
  return make('select', { class: 'mx-entry-choice' }, open, ...field.choices.map((words) => make('option', { value: words }, words)));
}

function tickEntry(field, typed) {
  const control = make('input', { type: 'checkbox', onchange: () => typed('end') });
  return framed(field, control, () => control.checked, (given) => { control.checked = given; });
}

function severalEntry(field, typed) { // a group of boxes to tick
  const boxes = field.choices.map((words) => [words, make('input', { type: 'checkbox', onchange: () => typed('end') })]);
  const group = make('div', { role: 'group', class: 'mx-entry-several', tabindex: '-1' }, ...boxes.map(([words, box]) => make('label', {}, box, words)));
  return framed(
    field, group, () => boxes.filter(([, box]) => box.checked).map(([words]) => words),
    (given) => { for (const [words, box] of boxes) box.checked = given.includes(words); },
  );
}

function framed(field, control, value, show) { // with its label, unit, meaning and trouble around it
  const [name, about, unit, trouble] = ['entry', 'about', 'unit', 'trouble'].map(freshName);
  const grouped = control.getAttribute('role') === 'group';
  const meaning = [field.about, hintOf(field)].filter(Boolean).join('. ');
  const problem = make('p', { id: trouble, class: 'mx-entry-trouble', 'aria-live': 'polite' });
  const label = make(grouped ? 'span' : 'label', grouped ? { id: name, class: 'mx-entry-label' } : { for: name, class: 'mx-entry-label' },
    field.label, field.needed ? make('span', { class: 'mx-quiet' }, ' (needed)') : '');
  if (grouped) control.setAttribute('aria-labelledby', name);
  else control.id = name;
  control.setAttribute('aria-describedby', [field.unit ? unit : '', meaning ? about : '', trouble].filter(Boolean).join(' '));
  if (field.needed && !grouped) control.setAttribute('aria-required', 'true');
  const element = make('div', { class: 'mx-entry' }, label, make('div', { class: 'mx-entry-body' },
    make('div', { class: 'mx-entry-control' }, control, field.unit ? make('span', { id: unit, class: 'mx-quiet' }, field.unit) : ''),
    meaning ? make('p', { id: about, class: 'mx-entry-about mx-quiet' }, meaning) : '', problem));
  return { element, control, value, show, touched: false, complain: (words) => complain(control, problem, words) };
}

function complain(control, problem, words) {
  if (words) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
  if (problem.textContent !== words) problem.textContent = words;
}

function hintOf(field) {
  const range = field.range ? field.range[0].toUpperCase() + field.range.slice(1) : '';
  return field.kind === 'list' ? ['Separated by commas', field.range].filter(Boolean).join(', ') : range;
}
