// One facet of words: how many items have each, the most frequent first, and which are asked for.

import { countedIn, unusual } from './counting.js';
import { button, make, slowly } from './dom.js';
import { fillRow, wordRow } from './facet_row.js';
import { sayCount } from './units.js';

const FIRST = 7; // words shown at first
const NEARLY_ALL = 9; // so many are shown all at once
const MOST_ROWS = 200; // and at most, so that a page with thousands of words stays quick

export class WordFacet {
  constructor(facet, ask) { // ask(asked, done)
    Object.assign(this, { facet, ask, asked: {}, all: false, filter: '', column: null, step: null, rows: new Map(), swatches: null });
    this.name = facet.name.replaceAll('_', ' ');
    this.list = make('div', { class: 'mx-words', role: 'group', 'aria-label': this.name });
    this.list.addEventListener('keydown', (event) => this.key(event));
    this.more = button('', () => { this.all = !this.all; this.filter = this.search.value = ''; this.draw(); }, { class: 'mx-small mx-more', hidden: true });
    this.search = make('input', { type: 'search', placeholder: 'Filter words', 'aria-label': `Filter the words of ${this.name}`, hidden: true });
    this.search.addEventListener('input', slowly(() => { this.filter = this.search.value.trim().toLowerCase(); this.draw(); }, 120));
    this.note = make('p', { class: 'mx-quiet', hidden: true });
    this.element = make('div', {}, this.search, this.list, this.note, this.more);
  }

  *count(column, step, bits, anyChosen) {
    if (this.column !== column || this.step !== step) { // nothing is put down before it is all there: counting may be broken off
      const held = yield* countedIn(column.codes, column.words.length, step.inside);
      const present = column.words.map((_, code) => code).filter((code) => code && held[code]).sort((a, b) => held[b] - held[a]);
      Object.assign(this, { column, step, held, present, some: held, anyChosen: false });
    }
    const some = anyChosen ? yield* countedIn(column.codes, column.words.length, bits) : this.held;
    Object.assign(this, { some, anyChosen });
    [this.chosenCount, this.allCount] = [this.some, this.held].map((counts) => counts.reduce((sum, n) => sum + n, 0));
  }

  showSwatches(swatches) {
    this.swatches = swatches;
    if (this.some) this.draw();
  }

  // --- Which words are shown, and in what order

  ratioOf(code) {
    if (!this.anyChosen || this.isAsked(code)) return null;
    return unusual(this.some[code], this.chosenCount, this.held[code], this.allCount);
  }

  isAsked(code) { return code === 0 ? Boolean(this.asked.missing) : (this.asked.words ?? []).includes(this.column.words[code]); }

  wanted() {
    const asked = this.column.words.map((_, code) => code).filter((code) => code && !this.held[code] && this.isAsked(code));
    let codes = [...this.present, ...asked];
    if (this.filter) codes = codes.filter((code) => this.column.words[code].toLowerCase().includes(this.filter));
    if (this.byShare && this.anyChosen) codes.sort((a, b) => this.share(b) - this.share(a) || this.some[b] - this.some[a]);
    const found = codes.length;
    codes = this.all ? codes.slice(0, MOST_ROWS) : codes.filter((code, n) => n < this.first() || this.isAsked(code));
    if (!this.filter && (this.held[0] || this.isAsked(0))) codes.push(0);
    return { codes, found };
  }

  first() { return this.present.length <= NEARLY_ALL ? NEARLY_ALL : FIRST; }

  share(code) { return (this.ratioOf(code) ? 1e6 : 0) + this.some[code] / Math.max(1, this.held[code]); }

  // --- Drawing

  draw(asked) {
    if (asked) this.asked = asked;
    if (!this.column) return;
    const { codes, found } = this.wanted();
    this.place(codes);
    const most = this.present.length ? this.held[this.present[0]] : this.held[0];
    for (const code of codes) this.fill(code, Math.max(most, 1));
    this.say(codes, found);
  }

  place(codes) { // keep the rows that are there, and the focus
    const focused = this.list.getRootNode().activeElement;
    const rows = codes.map((code) => this.row(code));
    if (rows.length === this.list.children.length && rows.every((row, n) => row === this.list.children[n])) return;
    const held = this.list.contains(focused) ? focused : null;
    this.list.replaceChildren(...rows);
    if (held && rows.includes(held)) held.focus();
    const reached = rows.find((row) => row.tabIndex === 0) ?? rows[0];
    for (const row of rows) row.tabIndex = row === reached ? 0 : -1;
  }

  row(code) {
    if (!this.rows.has(code)) {
      const row = wordRow((only) => this.press(code, only));
      row.classList.toggle('mx-missing', code === 0);
      this.rows.set(code, row);
    }
    return this.rows.get(code);
  }

  fill(code, most) {
    const others = this.isOthers(code);
    fillRow(this.rows.get(code), {
      words: code === 0 ? 'missing' : this.column.words[code], held: this.held[code], some: this.some[code], most, anyChosen: this.anyChosen,
      asked: this.isAsked(code), ratio: others ? null : this.ratioOf(code), swatch: this.swatches?.(code) ?? null, disabled: others,
    });
  }

  isOthers(code) { return Boolean(this.column.other) && code === this.column.words.length - 1; }

  say(codes, found) {
    const shown = codes.filter((code) => code).length;
    const total = this.present.length;
    this.search.hidden = !this.all || total <= NEARLY_ALL;
    this.more.hidden = total <= NEARLY_ALL;
    this.more.textContent = this.all ? 'Show fewer' : `Show all ${sayCount(total)} words`;
    this.note.hidden = !this.all || (found === shown && found > 0);
    this.note.textContent = found ? `${sayCount(found - shown)} more; filter to find them.` : 'No such word.';
    if (!total && !this.held[0]) { this.note.hidden = false; this.note.textContent = 'No item of this step has a word.'; }
  }

  // --- Choosing

  press(code, only) {
    if (this.isOthers(code)) return;
    if (code === 0) return this.ask(only ? { missing: true } : { ...this.asked, missing: !this.asked.missing }, true);
    const word = this.column.words[code];
    const words = this.asked.words ?? [];
    if (only) return this.ask({ words: [word] }, true);
    return this.ask({ ...this.asked, words: words.includes(word) ? words.filter((each) => each !== word) : [...words, word] }, true);
  }

  key(event) {
    const rows = [...this.list.children];
    const at = rows.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined || !rows[to]) return;
    event.preventDefault();
    rows[at].tabIndex = -1;
    rows[to].tabIndex = 0;
    rows[to].focus();
  }

  stop() {}
}
