// One facet of numbers or dates: histogram, fields for the two ends, and how many are missing.

import { dateText, readDate } from './asked.js';
import { Axis, middleOfValues, wantsLog } from './axes.js';
import { binned, countedIn, rangeAmong } from './counting.js';
import { button, make } from './dom.js';
import { MissingRow } from './facet_row.js';
import { Histogram } from './histogram.js';
import { readQuantity } from './units.js';

const MOST_BINS = 36;

export class RangeFacet {
  constructor(facet, ask) { // ask(asked, done)
    Object.assign(this, { facet, ask, asked: {}, log: null, column: null, step: null });
    this.name = facet.name.replaceAll('_', ' ');
    this.histogram = new Histogram(this.name, (from, to, done) => this.put({ from, to }, done));
    this.fields = ['from', 'to'].map((end) => this.field(end));
    this.unit = make('span', { class: 'mx-quiet mx-range-unit' });
    this.logButton = button('log', () => { this.log = !this.axis.log; this.step = null; this.again(); }, { class: 'mx-small', title: 'Logarithmic axis', 'aria-label': `log axis of ${this.name}` });
    this.missing = new MissingRow(() => this.put({ missing: !this.asked.missing }, true));
    this.none = make('p', { class: 'mx-quiet', hidden: true }, 'No item of this step has a value.');
    this.element = make('div', { class: 'mx-range' }, this.none, this.histogram.element,
      make('div', { class: 'mx-range-fields' }, this.fields[0], make('span', { class: 'mx-quiet mx-range-unit' }, 'to'), this.fields[1], this.unit, this.logButton), this.missing.element);
  }

  put(change, done) {
    this.asked = { ...this.asked, ...change };
    this.ask(this.asked, done);
  }

  *count(column, step, bits, anyChosen) {
    if (this.column !== column || this.step !== step) yield* this.prepare(column, step);
    const chosen = !this.held ? null : anyChosen ? yield* countedIn(this.codes, this.held.length, bits) : this.held;
    Object.assign(this, { chosen, anyChosen });
  }

  *prepare(column, step) {
    const range = rangeAmong(column.values, step.inside);
    yield;
    const made = range.held ? yield* this.bins(column, step, range) : { held: null };
    Object.assign(this, { column, step, range, missingHeld: range.missing, ...made }); // all at once: counting may be broken off
  }

  *bins(column, step, { low, high }) {
    const log = low > 0 && (this.log ?? (this.facet.kind !== 'date' && wantsLog(low, high, middleOfValues(column.values, step.rows))));
    const about = { kind: this.facet.kind, unit: this.facet.unit, log, largest: Math.max(Math.abs(low), Math.abs(high)) };
    const edges = new Axis({ low, high, ...about }).edges(MOST_BINS);
    const axis = new Axis({ low: edges[0], high: edges.at(-1), ...about });
    const codes = yield* binned(column.values, edges, axis.log);
    return { axis, edges, codes, held: yield* countedIn(codes, edges.length, step.inside) };
  }

  draw(asked) {
    if (asked) this.asked = asked;
    const { held, chosen, axis, edges, anyChosen } = this;
    this.none.hidden = Boolean(held);
    this.histogram.element.hidden = this.fields[0].parentElement.hidden = !held;
    this.missing.show(this.missingHeld, held && anyChosen ? chosen[0] : this.missingHeld, anyChosen, Boolean(this.asked.missing));
    if (!held) return;
    const { from = NaN, to = NaN } = this.asked;
    this.histogram.show({ axis, edges, held, chosen, anyChosen, from, to });
    this.drawFields(from, to);
    this.logButton.hidden = this.facet.kind === 'date' || !(this.range.low > 0 && this.range.high / this.range.low > 10);
    this.logButton.setAttribute('aria-pressed', String(axis.log));
  }

  // --- The two ends in writing

  field(end) {
    const words = `${this.name} ${end === 'from' ? 'from' : 'up to'}`;
    const kind = this.facet.kind === 'date' ? { type: 'date' } : { type: 'text', inputmode: 'decimal' };
    const field = make('input', { ...kind, class: 'mx-end', 'aria-label': words, autocomplete: 'off' });
    field.addEventListener('change', () => this.read(field, end));
    return field;
  }

  drawFields(from, to) {
    const { axis, facet } = this;
    this.unit.textContent = axis.unit;
    [from, to].forEach((value, n) => {
      const field = this.fields[n];
      if (field.getRootNode().activeElement === field) return;
      field.value = Number.isFinite(value) ? this.write(value, n === 1) : '';
      field.placeholder = axis.say(n ? this.range.high : this.range.low);
      field.removeAttribute('aria-invalid');
      if (facet.kind === 'date') [field.min, field.max] = [dateText(this.range.low).slice(0, 10), dateText(this.range.high).slice(0, 10)];
    });
  }

  write(value, last) {
    if (this.facet.kind === 'date') return dateText(value, last).slice(0, 10);
    return String(Number((value / this.axis.factor).toPrecision(8)));
  }

  read(field, end) {
    const text = field.value.trim().replace(',', '.');
    const value = !text ? NaN : this.facet.kind === 'date' ? readDate(text, end === 'to') : readQuantity(text, this.axis.unit, this.facet.unit);
    const both = { from: this.asked.from ?? NaN, to: this.asked.to ?? NaN, [end]: this.facet.kind === 'date' ? value : Number(value.toPrecision(12)) };
    const wrong = (text && !Number.isFinite(value)) || both.from > both.to;
    field.setAttribute('aria-invalid', String(Boolean(wrong)));
    if (!wrong) this.put(both, true);
  }

  stop() { this.histogram.stop(); }
}
