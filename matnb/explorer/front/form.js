// A form for a function or a notebook. What is typed goes to Python, which says in words what is wrong with it.

import { button, freshName, make, slowly } from './dom.js';
import { entryOf } from './entries.js';

const SHORTLY = 250; // milliseconds after the last letter

export function drawForm(element, wire) {
  const shown = new ShownForm(element, wire);
  wire.told = (message) => shown.hear(message);
  wire.ask('hello').then(({ message }) => shown.draw(message), (error) => shown.say(error.message, true));
  return () => shown.stop();
}

class ShownForm {
  constructor(element, wire) {
    this.wire = wire;
    this.entries = new Map(); // by name of the field
    this.turn = 0; // how often something was typed, so that a late answer is not taken for the last
    this.running = false;
    this.send = slowly((name) => this.check(name), SHORTLY);
    this.place = make('form', { class: 'mx-form', novalidate: true, autocomplete: 'off', onsubmit: (event) => this.run(event) });
    this.said = make('p', { class: 'mx-form-said', role: 'status', 'aria-live': 'polite' });
    element.append(this.place);
  }

  draw(told) {
    const heading = freshName('form');
    const fields = told.fields.map((field) => this.entry(field, told.given[field.name]));
    if (told.title) this.place.setAttribute('aria-labelledby', heading);
    else this.place.setAttribute('aria-label', 'Form');
    this.place.replaceChildren(
      told.title ? make('h3', { id: heading, class: 'mx-form-title' }, told.title) : '',
      make('div', { class: 'mx-entries' }, ...fields),
      this.acts(told), this.said,
    );
    this.state(told);
  }

  entry(field, given) {
    const entry = entryOf(field, (at) => this.typed(field.name, at));
    entry.show(given);
    this.entries.set(field.name, entry);
    return entry.element;
  }

  acts({ can_run: canRun, can_stop: canStop }) { // the buttons, and how far it is
    this.bar = make('progress', { class: 'mx-form-bar', 'aria-label': 'How far it is', hidden: true });
    if (!canRun) return this.bar;
    this.go = make('button', { type: 'submit', class: 'mx-main' }, 'Run');
    this.halt = canStop ? button('Stop', () => this.ask('stop'), { hidden: true }) : null;
    const again = button('Usual values', () => this.again(), { class: 'mx-quietly', title: 'Put back what stood here at first' });
    return make('div', { class: 'mx-form-acts' }, this.go, this.halt, again, this.bar);
  }

  // --- What a person does

  typed(name, at) { // `at` is 'end' when the field is left
    this.turn += 1;
    this.entries.get(name).touched = true;
    if (at === 'end') { this.send.stop(); this.check(name); } else this.send(name);
  }

  async check(name) {
    const turn = this.turn;
    const answer = await this.ask('set', { given: { [name]: this.entries.get(name).value() } });
    if (answer && turn === this.turn) this.problems(answer.problems);
  }

  async run(event) {
    event.preventDefault();
    if (this.running || !this.go) return;
    this.send.stop();
    for (const entry of this.entries.values()) entry.touched = true;
    const given = Object.fromEntries([...this.entries].map(([name, entry]) => [name, entry.value()]));
    const answer = await this.ask('run', { given });
    if (!answer) return;
    const wrong = this.problems(answer.problems);
    if (!wrong.length) return;
    wrong[0].control.focus();
    this.say(wrong.length === 1 ? 'One field needs another value before it can run.'
      : `${wrong.length} fields need other values before it can run.`, true);
  }

  async again() {
    for (const entry of this.entries.values()) entry.touched = false;
    await this.ask('again');
  }

  async ask(kind, body = {}) { // a refusal is said below the form
    try { return (await this.wire.ask(kind, body)).message; } catch (error) { this.say(error.message, true); return null; }
  }

  // --- What Python says

  hear(message) {
    if (message.kind === 'working') this.state(message);
    if (message.kind !== 'values') return;
    this.turn += 1;
    for (const [name, given] of Object.entries(message.given)) this.entries.get(name)?.show(given);
    this.problems(message.problems);
  }

  problems(told) { // shows them at the fields that somebody has touched; gives those that are wrong
    const wrong = [];
    for (const [name, words] of Object.entries(told)) {
      const entry = this.entries.get(name);
      entry?.complain(entry.touched ? words : '');
      if (words && entry) wrong.push(entry);
    }
    return wrong;
  }

  state({ running, said, share, failed }) {
    this.running = running;
    this.place.classList.toggle('mx-running', running);
    this.go?.setAttribute('aria-disabled', String(running)); // stays in reach of the keyboard
    if (this.halt) {
      if (!running && this.halt === this.halt.getRootNode().activeElement) this.go.focus();
      this.halt.hidden = !running;
    }
    this.bar.hidden = !running;
    if (share === null || share === undefined) this.bar.removeAttribute('value');
    else this.bar.value = share;
    const part = running && share !== null ? `${Math.round(share * 100)} %, ` : '';
    this.say(running ? `${part}${said || 'running'} …` : said, failed);
  }

  say(words, failed = false) {
    if (!this.said.isConnected) this.place.append(this.said);
    this.said.classList.toggle('mx-form-failed', failed);
    this.said.textContent = words;
  }

  stop() {
    this.send.stop();
    this.place.remove();
  }
}
