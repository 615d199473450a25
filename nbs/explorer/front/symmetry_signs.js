// Symmetry elements over a scan, as the crystallographic tables draw them: mirror lines solid, glide lines dashed, and
// rotation centres as lens, triangle, square and hexagon. Forms tell them apart; the colours only help.

const SIGN_COLOURS = { mirror: '#f0c000', glide: '#56c8ff', centre: '#e8502a', cell: '#ffffff' };
const MOST_SIGNS = 110; // lines and centres in sight up to which all of them are drawn
const PATCHES = [5, 3, 1]; // else those of so many cells along a and b, in the middle of what is seen
const LEAST_CELL = 9; // CSS pixels: in smaller cells only their outline is drawn

export function drawSymmetry(brush, lens, told) { // told: origin, a, b in parts of the picture; elements in parts of the cell
  const frame = frameOf(lens, told);
  brush.save();
  if (frame.side >= LEAST_CELL) drawElements(brush, frame, told);
  drawCell(brush, frame);
  brush.restore();
}

function frameOf(lens, { origin, a, b, turn }) { // from parts of the cell to CSS pixels, and back
  const at = ([x, y]) => lens.screenAt(x * lens.wide, y * lens.high);
  const start = at(origin);
  const [da, db] = [a, b].map((v) => { const end = at([origin[0] + v[0], origin[1] + v[1]]); return [end[0] - start[0], end[1] - start[1]]; });
  const area = da[0] * db[1] - da[1] * db[0];
  const cell = ([x, y]) => [((x - start[0]) * db[1] - (y - start[1]) * db[0]) / area, ((y - start[1]) * da[0] - (x - start[0]) * da[1]) / area];
  const sight = sightOf(lens);
  return {
    turn: (turn * Math.PI) / 180,
    side: Math.min(Math.hypot(...da), Math.hypot(...db)),
    sight,
    cell,
    base: cell([0, 1].map((n) => (sight[0][n] + sight[2][n]) / 2)).map(Math.floor), // the cell in the middle of what is seen
    screen: ([u, v]) => [start[0] + u * da[0] + v * db[0], start[1] + u * da[1] + v * db[1]],
  };
}

function sightOf(lens) { // corners of what is seen of the scan, in CSS pixels
  const { left, top, right, bottom } = lens.sight;
  return [[left, top], [right, top], [right, bottom], [left, bottom]].map(([x, y]) => lens.screenAt(x, y));
}

// --- Which of them

function drawElements(brush, frame, { elements }) {
  const corners = frame.sight.map(frame.cell);
  const cells = Math.abs(areaOf(corners));
  const whole = countSigns(elements, cells) <= MOST_SIGNS;
  const ranges = whole ? rangesOf(corners) : patchOf(elements, frame.base);
  const [[left, right], [low, high]] = ranges;
  const outline = whole ? frame.sight : [[left, low], [right, low], [right, high], [left, high]].map(frame.screen);
  drawLines(brush, frame, elements, ranges, outline);
  if (!whole) strokeTwice(brush, outline, true, '#ffffff', 1, [2, 3]);
  for (const element of elements) if (element.kind === 'centre') drawCentres(brush, frame, element, ranges, whole);
}

function countSigns(elements, cells) {
  const centres = elements.filter((e) => e.kind === 'centre').length;
  return cells * centres + Math.sqrt(cells) * (elements.length - centres);
}

function rangesOf(corners) { // whole cells that hold all corners
  return [0, 1].map((n) => [Math.floor(Math.min(...corners.map((c) => c[n]))), Math.ceil(Math.max(...corners.map((c) => c[n])))]);
}

function patchOf(elements, base) {
  const across = PATCHES.find((n) => countSigns(elements, n * n) <= 1.5 * MOST_SIGNS) ?? 1;
  return base.map((first) => [first - (across - 1) / 2, first + (across + 1) / 2]);
}

