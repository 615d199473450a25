// Light or dark: as the notebook is, unless somebody chose otherwise. A change of the notebook's theme is noticed by a
// hidden element whose colour is one of Jupyter's and which tells when that colour begins to change.

import { make } from './dom.js';

export const THEMES = ['auto', 'light', 'dark'];

export function followTheme(root, store, chosen) { // chosen: the theme that the widget was given
  const probe = make('span', { class: 'mx-theme-probe', 'aria-hidden': 'true' });
  const preferred = window.matchMedia('(prefers-color-scheme: dark)');
  let shown = '';
  const apply = (again) => {
    const dark = wantsDark(root, store.scene?.view?.theme ?? chosen ?? 'auto', preferred);
    if (dark === shown && again !== true) return;
    shown = dark;
    root.classList.toggle('mx-dark', dark);
    root.classList.toggle('mx-light', !dark);
    store.emit('theme', dark ? 'dark' : 'light');
  };
  root.append(probe);
  probe.addEventListener('transitionrun', apply);
  preferred.addEventListener('change', apply);
  const stopping = [store.on('view', apply), store.on('scene', () => apply(true))];
  apply();
  return () => {
    preferred.removeEventListener('change', apply);
    stopping.forEach((stop) => stop());
    probe.remove();
  };
}

function wantsDark(root, theme, preferred) {
  if (theme !== 'auto') return theme === 'dark';
  const around = getComputedStyle(root.parentElement ?? root.getRootNode().host ?? root);
  const back = lightnessOf(around.getPropertyValue('--jp-layout-color0'));
  if (back !== null) return back < 0.5;
  const text = lightnessOf(around.color); // light text stands on a dark page
  return text === null ? preferred.matches : text > 0.5;
}

function lightnessOf(colour) { // 0 black to 1 white, or null where it is no colour that we read
  const hex = colour.trim().match(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i)?.[1];
  const parts = hex ? [...hex].map((d) => parseInt(d, 16)) : colour.match(/[\d.]+/g)?.map(Number);
  if (!parts || parts.length < 3) return colour.trim() === 'white' ? 1 : null;
  const [red, green, blue] = !hex ? parts : hex.length === 3 ? parts.map((d) => d * 17)
    : [0, 2, 4].map((at) => parts[at] * 16 + parts[at + 1]);
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
}
