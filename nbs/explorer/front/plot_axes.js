// The two axes of a plot: lines, ticks and what they measure.

export const INSET = { left: 58, right: 12, top: 10, bottom: 40 }; // pixels around the points

export function drawAxes(context, { width, height, axes, labels, css, font }) { // width, height: of the points
  context.save();
  context.font = `11.5px ${font}`;
  context.lineWidth = 1;
  context.translate(INSET.left, INSET.top);
  drawAcross(context, width, height, axes[0], css);
  drawUp(context, width, height, axes[1], css);
  drawLabels(context, width, height, labels, css, font);
  context.restore();
}

function drawAcross(context, width, height, axis, css) {
  let free = -Infinity;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (const { place, words } of axis.ticks(Math.max(2, Math.floor(width / 70)))) {
    const x = Math.round(place * width) + 0.5;
    rule(context, css.quiet, x, height, x, height + 4, 1);
    const half = context.measureText(words).width / 2;
    if (x - half < free) continue;
    context.fillStyle = css.quiet;
    context.fillText(words, x, height + 6);
    free = x + half + 8;
  }
  rule(context, css.quiet, 0, height + 0.5, width, height + 0.5, 1);
}

function drawUp(context, width, height, axis, css) {
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const { place, words } of axis.ticks(Math.max(2, Math.floor(height / 40)))) {
    const y = Math.round((1 - place) * height) + 0.5;
    rule(context, css.quiet, -4, y, 0, y, 1);
    context.fillStyle = css.quiet;
    context.fillText(words, -7, y);
  }
  rule(context, css.quiet, 0.5, 0, 0.5, height, 1);
}

function drawLabels(context, width, height, [across, up], css, font) {
  context.fillStyle = css.text;
  context.font = `600 12px ${font}`;
  context.textAlign = 'center';
  context.textBaseline = 'bottom';
  context.fillText(across, width / 2, height + INSET.bottom - 1, width);
  context.rotate(-Math.PI / 2);
  context.textBaseline = 'top';
  context.fillText(up, -height / 2, -INSET.left + 2, height);
}

function rule(context, colour, x0, y0, x1, y1, share) {
  context.globalAlpha = share;
  context.strokeStyle = colour;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  context.globalAlpha = 1;
}
