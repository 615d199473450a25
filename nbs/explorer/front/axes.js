// Axes of quantities and dates: where a value stands, round ticks with SI prefixes, and bins between round edges.

import { prefixFor, sayDate, sayNumber, sayQuantity, takesPrefix } from './units.js';

const HOUR = 3600;
const DAY_LONG = 24 * HOUR;
const MONTH_LONG = 30.44 * DAY_LONG;
const YEAR_LONG = 365.25 * DAY_LONG;
const CLOCK_STEPS = [1, 5, 15, 60, 300, 900, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY_LONG, 2 * DAY_LONG, 7 * DAY_LONG];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000, 12000];
const WIDE_RANGE = 1e4; // from which each tick has a prefix of its own
const RATHER_LOG = 30; // times that the largest value exceeds the smallest
const LOOKED_THROUGH = 5000; // values that suffice to know their middle

export class Axis {
  constructor({ low, high, kind, unit, log, largest }) { // largest: of the values, which decides about the prefix
    const [first, last] = low < high ? [low, high] : widened(low, kind);
    Object.assign(this, { low: first, high: last, kind, log: Boolean(log) && first > 0 });
    [this.factor, this.unit] = kind === 'date' ? [1, ''] : prefixFor(largest ?? Math.max(Math.abs(first), Math.abs(last)), unit ?? '');
    this.plainUnit = unit ?? '';
    this.wide = this.log && last / first >= WIDE_RANGE && takesPrefix(this.plainUnit);
    this.scaled = this.log ? Math.log10 : Number;
    this.first = this.scaled(first);
    this.extent = this.scaled(last) - this.first || 1;
  }

  place(value) { return (this.scaled(value) - this.first) / this.extent; } // 0 at the low end, 1 at the high one

  value(place) {
    const scaled = this.first + place * this.extent;
    return this.log ? 10 ** scaled : scaled;
  }

  say(value) { return this.kind === 'date' ? sayMoment(value, this.high - this.low) : sayNumber(value / this.factor, 4); }

  unitOfTicks() { return this.wide ? '' : this.unit; }

  sayWithUnit(value) {
    if (this.wide) return sayQuantity(value, this.plainUnit);
    return this.unit ? `${this.say(value)} ${this.unit}` : this.say(value);
  }

  ticks(most) {
    const at = this.kind === 'date' ? dateTicks(this.low, this.high, most) : this.log ? logTicks(this.low, this.high, most)
      : evenTicks(this.low, this.high, most);
    return at.filter((value) => value >= this.low && value <= this.high).map((value) => ({ value, place: this.place(value), words: this.#tickWords(value) }));
  }

  #tickWords(value) {
    if (this.kind === 'date') return sayMoment(value, this.high - this.low);
    if (this.wide) return sayQuantity(value, this.plainUnit);
    return sayNumber(Number((value / this.factor).toPrecision(10)), this.log ? 2 : 6);
  }

  edges(most) { // of at most so many bins, round ones, from below the lowest to above the highest
    if (this.kind === 'date') return outwards(dateTicks(this.low, this.high, most - 1, true), this.low, this.high);
    if (this.log) return logEdges(this.low, this.high, most);
    return evenEdges(this.low, this.high, most - 1);
  }

  rounded(value, pixels) { // as few digits as distinguish neighbouring pixels
    if (this.kind === 'date') return roundDate(value, (this.high - this.low) / pixels);
    const step = Math.abs(this.value(this.place(value) + 1 / pixels) - value) || Math.abs(value) / 1000;
    const decade = 10 ** Math.floor(Math.log10(step));
    return Number((Math.round(value / decade) * decade).toPrecision(12));
  }
}

export function wantsLog(low, high, middle) { // where the values lie more evenly along a logarithm
  if (!(low > 0) || high / low < RATHER_LOG) return false;
  const off = (scaled) => Math.abs((scaled(middle) - scaled(low)) / (scaled(high) - scaled(low)) - 0.5);
  return off(Math.log) < off(Number);
}

export function middleOfValues(values, rows) { // the median of the items of a step, from a sample of very many
  const every = Math.max(1, Math.floor(rows.length / LOOKED_THROUGH));
  const seen = [];
  for (let n = 0; n < rows.length; n += every) if (Number.isFinite(values[rows[n]])) seen.push(values[rows[n]]);
  return Float64Array.from(seen).sort()[seen.length >> 1] ?? NaN;
}

function widened(value, kind) { // a single value still needs some room
  const by = kind === 'date' ? DAY_LONG / 2 : Math.abs(value) * 0.1 || 1;
  return [value - by, value + by];
}

export function roundStep(least) { // the next of 1, 2, 5, 10, 20, ...
  const decade = 10 ** Math.floor(Math.log10(least) + 1e-9);
  return [1, 2, 5, 10].map((n) => n * decade).find((step) => step >= least * (1 - 1e-9));
}

function evenTicks(low, high, most) {
  const step = roundStep((high - low) / Math.max(1, most));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor((high - first * step) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, n) => (first + n) * step);
}

function evenEdges(low, high, most) {
  const step = roundStep((high - low) / Math.max(1, most));
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

function logTicks(low, high, most) {
  const decades = Math.log10(high / low);
  if (decades < 1) return evenTicks(low, high, most);
  const marks = decades <= most / 3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / most));
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += every) found.push(...marks.map((m) => m * 10 ** power));
  return found;
}

