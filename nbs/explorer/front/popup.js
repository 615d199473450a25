// A button that opens a small panel below it. Esc, leaving it with the keyboard, or a click elsewhere closes it.

import { button, enable, freshName, make } from './dom.js';

export function popupButton(words, fill, attributes = {}) { // fill(close) gives what the panel shows, each time anew
  const name = freshName('popup');
  const panel = make('div', { class: 'mx-popup-panel', id: name, role: 'dialog', tabindex: '-1', hidden: true });
  panel.setAttribute('aria-label', attributes['aria-label'] ?? words);
  const opener = button(words, () => (panel.hidden ? open() : close()), {
    'aria-haspopup': 'dialog', 'aria-expanded': 'false', 'aria-controls': name, 'data-opens': '', ...attributes,
  });
  const holder = make('div', { class: 'mx-popup' }, opener, panel);
  const open = async () => {
    panel.hidden = false;
    opener.setAttribute('aria-expanded', 'true');
    panel.replaceChildren(...[await fill(close)].flat().filter(Boolean));
    keepInside(panel);
    (panel.querySelector('[data-first]') ?? panel.querySelector('button, select, input, textarea, [tabindex="0"]') ?? panel).focus();
  };
  const close = (back = true) => {
    if (panel.hidden) return;
    panel.hidden = true;
    opener.setAttribute('aria-expanded', 'false');
    if (back) opener.focus();
  };
  holder.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || panel.hidden) return;
    event.stopPropagation();
    close();
  });
  holder.addEventListener('focusout', (event) => closeWhenLeft(holder, event, close));
  return Object.assign(holder, { opener, panel, openPanel: open, closePanel: close });
}

function closeWhenLeft(holder, event, close) {
  if (holder.contains(event.relatedTarget)) return;
  setTimeout(() => { // another window may have the focus: then it is still ours
    if (!holder.contains(holder.getRootNode().activeElement)) close(false);
  }, 0);
}

function keepInside(panel) { // move it so that it does not stick out of the explorer
  panel.style.left = '0px';
  const room = panel.closest('.matnb-explorer')?.getBoundingClientRect();
  const own = panel.getBoundingClientRect();
  if (room && own.right > room.right - 4) panel.style.left = `${Math.max(room.left + 4 - own.left, room.right - 4 - own.right)}px`;
}

export function popupField(words, control) { // a labelled control
  return make('label', { class: 'mx-field' }, make('span', {}, words), control);
}

export function needPython(control, store) { // in an exported page there is none to ask
  if (store.wire.live) return;
  enable(control, false);
  control.title = 'This needs Python; this page is a copy without it.';
}
