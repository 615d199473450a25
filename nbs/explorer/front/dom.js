// Making elements. Text always goes in as text, so that nothing that comes from a file is ever read as HTML.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'style') Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

export function button(words, act, attributes = {}) {
  const press = (event) => (event.currentTarget.getAttribute('aria-disabled') === 'true' ? null : act(event));
  return make('button', { type: 'button', onclick: press, ...attributes }, words);
}

export function enable(control, can) { // a button that cannot be pressed now keeps the keyboard, and can say why
  control.setAttribute('aria-disabled', String(!can));
}

let lastName = 0;

export function freshName(stem) { // an id that no other element on the page has
  lastName += 1;
  return `mx-${stem}-${lastName}`;
}

export function slowly(act, milliseconds) { // run once after the last of many calls
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
  later.stop = () => clearTimeout(timer);
  return later;
}

export function oncePerFrame(act) { // run at the next repaint, however often it was asked for
  let asked = 0;
  const later = () => {
    if (!asked) asked = requestAnimationFrame(() => { asked = 0; act(); });
  };
  later.stop = () => cancelAnimationFrame(asked);
  return later;
}

export function nextFrame() { return new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve, 0)); }); }

export function stops(...all) { // several ways to stop as one
  return () => { for (const stop of all.flat()) stop?.(); };
}
