// What is drawn under and over a scan: hatching where nothing was measured, a box, a cursor. Dark and light lines side by
// side are seen on every picture.

export function drawHatch(brush, lens, colour) {
  const { left, top, right, bottom } = lens.sight;
  const [[x0, y0], [x1, y1]] = [lens.screenAt(left, top), lens.screenAt(right, bottom)];
  brush.save();
  brush.beginPath();
  brush.rect(x0, y0, x1 - x0, y1 - y0);
  brush.clip();
  brush.strokeStyle = colour;
  brush.beginPath();
  for (let at = x0 - (y1 - y0); at < x1; at += 6) { brush.moveTo(at, y1); brush.lineTo(at + y1 - y0, y0); }
  brush.stroke();
  brush.restore();
}

export function drawBox(brush, lens, { x, y, size }) { // x, y: its centre; size: its width, in points of the scan
  const [left, top] = lens.screenAt(x - size / 2, y - size / lens.aspect / 2);
  const side = size * lens.zoom;
  for (const [colour, wide, dash] of [['#000000', 4, []], ['#ffffff', 2, [6, 4]]]) {
    Object.assign(brush, { strokeStyle: colour, lineWidth: wide });
    brush.setLineDash(dash);
    brush.strokeRect(left, top, side, side);
  }
  brush.setLineDash([]);
}

export function drawCursor(brush, lens, [column, line]) {
  const [x, y] = lens.screenAt(column + 0.5, line + 0.5);
  for (const [colour, wide] of [['#000000', 4], ['#ffffff', 1.6]]) {
    Object.assign(brush, { strokeStyle: colour, lineWidth: wide });
    brush.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { brush.moveTo(x + dx * 4, y + dy * 4); brush.lineTo(x + dx * 12, y + dy * 12); }
    brush.stroke();
  }
}