function areaOf(corners) {
  return corners.reduce((sum, [x, y], n) => { const [p, q] = corners[(n + 1) % corners.length]; return sum + (x * q - y * p) / 2; }, 0);
}

function* copiesOf([[left, right], [low, high]], more) { // whole cells
  for (let u = left - more; u <= right + more; u += 1) for (let v = low - more; v <= high + more; v += 1) yield [u, v];
}

// --- Lines

function drawLines(brush, frame, elements, ranges, outline) {
  brush.save();
  trace(brush, outline, true);
  brush.clip();
  const far = 2 + ranges.reduce((most, [low, high]) => Math.max(most, high - low), 0);
  for (const element of elements.filter((e) => e.kind !== 'centre')) {
    const [p, q] = element.along;
    const drawn = new Set();
    for (const [u, v] of copiesOf(ranges, 2)) {
      const across = q * u - p * v; // copies that lie along the line are the same line
      if (drawn.has(across)) continue;
      drawn.add(across);
      const [x, y] = [element.place[0] + u, element.place[1] + v];
      const ends = [-2 * far, 2 * far].map((t) => frame.screen([x + t * p, y + t * q]));
      strokeTwice(brush, ends, false, SIGN_COLOURS[element.kind], 1.6, element.kind === 'glide' ? [6, 4] : []);
    }
  }
  brush.restore();
}

function trace(brush, points, closed) {
  brush.beginPath();
  points.forEach(([x, y], n) => (n ? brush.lineTo(x, y) : brush.moveTo(x, y)));
  if (closed) brush.closePath();
}

function strokeTwice(brush, points, closed, colour, wide, dash = []) { // light on a dark edge is seen on every ground
  trace(brush, points, closed);
  for (const [stroke, width, dashes] of [['rgb(0 0 0 / 70%)', wide + 1.6, []], [colour, wide, dash]]) {
    Object.assign(brush, { strokeStyle: stroke, lineWidth: width });
    brush.setLineDash(dashes);
    brush.stroke();
  }
  brush.setLineDash([]);
}

function drawCell(brush, frame) {
  const [u, v] = frame.base;
  strokeTwice(brush, [[u, v], [u + 1, v], [u + 1, v + 1], [u, v + 1]].map(frame.screen), true, SIGN_COLOURS.cell, 2.2);
}

// --- Centres

function drawCentres(brush, frame, element, ranges, whole) {
  const size = Math.max(3.2, Math.min(8, 0.085 * frame.side));
  const inside = (spot) => whole || spot.every((w, n) => w >= ranges[n][0] - 1e-6 && w <= ranges[n][1] + 1e-6);
  for (const [u, v] of copiesOf(ranges, 1)) {
    const at = [element.place[0] + u, element.place[1] + v];
    if (!inside(at)) continue;
    const [x, y] = frame.screen(at);
    trace(brush, signOutline(element.order).map(([p, q]) => turned(p * size, q * size, frame.turn, x, y)), true);
    Object.assign(brush, { fillStyle: SIGN_COLOURS.centre, strokeStyle: '#ffffff', lineWidth: 1 });
    brush.fill();
    brush.stroke();
  }
}

function turned(p, q, angle, x, y) { // anticlockwise, with y downwards on the screen
  return [x + p * Math.cos(angle) - q * Math.sin(angle), y - p * Math.sin(angle) - q * Math.cos(angle)];
}

function signOutline(order) { // of about unit size
  if (order === 2) {
    const half = Array.from({ length: 9 }, (_, n) => { const t = n / 4 - 1; return [0.5 * (1 - t * t), t]; });
    return [...half, ...half.slice(1, -1).map(([x, y]) => [-x, -y])];
  }
  const start = { 3: Math.PI / 2, 4: Math.PI / 4, 6: 0 }[order] ?? 0;
  return Array.from({ length: order }, (_, n) => [Math.cos(start + (2 * Math.PI * n) / order), Math.sin(start + (2 * Math.PI * n) / order)]);
}
