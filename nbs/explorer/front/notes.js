// Tags and notes of an item, written to the corpus with who, when and why.

import { button, freshName, make } from './dom.js';

export class Notes {
  #store;
  #written;

  constructor(store, written) { // written(): the corpus was changed
    this.#store = store;
    this.#written = written;
    this.row = -1;
    this.tags = [];
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

  show({ row, tags, notes }) {
    const writing = row === this.row && this.text.value !== this.was;
    if (row !== this.row) this.said.textContent = '';
    Object.assign(this, { row, tags, was: notes });
    if (!writing) this.text.value = notes;
    const still = !this.#store.wire.live;
    for (const each of [this.field, this.text]) each.disabled = still;
    this.list.replaceChildren(...tags.map((tag) => make('li', { class: 'mx-example' }, tag, still ? '' : button('×', () => this.#retag(tags.filter((t) => t !== tag)), { class: 'mx-tiny', 'aria-label': `Take away the tag ${tag}` }))));
    this.#changed();
    this.#suggest();
  }

  async #suggest() { // tags that are in use
    if (!this.#store.scene.facets.some((facet) => facet.name === 'tags' && facet.kind === 'category')) return;
    try {
      const { words } = await this.#store.column('tags');
      const each = new Set((words ?? []).slice(1, 400).flatMap((word) => word.split(',').map((tag) => tag.trim())));
      this.known.replaceChildren(...[...each].filter((tag) => tag && !this.tags.includes(tag)).slice(0, 100).map((tag) => make('option', { value: tag })));
    } catch { this.known.replaceChildren(); } // without suggestions it works as well
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
