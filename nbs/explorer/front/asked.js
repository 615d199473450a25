// What is asked of the facets: by name { words, missing } for words, { from, to, missing } for quantities and dates.
// It travels as one condition of the source 'facets', in the words of the library, and is read back from them.

import { Bits } from './bits.js';
import { sayQuantity } from './units.js';

const DAY = 86400;

export function isAsked(asked) { // does it ask for anything?
  if (!asked) return false;
  return asked.missing || (asked.words?.length ?? 0) > 0 || Number.isFinite(asked.from) || Number.isFinite(asked.to);
}

// --- To the library's words and back

export function actOfFacets(all, kinds) { // all: Map of name -> asked; kinds: name -> kind
  const plain = Object.create(null); // a facet may have any name, __proto__ too
  const parts = [];
  for (const [name, asked] of all) {
    const value = plainCondition(asked, kinds(name));
    if (asked.missing && value !== undefined) parts.push({ kind: 'any of', parts: [facetsAct({ [name]: value }), facetsAct({ [name]: null })] });
    else plain[name] = asked.missing ? null : value;
  }
  if (!parts.length) return facetsAct(plain);
  if (Object.keys(plain).length) parts.unshift(facetsAct(plain));
  return parts.length === 1 ? parts[0] : { kind: 'in turn', parts };
}

function facetsAct(conditions) { return { kind: 'facets', conditions }; }

function plainCondition(asked, kind) {
  if (asked.words?.length) return asked.words.length === 1 ? asked.words[0] : [...asked.words];
  if (!Number.isFinite(asked.from) && !Number.isFinite(asked.to)) return undefined;
  const end = (value, last) => (Number.isFinite(value) ? (kind === 'date' ? dateText(value, last) : value) : null);
  return { from: end(asked.from, false), to: end(asked.to, true) };
}

export function dateText(seconds, last) { // a day alone means all of it, so that is how whole days are written
  const moment = new Date(Math.floor(seconds) * 1000).toISOString().slice(0, 19);
  const within = seconds - Math.floor(seconds / DAY) * DAY;
  const whole = last ? within >= DAY - 1 : within === 0;
  return whole ? moment.slice(0, 10) : moment;
}

