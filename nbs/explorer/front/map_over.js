// What lies over the points: rings around the item under the pointer, on the card and pinned, the line being drawn, and
// in three dimensions a cube that shows the turn.

import { drawCube } from './turn.js';
import { sayCount } from './units.js';

export function drawOver(context, pane) {
  const { window, ratio, theme, cloud, store } = pane;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, window.width, window.height);
  context.font = '12px system-ui, sans-serif';
  if (!cloud || pane.journey) return;
  drawRing(context, pane, store.pinned?.row ?? -1, theme.css.focus, 'diamond');
  drawRing(context, pane, store.focused, theme.css.accent, 'double');
  drawRing(context, pane, store.hovered, theme.css.text, 'single');
  if (pane.path) drawPath(context, pane, pane.path);
  if (cloud.solid) drawCube(context, cloud.turn, window.width - 38, window.height - 38, 30, theme.css);
}

const DIAMOND = [[0, -1.6], [1.6, 0], [0, 1.6], [-1.6, 0]];

function drawRing(context, pane, row, colour, kind) {
  const at = row >= 0 ? pane.screenOf(row) : null;
  if (!at) return;
  const marked = pane.pictured && pane.marks.shown.includes(pane.cloud.pointOf(row));
  const reach = marked ? pane.marks.size / 2 + 5 : pane.radius() + 3.5;
  const trace = () => {
    context.beginPath();
    if (marked) context.rect(at[0] - reach, at[1] - reach, 2 * reach, 2 * reach);
    else if (kind === 'diamond') DIAMOND.forEach(([x, y]) => context.lineTo(at[0] + x * reach, at[1] + y * reach));
    else context.arc(at[0], at[1], kind === 'double' ? reach + 3 : reach, 0, 7);
    context.closePath();
    context.stroke();
  };
  [context.strokeStyle, context.lineWidth] = [pane.theme.css.back, 4.5];
  trace();
  [context.strokeStyle, context.lineWidth] = [colour, 2];
  trace();
}

function drawPath(context, pane, { kind, places, count }) { // places on the map, so that the line stays when one zooms
  const corners = (kind === 'box' ? boxCorners(places) : places).map((place) => pane.window.toScreen(...place));
  context.beginPath();
  corners.forEach((corner) => context.lineTo(...corner));
  context.closePath();
  context.fillStyle = pane.theme.css.accent;
  context.globalAlpha = 0.1;
  context.fill('evenodd');
  context.globalAlpha = 1;
  [context.lineWidth, context.strokeStyle, context.lineJoin] = [3.5, pane.theme.css.back, 'round'];
  context.stroke();
  [context.lineWidth, context.strokeStyle] = [1.6, pane.theme.css.accent];
  context.stroke();
  if (count !== null && count !== undefined) writeCount(context, pane, pane.window.toScreen(...places.at(-1)), sayCount(count));
}

function boxCorners(places) {
  const [from, to] = [places[0], places.at(-1)];
  return [from, [to[0], from[1]], to, [from[0], to[1]]];
}

function writeCount(context, pane, at, words) {
  const wide = context.measureText(words).width + 12;
  const left = Math.min(at[0] + 12, pane.window.width - wide - 2);
  const top = Math.max(2, at[1] - 28);
  context.fillStyle = pane.theme.css.text;
  context.fillRect(left, top, wide, 20);
  context.fillStyle = pane.theme.css.back;
  context.fillText(words, left + 6, top + 14);
}
