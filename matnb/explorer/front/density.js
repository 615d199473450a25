// Very many points: how many lie on each little square of the screen, with colour for the logarithm of that number.

import { blended, unpacked } from './points.js';

const LEVELS = 256;

export class Density {
  #cells = new Uint32Array(0);

  count(cloud, window, ratio, side, coloured) { // ratio: pixels per CSS pixel; side: of a square, in pixels
    this.side = side;
    this.columns = Math.ceil((window.width * ratio) / side);
    this.lines = Math.ceil((window.height * ratio) / side);
    this.#clear(this.columns * this.lines, coloured, cloud.flags !== null);
    this.#add(cloud, squaresOf(window, ratio / side));
    [this.most, this.mostChosen] = [largest(this.all), this.chosen ? largest(this.chosen) : 0];
  }

  #clear(size, coloured, chosen) {
    if (this.#cells.length !== size) this.#cells = new Uint32Array(size);
    this.all = this.#cells.fill(0);
    this.chosen = chosen ? new Uint32Array(size) : null;
    this.sums = coloured ? new Float32Array(size * 3) : null;
  }

  #add({ flat, stride, flags, paints, count }, { scale, right, down }) { // once over all points, nothing kept of each
    const { all, chosen, sums, columns, lines } = this;
    let inView = 0;
    for (let n = 0, at = 0; n < count; n += 1, at += stride) {
      const x = flat[at] * scale + right;
      const y = down - flat[at + 1] * scale;
      if (!(x >= 0 && x < columns && y >= 0 && y < lines)) continue;
      const cell = (y | 0) * columns + (x | 0);
      inView += 1;
      all[cell] += 1;
      if (chosen !== null) {
        if (!flags[n]) continue;
        chosen[cell] += 1;
      }
      if (sums !== null) addColour(sums, 3 * cell, paints[n]);
    }
    this.inView = inView;
  }

  paint(sheet, theme) {
    const all = levelsOf(this.most, this.chosen ? theme.greys : theme.blues);
    const over = levelsOf(this.mostChosen, theme.accents);
    for (let line = 0, cell = 0; line < this.lines; line += 1) {
      for (let column = 0; column < this.columns; column += 1, cell += 1) {
        const count = this.all[cell];
        if (!count) continue;
        const counted = this.chosen ? this.chosen[cell] : count;
        const colour = counted && this.sums ? this.#mean(cell, counted, theme) : counted && this.chosen
          ? over.colours[over.level(counted)] : all.colours[all.level(count)];
        fillSquare(sheet, column * this.side, line * this.side, this.side, colour);
      }
    }
  }

  #mean(cell, count, theme) { // the mean colour of the points, paler where they are few
    const most = this.chosen ? this.mostChosen : this.most;
    const share = 0.35 + 0.65 * Math.min(1, Math.log1p(count) / Math.log1p(Math.max(most, 1)));
    const [red, green, blue] = theme.backRgb;
    const at = 3 * cell;
    return 0xff000000 | (blue + (this.sums[at + 2] / count - blue) * share) << 16
      | (green + (this.sums[at + 1] / count - green) * share) << 8 | (red + (this.sums[at] / count - red) * share);
  }
}

function squaresOf(window, perPixel) { // from the coordinates of the map to those of the squares
  const scale = window.scale * perPixel;
  const right = (window.width * perPixel) / 2 - window.x * scale;
  return { scale, right, down: (window.height * perPixel) / 2 + window.y * scale };
}

function addColour(sums, at, colour) {
  sums[at] += colour & 255;
  sums[at + 1] += (colour >> 8) & 255;
  sums[at + 2] += (colour >> 16) & 255;
}

function largest(counts) {
  let most = 0;
  for (let n = 0; n < counts.length; n += 1) if (counts[n] > most) most = counts[n];
  return most;
}

function levelsOf(most, colours) { // a colour for each number of points, on a logarithmic scale
  const table = Uint8Array.from({ length: Math.min(most, 65535) + 1 }, (_, n) => (
    Math.round((LEVELS - 1) * Math.log1p(n) / Math.log1p(Math.max(most, 1)))));
  const level = (count) => (count < table.length ? table[count] : LEVELS - 1);
  return { colours, level };
}

function fillSquare(sheet, x, y, side, colour) {
  let at = sheet.corner + y * sheet.stride + x;
  for (let line = 0; line < side; line += 1, at += sheet.stride) {
    for (let column = 0; column < side; column += 1) sheet.pixels[at + column] = colour;
  }
}

export function ramp(back, colours, least = 0.16) { // from the background through some colours, as a table of 256
  const stops = [blended(back, colours[0], least), ...colours];
  return Uint32Array.from({ length: LEVELS }, (_, n) => {
    const at = (n / (LEVELS - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return blended(stops[low], stops[low + 1], at - low);
  });
}

export function rampImage(context, table) { // the table as a bar, dark to light or the other way
  const image = new ImageData(table.length, 1);
  table.forEach((colour, n) => image.data.set([...unpacked(colour), 255], 4 * n));
  context.putImageData(image, 0, 0);
}
