// A line between two parts that can be dragged, or moved with the arrow keys (a "separator" for assistive technology).

import { make } from './dom.js';

const KEY_STEPS = { ArrowLeft: -16, ArrowRight: 16, ArrowUp: -16, ArrowDown: 16, PageUp: -80, PageDown: 80 };

export function splitter({ label, upright, size, least, most, sign, changed, settled }) {
  // size() now in pixels, least, most() its bounds; sign: 1 where dragging right or down makes it larger
  const line = make('div', {
    class: upright ? 'mx-split mx-split-upright' : 'mx-split', role: 'separator', tabindex: '0', 'aria-label': label,
    'aria-orientation': upright ? 'vertical' : 'horizontal',
  });
  const say = () => {
    line.setAttribute('aria-valuemin', String(least));
    line.setAttribute('aria-valuemax', String(Math.round(most())));
    line.setAttribute('aria-valuenow', String(Math.round(size())));
  };
  const put = (wanted) => { changed(Math.min(most(), Math.max(least, wanted))); say(); };
  line.addEventListener('pointerdown', (event) => dragSplit(line, event, { upright, from: size(), sign, put, settled }));
  line.addEventListener('keydown', (event) => {
    const wanted = keyedSize(event.key, size(), sign, least, most());
    if (wanted === null) return;
    event.preventDefault();
    put(wanted);
    settled();
  });
  line.addEventListener('focus', say);
  return Object.assign(line, { saySize: say });
}

function keyedSize(key, size, sign, least, most) {
  if (key === 'Home') return least;
  if (key === 'End') return most;
  return key in KEY_STEPS ? size + sign * KEY_STEPS[key] : null;
}

function dragSplit(line, down, { upright, from, sign, put, settled }) {
  const at = (event) => (upright ? event.clientX : event.clientY);
  const move = (event) => put(from + sign * (at(event) - at(down)));
  const end = () => {
    line.removeEventListener('pointermove', move);
    line.removeEventListener('pointerup', end);
    line.removeEventListener('pointercancel', end);
    settled();
  };
  down.preventDefault();
  line.focus();
  line.setPointerCapture(down.pointerId);
  line.addEventListener('pointermove', move);
  line.addEventListener('pointerup', end);
  line.addEventListener('pointercancel', end);
}
