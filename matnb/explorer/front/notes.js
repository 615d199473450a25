// Tags and notes of an item, written to the corpus with who, when and why.

import { button, freshName, make } from './dom.js';

export class Notes {
  #store;
  #written;
  #drafts = new Map(); // row -> notes that somebody began and did not save

  constructor(store, written) { // written(): the corpus was changed
    this.#store = store;
    this.#written = written;
    Object.assign(this, { row: -1, tags: [], was: '', edition: 0 });
    const list = freshName('tags');
    this.list = make('ul', { class: 'mx-tags', 'aria-label': 'Tags' });
    this.field = make('input', { type: 'text', placeholder: 'Add a tag', 'aria-label': 'Add a tag', list, onkeydown: (event) => this.#keyed(event) });
    this.known = make('datalist', { id: list });
    this.text = make('textarea', { rows: 3, 'aria-label': 'Notes', placeholder: 'Notes on this item', oninput: () => this.#changed() });
    this.why = make('input', { type: 'text', 'aria-label': 'Why this change', placeholder: 'Why (optional)' });
    this.save = button('Save notes', () => this.#write({ notes: this.text.value }), { class: 'mx-main' });
    this.drop = button('Discard', () => { this.text.value = this.was; this.#changed(); });
    this.saving = make('div', { class: 'mx-saving', hidden: true }, this.why, this.save, this.drop);
    this.said = make('p', { class: 'mx-quiet mx-notes-said', role: 'status', 'aria-live': 'polite' });
    this.element = make('section', { class: 'mx-notes', 'aria-label': 'Tags and notes' },
      make('div', { class: 'mx-tag-line' }, this.list, this.field, this.known), this.text, this.saving, this.said);
  }

  stop() { this.row = -1; }

  show({ row, tags, notes, known_tags: known = [] }) { // known: tags that are in use, the most frequent first
    const edition = this.#store.scene?.edition ?? 0;
    const same = row === this.row && edition === this.edition;
    if (!same) { this.#keepDraft(edition); this.said.textContent = ''; }
    const draft = same && this.text.value !== this.was ? this.text.value : this.#drafts.get(row);
    this.#drafts.delete(row);
    Object.assign(this, { row, tags, was: notes, edition });
    this.text.value = draft ?? notes;
    const still = !this.#store.wire.live;
    for (const each of [this.field, this.text]) each.disabled = still;
    this.list.replaceChildren(...tags.map((tag) => make('li', { class: 'mx-example' }, tag, still ? '' : button('×', () => this.#retag(tags.filter((t) => t !== tag)), { class: 'mx-tiny', 'aria-label': `Take away the tag ${tag}` }))));
    this.known.replaceChildren(...known.filter((tag) => !tags.includes(tag)).map((tag) => make('option', { value: tag })));
    this.#changed();
  }

  #keepDraft(edition) { // what was not written yet is there again when one comes back to the item
    if (edition !== this.edition) this.#drafts.clear();
    else if (this.row >= 0 && this.text.value !== this.was) this.#drafts.set(this.row, this.text.value);
  }

  #changed() { this.saving.hidden = this.text.value === this.was; }

  #keyed(event) {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    const fresh = this.field.value.split(',').map((tag) => tag.trim()).filter((tag) => tag && !this.tags.includes(tag));
    if (fresh.length) this.#retag([...this.tags, ...new Set(fresh)]);
    this.field.value = '';
  }

  #retag(tags) { return this.#write({ tags: tags.join(', ') }); }

  async #write(values) {
    const row = this.row;
    this.said.textContent = 'Writing …';
    const answer = await this.#store.attempt('annotate', { rows: [row], values, why: this.why.value });
    if (row !== this.row) return;
    this.said.textContent = answer ? answer.message.said : 'It was not written.';
    if (!answer) return;
    if ('notes' in values) { this.was = values.notes; this.why.value = ''; }
    this.#changed();
    this.#written();
  }
}
