// One word of a facet: its share as a bar, "47 of 412", and whether it is asked for.

import { make } from './dom.js';
import { sayCount } from './units.js';

export function wordRow(pressed) { // pressed(only): only is true where all others shall be taken away
  const swatch = make('span', { class: 'mx-swatch', hidden: true });
  const bar = make('span', { class: 'mx-row-bar' }, make('span', { class: 'mx-row-some' }));
  const word = make('span', { class: 'mx-row-word' });
  const mark = make('span', { class: 'mx-unusual', hidden: true });
  const count = make('span', { class: 'mx-row-count' });
  const row = make('div', { class: 'mx-word', role: 'checkbox', 'aria-checked': 'false', tabindex: '-1' },
    make('span', { class: 'mx-tick', 'aria-hidden': 'true' }), swatch, bar, word, mark, count);
  row.addEventListener('click', () => pressed(false));
  row.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    pressed(event.key === 'Enter');
  });
  return Object.assign(row, { parts: { swatch, bar, word, mark, count } });
}

export function fillRow(row, { words, held, some, most, anyChosen, asked, ratio, swatch, disabled }) {
  const { parts } = row;
  parts.word.textContent = words;
  row.title = `${words}: ${sayCount(some)} of ${sayCount(held)}`;
  parts.bar.style.width = `${(100 * held) / Math.max(1, most)}%`;
  parts.bar.firstChild.style.width = `${held ? (100 * some) / held : 0}%`;
  parts.bar.classList.toggle('mx-all', !anyChosen);
  parts.count.textContent = anyChosen ? `${sayCount(some)} of ${sayCount(held)}` : sayCount(held);
  row.classList.toggle('mx-none-left', anyChosen && !some);
  row.setAttribute('aria-checked', String(asked));
  row.toggleAttribute('aria-disabled', Boolean(disabled));
  if (disabled) row.setAttribute('aria-disabled', 'true');
  parts.mark.hidden = !ratio;
  if (ratio) {
    parts.mark.textContent = `↑${ratio < 9.95 ? ratio.toFixed(1) : Math.round(ratio)}`;
    row.title = `${words}: ${ratio.toPrecision(2)} times as frequent among the chosen as in the step, more than chance would give`;
  }
  parts.swatch.hidden = !swatch;
  if (swatch) { parts.swatch.style.color = swatch.colour; parts.swatch.dataset.shape = swatch.shape; }
}

export class MissingRow {
  constructor(pressed) {
    this.element = wordRow(pressed);
    this.element.tabIndex = 0;
    this.element.classList.add('mx-missing');
  }

  show(held, some, anyChosen, asked, swatch = null) {
    this.element.hidden = !held && !asked;
    fillRow(this.element, { words: 'missing', held, some, most: held, anyChosen, asked, ratio: null, swatch });
  }
}
