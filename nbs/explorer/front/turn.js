// Maps in three dimensions: which way they are turned, and what of them is seen.

export class Turn {
  constructor(rows = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]) { this.rows = rows; } // right, up, towards the eye

  get across() { return [this.rows[0], this.rows[1]]; }

  by(right, up) { // by angles, in radians, as a drag to the right and up asks for
    const { rows: [x, y, z] } = this;
    const turned = rotated(x, z, right);
    const tipped = rotated(y, turned[1], up);
    this.rows = upright([turned[0], tipped[0], tipped[1]]);
  }

  seen(place) { return this.rows.map((row) => row[0] * place[0] + row[1] * place[1] + row[2] * place[2]); }
}

export function usualTurn() { // a little from above and from the side, so that depth is seen at once
  const turn = new Turn();
  turn.by(0.5, -0.35);
  return turn;
}

function rotated(a, b, angle) { // two directions, turned in their own plane
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [a.map((v, n) => c * v - s * b[n]), b.map((v, n) => c * b[n] + s * a[n])];
}

function upright([x, y]) { // three directions at right angles again, after rounding
  const unit = (v) => v.map((c) => c / Math.hypot(...v));
  const [a, along] = [unit(x), unit(x).reduce((sum, c, n) => sum + c * y[n], 0)];
  const b = unit(y.map((c, n) => c - along * a[n]));
  return [a, b, [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]];
}

export function flatten(places, turn, flat, depths) { // what is seen of a map, and how near the eye it is, 0 to 1
  const [[a, b, c], [d, e, f], [g, h, i]] = turn.rows;
  let [least, greatest] = [Infinity, -Infinity];
  for (let n = 0, at = 0; n < depths.length; n += 1, at += 3) {
    const x = places[at];
    const y = places[at + 1];
    const z = places[at + 2];
    flat[2 * n] = a * x + b * y + c * z;
    flat[2 * n + 1] = d * x + e * y + f * z;
    const depth = g * x + h * y + i * z;
    depths[n] = depth;
    if (depth < least) least = depth;
    if (depth > greatest) greatest = depth;
  }
  const per = greatest > least ? 1 / (greatest - least) : 0;
  for (let n = 0; n < depths.length; n += 1) depths[n] = (depths[n] - least) * per;
}

const EDGES = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((corner) => [1, 2, 4].filter((bit) => !(corner & bit)).map((bit) => [corner, corner | bit]));

export function drawCube(context, turn, x, y, size, colours) { // a small cube that shows how the map is turned
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => {
    const [right, up] = turn.seen([n & 1 ? 1 : -1, n & 2 ? 1 : -1, n & 4 ? 1 : -1]);
    return [x + right * size * 0.5, y - up * size * 0.5];
  });
  context.strokeStyle = colours.quiet;
  context.lineWidth = 1;
  for (const [from, to] of EDGES) line(context, corners[from], corners[to]);
  context.lineWidth = 2;
  context.strokeStyle = colours.text;
  context.fillStyle = colours.text;
  for (const [axis, corner] of [[0, 1], [1, 2], [2, 4]]) {
    line(context, corners[0], corners[corner]);
    const beyond = corners[corner].map((c, n) => c + (c - corners[0][n]) * 0.28);
    context.fillText(String(axis + 1), beyond[0] - 3, beyond[1] + 4);
  }
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}
