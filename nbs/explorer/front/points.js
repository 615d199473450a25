// Points on pixels: small pictures of a disc, a square ... are made once for every size and place within a pixel, and
// stamped. The pixels have a margin all around, so that no stamp has to look where the edge is.

export const SHAPES = ['disc', 'square', 'triangle', 'diamond', 'ring'];
export const RING = SHAPES.indexOf('ring');
const PHASES = 4; // places within a pixel, along each axis
const MARGIN = 32; // pixels; larger than any stamp

export class Sheet {
  resize(width, height) {
    if (width === this.width && height === this.height) return;
    [this.width, this.height, this.stride] = [width, height, width + 2 * MARGIN];
    this.image = new ImageData(this.stride, height + 2 * MARGIN);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.corner = MARGIN * this.stride + MARGIN;
    this.families = new Map();
  }

  fill(colour) { this.pixels.fill(colour); }

  show(context) { context.putImageData(this.image, -MARGIN, -MARGIN); }

  family(shape, radius, share = 1, rim = 0) { // stamps of one kind for each place within a pixel
    const key = `${shape} ${radius.toFixed(2)} ${share.toFixed(2)} ${rim.toFixed(1)}`;
    if (!this.families.has(key)) this.families.set(key, familyOf(shape, Math.min(radius, MARGIN - 6), share, rim, this.stride));
    return this.families.get(key);
  }
}

export function packed([red, green, blue]) { return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; }

export function unpacked(colour) { return [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]; }

export function blended(under, over, share) { // one colour over another, 0 to 1
  return packed(unpacked(under).map((u, n) => Math.round(u + (unpacked(over)[n] - u) * share)));
}

function familyOf(shape, radius, share, rim, stride) {
  const family = [];
  for (let phase = 0; phase < PHASES * PHASES; phase += 1) {
    const [x, y] = [((phase % PHASES) + 0.5) / PHASES, (Math.floor(phase / PHASES) + 0.5) / PHASES];
    family.push({
      fill: stampOf(shape, radius, x, y, share, stride),
      rim: rim ? stampOf(shape === 'ring' ? 'disc' : shape, radius + rim, x, y, 0.75, stride) : null,
    });
  }
  return family;
}

function stampOf(shape, radius, x, y, share, stride) { // which pixels it covers, and how much of each, of 256
  const [offsets, covers, reach] = [[], [], Math.ceil(radius + 2)];
  for (let down = -reach; down <= reach; down += 1) {
    for (let along = -reach; along <= reach; along += 1) {
      const cover = Math.round(256 * share * coverOf(shape, along + 0.5 - x, down + 0.5 - y, radius));
      if (cover > 4) { offsets.push(down * stride + along); covers.push(cover); }
    }
  }
  return { offsets: Int32Array.from(offsets), covers: Uint16Array.from(covers) };
}

function coverOf(shape, x, y, radius) { // how much of a pixel at this distance from the middle is covered
  const within = (depth) => Math.max(0, Math.min(1, depth + 0.5));
  const distance = Math.hypot(x, y);
  if (shape === 'square') return within(radius * 0.88 - Math.max(Math.abs(x), Math.abs(y)));
  if (shape === 'diamond') return within((radius * 1.25 - Math.abs(x) - Math.abs(y)) * Math.SQRT1_2);
  if (shape === 'triangle') return within(Math.min(radius * 0.62 - y, radius * 0.62 + y * 0.5 - Math.abs(x) * 0.87));
  const hollow = shape === 'ring' ? distance - Math.max(0, radius - Math.max(1.1, radius * 0.36)) : 1;
  return Math.min(within(radius - distance), within(hollow));
}

export function stampPoints(sheet, cloud, order, from, to, families, oneColour = null) { // cloud: xs, ys, paints, forms
  const { pixels, stride, corner, width, height } = sheet;
  const { xs, ys, paints, forms } = cloud;
  const [right, low] = [width + MARGIN / 2, height + MARGIN / 2];
  for (let k = from; k < to; k += 1) {
    const n = order[k];
    const x = xs[n];
    const y = ys[n];
    if (!(x > -MARGIN / 2 && x < right && y > -MARGIN / 2 && y < low)) continue;
    const column = Math.floor(x);
    const line = Math.floor(y);
    const stamp = families[forms[n]][((y - line) * PHASES | 0) * PHASES + ((x - column) * PHASES | 0)];
    const at = corner + line * stride + column;
    if (stamp.rim) press(pixels, at, stamp.rim, sheet.back);
    press(pixels, at, stamp.fill, oneColour ?? paints[n]);
  }
}

function press(pixels, at, { offsets, covers }, colour) {
  const [oddly, evenly] = [colour & 0xff00ff, colour & 0xff00]; // red and blue are mixed in one go, green in another
  for (let k = 0; k < offsets.length; k += 1) {
    const place = at + offsets[k];
    const cover = covers[k];
    const under = pixels[place];
    const left = 256 - cover;
    const redBlue = (((Math.imul(oddly, cover) + Math.imul(under & 0xff00ff, left)) | 0) >>> 8) & 0xff00ff;
    const green = ((Math.imul(evenly, cover) + Math.imul(under & 0xff00, left)) >>> 8) & 0xff00;
    pixels[place] = 0xff000000 | redBlue | green;
  }
}