function logEdges(low, high, most) {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  const step = [0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5].find((s) => (last - first) / s <= most - 1) ?? 10;
  const from = Math.floor(first / step + 1e-9);
  const to = Math.max(from + 1, Math.ceil(last / step - 1e-9));
  return Array.from({ length: to - from + 1 }, (_, n) => Number((10 ** ((from + n) * step)).toPrecision(6)));
}

// --- Dates, in UTC

function dateTicks(low, high, most, around = false) {
  const least = (high - low) / Math.max(1, most);
  const clock = CLOCK_STEPS.find((step) => step >= least);
  const extra = around ? 1 : 0;
  if (clock) {
    const shift = clock === 7 * DAY_LONG ? 4 * DAY_LONG : 0; // weeks begin on Mondays; 1970 began on a Thursday
    const first = Math.floor((low - shift) / clock);
    const last = Math.floor((high - shift) / clock) + extra;
    return Array.from({ length: last - first + 1 }, (_, n) => (first + n) * clock + shift);
  }
  const months = MONTH_STEPS.find((step) => step * MONTH_LONG >= least) ?? MONTH_STEPS.at(-1);
  return monthsBetween(low, high, months, extra);
}

function monthsBetween(low, high, months, extra) {
  const number = (seconds) => { const d = new Date(seconds * 1000); return d.getUTCFullYear() * 12 + d.getUTCMonth(); };
  const first = Math.floor(number(low) / months);
  const last = Math.floor(number(high) / months) + extra;
  return Array.from({ length: last - first + 1 }, (_, n) => monthStart((first + n) * months));
}

function monthStart(months) { // months since the year 0; years below 100 would be taken for 1900 and later
  return new Date(0).setUTCFullYear(Math.floor(months / 12), months % 12, 1) / 1000;
}

function outwards(edges, low, high) {
  const kept = edges.filter((edge, n) => (edges[n + 1] ?? Infinity) > low && (edges[n - 1] ?? -Infinity) < high);
  return kept.length > 1 ? kept : [low, high];
}

function sayMoment(seconds, span) {
  const whole = new Date(seconds * 1000).toISOString();
  if (span > 8 * YEAR_LONG && whole.slice(5, 10) === '01-01') return whole.slice(0, 4);
  if (span > 3 * MONTH_LONG && whole.slice(8, 10) === '01') return whole.slice(0, 7);
  if (span > 3 * DAY_LONG) return sayDate(seconds);
  return span > 180 ? whole.slice(5, 16).replace('T', ' ') : whole.slice(11, 19);
}

function roundDate(seconds, pixel) {
  const step = pixel > DAY_LONG / 4 ? DAY_LONG : pixel > HOUR / 4 ? HOUR : pixel > 15 ? 60 : 1;
  return Math.round(seconds / step) * step;
}