export function readDate(text, last) { // seconds since 1970; the end of a day when it is the last of a range
  const day = /^\d{4}-\d\d-\d\d$/.test(text);
  const seconds = Date.parse(day || /Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`) / 1000;
  return day && last ? seconds + DAY - 0.001 : seconds;
}

export function facetsOfAct(act) { // Map of name -> asked; null where the act says more than facets can show
  if (act?.kind === 'facets') return new Map(Object.entries(act.conditions).map(([name, value]) => [name, askedOf(value)]));
  if (act?.kind === 'any of') return eitherOf(act.parts.map(facetsOfAct));
  if (act?.kind !== 'in turn') return null;
  const all = new Map();
  for (const part of act.parts.map(facetsOfAct)) {
    if (!part || [...part.keys()].some((name) => all.has(name))) return null;
    for (const [name, asked] of part) all.set(name, asked);
  }
  return all;
}

function eitherOf(parts) { // a condition on a facet, or that facet missing
  if (parts.length !== 2 || parts.some((part) => part?.size !== 1)) return null;
  const [[name, asked]] = parts[0];
  const [[other, missing]] = parts[1];
  if (name !== other || !missing.missing || asked.missing) return null;
  return new Map([[name, { ...asked, missing: true }]]);
}

function askedOf(value) {
  if (value === null) return { missing: true };
  if (Array.isArray(value) || typeof value !== 'object') return oneOrMore([value].flat());
  const end = (given, last) => (given === null ? NaN : typeof given === 'string' ? readDate(given, last) : given);
  return { from: end(value.from, false), to: end(value.to, true) };
}

function oneOrMore(values) {
  if (values.length === 1 && typeof values[0] === 'number') return { from: values[0], to: values[0] };
  return { words: values.map(String) };
}

// --- Which items meet it

export function bitsOfAsked(asked, column) {
  return column.words ? bitsOfWords(asked, column) : bitsOfRange(asked, column);
}

function bitsOfWords(asked, { codes, words, other }) {
  const wanted = new Uint8Array(words.length);
  for (const word of asked.words ?? []) {
    const at = words.indexOf(word, 1);
    if (at > 0 && !(other && at === words.length - 1)) wanted[at] = 1;
  }
  wanted[0] = asked.missing ? 1 : 0;
  return fillBits(codes.length, (r) => wanted[codes[r]]);
}

function bitsOfRange({ from, to, missing }, { values, stored }) {
  const ranged = Number.isFinite(from) || Number.isFinite(to);
  const near = stored === 'f4' ? Math.fround : (value) => value; // columns are in single precision, so the ends are too
  const low = Number.isFinite(from) ? near(from) : -Infinity;
  const high = Number.isFinite(to) ? near(to) : Infinity;
  return fillBits(values.length, (r) => {
    const value = values[r];
    return Number.isNaN(value) ? missing : ranged && value >= low && value <= high;
  });
}

export function fillBits(length, meets) {
  const bits = new Bits(length);
  const { bytes } = bits;
  for (let r = 0; r < length; r += 1) if (meets(r)) bytes[r >> 3] |= 1 << (r & 7);
  return bits;
}

// --- In words

export function sayAsked(asked, facet) {
  const name = facet.name.replaceAll('_', ' ');
  const said = asked.words?.length ? sayWords(asked.words) : sayRange(asked, facet);
  if (!said) return `${name} missing`;
  return `${name} ${said}${asked.missing ? ' or missing' : ''}`;
}

function sayWords(words) {
  const few = words.slice(0, 4).map((word) => (word.length > 40 ? `${word.slice(0, 39)}…` : word)).join(' or ');
  return words.length > 4 ? `${few} or ${words.length - 4} more` : few;
}

function sayRange({ from, to }, facet) {
  const say = facet.kind === 'date' ? (value, last) => dateText(value, last).replace('T', ' ') : (value) => sayQuantity(value, facet.unit);
  if (Number.isFinite(from) && from === to) return say(from, false);
  if (Number.isFinite(from) && Number.isFinite(to)) return `${say(from, false)} to ${say(to, true)}`;
  if (Number.isFinite(from)) return `from ${say(from, false)}`;
  return Number.isFinite(to) ? `up to ${say(to, true)}` : '';
}

// --- Asking, whoever asks: a facet, a chip, the properties

export function facetsAsked(store, source = 'facets') { // Map of name -> asked
  return facetsOfAct(store.condition(source)?.act) ?? new Map();
}

const UNDERWAY = new WeakMap(); // store -> { source: what is being asked while columns are still on their way }

export async function askFacet(store, name, asked, source = 'facets') { // asked null takes the facet out
  const all = new Map(UNDERWAY.get(store)?.[source] ?? facetsAsked(store, source));
  if (isAsked(asked)) all.set(name, asked); else all.delete(name);
  return askFacets(store, all, source);
}

export async function askFacets(store, all, source = 'facets') {
  const underway = UNDERWAY.get(store) ?? {};
  UNDERWAY.set(store, underway);
  underway[source] = all;
  try {
    const condition = all.size ? await facetCondition(store, all) : null;
    if (underway[source] === all && condition !== undefined) store.choose(source, condition);
  } finally {
    if (underway[source] === all) delete underway[source];
  }
}

async function facetCondition(store, all) { // undefined when the corpus was renewed meanwhile
  const { edition } = store.scene;
  const names = [...all.keys()];
  const columns = await Promise.all(names.map((name) => store.column(name)));
  if (edition !== store.scene.edition) return undefined;
  const bits = columns.map((column, n) => bitsOfAsked(all.get(names[n]), column)).reduce((both, more) => both.and(more));
  const facets = new Map(store.scene.facets.map((facet) => [facet.name, facet]));
  const said = names.map((name) => sayAsked(all.get(name), facets.get(name) ?? { name, unit: '' })).join(', ');
  return { said, act: actOfFacets(all, (name) => facets.get(name)?.kind), bits };
}
